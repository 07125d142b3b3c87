//! The graph: the table's rows, checked, and in an order in which they can run.

use std::collections::HashSet;

use super::task::Task;

/// Tasks that can run: each need exists and there is a first one.
#[derive(Debug)]
pub struct Graph {
    /// Needs before who needs them, otherwise as in the table.
    tasks: Vec<Task>,
}

/// Why a table is no graph.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two rows, or a row and a group, have one name.
    #[error("two things in the table of tasks are called {0}")]
    SameName(&'static str),
    /// A need that no row has.
    #[error("task {task} needs {need}, and the table has no such task")]
    UnknownNeed {
        /// Who needs it.
        task: &'static str,
        /// What.
        need: &'static str,
    },
    /// Tasks that wait for each other.
    #[error("these tasks wait for each other: {}", .0.join(" → "))]
    Circle(Vec<&'static str>),
}

impl Graph {
    /// Checks the table and puts it in order.
    pub fn new(table: Vec<Task>) -> Result<Graph, GraphError> {
        check_names(&table)?;
        in_order(table).map(|tasks| Graph { tasks })
    }

    /// Every task, in the order in which they run.
    pub fn all(&self) -> Vec<&Task> {
        self.tasks.iter().collect()
    }

    /// The names of the groups, each once.
    pub fn groups(&self) -> Vec<&'static str> {
        let mut seen = HashSet::new();
        self.tasks.iter().flat_map(|task| &task.groups).copied().filter(|group| seen.insert(*group)).collect()
    }

    /// The tasks with one of these names or in one of these groups, and what they need, in the order in which they
    /// run. A name that nothing has selects nothing: names come checked from the command line.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Vec<&Task> {
        let named = |name: &str| names.iter().any(|wanted| wanted.as_ref() == name);
        let mut wanted: HashSet<&str> = HashSet::new();
        // From the end: whoever needs a task comes after it.
        for task in self.tasks.iter().rev() {
            if named(task.name) || task.groups.iter().any(|group| named(group)) || wanted.contains(task.name)
            {
                wanted.insert(task.name);
                wanted.extend(&task.needs);
            }
        }
        self.tasks.iter().filter(|task| wanted.contains(task.name)).collect()
    }
}

fn check_names(table: &[Task]) -> Result<(), GraphError> {
    let groups: HashSet<&str> = table.iter().flat_map(|task| &task.groups).copied().collect();
    let mut names = HashSet::new();
    for task in table {
        if groups.contains(task.name) || !names.insert(task.name) {
            return Err(GraphError::SameName(task.name));
        }
    }
    for task in table {
        if let Some(need) = task.needs.iter().find(|need| !names.contains(*need)) {
            return Err(GraphError::UnknownNeed { task: task.name, need });
        }
    }
    Ok(())
}

/// Takes, again and again, the first row whose needs have all been taken.
fn in_order(mut table: Vec<Task>) -> Result<Vec<Task>, GraphError> {
    let mut taken: Vec<Task> = Vec::new();
    while !table.is_empty() {
        let is_taken = |need: &&str| taken.iter().any(|task| task.name == *need);
        match table.iter().position(|task| task.needs.iter().all(is_taken)) {
            Some(next) => taken.push(table.remove(next)),
            None => return Err(GraphError::Circle(find_circle(&table))),
        }
    }
    Ok(taken)
}

/// Each row here needs another one here, so following any need comes back to where it was.
fn find_circle(rest: &[Task]) -> Vec<&'static str> {
    let mut path = vec![rest[0].name];
    loop {
        let here = rest.iter().find(|task| Some(&task.name) == path.last()).expect("a name of a row");
        let next = here.needs.iter().find(|need| rest.iter().any(|task| task.name == **need));
        let next = next.expect("every row here waits for another");
        let before = path.iter().position(|name| name == next);
        path.push(next);
        if let Some(start) = before {
            return path.split_off(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::task::task;
    use super::*;

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

    fn names(tasks: &[&Task]) -> Vec<&'static str> {
        tasks.iter().map(|task| task.name).collect()
    }

    #[test]
    fn needs_come_first_and_the_rest_stays_as_in_the_table() {
        let graph = graph(&["d: c", "a", "c: b", "b"]);
        assert_eq!(names(&graph.all()), ["a", "b", "c", "d"]);
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
            let order = names(&graph.all());
            for (at, task) in graph.all().iter().enumerate() {
                assert!(task.needs.iter().all(|need| order[..at].contains(need)), "{pattern:b}: {order:?}");
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
    fn selecting_a_task_selects_what_it_needs_and_nothing_else() {
        let graph = graph(&["a", "b: a", "c: b", "d: a", "e"]);
        assert_eq!(names(&graph.select(&["c"])), ["a", "b", "c"]);
        assert_eq!(names(&graph.select(&["e", "d"])), ["a", "d", "e"]);
        assert_eq!(names(&graph.select::<&str>(&[])), Vec::<&str>::new());
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
        assert_eq!(names(&graph.select(&["lint"])), ["install", "eslint", "format"]);
        assert_eq!(names(&graph.select(&["fmt"])), ["format"]);
        assert_eq!(graph.groups(), ["lint", "fmt"]);
    }
}
