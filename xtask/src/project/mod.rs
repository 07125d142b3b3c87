//! TraceHub's facts: components, images, environments, limits. The one file to edit when the project changes,
//! and the one to rewrite for another product.

mod bases;
mod environments;
pub mod pins;

use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};

use crate::tools::elf::Glibc;

pub use self::bases::{BASES, Base, POSTGRES_PACKAGES, POSTGRES_SERVER, Packages, Suite, base};
pub use self::environments::{Environment, Limits, Site};

/// The name in front of everything that the project owns on a host: compose projects, networks, volumes, labels.
pub const NAME: &str = "tracehub";
/// The label that says which environment a container, network or volume belongs to.
pub const ENVIRONMENT_LABEL: &str = "tracehub.environment";
/// The label that says which release a container belongs to.
pub const RELEASE_LABEL: &str = "tracehub.release";
/// The label of the edge with the SHA-256 of the Caddyfile that it was started with.
pub const EDGE_CONFIGURATION_LABEL: &str = "tracehub.edge-configuration";
/// What the guard was started as: a sum over its description.
pub const GUARD_LABEL: &str = "tracehub.guard";
/// Where the files are that run on a host: compose files, the edge's configuration, environments.
pub const DEPLOY: &str = "tracehub/deploy";
/// The branch whose images are also tagged `latest`.
pub const DEFAULT_BRANCH: &str = "main";

/// The API: the cargo package, and the binary in it, of the same name.
pub const BACKEND: Component =
    Component { name: "backend", image: "tracehub-backend", folder: "tracehub/backend", port: 8000 };
/// The page: an npm package whose build leaves a `dist/`.
pub const FRONTEND: Component =
    Component { name: "frontend", image: "tracehub-frontend", folder: "tracehub/frontend", port: 8080 };

/// One part of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Also its service's name in compose, and the first half of its alias on the edge's network.
    pub name: &'static str,
    /// The last part of its image's name.
    pub image: &'static str,
    /// Where its sources and its Dockerfile are.
    pub folder: &'static str,
    /// What it listens on inside its container.
    pub port: u16,
}

/// The role that owns the schema: migrations run as it.
pub const OWNER_ROLE: &str = "tracehub_owner";
/// The role that the backend serves with.
pub const APP_ROLE: &str = "tracehub_app";
/// The PostgreSQL of every environment, and so of the tests.
pub const POSTGRES_MAJOR: u32 = 15;
/// The oldest Node that the page's tools run on: a test compares it with `package.json`.
pub const NODE_VERSION: &str = "20.19";
/// The oldest Rust that compiles the workspace: cargo itself refuses an older one.
pub const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");
/// The backend's sqlx, and so its command line's: a test compares it with `Cargo.lock`.
pub const SQLX_VERSION: &str = "0.9.0";
/// The tests fail when they run less than this of the lines, in the backend and in the frontend.
pub const COVERAGE_PERCENT: u32 = 70;
/// Disk, in bytes, that must be free on a host before a deploy: two images, a dump, logs.
pub const FREE_DISK: u64 = 1 << 30;
/// The first of Debian's suites with a Compose and a buildx that will do.
pub const PLUGINS_SUITE: &str = "trixie";

/// Secrets of the app, made at an environment's first deploy when the environment is `local` or a test's.
pub const SECRETS: &[Secret] = &[
    Secret { name: "jwt_secret", variable: "JWT_SECRET", uid: APP_UID, of_platform: false },
    Secret {
        name: "database_app_password",
        variable: "DATABASE_APP_PASSWORD",
        uid: APP_UID,
        of_platform: true,
    },
    Secret {
        name: "database_owner_password",
        variable: "DATABASE_OWNER_PASSWORD",
        uid: APP_UID,
        of_platform: true,
    },
];

/// One secret: where it comes from and who reads it.
#[derive(Debug, Clone, Copy)]
pub struct Secret {
    /// The file's name, in the container under `/run/secrets/`.
    pub name: &'static str,
    /// The variable of the operator's environment that gives its value.
    pub variable: &'static str,
    /// The numeric user that reads it.
    pub uid: u32,
    /// Passwords of database roles belong to the platform: a rollback uses today's.
    pub of_platform: bool,
}

/// The C library of the runtime image: Debian 12's, in the public image and in the assembled one.
pub const RUNTIME_GLIBC: Glibc = Glibc(2, 36);
/// The user that our images, and the edge, run as.
pub const APP_UID: u32 = 10001;
/// The user that the database runs as, in its public image and so in the assembled one.
pub const POSTGRES_UID: u32 = 999;

/// Whether a variable of xtask's own environment is a secret, and so is never handed to a child.
pub fn is_secret_variable(name: &str) -> bool {
    SECRETS.iter().any(|secret| secret.variable == name)
        || name.ends_with("_SSH_KEY")
        || name.ends_with("_LEDGER_KEY")
        || matches!(name, "SLACK_WEBHOOK_URL" | "SENTRY_AUTH_TOKEN")
}

/// Who answers a smoke request, and where: each front door of a release is asked under the name by which the edge will
/// dial it, from the release's own backend. A container of its own for that would take most of a rollback's time.
pub const SMOKE: &[(Component, &str)] = &[(BACKEND, "/health/ready"), (FRONTEND, "/healthz")];
/// What asks, in the backend's container.
pub const SMOKE_PROGRAM: &[&str] = &["/usr/local/bin/tracehub-backend", "healthcheck"];
/// What the watch asks through the edge: it answers 200 only when the release can serve.
pub const PROBE_PATH: &str = "/health/ready";
/// The header by which an answer says which release it comes from.
pub const RELEASE_HEADER: &str = "x-tracehub-release";
/// The database's name, and the role that owns its schema.
pub const DATABASE: &str = "tracehub";

/// Where the migrations are, as pairs of `.up.sql` and `.down.sql`.
pub const MIGRATIONS: &str = "tracehub/backend/migrations";

/// Whether this is a run that nobody sits at, as its surroundings say: what can't run is a failure, and nothing is asked.
pub fn is_in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| matches!(value.as_str(), "true" | "1"))
}

/// The repository's root: the nearest folder above the working directory that holds `xtask/Cargo.toml`.
pub fn root() -> &'static Utf8Path {
    static ROOT: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
        let here = std::env::current_dir().ok().and_then(|here| Utf8PathBuf::from_path_buf(here).ok());
        let found = here
            .as_deref()
            .into_iter()
            .flat_map(Utf8Path::ancestors)
            .find(|folder| folder.join("xtask/Cargo.toml").is_file());
        found.map_or_else(
            || Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")),
            Utf8Path::to_path_buf,
        )
    });
    &ROOT
}

/// Where tools are installed that live in the repository: git-ignored, shared by copies of the repository
/// through `XTASK_TOOLS_DIR`.
pub fn tools_dir() -> Utf8PathBuf {
    std::env::var("XTASK_TOOLS_DIR").map_or_else(|_| root().join(".tools"), Utf8PathBuf::from)
}

/// Where environments of this machine have their root folders, and everything else that a run leaves: git-ignored.
pub fn local_dir() -> Utf8PathBuf {
    root().join(".local")
}

/// Where cargo puts what it builds.
pub fn target_dir() -> Utf8PathBuf {
    std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root().join("target"), Utf8PathBuf::from)
}
