use super::*;
use crate::pipeline::task::{Lane, task};

/// Rows from `name: need need`.
fn rows(lines: &[&'static str]) -> Vec<Task> {
    let row = |line: &&'static str| {
        let (name, needs) = line.split_once(':').unwrap_or((line, ""));
        let mut task = task(name, "").run(|_| Ok(()));
        task.needs = needs.split_whitespace().collect();
        task
    };
    lines.iter().map(row).collect()
}

fn graph(lines: &[&'static str]) -> Graph {
    Graph::new(rows(lines)).expect("a graph")
}

fn names(graph: &Graph, tasks: &[usize]) -> Vec<&'static str> {
    tasks.iter().map(|&at| graph.tasks()[at].name).collect()
}

fn selected(graph: &Graph, wanted: &[&str]) -> Vec<&'static str> {
    names(graph, &graph.with_needs(&graph.named(wanted)))
}

#[test]
fn needs_come_first_and_the_rest_stays_as_in_the_table() {
    let graph = graph(&["d: c", "a", "c: b", "b"]);
    assert_eq!(names(&graph, &[0, 1, 2, 3]), ["a", "b", "c", "d"]);
}

#[test]
fn whatever_the_needs_nothing_comes_before_what_it_needs() {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    // Each pattern of bits is one choice of needs among the tasks before it; the table is turned round.
    for pattern in 0..1_u32 << 15 {
        let mut bits = (0..15).map(|bit| pattern >> bit & 1 == 1);
        let mut table = rows(&NAMES);
        for (at, task) in table.iter_mut().enumerate() {
            task.needs = NAMES[..at].iter().copied().filter(|_| bits.next() == Some(true)).collect();
        }
        table.reverse();
        let graph = Graph::new(table).expect("no circle is possible");
        for (at, task) in graph.tasks().iter().enumerate() {
            let before = &graph.tasks()[..at];
            let comes_before = |need: &&str| before.iter().any(|other| other.name == *need);
            assert!(task.needs.iter().all(comes_before), "{pattern:b}");
        }
    }
}

#[test]
fn a_need_that_is_no_task_is_named_with_who_needs_it() {
    let error = Graph::new(rows(&["a", "b: a x"])).expect_err("x is nothing");
    assert_eq!(error.to_string(), "task b needs x, and the table has no such task");
}

#[test]
fn a_circle_is_named_without_the_tasks_that_only_lead_to_it() {
    let error = Graph::new(rows(&["ok", "in: a", "a: ok b", "b: c", "c: a"])).expect_err("a circle");
    assert_eq!(error.to_string(), "these tasks wait for each other: a → b → c → a");
    let error = Graph::new(rows(&["self: self"])).expect_err("a circle");
    assert_eq!(error.to_string(), "these tasks wait for each other: self → self");
}

#[test]
fn a_name_stands_for_one_thing() {
    assert_eq!(Graph::new(rows(&["a", "b", "a"])).expect_err("twice"), GraphError::SameName("a"));
    let table = vec![task("a", "").groups(["b"]).run(|_| Ok(())), task("b", "").run(|_| Ok(()))];
    assert_eq!(Graph::new(table).expect_err("a task and a group"), GraphError::SameName("b"));
}

#[test]
fn who_reads_what_another_makes_must_wait_for_it_directly_or_not() {
    let table = |needs: &'static str| {
        let mut reader = task("images", "").reads(["site/dist/"]).run(|_| Ok(()));
        reader.needs = needs.split_whitespace().collect();
        vec![
            task("build", "").writes(["site/dist/**"]).run(|_| Ok(())),
            task("check", "").needs(["build"]).reads(["site/src/**"]).run(|_| Ok(())),
            reader,
        ]
    };
    let error = Graph::new(table("")).expect_err("it may run first");
    let words =
        "task images reads site/dist/, which task build makes (site/dist/**), and does not need build";
    assert_eq!(error.to_string(), words);
    for needs in ["build", "check"] {
        let graph = Graph::new(table(needs)).expect("a graph");
        assert_eq!(names(&graph, graph.producers(2)), ["build"], "{needs}");
    }
    assert!(
        Graph::new(table("check")).expect("a graph").producers(1).is_empty(),
        "it waits, and reads nothing of it"
    );
}

#[test]
fn who_does_not_say_what_it_reads_reads_the_work_of_all_that_it_waits_for() {
    let table = vec![
        task("a", "").writes(["out/a"]).run(|_| Ok(())),
        task("b", "").needs(["a"]).run(|_| Ok(())),
        task("c", "").run(|_| Ok(())),
    ];
    let graph = Graph::new(table).expect("a graph");
    assert_eq!((graph.producers(1), graph.producers(2)), (&[0][..], &[][..]));
}

#[test]
fn a_lane_has_one_capacity() {
    let lane = |capacity| Lane { name: "engine", capacity };
    let table =
        vec![task("a", "").lane(lane(1)).run(|_| Ok(())), task("b", "").lane(lane(2)).run(|_| Ok(()))];
    let error = Graph::new(table).expect_err("two capacities");
    assert_eq!(error, GraphError::TwoCapacities { task: "b", lane: "engine" });
}

#[test]
fn selecting_a_task_selects_what_it_needs_and_nothing_else() {
    let graph = graph(&["a", "b: a", "c: b", "d: a", "e"]);
    assert_eq!(selected(&graph, &["c"]), ["a", "b", "c"]);
    assert_eq!(selected(&graph, &["e", "d"]), ["a", "d", "e"]);
    assert_eq!(selected(&graph, &[]), Vec::<&str>::new());
    assert_eq!(names(&graph, &graph.with_dependents(&graph.named(&["b"]))), ["b", "c"]);
}

#[test]
fn selecting_a_group_selects_its_tasks_and_what_they_need() {
    let table = vec![
        task("install", "").run(|_| Ok(())),
        task("eslint", "").needs(["install"]).groups(["lint"]).run(|_| Ok(())),
        task("build", "").needs(["install"]).run(|_| Ok(())),
        task("format", "").groups(["lint", "fmt"]).run(|_| Ok(())),
    ];
    let graph = Graph::new(table).expect("a graph");
    assert_eq!(selected(&graph, &["lint"]), ["install", "eslint", "format"]);
    assert_eq!(selected(&graph, &["fmt"]), ["format"]);
}
