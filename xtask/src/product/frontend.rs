//! The page's npm package.

use anyhow::Result;

use crate::project::FRONTEND;
use crate::setup::{self, Tool};
use crate::tools::node::npm::Package;
use crate::workspace;

/// The package, with the npm that is here.
pub fn package() -> Result<Package> {
    Ok(Package { npm: setup::require(Tool::Npm)?, folder: FRONTEND.folder })
}

/// Installs what its lock file says.
pub fn install(each_line: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let version = |tool| setup::find(tool).map_or("none".to_owned(), |found| found.version.to_string());
    let versions = format!("node {} npm {}", version(Tool::Node), version(Tool::Npm));
    package()?.ci(workspace::root(), &versions, each_line)
}
