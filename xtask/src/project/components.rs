//! The components: what a release is made of, one image each.

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

/// The label of an image with the hash of everything that went into it.
pub const INPUTS_LABEL: &str = "tracehub.inputs";
/// The label of what ships logs: whether it logs in at the receiver.
pub const LOGIN_LABEL: &str = "tracehub.logs-in";
/// The label of an image with the hash of what does not depend on the machine that built it: its Dockerfile, its bases, its
/// labels. Of a commit, one image is made of one recipe.
pub const RECIPE_LABEL: &str = "tracehub.recipe";
/// The label of an image with the hash of the list of what it is made of.
pub const SBOM_LABEL: &str = "tracehub.sbom";
/// What the backend says of its settings (`settings --json`): a committed copy.
pub const SETTINGS_TABLE: &str = "tracehub/backend/settings.json";
/// Where the migrations are, as pairs of `.up.sql` and `.down.sql`.
pub const MIGRATIONS: &str = "tracehub/backend/migrations";
/// The newest migration from before migrations were held to what they declare. Those up to it are applied, and stay as they are.
pub const LAST_LENIENT_MIGRATION: i64 = 20_261_129_002_000;
/// The procedure of the database by which a migration changes rows: what is to be done, batch by batch, and what counts how
/// much is left.
pub const BATCHES_PROCEDURE: &str = "in_batches";
/// How many rows one batch may change at most: others wait for its locks.
pub const BATCH_ROWS: u64 = 10_000;
/// The tests fail when they run less than this of the lines, in the backend and in the frontend.
pub const COVERAGE_PERCENT: u32 = 70;

/// Who says whether a release is ready, and where: each front door is asked under the name by which the edge will dial it, from
/// the release's own backend. A container of its own for that would take most of a rollback's time.
pub const READY_ADDRESSES: &[(Component, &str)] = &[(BACKEND, "/health/ready"), (FRONTEND, "/healthz")];
/// The backend's program, in its container.
pub const BACKEND_PROGRAM: &str = "/usr/local/bin/tracehub-backend";

/// What a smoke test asks for through the edge, by their paths.
pub struct SmokePaths {
    /// The page.
    pub page: &'static str,
    /// Where the scripts are that it names.
    pub scripts: &'static str,
    /// Which release it is.
    pub version: &'static str,
    /// Takes an address and a password, and gives a token.
    pub log_in: &'static str,
    /// Something that only a user is shown.
    pub list: &'static str,
    /// The field of it that has the list itself.
    pub items: &'static str,
    /// With which an OPTIONS of that is answered: who is allowed what is in its header.
    pub options_status: u16,
}

/// The same that the backend's own smoke test asks for on the edge's network.
pub const SMOKE_TEST: SmokePaths = SmokePaths {
    page: "/",
    scripts: "/assets/",
    version: "/api/version",
    log_in: "/api/auth/login",
    list: "/api/shipments",
    items: "items",
    options_status: 405,
};

/// What the watch asks through the edge: it answers 200 only when the release can serve.
pub const PROBE_PATH: &str = "/health/ready";
/// What it is answered then, for whoever reads only the answer.
pub const READY_WORDS: &str = r#""status":"ok""#;
/// What a line of a release's log has in it when it tells of an error.
pub const LOGGED_ERROR: &[&str] = &[r#""level":"ERROR""#, r#""level":"error""#];
/// The header by which an answer says which release it comes from.
pub const RELEASE_HEADER: &str = "x-tracehub-release";
