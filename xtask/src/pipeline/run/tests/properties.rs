//! What must hold whatever the graph.

use std::sync::Mutex;

use super::*;

/// A sequence that looks random and is the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }
}

const NAMES: [&str; 24] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u",
    "v", "w", "x",
];
const LANES: [Lane; 3] = [
    Lane { name: "one", capacity: 1 },
    Lane { name: "two", capacity: 2 },
    Lane { name: "three", capacity: 3 },
];

fn random_graph(random: &mut Random) -> Graph {
    let count = 1 + random.below(NAMES.len());
    let mut table: Vec<Task> = (0..count)
        .map(|at| {
            let mut row = task(NAMES[at], "").run(|_| Ok(()));
            row.needs = NAMES[..at].iter().copied().filter(|_| random.below(4) == 0).collect();
            row.lanes = LANES.iter().copied().filter(|_| random.below(3) == 0).collect();
            row
        })
        .collect();
    // The table's order is not the order of needs.
    for at in (1..table.len()).rev() {
        table.swap(at, random.below(at + 1));
    }
    Graph::new(table).expect("needs point backwards only")
}

#[test]
fn each_task_runs_once_after_its_needs_and_no_lane_is_over_its_capacity() {
    let mut random = Random(7);
    for _ in 0..300 {
        let graph = random_graph(&mut random);
        let all: Vec<usize> = (0..graph.tasks().len()).collect();
        let (jobs, fails) = (1 + random.below(6), random.below(3) == 0);
        let failing: HashSet<usize> = all.iter().copied().filter(|_| fails && random.below(6) == 0).collect();
        let times: Vec<f64> = all.iter().map(|_| random.below(100) as f64).collect();
        let mut schedule = Schedule::new(&graph, &all, |at| times[at]);
        let running: [AtomicUsize; 3] = Default::default();
        let at_once = AtomicUsize::new(0);
        let (mut done, mut passed, mut skipped) = (Vec::new(), HashSet::new(), HashSet::new());
        let started = Mutex::new(Vec::new());
        drive(
            &mut schedule,
            jobs,
            |at| {
                started.lock().expect("free").push(at);
                assert!(at_once.fetch_add(1, Ordering::SeqCst) < jobs);
                let lanes: Vec<usize> =
                    (0..LANES.len()).filter(|&lane| graph.tasks()[at].lanes.contains(&LANES[lane])).collect();
                for &lane in &lanes {
                    assert!(
                        running[lane].fetch_add(1, Ordering::SeqCst) < LANES[lane].capacity,
                        "{}",
                        LANES[lane].name
                    );
                }
                thread::yield_now();
                for lane in lanes {
                    running[lane].fetch_sub(1, Ordering::SeqCst);
                }
                at_once.fetch_sub(1, Ordering::SeqCst);
                at
            },
            |schedule, event| {
                if let WorkerEvent::Finished(at) = event {
                    assert!(
                        graph.needs(at).iter().all(|need| passed.contains(need)),
                        "its needs have passed"
                    );
                    done.push(at);
                    if failing.contains(&at) {
                        for dependent in graph.with_dependents(&[at]) {
                            if schedule.pending().contains(&dependent) {
                                schedule.complete(dependent);
                                skipped.insert(dependent);
                            }
                        }
                    } else {
                        passed.insert(at);
                    }
                }
                Flow::Go
            },
        );
        let started = started.into_inner().expect("free");
        let once: HashSet<usize> = started.iter().copied().collect();
        assert_eq!(started.len(), once.len(), "none runs twice");
        assert_eq!(done.len() + skipped.len(), all.len(), "all are accounted for");
        let expected: HashSet<usize> = all
            .iter()
            .copied()
            .filter(|at| graph.with_needs(&[*at]).iter().any(|need| need != at && failing.contains(need)))
            .collect();
        assert_eq!(skipped, expected, "skipped is exactly what waits for a failure");
    }
}

#[test]
fn of_what_can_start_the_longest_way_to_the_end_starts_first() {
    let table = vec![
        task("short", "").run(|_| Ok(())),
        task("first", "").run(|_| Ok(())),
        task("then", "").needs(["first"]).run(|_| Ok(())),
    ];
    let graph = Graph::new(table).expect("a graph");
    let at = |name: &str| graph.tasks().iter().position(|task| task.name == name).expect("a task");
    let seconds = [("short", 5.0), ("first", 1.0), ("then", 9.0)];
    let mut schedule = Schedule::new(&graph, &[0, 1, 2], |task| {
        seconds.iter().find(|(name, _)| at(name) == task).expect("listed").1
    });
    assert_eq!(schedule.seconds_left(&[], 2), 10.0);
    assert_eq!(schedule.start(), Some(at("first")));
    assert_eq!(schedule.start(), Some(at("short")));
    assert_eq!(schedule.start(), None, "the rest waits");
    schedule.finish(at("first"));
    assert_eq!(schedule.start(), Some(at("then")));
    assert!(schedule.pending().is_empty());
}

#[test]
fn a_need_that_is_no_part_of_the_run_is_not_waited_for() {
    let table = vec![task("a", "").run(|_| Ok(())), task("b", "").needs(["a"]).run(|_| Ok(()))];
    let graph = Graph::new(table).expect("a graph");
    let mut schedule = Schedule::new(&graph, &[1], |_| 1.0);
    assert_eq!(schedule.start(), Some(1));
}
