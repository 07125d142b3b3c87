//! git: commits, branches and the working tree. Nothing is changed but copies, and no command takes git's locks, so that a
//! `git commit` that somebody types meanwhile does not fail.

pub mod changes;
pub mod copy;
pub mod history;
pub mod objects;
pub mod tree;

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};
use xshell::{Cmd, Shell, cmd};

use super::process::{CommandError, Run, shell_in};

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its full name, 40 hex digits.
    pub sha: String,
    /// When it was committed, in seconds since 1970 (UTC).
    pub time: i64,
    /// The first line of its message.
    pub subject: String,
}

/// Where git keeps its commits: `.git`, as a rule.
pub fn own_folder(folder: &Utf8Path) -> Result<Utf8PathBuf> {
    let sh = git_shell(folder);
    Ok(folder.join(ask(folder, cmd!(sh, "git rev-parse --git-common-dir"))?))
}

/// A setting of this clone, or of this user's; none where nobody has set it.
pub fn setting(folder: &Utf8Path, name: &str) -> Result<Option<String>> {
    let sh = git_shell(folder);
    let told = Run::new(cmd!(sh, "git config --get {name}")).finish()?;
    Ok(told.status.success().then(|| told.stdout.trim().to_owned()))
}

/// The commit that is checked out in `folder`.
pub fn head(folder: &Utf8Path) -> Result<Commit> {
    let sh = git_shell(folder);
    let line = ask(folder, cmd!(sh, "git log --no-show-signature --format=%H%x09%ct%x09%s --max-count=1"))?;
    parse_commit(&line)
}

/// One commit by its full name.
pub fn commit(folder: &Utf8Path, sha: &str) -> Result<Commit> {
    let sh = git_shell(folder);
    let line = ask(
        folder,
        cmd!(sh, "git log --no-show-signature --format=%H%x09%ct%x09%s --max-count=1 --end-of-options {sha}"),
    )?;
    parse_commit(&line)
}

/// What a name for a commit, as a person types it, stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// This commit, by its full name.
    Commit(String),
    /// More than one commit: the names of those that begin like this.
    Ambiguous(Vec<String>),
    /// No commit; the branches and tags with similar names.
    Unknown(Vec<String>),
}

/// Looks up a branch, a tag, or a commit's name or its beginning.
pub fn meaning(folder: &Utf8Path, word: &str) -> Result<Meaning> {
    let sh = git_shell(folder);
    // For git, `-x`, `a..b` and `:/text` are more than names.
    let plain = !word.is_empty()
        && !word.starts_with('-')
        && word.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'+' | b'~' | b'^')
        });
    if plain && !word.contains("..") {
        let commit = format!("{word}^{{commit}}");
        let told = Run::new(cmd!(sh, "git rev-parse --verify --end-of-options {commit}")).finish()?;
        if told.status.success() {
            return Ok(Meaning::Commit(told.stdout.trim().to_owned()));
        }
        if told.stderr.contains("is ambiguous") {
            let disambiguate = format!("--disambiguate={word}");
            let all = ask(folder, cmd!(sh, "git rev-parse {disambiguate}"))?;
            return Ok(Meaning::Ambiguous(all.lines().map(str::to_owned).collect()));
        }
    }
    let format = "%(refname:short)";
    let names =
        ask(folder, cmd!(sh, "git for-each-ref --format={format} refs/heads refs/tags refs/remotes"))?;
    let alike = |name: &&str| {
        let (name, word) = (name.trim_start_matches("origin/").to_lowercase(), word.to_lowercase());
        name.chars().zip(word.chars()).take_while(|(a, b)| a == b).count() >= 2
    };
    Ok(Meaning::Unknown(names.lines().filter(alike).take(5).map(str::to_owned).collect()))
}

/// Whether a branch of a remote has the commit, according to what was fetched last.
pub fn is_pushed(folder: &Utf8Path, sha: &str) -> Result<bool> {
    let sh = git_shell(folder);
    Ok(!ask(folder, cmd!(sh, "git branch --remotes --contains {sha}"))?.is_empty())
}

/// Whether `branch` (as its remote has it, or else as it is here) has the commit; none when there is no such branch.
pub fn branch_has(folder: &Utf8Path, branch: &str, sha: &str) -> Result<Option<bool>> {
    let sh = git_shell(folder);
    for name in [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")] {
        if Run::new(cmd!(sh, "git rev-parse --verify --quiet --end-of-options {name}")).succeeds()? {
            return Ok(Some(Run::new(cmd!(sh, "git merge-base --is-ancestor {sha} {name}")).succeeds()?));
        }
    }
    Ok(None)
}

/// Whether `ancestor` is `commit` or one of its ancestors. False when one of them is not in this clone.
pub fn is_ancestor(folder: &Utf8Path, ancestor: &str, commit: &str) -> Result<bool> {
    let sh = git_shell(folder);
    Ok(Run::new(cmd!(sh, "git merge-base --is-ancestor {ancestor} {commit}")).succeeds()?)
}

/// The full name of the commit whose name begins with this; none when it is not in this clone.
pub fn full_name(folder: &Utf8Path, commit: &str) -> Result<Option<String>> {
    let (sh, object) = (git_shell(folder), format!("{commit}^{{commit}}"));
    let told = Run::new(cmd!(sh, "git rev-parse --verify --quiet --end-of-options {object}")).finish()?;
    Ok(told.status.success().then(|| told.stdout.trim().to_owned()))
}

/// The commits that `to` has and `from` has not, newest first, a line each: short name and subject. None when one of the two
/// is not in this clone.
pub fn commits_between(folder: &Utf8Path, from: &str, to: &str) -> Result<Vec<String>> {
    let (sh, range) = (git_shell(folder), format!("{from}..{to}"));
    let told = Run::new(cmd!(sh, "git log --no-show-signature --format=%h%x20%s --max-count=200 {range} --"))
        .finish()?;
    Ok(told.stdout.lines().map(str::to_owned).collect())
}

/// A file's text as it is in a commit. `path` begins at the repository's root.
pub fn show(folder: &Utf8Path, sha: &str, path: &str) -> Result<String> {
    let sh = git_shell(folder);
    let object = format!("{sha}:{path}");
    let told = Run::new(cmd!(sh, "git cat-file blob {object}")).checked();
    Ok(told.with_context(|| format!("reading {path} of {sha}"))?.stdout)
}

/// The files in a folder, as it is in a commit: name and text.
pub fn texts_in(folder: &Utf8Path, sha: &str, path: &str) -> Result<Vec<(String, String)>> {
    let sh = git_shell(folder);
    let tree = format!("{sha}:{path}");
    let listed = ask(folder, cmd!(sh, "git ls-tree -z --format=%(objectname)%x20%(path) {tree}"))?;
    let listed: Vec<(&str, &str)> =
        listed.split_terminator('\0').filter_map(|line| line.split_once(' ')).collect();
    let objects: String = listed.iter().map(|(object, _)| format!("{object}\n")).collect();
    let told = Run::new(cmd!(sh, "git cat-file --batch")).stdin(objects).checked()?.stdout;
    let mut rest = told.as_str();
    let mut texts = Vec::new();
    for (_, name) in listed {
        let (text, after) = next_object(rest).with_context(|| format!("reading {name} of {sha}"))?;
        texts.push((name.to_owned(), text.to_owned()));
        rest = after;
    }
    Ok(texts)
}

/// One object in the output of `git cat-file --batch`: a line with name, type and size, as many bytes, a newline.
fn next_object(told: &str) -> Option<(&str, &str)> {
    let (head, rest) = told.split_once('\n')?;
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    Some((rest.get(..size)?, rest.get(size..)?.strip_prefix('\n')?))
}

/// The branch that is checked out; none in the middle of a rebase, or where a workflow checked out a commit.
pub fn branch(folder: &Utf8Path) -> Result<Option<String>> {
    let sh = git_shell(folder);
    let name = ask(folder, cmd!(sh, "git branch --show-current"))?;
    Ok(Some(name).filter(|name| !name.is_empty()))
}

/// Where `origin` is fetched from, if there is such a remote.
pub fn origin_url(folder: &Utf8Path) -> Result<Option<String>> {
    let sh = git_shell(folder);
    // Listed, since the error for one that does not exist can't be told from others.
    let remotes = ask(folder, cmd!(sh, "git remote"))?;
    if !remotes.lines().any(|remote| remote == "origin") {
        return Ok(None);
    }
    ask(folder, cmd!(sh, "git remote get-url origin")).map(Some)
}

/// What differs from the commit as 12 hex digits: the same differences give the same digits, staged or not.
/// None when nothing does. `folder` is the repository's root.
pub fn dirty_hash(folder: &Utf8Path) -> Result<Option<String>> {
    let paths = dirty_paths(folder)?;
    if paths.is_empty() {
        return Ok(None);
    }
    let mut all = Sha256::new();
    for path in paths {
        let file = hash_file(&folder.join(&path)).with_context(|| format!("reading {path}"))?;
        all.update(path.as_bytes());
        all.update([0]);
        all.update(file);
    }
    let digits = format!("{:x}", all.finalize());
    Ok(Some(digits[..12].to_owned()))
}

/// What stands below `path` now, ignored files apart, as a hash: the same content gives the same one, committed or not.
pub fn content_hash(folder: &Utf8Path, path: &str) -> Result<String> {
    let mut all = Sha256::new();
    for path in files(folder, path)? {
        let file = hash_file(&folder.join(&path)).with_context(|| format!("reading {path}"))?;
        all.update(path.as_bytes());
        all.update([0]);
        all.update(file);
    }
    Ok(format!("{:x}", all.finalize()))
}

/// What stands below `path` now, ignored files apart; a deleted one is still named until its deletion is staged.
pub fn files(folder: &Utf8Path, path: &str) -> Result<Vec<String>> {
    let sh = git_shell(folder);
    let list = cmd!(sh, "git ls-files --cached --others --exclude-standard --deduplicate -z -- {path}");
    Ok(ask(folder, list)?.split_terminator('\0').map(str::to_owned).collect())
}

/// The files that differ from the commit, sorted by name. A rename is a deletion and a new file.
pub fn dirty_paths(folder: &Utf8Path) -> Result<Vec<String>> {
    let sh = git_shell(folder);
    let status = ask(folder, cmd!(sh, "git status --porcelain=v1 -z --untracked-files=all --no-renames"))?;
    // Each entry is two letters, a space and the path.
    let mut paths: Vec<String> =
        status.split_terminator('\0').filter_map(|entry| entry.get(3..)).map(str::to_owned).collect();
    paths.sort();
    Ok(paths)
}

/// Gives files that differ from the commit its content again, and removes those that it has not.
pub fn put_back(folder: &Utf8Path, paths: &[String]) -> Result<()> {
    for path in paths {
        let sh = git_shell(folder);
        if ask(folder, cmd!(sh, "git ls-tree HEAD -- {path}"))?.is_empty() {
            fs::remove_file(folder.join(path)).with_context(|| format!("removing {path}"))?;
        } else {
            ask(folder, cmd!(sh, "git checkout --quiet HEAD -- {path}"))?;
        }
    }
    Ok(())
}

/// The kind of a file and its content; a deleted one has neither.
fn hash_file(path: &Utf8Path) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => hash.update("deleted"),
        Err(error) => return Err(error),
        Ok(found) if found.is_symlink() => {
            hash.update("link ");
            hash.update(fs::read_link(path)?.as_os_str().as_bytes());
        }
        // A repository in the repository, into which git does not look either.
        Ok(found) if found.is_dir() => hash.update("folder"),
        Ok(found) => {
            hash.update(if found.permissions().mode() & 0o100 == 0 { "file " } else { "program " });
            io::copy(&mut fs::File::open(path)?, &mut hash)?;
        }
    }
    Ok(hash.finalize().into())
}

fn parse_commit(line: &str) -> Result<Commit> {
    let mut parts = line.splitn(3, '\t');
    let mut next = || parts.next().with_context(|| format!("git described a commit as {line:?}"));
    Ok(Commit {
        sha: next()?.to_owned(),
        time: next()?.parse().context("a commit's time is a number")?,
        subject: next()?.to_owned(),
    })
}

pub(super) fn git_shell(folder: &Utf8Path) -> Shell {
    let sh = shell_in(folder);
    // Its messages are searched for words, which are English then.
    sh.set_var("LC_ALL", "C");
    sh.set_var("GIT_OPTIONAL_LOCKS", "0");
    sh
}

/// Runs git and gives its output, without the last newline. The two errors of a new folder are explained: no repository, and
/// no commit.
pub(super) fn ask(folder: &Utf8Path, cmd: Cmd<'_>) -> Result<String> {
    // Inside a hook git sets these to the repository that the hook is for.
    let cmd = cmd.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    Run::new(cmd).text().map_err(|error| match &error {
        CommandError::Failed { tail, .. } if tail.contains("not a git repository") => anyhow!(
            "{folder} is not a git repository; a release is made from a commit: clone the project with git, or \
             `git init` and commit it"
        ),
        CommandError::Failed { tail, .. } if tail.contains("does not have any commits") => {
            anyhow!("{folder} has no commit yet, and a release is made from one: `git commit` first")
        }
        _ => error.into(),
    })
}

#[cfg(test)]
mod tests;
