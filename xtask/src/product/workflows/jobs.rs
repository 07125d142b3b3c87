//! The jobs of `ci.yml`, as rows: each is some tasks of the table that `cargo xtask ci` runs, on a machine of their own.
//! To have a new task run in a workflow, name it here; a task that no job names fails a test and `--check`.

use crate::product::artifacts;

/// A kind of machine. Named by version, so that it changes when somebody wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// GitHub's name.
    pub name: &'static str,
    /// The C library that what is compiled there may need.
    pub glibc: (u32, u32),
}

/// Most jobs'.
pub const MACHINE: Machine = Machine { name: "ubuntu-24.04", glibc: (2, 39) };
/// What is compiled here runs in the images; on a newer one the backend would be compiled a second time, in a container.
pub const OLDER: Machine = Machine { name: "ubuntu-22.04", glibc: (2, 35) };

/// One job.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Its key in the file, and the name of what it keeps.
    pub id: &'static str,
    /// What people read on the page of a pull request.
    pub name: &'static str,
    /// The tasks. What they need comes by itself.
    pub tasks: &'static [&'static str],
    /// Where it runs.
    pub machine: Machine,
    /// What is kept of it.
    pub artifacts: &'static [Artifact],
    /// Whether npm's downloads are kept between runs.
    pub has_node: bool,
    /// Whether a push of a branch pushes both images at its end, which get their names when every job has passed.
    pub pushes: bool,
    /// What it takes when its caches are warm: an estimate, for the bill.
    pub minutes: u64,
    /// When it is ended: not before its tasks' own limits are over, since those say which one hung.
    pub timeout: u64,
}

/// Files that a job leaves for people and other jobs.
#[derive(Debug, Clone, Copy)]
pub struct Artifact {
    /// The last part of its name.
    pub name: &'static str,
    /// Where they are.
    pub path: &'static str,
    /// What they are for.
    pub kind: Kind,
}

/// What an artifact is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is shipped.
    Product,
    /// Which lines the tests ran: Codecov gets it, where its token is set.
    Coverage,
    /// What each test came to: of most use when the job fails, and then perhaps not there.
    Results,
}

const JOB: Job = Job {
    id: "",
    name: "",
    tasks: &[],
    machine: MACHINE,
    artifacts: &[],
    has_node: false,
    pushes: false,
    minutes: 0,
    timeout: 0,
};

/// Every job that runs tasks.
#[rustfmt::skip]
pub const JOBS: &[Job] = &[
    Job {
        id: "backend-lint", name: "backend lint",
        tasks: &["format", "clippy", "rust-docs", "unused-dependencies", "licences"],
        minutes: 4, timeout: 50, ..JOB
    },
    Job {
        id: "backend-test", name: "backend test",
        tasks: &["api-breaks", "migration-lint", "migration-history", "migrations", "schema", "sqlx-data", "backend-test", "api-conformance"],
        artifacts: &[
            Artifact { name: "coverage", path: artifacts::BACKEND_COVERAGE, kind: Kind::Coverage },
            Artifact { name: "junit", path: artifacts::BACKEND_RESULTS, kind: Kind::Results },
        ],
        minutes: 6, timeout: 60, ..JOB
    },
    Job {
        // One job, though it lints and tests: a machine of its own for a minute of linting is billed twice.
        id: "frontend", name: "frontend",
        tasks: &["prettier", "eslint", "typecheck", "api-types", "frontend-test", "frontend-build", "page-test"],
        artifacts: &[
            Artifact { name: "dist", path: "tracehub/frontend/dist", kind: Kind::Product },
            Artifact { name: "coverage", path: artifacts::FRONTEND_COVERAGE, kind: Kind::Coverage },
            Artifact { name: "junit", path: artifacts::FRONTEND_RESULTS, kind: Kind::Results },
        ],
        has_node: true, minutes: 4, timeout: 60, ..JOB
    },
    Job {
        id: "images", name: "images",
        tasks: &["images"], machine: OLDER,
        has_node: true, pushes: true, minutes: 6, timeout: 70, ..JOB
    },
    Job {
        id: "delivery", name: "delivery",
        tasks: &[
            // Of the day, and not of the change: here, where every change has something to run.
            "advisories", "shell-scripts", "dockerfiles", "workflow-files", "workflow-lint", "secrets", "secrets-history", "documents", "task-table", "compose-files",
            "caddyfiles", "xtask-test",
        ],
        artifacts: &[Artifact { name: "junit", path: artifacts::XTASK_RESULTS, kind: Kind::Results }],
        has_node: true, minutes: 3, timeout: 45, ..JOB
    },
    Job {
        id: "suites", name: "suites on a real engine",
        tasks: &["model-suite", "deploy-suite", "lab-suite"], machine: OLDER,
        has_node: true, minutes: 15, timeout: 160, ..JOB
    },
];
