//! pg-delta: a program of Node's, with all that it stands on, as its lock file says.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use camino::Utf8Path;
use serde_json::json;

use super::{Recipe, Tool, find, install, node, table};
use crate::project::pins::PG_DELTA;
use crate::terminal::Activity;
use crate::tools::process::{Run, shell_in};

const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// `npm ci` into the folder for tools, of exactly the packages that were looked at.
pub fn recipe() -> Result<Recipe, String> {
    // Nothing else can fetch it, or run it.
    if find::find(Tool::Npm).is_none() {
        return node::recipe();
    }
    Ok(Recipe {
        how: format!("npm's package {} {}, into the folder for tools", PG_DELTA.package, PG_DELTA.version),
        changes_machine: false,
        install: Box::new(|activity| {
            install::once(Tool::PgDelta, &table::pg_delta_folder(), activity, |folder| fill(folder, activity))
        }),
    })
}

fn fill(folder: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    let package = json!({ "name": "pg-delta-of-xtask", "private": true, "dependencies": { PG_DELTA.package: PG_DELTA.version } });
    for (name, text) in
        [("package.json", package.to_string()), ("package-lock.json", PG_DELTA.lock.to_owned())]
    {
        fs::write(folder.join(name), text).with_context(|| format!("writing {name} of pg-delta"))?;
    }
    let (sh, npm) = (shell_in(folder), find::require(Tool::Npm)?);
    let install = xshell::cmd!(sh, "{npm} ci --ignore-scripts --no-audit --no-fund --omit=dev");
    Ok(Run::new(install).timeout(INSTALL_TIMEOUT).each_line(&|line| activity.line(line)).run()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_with_its_hash_and_without_an_address() {
        let lock: serde_json::Value = serde_json::from_str(PG_DELTA.lock).expect("JSON");
        let packages = lock["packages"].as_object().expect("packages");
        assert_eq!(packages[""]["dependencies"][PG_DELTA.package], PG_DELTA.version);
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].is_string() && package["resolved"].is_null(), "{name}");
        }
    }
}
