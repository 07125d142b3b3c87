//! The graph: the rows of the table, checked, in an order in which they can run.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::globs::Globs;
use super::task::Task;

/// Tasks that can run: each need exists, none waits for itself, and a task that reads what another writes needs that one.
#[derive(Debug)]
pub struct Graph {
    /// Each after those that it needs, otherwise in the order of the table.
    tasks: Vec<Task>,
    /// For each task, where its needs are.
    needs: Vec<Vec<usize>>,
    /// For each task, where its producers are: the tasks whose output it reads. It needs each, directly or through others.
    producers: Vec<Vec<usize>>,
}

/// What is wrong with a table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two rows, or a row and a group, have one name.
    #[error("two things in the table of tasks are called {0}")]
    SameName(&'static str),
    /// A need that is no task.
    #[error("task {task} needs {need}, and the table has no such task")]
    UnknownNeed {
        /// The task that needs it.
        task: &'static str,
        /// The name that no task has.
        need: &'static str,
    },
    /// Tasks that wait for each other.
    #[error("these tasks wait for each other: {}", .0.join(" → "))]
    Circle(Vec<&'static str>),
    /// A task reads what another writes, and might run before it.
    #[error("task {reader} reads {read}, which task {writer} makes ({write}), and does not need {writer}")]
    UndeclaredNeed {
        /// The task that reads.
        reader: &'static str,
        /// As its row spells it.
        read: String,
        /// The task that writes it.
        writer: &'static str,
        /// As its row spells it.
        write: String,
    },
    /// Two rows name a lane with different capacities.
    #[error("task {task} gives the lane {lane} another capacity than the task before it")]
    TwoCapacities {
        /// The later of the two tasks.
        task: &'static str,
        /// The lane.
        lane: &'static str,
    },
}

impl Graph {
    /// Checks the table and puts it in order.
    pub fn new(table: Vec<Task>) -> Result<Graph, GraphError> {
        check_names(&table)?;
        check_lanes(&table)?;
        let tasks = in_order(table)?;
        let at: HashMap<&str, usize> = tasks.iter().enumerate().map(|(at, task)| (task.name, at)).collect();
        let needs: Vec<Vec<usize>> =
            tasks.iter().map(|task| task.needs.iter().map(|need| at[need]).collect()).collect();
        let producers = find_producers(&tasks, &needs)?;
        Ok(Graph { tasks, needs, producers })
    }

    /// Every task, in an order in which they can run.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Where the needs of the task at `at` are.
    pub fn needs(&self, at: usize) -> &[usize] {
        &self.needs[at]
    }

    /// Where the tasks are whose output the task at `at` reads.
    pub fn producers(&self, at: usize) -> &[usize] {
        &self.producers[at]
    }

    /// Where the tasks are that have one of these names or are in one of these groups. A name that nothing has selects
    /// nothing: names come checked from the command line.
    pub fn named<S: AsRef<str>>(&self, names: &[S]) -> Vec<usize> {
        let is_named = |name: &str| names.iter().any(|wanted| wanted.as_ref() == name);
        let wanted = |task: &Task| is_named(task.name) || task.groups.iter().any(|group| is_named(group));
        (0..self.tasks.len()).filter(|&at| wanted(&self.tasks[at])).collect()
    }

    /// These tasks and all that they need, in order.
    pub fn with_needs(&self, tasks: &[usize]) -> Vec<usize> {
        let mut wanted: HashSet<usize> = tasks.iter().copied().collect();
        // From the end: a task comes after those that it needs.
        for at in (0..self.tasks.len()).rev() {
            if wanted.contains(&at) {
                wanted.extend(&self.needs[at]);
            }
        }
        in_rising_order(wanted)
    }

    /// These tasks and all that need them, in order.
    pub fn with_dependents(&self, tasks: &[usize]) -> Vec<usize> {
        let mut wanted: HashSet<usize> = tasks.iter().copied().collect();
        for at in 0..self.tasks.len() {
            if self.needs[at].iter().any(|need| wanted.contains(need)) {
                wanted.insert(at);
            }
        }
        in_rising_order(wanted)
    }
}

fn in_rising_order(tasks: HashSet<usize>) -> Vec<usize> {
    let mut tasks: Vec<usize> = tasks.into_iter().collect();
    tasks.sort_unstable();
    tasks
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

fn check_lanes(table: &[Task]) -> Result<(), GraphError> {
    let mut capacities = HashMap::new();
    for task in table {
        for lane in &task.lanes {
            if *capacities.entry(lane.name).or_insert(lane.capacity) != lane.capacity {
                return Err(GraphError::TwoCapacities { task: task.name, lane: lane.name });
            }
        }
    }
    Ok(())
}

/// A topological order: takes, again and again, the first row whose needs have all been taken.
fn in_order(table: Vec<Task>) -> Result<Vec<Task>, GraphError> {
    let at: HashMap<&str, usize> = table.iter().enumerate().map(|(at, task)| (task.name, at)).collect();
    let mut waits: Vec<usize> = table.iter().map(|task| task.needs.len()).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); table.len()];
    for (task, row) in table.iter().enumerate() {
        row.needs.iter().for_each(|need| dependents[at[need]].push(task));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        waits.iter().enumerate().filter(|(_, waits)| **waits == 0).map(|(task, _)| Reverse(task)).collect();
    let mut order = Vec::new();
    while let Some(Reverse(task)) = ready.pop() {
        order.push(task);
        for &dependent in &dependents[task] {
            waits[dependent] -= 1;
            if waits[dependent] == 0 {
                ready.push(Reverse(dependent));
            }
        }
    }
    let mut rows: Vec<Option<Task>> = table.into_iter().map(Some).collect();
    let ordered: Vec<Task> = order.into_iter().filter_map(|task| rows[task].take()).collect();
    let rest: Vec<Task> = rows.into_iter().flatten().collect();
    if rest.is_empty() { Ok(ordered) } else { Err(GraphError::Circle(find_circle(&rest))) }
}

/// One circle among these rows. Each of them needs another one of them, so following the needs leads into one.
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

/// For each task, where the tasks are whose output it reads. Fails when a task does not need one of them.
fn find_producers(tasks: &[Task], needs: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, GraphError> {
    let made = |task: &Task| Globs::new(&[task.writes.as_slice(), &task.unstored_outputs].concat());
    let writers: Vec<(usize, Globs)> = tasks
        .iter()
        .enumerate()
        .filter(|(_, task)| !task.writes.is_empty() || !task.unstored_outputs.is_empty())
        .map(|(at, task)| (at, made(task)))
        .collect();
    let mut producers = vec![Vec::new(); tasks.len()];
    for (reader, task) in tasks.iter().enumerate().filter(|_| !writers.is_empty()) {
        let before = all_before(reader, needs);
        let reads = Globs::new(&task.reads);
        for (writer, made) in writers.iter().filter(|(writer, _)| *writer != reader) {
            let overlap = reads.overlap(made);
            let needed = before.contains(writer);
            match overlap {
                Some((read, write)) if !needed => {
                    return Err(GraphError::UndeclaredNeed {
                        reader: task.name,
                        read: read.to_owned(),
                        writer: tasks[*writer].name,
                        write: write.to_owned(),
                    });
                }
                // A task that does not declare what it reads may read everything that it waits for.
                Some(_) => producers[reader].push(*writer),
                None if task.reads.is_empty() && needed => producers[reader].push(*writer),
                None => {}
            }
        }
    }
    Ok(producers)
}

fn all_before(task: usize, needs: &[Vec<usize>]) -> HashSet<usize> {
    let mut before = HashSet::new();
    let mut open = vec![task];
    while let Some(next) = open.pop() {
        open.extend(needs[next].iter().filter(|need| before.insert(**need)));
    }
    before
}

#[cfg(test)]
mod tests;
