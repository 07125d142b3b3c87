//! The services of the platform, which outlive releases: what they are called, who they run as, and the files that say
//! how they run.

/// The database.
pub const DATABASE_SERVICE: Service = Service { name: "postgres", uid: POSTGRES_UID };
/// The edge.
pub const EDGE: Service = Service { name: "edge", uid: APP_UID };
/// What makes the scheduled backups.
pub const BACKUPS: Service = Service { name: "scheduled-backups", uid: POSTGRES_UID };
/// What the platform consists of.
pub const PLATFORM: [Service; 3] = [DATABASE_SERVICE, EDGE, BACKUPS];
/// Without what of it no release serves anybody: a deploy waits for it.
pub const ESSENTIAL: [Service; 2] = [DATABASE_SERVICE, EDGE];

/// The folder, in an environment's root folder, with the scripts that they run.
pub const SCRIPTS_FOLDER: &str = "scripts";

/// A service of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// What compose calls it.
    pub name: &'static str,
    /// The numeric user that it runs as.
    pub uid: u32,
}

/// The volume with the files that users have brought, which all releases share.
pub const PAPERS_VOLUME: &str = "papers";

/// Asks the database which of them it names, a line each, `ORGANISATION/SHA-256 SIZE`, which is also where they lie in the volume:
/// prints the question for psql's `\gexec`, or none where the schema has no papers yet. One that was taken away longer ago than any
/// backup is kept for is forgotten in the next round of work, and need not have its file.
pub const PAPERS_QUESTION: &str =
    "SELECT $$SELECT DISTINCT organisation_id || '/' || encode(sha256, 'hex') || ' ' || size
FROM public.paper_versions v JOIN public.papers p USING (organisation_id)
WHERE p.id = v.paper_id AND (p.deleted_at IS NULL OR p.deleted_at > now() - interval '90 days')$$
WHERE to_regclass('public.paper_versions') IS NOT NULL";

/// Where the files are that run on a host: compose files, the edge's configuration, environments.
pub const DEPLOY: &str = "tracehub/deploy";
/// The platform's compose files, there; the second is only of a host that serves HTTPS.
pub const PLATFORM_FILES: [&str; 2] = ["platform.yaml", "platform.https.yaml"];
/// A release's compose file, there.
pub const RELEASE_FILE: &str = "release.yaml";
/// The edge's configuration, there and in an environment's root folder.
pub const EDGE_FILE: &str = "edge/Caddyfile";
/// What makes the database and its roles, there.
pub const ROLES_FILE: &str = "roles.sql";
/// What it comes to, as the database tells it: see `catalogue.sql`.
pub const DATABASE_RIGHTS: &[&str] = &[
    "database: owner tracehub_owner, encoding UTF8",
    "grant on database to tracehub_app: CONNECT",
    "grant on database to tracehub_owner: CONNECT, CREATE, TEMPORARY",
    "role tracehub_app: login",
    "role tracehub_owner: login",
    "setting of role tracehub_app: idle_in_transaction_session_timeout=30s",
];
/// The same of the roles that take turns with those, where there are such.
pub const RIGHTS_IN_TURN: &[&str] = &[
    "role tracehub_app_b: login member of tracehub_app",
    "role tracehub_owner_b: login member of tracehub_owner",
    "setting of role tracehub_app_b: idle_in_transaction_session_timeout=30s, role=tracehub_app",
    "setting of role tracehub_owner_b: role=tracehub_owner",
];

/// The label that says which environment a container, network or volume belongs to.
pub const ENVIRONMENT_LABEL: &str = "tracehub.environment";
/// The label of a volume with the id of the environment's folder whose data it has.
pub const OWNER_LABEL: &str = "tracehub.owner";
/// The label of a volume with that folder's path, when it was made.
pub const OWNER_FOLDER_LABEL: &str = "tracehub.owner-folder";
/// The label that says which release a container belongs to.
pub const RELEASE_LABEL: &str = "tracehub.release";
/// The label of the edge with the SHA-256 of the Caddyfile that it was started with.
pub const EDGE_CONFIGURATION_LABEL: &str = "tracehub.edge-configuration";
/// The label of the guard with a sum over its description.
pub const GUARD_LABEL: &str = "tracehub.guard";

/// The label that says which lab a container belongs to.
pub const LAB_LABEL: &str = "tracehub.lab";
/// The label that says to which copy of the repository its lab belongs.
pub const LAB_ROOT_LABEL: &str = "tracehub.lab.root";
/// The label that says which registry of xtask's own a container belongs to.
pub const REGISTRY_LABEL: &str = "tracehub.registry";

/// Where an engine that xtask started on this machine leaves its number and its output.
pub const ENGINE_FOLDER: &str = "/run/tracehub-engine";
/// By this label a running engine is known to be the one that xtask started.
pub const ENGINE_LABEL: &str = "tracehub.engine=xtask";

/// The user that our images, and the edge, run as.
pub const APP_UID: u32 = 10001;
/// The user that the database runs as, in its public image and so in the assembled one.
pub const POSTGRES_UID: u32 = 999;

/// The database's name.
pub const DATABASE: &str = "tracehub";
/// The role that owns the schema: migrations run as it.
pub const OWNER_ROLE: &str = "tracehub_owner";
/// The same as that role, by another password: see `Secret::roles`.
pub const OWNER_ROLE_IN_TURN: &str = "tracehub_owner_b";
/// The role that the backend serves with.
pub const APP_ROLE: &str = "tracehub_app";
/// The same as that role, by another password.
pub const APP_ROLE_IN_TURN: &str = "tracehub_app_b";

/// Disk, in bytes, that must be free on a host before a deploy: two images, a dump, logs.
pub const FREE_DISK: u64 = 1 << 30;
