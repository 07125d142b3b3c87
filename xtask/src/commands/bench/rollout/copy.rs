//! A copy of the repository, in which the benchmark makes its commits and calls xtask.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camino::Utf8PathBuf;
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use super::{ROUNDS, Version, Versions, faults};
use crate::lab::Lab;
use crate::terminal::Activity;
use crate::tools::process::{Run, shell, shell_in};
use crate::workspace;

/// Building and pushing images, compiler included.
const BUILD_TIMEOUT: Duration = Duration::from_secs(1200);

/// The copy, and the way from it to the lab.
pub struct Copy {
    sh: Shell,
    folder: Utf8PathBuf,
}

impl Copy {
    /// A clone of what is committed, with a target folder of its own that stays for the next time.
    pub fn make(lab: &Lab) -> Result<Copy> {
        let home = workspace::target_dir().join("bench");
        let folder = home.join("copy");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {folder}"));
            }
            _ => fs::create_dir_all(&home).with_context(|| format!("making {home}"))?,
        }
        let root = workspace::root();
        Run::new(cmd!(shell(), "git clone --quiet {root} {folder}")).run()?;
        let sh = shell_in(&folder);
        // Without a remote, nobody asks whether a commit was pushed.
        Run::new(cmd!(sh, "git remote remove origin")).run()?;
        sh.set_var("CARGO_TARGET_DIR", home.join("target"));
        sh.set_var("XTASK_TOOLS_DIR", workspace::tools_dir());
        for (name, value) in lab.variables() {
            // Production's defaults, on the lab's first machine.
            if let Some(name) = name.strip_prefix("LAB_") {
                sh.set_var(format!("PRODUCTION_{name}"), &value);
            }
            sh.set_var(name, value);
        }
        Ok(Copy { sh, folder })
    }

    /// Commits whose images are in the registry.
    pub fn versions(&self) -> Result<Versions> {
        let first = self.push("the first release")?;
        let changed = (1..=ROUNDS).map(|round| {
            self.change("tracehub/backend/src/main.rs", "until told to stop", "until told to stop, please")?;
            self.push(&format!("one backend line changed, {round} of {ROUNDS}"))
        });
        let changed = changed.collect::<Result<_>>()?;
        for environment in ["local", "production"] {
            let settings = format!("tracehub/deploy/environments/{environment}.env");
            self.change(&settings, "\n", "\n# Another configuration.\n")?;
        }
        let reconfigured = self.push("another configuration")?;
        let database = "@postgres:5432/tracehub";
        self.change("tracehub/deploy/release.yaml", database, "@postgres:5432/nowhere")?;
        let bad = self.push("one that never gets ready")?;
        Ok(Versions { first, changed, reconfigured, bad })
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
        let commit = &base.commit;
        Run::new(cmd!(self.sh, "git reset --quiet --hard {commit}")).run()?;
        self.change(path, from, to)?;
        self.push(what)
    }

    fn change(&self, path: &str, from: &str, to: &str) -> Result<()> {
        self.replace(path, from, to)?;
        self.commit()
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

    fn push(&self, what: &str) -> Result<Version> {
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
