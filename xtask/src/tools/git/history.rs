//! git: earlier commits and their files.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use super::changes::MergeBase;
use super::{Meaning, ask, git_shell, meaning};
use crate::tools::process::Run;

/// The commit that what is here is compared with: where it left `branch`; on that branch itself, what was there before a
/// push (`before`, where somebody knows), or else the commit before.
pub fn base(folder: &Utf8Path, branch: &str, before: Option<&str>) -> Result<MergeBase> {
    let sh = git_shell(folder);
    if let Some(before) = before
        && let Meaning::Commit(commit) = meaning(folder, before)?
    {
        return Ok(MergeBase::Commit(commit));
    }
    let head = ask(folder, cmd!(sh, "git rev-parse HEAD"))?;
    for name in [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")] {
        let told = Run::new(cmd!(sh, "git merge-base {name} HEAD")).finish()?;
        let found = told.stdout.trim();
        if told.status.success() && !found.is_empty() && found != head {
            return Ok(MergeBase::Commit(found.to_owned()));
        }
    }
    let before = Run::new(cmd!(sh, "git rev-parse --verify --quiet HEAD^1")).finish()?;
    Ok(match ask(folder, cmd!(sh, "git rev-parse --is-shallow-repository"))?.as_str() {
        _ if before.status.success() => MergeBase::Commit(before.stdout.trim().to_owned()),
        "true" => MergeBase::Shallow,
        _ => MergeBase::None,
    })
}

/// A file's text as it was in a commit; none when it was not there.
pub fn show_if_there(folder: &Utf8Path, commit: &str, path: &str) -> Result<Option<String>> {
    let sh = git_shell(folder);
    if ask(folder, cmd!(sh, "git ls-tree --name-only {commit} -- {path}"))?.is_empty() {
        return Ok(None);
    }
    let object = format!("{commit}:{path}");
    Ok(Some(Run::new(cmd!(sh, "git cat-file blob {object}")).checked()?.stdout))
}

/// A commit and those before it by their first parents, newest first: at most so many full names.
pub fn first_parents(folder: &Utf8Path, commit: &str, at_most: usize) -> Result<Vec<String>> {
    let (sh, at_most) = (git_shell(folder), format!("--max-count={at_most}"));
    let told = ask(folder, cmd!(sh, "git rev-list --first-parent {at_most} {commit} --"))?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// The values of a trailer, `key: value` at the end of a message, in the commits that `to` has and `from` has not; none when one of
/// the two is not in this clone.
pub fn trailers(folder: &Utf8Path, from: &str, to: &str, key: &str) -> Result<Option<Vec<String>>> {
    let (sh, range) = (git_shell(folder), format!("{from}..{to}"));
    let format = format!("--format=%(trailers:key={key},valueonly,unfold)");
    let told = Run::new(cmd!(sh, "git log --no-show-signature {format} {range} --")).finish()?;
    let values = told.stdout.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    Ok(told.status.success().then(|| values.collect()))
}

/// One commit, with its times in seconds since 1970 (UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitTimes {
    /// Its full name.
    pub sha: String,
    /// When it was written: rebasing it leaves this as it is.
    pub written: i64,
    /// When it was committed where it stands.
    pub committed: i64,
    /// Its parents' full names; two of a merge.
    pub parents: Vec<String>,
}

/// The commits that `to` has and `from` has not, each before its parents; none when one of the two is not in this clone.
pub fn times_between(folder: &Utf8Path, from: &str, to: &str) -> Result<Option<Vec<CommitTimes>>> {
    let (sh, range) = (git_shell(folder), format!("{from}..{to}"));
    let told = Run::new(cmd!(
        sh,
        "git log --no-show-signature --topo-order --format=%H%x20%at%x20%ct%x20%P {range} --"
    ));
    let told = told.finish()?;
    let commit = |line: &str| {
        let mut words = line.split_whitespace();
        Some(CommitTimes {
            sha: words.next()?.to_owned(),
            written: words.next()?.parse().ok()?,
            committed: words.next()?.parse().ok()?,
            parents: words.map(str::to_owned).collect(),
        })
    };
    Ok(told.status.success().then(|| told.stdout.lines().filter_map(commit).collect()))
}

/// Whether this clone lacks the commits before some.
pub fn is_shallow(folder: &Utf8Path) -> Result<bool> {
    let sh = git_shell(folder);
    Ok(ask(folder, cmd!(sh, "git rev-parse --is-shallow-repository"))? == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> (tempfile::TempDir, camino::Utf8PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        git(&path, &["init", "--quiet", "--initial-branch", "main"]);
        (folder, path)
    }

    fn git(folder: &Utf8Path, words: &[&str]) -> String {
        let sh = git_shell(folder);
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
        ask(folder, cmd!(sh, "git {identity...} {words...}")).expect("git does it")
    }

    fn commit(folder: &Utf8Path, message: &str) -> String {
        git(folder, &["commit", "--quiet", "--allow-empty", "--message", message]);
        git(folder, &["rev-parse", "HEAD"])
    }

    #[test]
    fn a_branch_is_compared_with_where_it_left_and_main_with_what_it_was() {
        let (_kept, folder) = repository();
        const GONE: &str = "1111111111111111111111111111111111111111";
        let since = |branch, before| base(&folder, branch, before).expect("asked");
        let first = commit(&folder, "first");
        assert_eq!(since("main", None), MergeBase::None, "nothing was before");
        let second = commit(&folder, "second");
        assert_eq!(since("main", None), MergeBase::Commit(first.clone()));
        let third = commit(&folder, "third");
        assert_eq!(since("main", Some(&first)), MergeBase::Commit(first.clone()), "a push of two commits");
        assert_eq!(since("main", Some(GONE)), MergeBase::Commit(second), "not there any more");
        git(&folder, &["switch", "--quiet", "--create", "work"]);
        commit(&folder, "one");
        let fourth = commit(&folder, "two");
        assert_eq!(since("main", None), MergeBase::Commit(third));
        assert_ne!(since("gone", None), MergeBase::Commit(fourth));
    }

    #[test]
    fn a_clone_without_history_does_not_say_that_there_was_none() {
        let (_kept, folder) = repository();
        commit(&folder, "first");
        commit(&folder, "second");
        let clone = folder.join("clone");
        git(&folder, &["clone", "--quiet", "--depth", "1", &format!("file://{folder}"), clone.as_str()]);
        assert_eq!(base(&clone, "main", None).expect("asked"), MergeBase::Shallow);
    }

    #[test]
    fn a_file_that_was_not_there_is_no_error() {
        let (_kept, folder) = repository();
        std::fs::write(folder.join("there"), "text\n").expect("written");
        git(&folder, &["add", "there"]);
        let first = commit(&folder, "first");
        assert_eq!(show_if_there(&folder, &first, "there").expect("asked").as_deref(), Some("text\n"));
        assert_eq!(show_if_there(&folder, &first, "gone").expect("asked"), None);
    }

    #[test]
    fn trailers_of_the_commits_since_are_read() {
        let (_kept, folder) = repository();
        let first = commit(&folder, "first\n\nBreaks-API: before");
        commit(&folder, "second\n\nBreaks-API: nobody asks for it any more\nOther: x");
        commit(&folder, "third");
        let found = |from: &str| trailers(&folder, from, "HEAD", "Breaks-API").expect("asked");
        assert_eq!(found(&first), Some(vec!["nobody asks for it any more".to_owned()]));
        assert_eq!(found("0123456789012345678901234567890123456789"), None);
    }
}
