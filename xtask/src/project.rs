//! TraceHub's facts: components, images, environments, limits. The one file to edit when the project changes,
//! and the one to rewrite for another product.

use std::sync::LazyLock;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

/// The name in front of everything that the project owns on a host: compose projects, networks, volumes, labels.
pub const NAME: &str = "tracehub";
/// The label that says which environment a container, network or volume belongs to.
pub const ENVIRONMENT_LABEL: &str = "tracehub.environment";
/// The branch whose images are also tagged `latest`.
pub const DEFAULT_BRANCH: &str = "main";

/// What TraceHub is made of: one image each.
pub const COMPONENTS: &[Component] = &[BACKEND, FRONTEND];
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

/// The images that ours stand on. Where a registry answers they are pulled by their public name, elsewhere
/// assembled from the distribution's packages under a name of their own, with the same ports, users and paths.
pub const BASES: &[Base] = &[
    Base {
        name: "runtime",
        purpose: "the backend: a C library, certificates, time zones",
        public: "gcr.io/distroless/cc-debian12:latest",
        suite: Suite::Own("bookworm"),
        packages: &["base-files", "netbase", "tzdata", "ca-certificates", "libc6", "libgcc-s1", "libstdc++6"],
    },
    Base {
        name: "caddy",
        purpose: "the edge, the frontend's file server, and (with sh and flock) the guard",
        public: "docker.io/library/caddy:2.11-alpine",
        suite: Suite::Newest("sid"),
        packages: &["caddy", "busybox-static", "ca-certificates", "base-files", "tzdata"],
    },
    Base {
        name: "postgres",
        purpose: "the database",
        public: "docker.io/library/postgres:15-bookworm",
        suite: Suite::Own("bookworm"),
        packages: &["postgresql-15", "postgresql-client-15"],
    },
];

/// A base image.
#[derive(Debug, Clone, Copy)]
pub struct Base {
    /// How the rest of xtask calls it.
    pub name: &'static str,
    /// What stands on it.
    pub purpose: &'static str,
    /// Its name in a public registry.
    pub public: &'static str,
    /// Where the packages come from when no registry answers.
    pub suite: Suite,
    /// What it holds then. Dependencies that are not listed are left out on purpose.
    pub packages: &'static [&'static str],
}

/// A suite of the distribution.
#[derive(Debug, Clone, Copy)]
pub enum Suite {
    /// The stable one.
    Own(&'static str),
    /// One that is newer than the stable one, for a package that is too old there.
    Newest(&'static str),
}

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

/// The user that our images run as.
pub const APP_UID: u32 = 10001;

/// Whether a variable of xtask's own environment is a secret, and so is never handed to a child.
pub fn is_secret_variable(name: &str) -> bool {
    SECRETS.iter().any(|secret| secret.variable == name)
}

/// How long the parts of a rollout may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a new release is watched after the switch before it is confirmed.
    pub bake: Duration,
    /// How long a release may take to be ready.
    pub ready: Duration,
    /// How long a release that lost the traffic gets to finish what it has.
    pub drain: Duration,
    /// How many releases are kept whole on the host.
    pub kept_releases: usize,
}

/// The limits of `local` and of test environments.
pub const LOCAL_LIMITS: Limits = Limits {
    bake: Duration::from_secs(2),
    ready: Duration::from_secs(120),
    drain: Duration::from_secs(30),
    kept_releases: 5,
};

/// Where the edge of `local` listens, unless the port is taken: then on the next free one.
pub const LOCAL_PORT: u16 = 8080;

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
