//! The task about the table itself: a pattern that nothing matches is a slip, or about what is gone, and its task would
//! miss a change.

use anyhow::{Result, ensure};

use crate::pipeline::{Globs, Task};
use crate::tools::git::tree::Tree;
use crate::workspace;

/// Each pattern of what is read means something that is there, or that a task makes.
pub fn mean_something(table: &[Task]) -> Result<()> {
    let lost = lost(table, Tree::look(workspace::root())?.paths());
    ensure!(lost.is_empty(), "{}", lost.join("\n"));
    Ok(())
}

/// What each row reads that is not there, in words.
fn lost(table: &[Task], paths: &[String]) -> Vec<String> {
    let made: Vec<&str> =
        table.iter().flat_map(|task| task.writes.iter().chain(&task.unstored_outputs)).copied().collect();
    let is_lost = |pattern: &str| {
        !pattern.starts_with('!')
            && !made.contains(&pattern)
            && Globs::new(&[pattern]).select(paths).is_empty()
    };
    let of = |task: &Task| -> Vec<String> {
        let lost = task.reads.iter().filter(|pattern| is_lost(pattern));
        lost.map(|pattern| format!("{} reads {pattern}, which matches nothing", task.name)).collect()
    };
    table.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::task;

    #[test]
    fn a_pattern_that_means_nothing_is_named_with_its_task() {
        let table = [
            task("build", "").reads(["src/", "!src/old/"]).writes(["dist/"]).run(|_| Ok(())),
            task("ship", "").reads(["dist/", "docs/*.md", "src/a.rs"]).run(|_| Ok(())),
        ];
        let paths = ["src/a.rs".to_owned()];
        assert_eq!(lost(&table, &paths), ["ship reads docs/*.md, which matches nothing"]);
    }
}
