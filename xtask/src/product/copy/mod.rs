//! A copy of the repository, in which a benchmark or a drill makes its commits and calls xtask.

pub mod faults;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camino::Utf8PathBuf;
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use crate::terminal::Activity;
use crate::tools::process::{Run, shell, shell_in};
use crate::workspace;

pub use self::faults::FAULT;

/// Building and pushing images, compiler included.
const BUILD_TIMEOUT: Duration = Duration::from_secs(1200);

/// The copy, and the variables of what is called in it.
pub struct Copy {
    sh: Shell,
    folder: Utf8PathBuf,
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

impl Copy {
    /// Where the copy for this purpose is, whether it is there or not.
    pub fn folder(purpose: &str) -> Utf8PathBuf {
        workspace::target_dir().join(purpose).join("copy")
    }

    /// A clone of what is committed, with a target folder of its own that stays for the next time.
    pub fn make(purpose: &str) -> Result<Copy> {
        let folder = Copy::folder(purpose);
        let home = workspace::target_dir().join(purpose);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {folder}"));
            }
            _ => fs::create_dir_all(&home).with_context(|| format!("making {home}"))?,
        }
        let root = workspace::root();
        Run::new(cmd!(shell(), "git clone --quiet {root} {folder}")).run()?;
        let copy = Copy::there(purpose);
        let sh = &copy.sh;
        // Without a remote, nobody asks whether a commit was pushed.
        Run::new(cmd!(sh, "git remote remove origin")).run()?;
        Ok(copy)
    }

    /// The one that is there.
    pub fn there(purpose: &str) -> Copy {
        let folder = Copy::folder(purpose);
        let sh = shell_in(&folder);
        sh.set_var("CARGO_TARGET_DIR", folder.with_file_name("target"));
        sh.set_var("XTASK_TOOLS_DIR", workspace::tools_dir());
        Copy { sh, folder }
    }

    /// From here on, what is called in it has this variable.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.sh.set_var(name, value);
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
    pub fn xtask(&self, words: &[&str]) -> Result<Cmd<'_>, std::io::Error> {
        let program = std::env::current_exe()?;
        Ok(cmd!(self.sh, "{program} {words...}"))
    }
}
