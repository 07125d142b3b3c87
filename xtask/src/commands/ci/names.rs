//! What others may know of the table: the workflows, whose jobs are made of its tasks.

use super::tasks;

/// A task, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskNames {
    /// What people type.
    pub name: &'static str,
    /// The tasks that come with it.
    pub needs: Vec<&'static str>,
}

/// Every task that runs with each push: `--deep` is for the weekly run.
pub fn task_names() -> Vec<TaskNames> {
    let each_push = tasks::table().into_iter().filter(|task| !task.groups.contains(&tasks::DEEP));
    each_push.map(|task| TaskNames { name: task.name, needs: task.needs }).collect()
}
