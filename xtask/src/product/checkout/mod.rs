//! A copy of the repository, in which a benchmark or a drill makes its commits and calls xtask.

pub mod faults;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use crate::pipeline::is_always_given;
use crate::terminal::Activity;
use crate::tools::files;
use crate::tools::process::{Run, shell, shell_in};
use crate::workspace;

pub use self::faults::FAULT;

/// Building and pushing images, compiler included.
const BUILD_TIMEOUT: Duration = Duration::from_secs(1200);

/// Of the variables of whoever calls, what a call in the copy has beside [`is_always_given`], by how they begin: how to
/// compile, and where the engine is. Nothing else: what leads to production, or to its store and its logs, leads there from a copy, too.
const FAMILIES: [&str; 4] = ["CARGO_", "RUSTUP_", "DOCKER_", "BUILDX_"];
/// By it a folder is known for the repository's root: without it, the root of what is called there is that of the repository around it.
const MARK: &str = "xtask/Cargo.toml";

/// The copy, and the variables of what is called in it.
pub struct Checkout {
    sh: Shell,
    folder: Utf8PathBuf,
    own: RefCell<BTreeSet<String>>,
}

/// A commit, and its images by digest.
pub struct Version {
    /// The commit.
    pub commit: String,
    /// The backend's image.
    pub backend: String,
    /// The frontend's image.
    pub frontend: String,
}

impl Checkout {
    /// Where the copy for this purpose is, whether it is there or not.
    pub fn folder(purpose: &str) -> Utf8PathBuf {
        workspace::target_dir().join(purpose).join("copy")
    }

    /// A clone of what is committed, with a target folder of its own that stays for the next time. What is at its place is whole, also
    /// when this is cut off.
    pub fn make(purpose: &str) -> Result<Checkout> {
        let folder = Checkout::folder(purpose);
        let home = workspace::target_dir().join(purpose);
        fs::create_dir_all(&home).with_context(|| format!("making {home}"))?;
        let unfinished = home.join("copy.new");
        [&folder, &unfinished].into_iter().try_for_each(|folder| files::remove_folder(folder))?;
        let root = workspace::root();
        Run::new(cmd!(shell(), "git clone --quiet {root} {unfinished}")).run()?;
        // Without a remote, nobody asks whether a commit was pushed.
        let sh = shell_in(&unfinished);
        Run::new(cmd!(sh, "git remote remove origin")).run()?;
        fs::rename(&unfinished, &folder).with_context(|| format!("making {folder}"))?;
        let copy = Checkout { sh: shell_in(&folder), folder, own: RefCell::default() };
        copy.set_variable("CARGO_TARGET_DIR", home.join("target").as_str());
        copy.set_variable("XTASK_TOOLS_DIR", workspace::tools_dir().as_str());
        Ok(copy)
    }

    /// From here on, what is called in it has this variable.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.sh.set_var(name, value);
        self.own.borrow_mut().insert(name.to_owned());
    }

    /// A release whose backend can misbehave, and does not yet.
    pub fn with_faults(&self) -> Result<Version> {
        let (file, code) = faults::CODE;
        fs::write(self.folder.join(file), code).with_context(|| format!("writing {file}"))?;
        Run::new(cmd!(self.sh, "git add {file}")).run()?;
        for (file, from, to) in faults::CHANGES {
            self.replace(file, from, to)?;
        }
        Run::new(cmd!(self.sh, "cargo update --quiet --offline --workspace")).run()?;
        self.commit()?;
        self.push("a release that is well")
    }

    /// A release beside that one, in which this stands instead of that.
    pub fn beside(
        &self,
        base: &Version,
        what: &str,
        (path, from, to): (&str, &str, &str),
    ) -> Result<Version> {
        self.go_to(base)?;
        self.change(path, from, to)?;
        self.push(what)
    }

    /// What is checked out is this one.
    pub fn go_to(&self, version: &Version) -> Result<()> {
        let commit = &version.commit;
        Ok(Run::new(cmd!(self.sh, "git reset --quiet --hard {commit}")).run()?)
    }

    /// Commits that this stands there instead of that.
    pub fn change(&self, path: &str, from: &str, to: &str) -> Result<()> {
        self.replace(path, from, to)?;
        self.commit()
    }

    /// Commits another file.
    pub fn add(&self, path: &str, text: &str) -> Result<()> {
        let file = self.folder.join(path);
        fs::write(&file, text).with_context(|| format!("writing {file}"))?;
        Run::new(cmd!(self.sh, "git add {path}")).run()?;
        self.commit()
    }

    /// A file of the copy, whether it is there or not.
    pub fn file(&self, path: &str) -> Utf8PathBuf {
        self.folder.join(path)
    }

    fn replace(&self, path: &str, from: &str, to: &str) -> Result<()> {
        let path = self.folder.join(path);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        ensure!(text.contains(from), "{path} does not contain {from:?} any more");
        Ok(fs::write(&path, text.replacen(from, to, 1))?)
    }

    fn commit(&self) -> Result<()> {
        let (name, mail) = ("user.name=bench", "user.email=bench@localhost");
        Ok(Run::new(cmd!(self.sh, "git -c {name} -c {mail} commit --quiet --all --message change")).run()?)
    }

    /// Has the registry have the commit's images.
    pub fn push(&self, what: &str) -> Result<Version> {
        let told = Activity::of(format!("images of {what}"), |activity| {
            let push = self.xtask(&["image", "push", "--yes", "--json"])?;
            anyhow::Ok(Run::new(push).timeout(BUILD_TIMEOUT).each_line(&|line| activity.line(line)).text()?)
        })?;
        let images: Value = serde_json::from_str(&told).with_context(|| format!("it said {told:?}"))?;
        let image = |component: &str| images[component].as_str().unwrap_or_default().to_owned();
        let commit = Run::new(cmd!(self.sh, "git rev-parse HEAD")).text()?;
        Ok(Version { commit, backend: image("backend"), frontend: image("frontend") })
    }

    /// A call of xtask in the copy.
    pub fn xtask(&self, words: &[&str]) -> Result<Cmd<'_>> {
        is_whole(&self.folder)?;
        let program = std::env::current_exe().context("looking for this program")?;
        let own = self.own.borrow();
        let foreign = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            !is_passed_on(&name) && !own.contains(&*name)
        });
        Ok(foreign.fold(cmd!(self.sh, "{program} {words...}"), Cmd::env_remove))
    }
}

/// Whether a call in the copy has this variable of whoever calls.
fn is_passed_on(name: &str) -> bool {
    let is_ours = is_always_given(name) && name != "SSH_AUTH_SOCK";
    is_ours || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// An error when what is called in this folder would be about another one.
fn is_whole(folder: &Utf8Path) -> Result<()> {
    ensure!(
        folder.join(MARK).is_file(),
        "{folder} is no whole copy of the repository (it has no {MARK}): nothing is called there, since it would be about the \
         repository around it"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_a_copy_has_nothing_that_leads_to_a_real_environment() {
        let withheld = [
            "PRODUCTION_HOST",
            "STAGING_URL",
            "LOGS_TO",
            "BACKUP_TO",
            "BACKUP_S3_ENDPOINT",
            "GITHUB_STEP_SUMMARY",
            "GITHUB_TOKEN",
            "SSH_AUTH_SOCK",
            "SENTRY_ORG",
            "SOPS_AGE_KEY_FILE",
            "REGISTRY",
            "JWT_SECRET",
            "GIT_DIR",
        ];
        for name in withheld {
            assert!(!is_passed_on(name), "{name}");
        }
        for name in ["PATH", "HOME", "RUSTUP_AUTO_INSTALL", "DOCKER_HOST", "HTTPS_PROXY", "XTASK_TOOLS_DIR"] {
            assert!(is_passed_on(name), "{name}");
        }
    }

    #[test]
    fn nothing_is_called_in_a_folder_that_is_no_whole_copy() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        assert!(is_whole(folder).unwrap_err().to_string().contains("no whole copy"));
        fs::create_dir(folder.join("xtask")).unwrap();
        fs::write(folder.join(MARK), "").unwrap();
        is_whole(folder).unwrap();
    }
}
