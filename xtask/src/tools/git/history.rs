//! What came before what is here.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use super::super::process::Run;
use super::{ask, shell};

/// The commit that what is here is compared with: where it left `branch`; on that branch itself, the commit before. None
/// when there is none before, as far as was fetched.
pub fn base(folder: &Utf8Path, branch: &str) -> Result<Option<String>> {
    let sh = shell(folder)?;
    let head = ask(folder, cmd!(sh, "git rev-parse HEAD"))?;
    for name in [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")] {
        let told = Run::new(cmd!(sh, "git merge-base {name} HEAD")).finish()?;
        let found = told.stdout.trim();
        if told.status.success() && !found.is_empty() && found != head {
            return Ok(Some(found.to_owned()));
        }
    }
    let before = Run::new(cmd!(sh, "git rev-parse --verify --quiet HEAD^1")).finish()?;
    Ok(before.status.success().then(|| before.stdout.trim().to_owned()))
}

/// A file's text as it was in a commit; none when it was not there.
pub fn show_if_there(folder: &Utf8Path, commit: &str, path: &str) -> Result<Option<String>> {
    let sh = shell(folder)?;
    if ask(folder, cmd!(sh, "git ls-tree --name-only {commit} -- {path}"))?.is_empty() {
        return Ok(None);
    }
    let object = format!("{commit}:{path}");
    Ok(Some(Run::new(cmd!(sh, "git cat-file blob {object}")).checked()?.stdout))
}

/// What the commits since `base` say behind `key:` at their messages' ends.
pub fn trailers(folder: &Utf8Path, base: &str, key: &str) -> Result<Vec<String>> {
    let sh = shell(folder)?;
    let format = format!("--format=%(trailers:key={key},valueonly,unfold)");
    let range = format!("{base}..HEAD");
    let told = ask(folder, cmd!(sh, "git log --no-show-signature {format} {range} --"))?;
    Ok(told.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
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
        let sh = shell(folder).expect("a shell");
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
        let first = commit(&folder, "first");
        assert_eq!(base(&folder, "main").expect("asked"), None, "nothing was before");
        let second = commit(&folder, "second");
        assert_eq!(base(&folder, "main").expect("asked"), Some(first.clone()));
        git(&folder, &["switch", "--quiet", "--create", "work"]);
        commit(&folder, "one");
        commit(&folder, "two");
        assert_eq!(base(&folder, "main").expect("asked"), Some(second));
        assert_eq!(base(&folder, "gone").expect("asked").map(|base| base == first), Some(false));
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
        let found = trailers(&folder, &first, "Breaks-API").expect("asked");
        assert_eq!(found, ["nobody asks for it any more"]);
    }
}
