//! Copies of a repository, for work that is thrown away. They share its objects.

use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::cmd;

use crate::tools::process::{Run, shell, shell_in};

/// The longest that a copy may take: the files of a big repository are many.
const COPY_TIMEOUT: Duration = Duration::from_secs(120);

/// Copies the commit that is checked out, with its files.
pub fn whole(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let clone = cmd!(shell(), "git clone --quiet --shared {from} {to}");
    Run::new(clone).timeout(COPY_TIMEOUT).run().with_context(|| format!("copying {from}"))
}

/// Copies the history, without files.
pub fn without_files(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let clone = cmd!(shell(), "git clone --quiet --shared --no-checkout {from} {to}");
    Run::new(clone).timeout(COPY_TIMEOUT).run().with_context(|| format!("copying the history of {from}"))
}

/// Stages all files of the copy.
pub fn add_all(copy: &Utf8Path) -> Result<()> {
    let sh = shell_in(copy);
    Run::new(cmd!(sh, "git add --all")).run().with_context(|| format!("adding the files of {copy}"))
}

/// Makes the folder a repository with a commit of its files and one without them.
pub fn commit_and_remove(folder: &Utf8Path) -> Result<()> {
    let sh = super::git_shell(folder);
    let identity =
        ["-c", "user.name=xtask", "-c", "user.email=xtask@localhost", "-c", "commit.gpgsign=false"];
    for words in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--no-verify", "--message", "Files"],
        &["rm", "--quiet", "-r", "."],
        &["commit", "--quiet", "--no-verify", "--message", "No files"],
    ] {
        super::ask(folder, cmd!(sh, "git {identity...} {words...}"))?;
    }
    Ok(())
}
