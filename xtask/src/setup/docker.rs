//! Docker's client.

use super::{Recipe, packages};

/// Debian 12 has the client in `docker.io`, later releases in a package of its own.
pub fn recipe() -> Result<Recipe, String> {
    if packages::known("docker-cli") {
        packages::recipe(&["docker-cli"])
    } else {
        packages::recipe(&["docker.io"])
    }
}
