//! TraceHub's facts, as tables and nothing else: the room to rewrite for another product. To add an environment, a
//! secret or a tool's version, add a row to its file.
//!
//! Nothing here looks at the machine, and nothing of xtask is imported.

mod bases;
mod checks;
mod components;
mod environments;
mod github;
mod packages;
pub mod pins;
mod secrets;
mod services;
pub mod targets;

pub use self::bases::{
    ARCHIVER, ARCHIVER_DOCKERFILE, BASES, BUILD_IMAGES, Base, CADDY, DEBIAN, MAJORS, Major, PLATFORMS,
    POSTGRES, REGISTRY, RUNTIME, SENDER, SENDER_DOCKERFILE, SHIPPER, SHIPPER_DOCKERFILE,
};
pub use self::checks::{
    APPROVALS_IMAGE, APPROVALS_NAMESPACE, APPROVERS_FILE, CHECKS_IMAGE, CHECKS_KEY, CHECKS_NAMESPACE,
    CHECKS_RESULTS, NOTE_LABEL, SIGNATURE_LABEL, SIGNERS_FILE,
};
pub use self::components::{
    BACKEND, BACKEND_PROGRAM, BATCH_ROWS, BATCHES_PROCEDURE, COVERAGE_PERCENT, Component, FRONTEND,
    INPUTS_LABEL, LAST_LENIENT_MIGRATION, LOGGED_ERROR, LOGIN_LABEL, MIGRATIONS, PROBE_PATH, READY_ADDRESSES,
    READY_WORDS, RECIPE_LABEL, RELEASE_HEADER, SBOM_LABEL, SETTINGS_TABLE, SMOKE_TEST,
};
pub use self::environments::{ENVIRONMENTS, Environment, HOST_VARIABLES, Limits, OWN_HOST_VARIABLES, Site};
pub use self::github::{
    GITHUB_TOKENS, LABELS, SECRET_VERSIONS, SETTINGS_TOKEN, UPDATE_AGE, UPDATES_BRANCH, UPDATES_TOKEN,
};
pub use self::packages::{POSTGRES_PACKAGES, POSTGRES_SERVER, Packages, Suite};
pub use self::pins::{
    ACTIONS, ACTIONS_FILE, NODE_VERSION, PLUGINS_SUITE, POSTGRES_MAJOR, RUNTIME_GLIBC, RUST_VERSION,
};
pub use self::secrets::{
    ARCHIVE_KEY, Form, IDENTITY, LOGS_CA, LOGS_LOGIN, LOGS_TO, OPERATOR_SECRETS, PROBE_SECRETS, SECRETS,
    SECRETS_FOLDER, STORE_CA, STORE_VARIABLES, Secret, TOKEN_LIFETIME, WATCHER_SECRETS, is_secret_variable,
};
pub use self::services::{
    APP_ROLE, APP_ROLE_IN_TURN, APP_UID, BACKUPS, DATABASE, DATABASE_RIGHTS, DATABASE_SERVICE, DEPLOY, EDGE,
    EDGE_CONFIGURATION_LABEL, EDGE_FILE, ENGINE_FOLDER, ENGINE_LABEL, ENVIRONMENT_LABEL, ESSENTIAL,
    FREE_DISK, GUARD_LABEL, LAB_LABEL, LAB_ROOT_LABEL, OWNER_FOLDER_LABEL, OWNER_LABEL, OWNER_ROLE,
    OWNER_ROLE_IN_TURN, PAPERS_QUESTION, PAPERS_VOLUME, PLATFORM, PLATFORM_FILES, POSTGRES_UID,
    REGISTRY_LABEL, RELEASE_FILE, RELEASE_LABEL, RIGHTS_IN_TURN, ROLES_FILE, SCRIPTS_FOLDER, Service,
};

/// The name in front of everything that the project owns on a host: compose projects, networks, volumes, labels.
pub const NAME: &str = "tracehub";
/// The branch whose images are also tagged `latest`.
pub const DEFAULT_BRANCH: &str = "main";
