//! The task about what is in the repository and in no task: a crate, or an npm package, whose tests nobody runs would pass
//! however they fail.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::pipeline::{Globs, Task};
use crate::tools::git::tree::Tree;
use crate::workspace;

/// Each part, by its folder, and the task that tests it.
const TESTED_BY: &[(&str, &str)] = &[
    ("tracehub/backend", "backend-test"),
    ("tracehub/frontend", "frontend-test"),
    // It has a list of packages and nothing else: what measures the page is installed from it.
    ("tracehub/frontend/lighthouse", ""),
    ("tracehub/frontend/sentry-cli", ""),
    ("xtask", "xtask-test"),
];

/// Each crate and each npm package has a row here, and its task reads it.
pub fn are_tested(table: &[Task]) -> Result<()> {
    let tree = Tree::look(workspace::root())?;
    let mut parts = BTreeSet::new();
    for path in tree.paths() {
        if let Some((folder, name)) = path.rsplit_once('/')
            && (name == "package.json" || name == "Cargo.toml")
            && !folder.split('/').any(|part| part == "node_modules")
        {
            parts.insert(folder.to_owned());
        }
    }
    let problems = problems(TESTED_BY, &parts, table, tree.paths());
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

fn problems(
    rows: &[(&str, &str)],
    parts: &BTreeSet<String>,
    table: &[Task],
    paths: &[String],
) -> Vec<String> {
    let without_row = parts.iter().filter(|part| !rows.iter().any(|(folder, _)| folder == part));
    let without_part = rows.iter().filter(|(folder, _)| !parts.contains(*folder));
    let untested = rows.iter().filter(|(folder, task)| {
        let below = |path: &&String| path.starts_with(&format!("{folder}/"));
        let reads = |task: &Task| Globs::new(&task.reads).select(paths).iter().any(|at| below(&&paths[*at]));
        !task.is_empty() && !table.iter().any(|row| row.name == *task && reads(row))
    });
    without_row
        .map(|part| undeclared(part))
        .chain(
            without_part
                .map(|(folder, _)| format!("{folder} is in the table of parts, and not in the repository")),
        )
        .chain(untested.map(|(folder, task)| {
            format!("{folder} is to be tested by {task}, which is no task that reads it")
        }))
        .collect()
}

fn undeclared(part: &str) -> String {
    format!(
        "no task tests {part}: write a task for it (xtask/src/product/ci/tasks.rs), and its row into TESTED_BY \
         (xtask/src/product/ci/xtask/parts.rs)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::task;

    #[test]
    fn a_part_that_nobody_declared_is_named_with_where_to_declare_it() {
        let table = [
            task("one-test", "").reads(["one/"]).run(|_| Ok(())),
            task("other-test", "").reads(["one/"]).run(|_| Ok(())),
        ];
        let paths = ["one/Cargo.toml", "other/package.json"].map(str::to_owned);
        let parts = ["one", "other"].map(str::to_owned).into();
        let told = |rows: &[(&str, &str)]| problems(rows, &parts, &table, &paths);
        let undeclared = told(&[("one", "one-test")]);
        assert!(undeclared.len() == 1 && undeclared[0].contains("no task tests other: "), "{undeclared:?}");
        let not_read = told(&[("one", "one-test"), ("other", "other-test")]);
        assert_eq!(not_read, ["other is to be tested by other-test, which is no task that reads it"]);
        let gone = told(&[("one", "one-test"), ("other", ""), ("third", "")]);
        assert_eq!(gone, ["third is in the table of parts, and not in the repository"]);
    }
}
