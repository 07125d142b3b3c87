//! npm: a package's dependencies, and the scripts of its `package.json`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};
use xshell::{Cmd, Shell, cmd};

use crate::tools::process::{Run, shell};

/// In `node_modules`, so that it goes when that goes: what it was made from, and by whom, as a hash.
const STAMP: &str = "node_modules/.made-from";
/// Written by npm whenever it has changed `node_modules`.
const NPMS_OWN: &str = "node_modules/.package-lock.json";

/// A package, and the npm that works on it.
#[derive(Debug, Clone)]
pub struct Package {
    /// The program.
    pub npm: Utf8PathBuf,
    /// Where its `package.json` is, from the repository's root.
    pub folder: &'static str,
}

impl Package {
    /// A script of its `package.json`; `sh` is in the repository's root.
    pub fn script<'a>(&self, sh: &'a Shell, name: &str) -> Cmd<'a> {
        let Package { npm, folder } = self;
        // Silent about itself: what the script says is what matters.
        cmd!(sh, "{npm} --prefix {folder} run --silent {name}")
    }

    /// Makes `node_modules` exactly what the lock file says. When it is that already, this takes no time. `versions` are
    /// those of Node and npm: packages may bring programs of their own for one Node. No script of a package is run: it may
    /// fetch what the lock file does not know.
    pub fn ci(
        &self,
        root: &Utf8Path,
        versions: &str,
        timeout: Duration,
        each_line: &(dyn Fn(&str) + Sync),
    ) -> Result<()> {
        let (npm, folder) = (&self.npm, root.join(self.folder));
        let source = source(&folder, versions)?;
        if is_made_from(&folder, &source) {
            each_line("node_modules is what package-lock.json says");
            return Ok(());
        }
        let install = cmd!(shell(), "{npm} --prefix {folder} ci --ignore-scripts --no-audit --no-fund");
        Run::new(install).timeout(timeout).each_line(each_line).run()?;
        fs::write(folder.join(STAMP), source).context("noting what node_modules was made from")
    }
}

/// All that decides what `npm ci` makes, or refuses to.
fn source(folder: &Utf8Path, versions: &str) -> Result<String> {
    let mut hash = Sha256::new();
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        let file = folder.join(name);
        let content = match fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name == ".npmrc" => Vec::new(),
            content => content.with_context(|| format!("reading {file}"))?,
        };
        hash.update(Sha256::digest(content));
    }
    hash.update(versions);
    Ok(format!("{:x}", hash.finalize()))
}

/// Made from this by `npm ci`, and not changed by npm since.
fn is_made_from(folder: &Utf8Path, source: &str) -> bool {
    let time_of = |file: &str| fs::metadata(folder.join(file)).and_then(|found| found.modified());
    let unchanged = match (time_of(NPMS_OWN), time_of(STAMP)) {
        (Ok(changed), Ok(noted)) => changed <= noted,
        _ => false,
    };
    unchanged && fs::read_to_string(folder.join(STAMP)).is_ok_and(|noted| noted == source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_npm_ci_looks_at_makes_another_source() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8Path::from_path(folder.path()).expect("UTF-8");
        for name in ["package.json", "package-lock.json"] {
            fs::write(folder.join(name), "{}").expect("written");
        }
        let mut sources = vec![source(folder, "20 9").expect("read"), source(folder, "22 9").expect("read")];
        assert_ne!(sources[0], sources[1], "the versions are not looked at");
        for name in [".npmrc", "package-lock.json", "package.json"] {
            fs::write(folder.join(name), "{ }").expect("written");
            let changed = source(folder, "20 9").expect("read");
            assert!(!sources.contains(&changed), "{name} is not looked at");
            sources.push(changed);
        }
    }

    #[test]
    fn node_modules_is_made_again_when_the_lock_or_npm_changed_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8Path::from_path(folder.path()).expect("UTF-8");
        fs::create_dir(folder.join("node_modules")).expect("made");
        assert!(!is_made_from(folder, "lock"), "never made");
        fs::write(folder.join(NPMS_OWN), "{}").expect("npm ran");
        assert!(!is_made_from(folder, "lock"), "made by hand");
        fs::write(folder.join(STAMP), "lock").expect("noted");
        assert!(is_made_from(folder, "lock"));
        assert!(!is_made_from(folder, "another lock"));

        let noted = fs::metadata(folder.join(STAMP)).and_then(|found| found.modified()).expect("a time");
        let changed = fs::File::options().write(true).open(folder.join(NPMS_OWN)).expect("opened");
        changed.set_modified(noted + Duration::from_secs(1)).expect("npm ran again");
        assert!(!is_made_from(folder, "lock"), "somebody installed something");
    }
}
