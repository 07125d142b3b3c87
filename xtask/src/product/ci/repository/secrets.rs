//! No file and no earlier commit holds what looks like a secret, and the encrypted ones are as they should be.

use std::fs;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};

use crate::pipeline::Context;
use crate::product::ci::files;
use crate::product::secrets;
use crate::setup::{self, Tool};
use crate::tools::diagnostics::lint;
use crate::tools::files::private;
use crate::tools::git;
use crate::tools::process::Run;
use crate::workspace;

/// What looks like a secret, in any file. One of each kind is planted and looked for first: a scanner that no longer sees it
/// would pass everything. The files whose values are encrypted are looked at without their key; where it is here, their values
/// are searched for as they are.
pub fn none_is_found(task: &Context) -> Result<()> {
    secrets::check_all()?;
    let kingfisher = setup::require(Tool::Kingfisher)?;
    let folder = private::Folder::new()?;
    let (planted, copy) = (folder.join("planted"), folder.join("repository"));
    plant(&planted)?;
    task.line("planted secrets must be found:");
    all_planted(&Run::new(lint::kingfisher(&task.sh, &kingfisher, &rules(), &planted)).finish()?.stdout)?;
    // A copy, since the repository's own folder is full of what git ignores.
    for path in files::present(|_| true)? {
        let content = fs::read(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
        write(&copy.join(&path), &content)?;
    }
    task.line("and no other:");
    task.run(lint::kingfisher(&task.sh, &kingfisher, &rules(), &copy))
}

/// Like `none_is_found`, of every commit that leads here: what was removed can still be read.
pub fn none_was_committed(task: &Context) -> Result<()> {
    secrets::check_history()?;
    let kingfisher = setup::require(Tool::Kingfisher)?;
    let scan =
        |commits: &Utf8Path| lint::kingfisher_of_history(&task.sh, &kingfisher, &rules(), commits, KNOWN);
    let folder = private::Folder::new()?;
    let planted = folder.join("planted");
    plant(&planted)?;
    task.line("secrets that were committed and removed must be found:");
    git::copy::commit_and_remove(&planted)?;
    all_planted(&Run::new(scan(&git::own_folder(&planted)?)).finish()?.stdout)?;
    task.line("and no other:");
    // Git's own folder: what lies beside it and is ignored is no commit.
    task.run(scan(&git::own_folder(workspace::root())?))
}

fn plant(folder: &Utf8Path) -> Result<()> {
    PLANTED.iter().try_for_each(|(name, pieces)| write(&folder.join(name), pieces.concat().as_bytes()))
}

fn all_planted(found: &str) -> Result<()> {
    if let Some((name, _)) = PLANTED.iter().find(|(name, _)| !found.contains(name)) {
        bail!("kingfisher did not find the {name} that was planted for it, so its word is worth nothing");
    }
    Ok(())
}

/// Where kingfisher keeps its rules in the form that it needs.
fn rules() -> Utf8PathBuf {
    workspace::tools_dir().join("kingfisher-rules")
}

fn write(path: &Utf8Path, content: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))
        .with_context(|| format!("making the folder of {path}"))?;
    fs::write(path, content).with_context(|| format!("writing {path}"))
}

/// What was looked at in earlier commits and is no secret: the proxy of a test, at a port where nobody answers.
const KNOWN: &str = "^http:[/]{2}u:secret@127[.]0[.]0[.]1:1/";

/// One of each kind that this project has, in pieces, so that it is found nowhere but where it was planted.
const PLANTED: &[(&str, &[&str])] = &[
    (
        "cloud.key",
        &[
            "aws_access_key_id = AK",
            "IAZ7QXRT5WJ3NVKH2D\naws_secret_access_key = ",
            "q8Zb3VtGm1XyRk7Ls0Pd",
            "Wf5HcJn2AeUoTi9BvYxQ\n",
        ],
    ),
    (
        "log-in.jwt",
        &[
            "token = eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9",
            ".eyJzdWIiOiAiOGYxNGU0NWYiLCAiaWF0IjogMTc2MDAwMDAwMCwgImV4cCI6IDE5OTAwMDAwMDB9",
            ".gY3pQ0m5pVQ8V0m0bC8mUq9Xr1bqk4y1oM0mTn3vZ7E\n",
        ],
    ),
    (
        "database.url",
        &["DATABASE_URL=postgres", "://tracehub_app:Xk3v9Qz7", "LmP2@db.vibotaj.com:5432/tracehub\n"],
    ),
    (
        "slack.webhook",
        &["https://hooks.slack.com/serv", "ices/T04A7BCDE/B05X9YZWQ/", "a8Kd93jfLq0ZmX72", "nVbCx1Wt\n"],
    ),
    ("age.key", &["AGE-SECRET-", "KEY-1QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQ3XAVX\n"]),
    (
        "ssh.key",
        &[
            "-----BEGIN OPENSSH PRIV",
            "ATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n",
            "QyNTUxOQAAACBk3vC0xJq0l9o3sHkK2v2c1m4QO8eXyLr8t1VtPjZt0wAAAJi8xk6HvMZO\n-----END OPENSSH PRIVATE KEY-----\n",
        ],
    ),
];
