//! git: what all commits lead to, as it is stored.

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::cmd;

use super::{ask, git_shell};
use crate::tools::process::Run;

/// Larger files are passed over.
const MOST: &str = "--filter=blob:limit=1m";
/// About so many bytes are held at once.
const AT_ONCE: usize = 32 << 20;

/// A file as it was in some commit, or a commit or a tag with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its full name.
    pub id: String,
    /// Where the file was; empty for a commit.
    pub path: String,
    size: usize,
}

/// The objects of every branch and tag, the newest first; with a path, those of this file alone. Of files over a MiB none.
pub fn all(folder: &Utf8Path, path: Option<&str>) -> Result<Vec<Object>> {
    let (sh, only) = (git_shell(folder), path.map(|path| ["--", path]));
    let only: Vec<&str> = only.into_iter().flatten().collect();
    let listed = ask(folder, cmd!(sh, "git rev-list --objects --all --full-history {MOST} {only...}"))?;
    let format = "--batch-check=%(objectname) %(objecttype) %(objectsize) %(rest)";
    let told = Run::new(cmd!(sh, "git cat-file {format}")).stdin(listed + "\n").checked()?.stdout;
    let object = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let (id, kind, size) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let is_wanted = kind == "blob" || (kind != "tree" && path.is_none());
        is_wanted.then(|| Object {
            id: id.to_owned(),
            path: words.next().filter(|_| kind == "blob").unwrap_or_default().to_owned(),
            size,
        })
    };
    Ok(told.lines().filter_map(object).collect())
}

/// Gives each of these with its content to `take`.
pub fn read(folder: &Utf8Path, objects: &[Object], mut take: impl FnMut(&Object, &[u8])) -> Result<()> {
    let sh = git_shell(folder);
    let mut rest = objects;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|object| {
            bytes += object.size;
            bytes <= AT_ONCE
        });
        let (these, later) = rest.split_at(fits.count().max(1));
        rest = later;
        let ids: String = these.iter().map(|object| format!("{}\n", object.id)).collect();
        let told = Run::new(cmd!(sh, "git cat-file --batch")).stdin(ids).bytes()?;
        let mut told = told.as_slice();
        for object in these {
            // A line that names it, its content, and the end of a line.
            let begin = told.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let content = begin.and_then(|begin| told.get(begin..begin + object.size));
            let content = content.with_context(|| format!("git gave less than {} has", object.id))?;
            take(object, content);
            told = told.get(begin.unwrap_or_default() + object.size + 1..).unwrap_or_default();
        }
    }
    Ok(())
}
