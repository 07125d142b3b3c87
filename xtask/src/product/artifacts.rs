//! What tasks leave for people and for the jobs of the workflows, from the repository's root.

/// Which lines the backend's tests ran, in lcov's form.
pub const BACKEND_COVERAGE: &str = "target/coverage/backend.lcov";
/// What each of the backend's tests came to, in JUnit's form.
pub const BACKEND_RESULTS: &str = "target/nextest/ci/junit.xml";
/// What each of xtask's own tests came to, in JUnit's form.
pub const XTASK_RESULTS: &str = "target/nextest/xtask/junit.xml";
/// Which lines the frontend's tests ran, in lcov's form.
pub const FRONTEND_COVERAGE: &str = "tracehub/frontend/coverage/lcov.info";
/// What each of the frontend's tests came to, in JUnit's form.
pub const FRONTEND_RESULTS: &str = "tracehub/frontend/coverage/junit.xml";
/// The page, as it is served.
pub const PAGE: &str = "tracehub/frontend/dist/";
/// Its source maps, which are served nowhere.
pub const SOURCE_MAPS: &str = "tracehub/frontend/dist-maps/";
