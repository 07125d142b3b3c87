//! The jobs of `ci.yml`, as rows: each is some tasks of the table that `cargo xtask ci` runs, on a machine of their own.
//! To have a new task run in a workflow, name it here; a task that no job names fails a test and `--check`.

/// One job.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Its key in the file, and the name of what it keeps.
    pub id: &'static str,
    /// What people read on the page of a pull request.
    pub name: &'static str,
    /// The tasks. What they need comes by itself.
    pub tasks: &'static [&'static str],
    /// What is kept of it.
    pub artifacts: &'static [Artifact],
    /// Whether npm's downloads are kept between runs.
    pub has_node: bool,
    /// Whether a push of a branch publishes both images at its end.
    pub publishes: bool,
    /// What it takes when its caches are warm: an estimate, for the bill.
    pub minutes: u64,
    /// When it is ended. Generous, since without caches it compiles everything and some tools.
    pub timeout: u64,
}

/// Files that a job leaves for people and other jobs.
#[derive(Debug, Clone, Copy)]
pub struct Artifact {
    /// The last part of its name.
    pub name: &'static str,
    /// Where they are.
    pub path: &'static str,
    /// Whether Codecov gets them, where its token is set.
    pub is_coverage: bool,
}

const JOB: Job = Job {
    id: "",
    name: "",
    tasks: &[],
    artifacts: &[],
    has_node: false,
    publishes: false,
    minutes: 0,
    timeout: 0,
};

/// Every job that runs tasks.
#[rustfmt::skip]
pub const JOBS: &[Job] = &[
    Job {
        id: "backend-lint", name: "backend lint",
        tasks: &["format", "clippy", "rust-docs", "unused-dependencies", "licences", "advisories"],
        minutes: 4, timeout: 30, ..JOB
    },
    Job {
        id: "backend-test", name: "backend test",
        tasks: &["api-breaks", "migration-lint", "migrations", "schema", "sqlx-data", "backend-test"],
        artifacts: &[
            Artifact { name: "coverage", path: "target/coverage/backend.lcov", is_coverage: true },
            Artifact { name: "junit", path: "target/nextest/ci/junit.xml", is_coverage: false },
        ],
        minutes: 6, timeout: 35, ..JOB
    },
    Job {
        id: "frontend-lint", name: "frontend lint",
        tasks: &["prettier", "eslint", "typecheck", "api-types"],
        has_node: true, minutes: 2, timeout: 15, ..JOB
    },
    Job {
        id: "frontend-build", name: "frontend build",
        tasks: &["frontend-test", "frontend-build"],
        artifacts: &[
            Artifact { name: "dist", path: "tracehub/frontend/dist", is_coverage: false },
            Artifact { name: "coverage", path: "tracehub/frontend/coverage/lcov.info", is_coverage: true },
            Artifact { name: "junit", path: "tracehub/frontend/coverage/junit.xml", is_coverage: false },
        ],
        has_node: true, minutes: 2, timeout: 15, ..JOB
    },
    Job {
        id: "images", name: "images",
        tasks: &["images"],
        has_node: true, publishes: true, minutes: 6, timeout: 40, ..JOB
    },
    Job {
        id: "delivery", name: "delivery",
        tasks: &[
            "shell-scripts", "dockerfiles", "workflow-files", "workflow-lint", "secrets", "documents", "compose-files",
            "caddyfiles", "xtask-test",
        ],
        has_node: true, minutes: 3, timeout: 20, ..JOB
    },
    Job {
        id: "suites", name: "suites on a real engine",
        tasks: &["model-suite", "deploy-suite", "lab-suite"],
        has_node: true, minutes: 15, timeout: 75, ..JOB
    },
];
