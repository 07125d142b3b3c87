//! The definition of CI. To add a check, add a row: it is run by `cargo xtask ci`, listed by `--plan`, and run by
//! itself by its name. Rows run in this order as far as their needs allow: what fails soonest comes first.

use super::{database, delivery};
use crate::commands::image;
use crate::pipeline::{Task, minutes, task};
use crate::setup::Tool;
use crate::tools::{cargo, npm};

/// Node itself, and its package manager.
const NODE: &[Tool] = &[Tool::Node, Tool::Npm];
/// A throw-away server, and what runs migrations on it.
const DATABASE: &[Tool] = &[Tool::Postgres, Tool::SqlxCli];

/// What looks at a deployed page.
const BROWSER: &[Tool] = &[Tool::Chromium, Tool::Curl];
const LAB: &[Tool] = &[Tool::Ssh, Tool::Curl];

/// Every task there is.
#[rustfmt::skip]
pub fn table() -> Vec<Task> {
    vec![
        // The sources, without running them.
        task("format", "Rust is laid out by rustfmt; `cargo xtask fmt` mends it")
            .groups(["lint", "fmt"])
            .run(|task| task.run(cargo::format_check(&task.sh))),

        task("npm-ci", "the frontend's packages, as its lock file says")
            .tools(NODE)
            .run(|task| npm::ci(&task.lines())),

        task("prettier", "the frontend is laid out by prettier; `cargo xtask fmt` mends it")
            .needs(["npm-ci"]).groups(["lint", "fmt"]).tools(NODE)
            .run(|task| task.run(npm::script(&task.sh, "format:check")?)),

        task("eslint", "the frontend's lint rules, accessibility included")
            .needs(["npm-ci"]).groups(["lint"]).tools(NODE)
            .run(|task| task.run(npm::script(&task.sh, "lint")?)),

        task("typecheck", "the frontend's types")
            .needs(["npm-ci"]).groups(["lint"]).tools(NODE)
            .run(|task| task.run(npm::script(&task.sh, "typecheck")?)),

        task("api-types", "the frontend's types of the API are those of the backend's openapi.json")
            .needs(["npm-ci"]).groups(["lint"]).tools(NODE)
            .run(|task| task.run(npm::script(&task.sh, "generate:check")?)),

        task("clippy", "Rust's lint rules, on every crate and its tests")
            .groups(["lint"]).timeout(minutes(20))
            .run(|task| task.run(cargo::clippy(&task.sh))),

        // The tests.
        task("frontend-test", "the frontend's components and pages, in jsdom")
            .needs(["npm-ci"]).groups(["test"]).tools(NODE)
            .run(|task| task.run(npm::script(&task.sh, "test")?)),

        task("migrations", "each migration has a way back, and the schema is the same after there, back and there")
            .groups(["test"]).tools(DATABASE)
            .run(database::migrations),

        task("sqlx-data", "the query data by which the backend compiles is that of its queries and migrations")
            .needs(["migrations"]).groups(["test"]).tools(DATABASE).timeout(minutes(20))
            .run(database::sqlx_data),

        task("backend-test", "the backend, on PostgreSQL")
            .needs(["migrations"]).groups(["test"]).tools(&[Tool::Postgres]).timeout(minutes(20))
            .run(database::backend_test),

        task("xtask-test", "xtask itself, and its command line as a user meets it")
            .groups(["test"]).timeout(minutes(20))
            .run(|task| task.run(cargo::test_xtask(&task.sh))),

        // What is shipped.
        task("frontend-build", "the frontend, bundled as it is served")
            .needs(["npm-ci", "typecheck"]).tools(NODE)
            .run(|task| task.run(npm::script(&task.sh, "build")?)),

        task("images", "both images are built, run as their own user, and hold what they should")
            .needs(["frontend-build"]).tools(image::TOOLS).timeout(minutes(30))
            .run(delivery::images),

        task("deploy-suite", "deploys, rollbacks, kills and failures on a real engine, and a browser at the end")
            .needs(["images"]).tools(BROWSER).timeout(minutes(30))
            .run(|task| task.run(cargo::test_suite(&task.sh, "deploy"))),

        task("lab-suite", "the same over ssh: bare machines become hosts; kills, cut links, refusals, the gate")
            .needs(["deploy-suite"]).tools(LAB).timeout(minutes(45))
            .run(|task| task.run(cargo::test_suite(&task.sh, "lab"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Graph;

    #[test]
    fn the_table_is_a_graph_with_the_groups_that_verbs_run() {
        let graph = Graph::new(table()).expect("a graph");
        for group in ["lint", "test", "fmt"] {
            assert!(graph.groups().contains(&group), "a verb runs the group {group}");
        }
    }

    #[test]
    fn each_row_says_what_it_is_for() {
        for task in table() {
            assert!(!task.summary.is_empty() && task.summary.len() < 90, "{}", task.name);
        }
    }
}
