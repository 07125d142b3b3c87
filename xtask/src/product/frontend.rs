//! The page's npm package.

use std::time::Duration;

use anyhow::Result;

use crate::project::FRONTEND;
use crate::setup::{self, Tool};
use crate::tools::node::npm::Package;
use crate::workspace;

/// How long npm may take to install a package.
pub const INSTALL_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The lock files of all our packages of npm.
pub const LOCKS: [&str; 3] = [
    "tracehub/frontend/package-lock.json",
    "tracehub/frontend/lighthouse/package-lock.json",
    "tracehub/frontend/sentry-cli/package-lock.json",
];

/// The package, with the npm that is here.
pub fn package() -> Result<Package> {
    Ok(Package { npm: setup::require(Tool::Npm)?, folder: FRONTEND.folder })
}

/// Lighthouse, which looks at the page: a package of its own, which only `bench page` pays for.
pub fn lighthouse() -> Result<Package> {
    Ok(Package { npm: setup::require(Tool::Npm)?, folder: "tracehub/frontend/lighthouse" })
}

/// Sentry's program, which takes source maps there: a package of its own, which only those pay for who have a Sentry.
pub fn sentry_cli() -> Result<Package> {
    Ok(Package { npm: setup::require(Tool::Npm)?, folder: "tracehub/frontend/sentry-cli" })
}

/// Installs what the page's lock file says.
pub fn install(each_line: &(dyn Fn(&str) + Sync)) -> Result<()> {
    install_package(&package()?, INSTALL_TIMEOUT, each_line)
}

/// Installs what a package's lock file says.
pub fn install_package(
    package: &Package,
    timeout: Duration,
    each_line: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let version = |tool| setup::find(tool).map_or("none".to_owned(), |found| found.version.to_string());
    let versions = format!("node {} npm {}", version(Tool::Node), version(Tool::Npm));
    package.ci(workspace::root(), &versions, timeout, each_line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::git;

    #[test]
    fn every_lock_file_of_npm_s_is_known() {
        let mut files = git::files(workspace::root(), ".").unwrap();
        files.retain(|file| file.ends_with("package-lock.json"));
        let mut known = LOCKS.map(str::to_owned);
        known.sort();
        assert_eq!(files, known);
    }
}
