//! No file holds what looks like a secret.

use std::fs;

use anyhow::{Context as _, Result, bail};
use camino::Utf8Path;

use crate::pipeline::Context;
use crate::product::ci::files;
use crate::setup::{self, Tool};
use crate::tools::diagnostics::lint;
use crate::tools::files::private;
use crate::workspace;

/// What looks like a secret, in any file. A planted one is looked for first: a scanner that no longer sees it would pass
/// everything.
pub fn none_is_found(task: &Context) -> Result<()> {
    let kingfisher = setup::require(Tool::Kingfisher)?;
    let rules = workspace::tools_dir().join("kingfisher-rules");
    let folder = private::Folder::new()?;
    let (planted, copy) = (folder.join("planted"), folder.join("repository"));
    write(&planted.join("planted.txt"), PLANTED.concat().as_bytes())?;
    task.line("a planted secret must be found:");
    if task.run(lint::kingfisher(&task.sh, &kingfisher, &rules, &planted)).is_ok() {
        bail!("kingfisher did not find the secret that was planted for it, so its word is worth nothing");
    }
    // A copy, since the repository's own folder is full of what git ignores.
    for path in files::present(|_| true)? {
        let content = fs::read(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
        write(&copy.join(&path), &content)?;
    }
    task.line("and no other:");
    task.run(lint::kingfisher(&task.sh, &kingfisher, &rules, &copy))
}

fn write(path: &Utf8Path, content: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))
        .with_context(|| format!("making the folder of {path}"))?;
    fs::write(path, content).with_context(|| format!("writing {path}"))
}

/// The form of a cloud's key, in pieces, so that it is found nowhere but where it was planted.
const PLANTED: &[&str] = &[
    "aws_access_key_id = AK",
    "IAZ7QXRT5WJ3NVKH2D\naws_secret_access_key = ",
    "q8Zb3VtGm1XyRk7Ls0Pd",
    "Wf5HcJn2AeUoTi9BvYxQ\n",
];
