//! git: every file of the working tree, with the hash of its content. The index has those of unchanged files, so that only
//! changed ones are read. Neither a commit nor a touch changes the result.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::{ask, git_shell};
use crate::tools::process::Run;

/// The working tree at one moment.
#[derive(Debug)]
pub struct Tree {
    root: Utf8PathBuf,
    /// Sorted.
    paths: Vec<String>,
    /// The mode of each path and git's hash of its content: `100644 9741f1…`.
    contents: Vec<String>,
    /// The time before git was asked.
    looked: SystemTime,
    /// The commit that is checked out.
    commit: Option<String>,
}

/// The kernel rounds the time of a change down by up to this.
const TIMESTAMP_RESOLUTION: Duration = Duration::from_millis(20);

impl Tree {
    /// Reads the working tree. An error when there is no git, or no repository.
    pub fn look(root: &Utf8Path) -> Result<Tree> {
        let looked = SystemTime::now();
        let (listed, status) = thread::scope(|scope| {
            let status = scope.spawn(|| status(root));
            (listed(root), status.join().expect("asking git does not panic"))
        });
        let (listed, Status { commit, dirty }) = (listed?, status?);
        let (mut paths, mut contents, mut doubtful) = (Vec::new(), Vec::new(), dirty);
        for entry in listed.split_terminator('\0') {
            let Some(Listed { flag, mode, id, path }) = Listed::parse(entry) else { continue };
            // A lower-case letter or S: git was told to take the file for unchanged.
            if flag != 'H' {
                doubtful.push(path.to_owned());
            }
            // A path with a conflict is listed more than once.
            if paths.last().is_none_or(|last: &String| last != path) {
                paths.push(path.to_owned());
                contents.push(format!("{mode} {id}"));
            }
        }
        let mut tree = Tree { root: root.to_owned(), paths, contents, looked, commit };
        tree.read_anew(doubtful)?;
        Ok(tree)
    }

    /// All paths, sorted; they begin at the root.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Mode and hash of the file at this index of [`Tree::paths`].
    pub fn content(&self, at: usize) -> &str {
        &self.contents[at]
    }

    /// Mode and hash of a file, also of one that git ignores; none when it does not exist.
    pub fn content_of(&self, path: &str) -> Option<String> {
        match self.paths.binary_search_by(|known| known.as_str().cmp(path)) {
            Ok(at) => Some(self.contents[at].clone()),
            Err(_) => read(&self.root, &[path.to_owned()]).ok()?.remove(path),
        }
    }

    /// The commit that is checked out, if there is one.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Those of these files, by index, whose content has changed since this was read.
    pub fn changed<'a>(&'a self, files: &[usize]) -> Result<Vec<&'a str>> {
        let suspicious = |at: &usize| {
            let found = fs::symlink_metadata(self.root.join(&self.paths[*at]));
            found.map_or(true, |found| changed_at(&found) + TIMESTAMP_RESOLUTION >= self.looked)
        };
        let suspicious: Vec<usize> = files.iter().copied().filter(suspicious).collect();
        let paths: Vec<String> = suspicious.iter().map(|&at| self.paths[at].clone()).collect();
        let now = if paths.is_empty() { BTreeMap::new() } else { read(&self.root, &paths)? };
        let differs = |at: &usize| now.get(&self.paths[*at]) != Some(&self.contents[*at]);
        Ok(suspicious.into_iter().filter(differs).map(|at| self.paths[at].as_str()).collect())
    }

    /// Replaces what git said of these paths by what is read from the files.
    fn read_anew(&mut self, paths: Vec<String>) -> Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        let now = read(&self.root, &paths)?;
        let known = self.paths.drain(..).zip(self.contents.drain(..));
        let mut all: BTreeMap<String, String> = known.collect();
        for path in &paths {
            all.remove(path);
        }
        all.extend(now);
        (self.paths, self.contents) = all.into_iter().unzip();
        Ok(())
    }
}

/// The time of the last change of the file or its attributes, which no program can set.
fn changed_at(found: &fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(found.ctime()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, u32::try_from(found.ctime_nsec()).unwrap_or(0))
}

/// A line of `git ls-files`: `H 100644 9741f1… 0<tab>path`.
struct Listed<'a> {
    flag: char,
    mode: &'a str,
    id: &'a str,
    path: &'a str,
}

impl<'a> Listed<'a> {
    fn parse(entry: &'a str) -> Option<Listed<'a>> {
        let (facts, path) = entry.split_once('\t')?;
        let mut facts = facts.split(' ');
        Some(Listed { flag: facts.next()?.chars().next()?, mode: facts.next()?, id: facts.next()?, path })
    }
}

fn listed(root: &Utf8Path) -> Result<String> {
    let sh = git_shell(root);
    ask(root, cmd!(sh, "git ls-files --stage -v -z"))
}

/// What `git status` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Status {
    commit: Option<String>,
    /// The paths that differ from the index, or are untracked.
    dirty: Vec<String>,
}

fn status(root: &Utf8Path) -> Result<Status> {
    let sh = git_shell(root);
    let flags = ["--branch", "--no-ahead-behind", "--untracked-files=all", "--no-renames"];
    Ok(Status::parse(&ask(root, cmd!(sh, "git status --porcelain=v2 -z {flags...}"))?))
}

impl Status {
    fn parse(said: &str) -> Status {
        let mut status = Status::default();
        for entry in said.split_terminator('\0') {
            let (kind, rest) = entry.split_once(' ').unwrap_or((entry, ""));
            // The number of fields between the two letters of the status and the path.
            let between = match kind {
                "#" => {
                    // `(initial)` where there is none yet.
                    let commit = rest.strip_prefix("branch.oid ").filter(|commit| !commit.starts_with('('));
                    status.commit = status.commit.or(commit.map(str::to_owned));
                    continue;
                }
                "?" => {
                    status.dirty.push(rest.to_owned());
                    continue;
                }
                "u" => 8,
                _ => 6,
            };
            // The second letter is a dot when the file is like the index and differs from the commit only.
            let path = rest.splitn(between + 2, ' ').last().filter(|_| rest.as_bytes().get(1) != Some(&b'.'));
            status.dirty.extend(path.map(str::to_owned));
        }
        status
    }
}

/// Mode and hash of those of these files that exist. A folder (a repository in the repository) is left out.
fn read(root: &Utf8Path, paths: &[String]) -> Result<BTreeMap<String, String>> {
    let mut contents = BTreeMap::new();
    let mut files = Vec::new();
    for path in paths {
        let Ok(found) = fs::symlink_metadata(root.join(path)) else { continue };
        if found.is_symlink() {
            let target = fs::read_link(root.join(path)).unwrap_or_default();
            contents.insert(path.clone(), format!("120000 {}", target.display()));
        } else if found.is_file() {
            let mode = if found.permissions().mode() & 0o100 == 0 { "100644" } else { "100755" };
            files.push((path, mode));
        }
    }
    if files.is_empty() {
        return Ok(contents);
    }
    let sh = git_shell(root);
    let list: String = files.iter().map(|(path, _)| format!("{path}\n")).collect();
    let ids = Run::new(cmd!(sh, "git hash-object --stdin-paths")).stdin(list).text()?;
    let ids = ids.lines();
    contents
        .extend(files.iter().zip(ids).map(|((path, mode), id)| ((*path).clone(), format!("{mode} {id}"))));
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Utf8Path, arguments: &[&str]) {
        let sh = git_shell(folder);
        let identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        let cmd = cmd!(sh, "git {identity...} {arguments...}").env("GIT_CONFIG_GLOBAL", "/dev/null");
        ask(folder, cmd).expect("git works");
    }

    /// A repository with `a.txt`, `b.txt` and a rule that ignores `*.log`.
    fn repository() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::try_from(folder.path().to_owned()).expect("UTF-8");
        for (name, text) in [("a.txt", "one\n"), ("b.txt", "two\n"), (".gitignore", "*.log\n")] {
            fs::write(root.join(name), text).expect("written");
        }
        git(&root, &["init", "--quiet"]);
        git(&root, &["add", "--all"]);
        git(&root, &["commit", "--quiet", "--message", "First"]);
        (folder, root)
    }

    fn look(root: &Utf8Path) -> BTreeMap<String, String> {
        let tree = Tree::look(root).expect("a tree");
        tree.paths.into_iter().zip(tree.contents).collect()
    }

    #[test]
    fn neither_a_touch_nor_staging_nor_a_commit_changes_what_a_tree_holds() {
        let (_folder, root) = repository();
        fs::write(root.join("a.txt"), "changed\n").expect("written");
        fs::write(root.join("new file.txt"), "new\n").expect("written");
        let before = look(&root);
        assert!(before.contains_key("new file.txt"), "{before:?}");
        let file = fs::File::options().append(true).open(root.join("b.txt")).expect("opened");
        file.set_modified(SystemTime::now() + Duration::from_secs(5)).expect("touched");
        assert_eq!(look(&root), before, "touched");
        git(&root, &["add", "--all"]);
        assert_eq!(look(&root), before, "staged");
        git(&root, &["commit", "--quiet", "--message", "Second"]);
        assert_eq!(look(&root), before, "committed");
    }

    #[test]
    fn every_kind_of_change_is_seen_and_ignored_files_are_not() {
        let (_folder, root) = repository();
        let mut seen = vec![look(&root)];
        let mut differs = |what: &str| {
            let now = look(&root);
            assert!(!seen.contains(&now), "{what}: {now:?}");
            seen.push(now);
        };
        fs::write(root.join("a.txt"), "changed\n").expect("written");
        differs("a change");
        fs::set_permissions(root.join("a.txt"), fs::Permissions::from_mode(0o755)).expect("set");
        differs("an executable bit");
        fs::write(root.join("c"), "").expect("written");
        differs("an untracked file");
        fs::remove_file(root.join("c")).expect("removed");
        fs::remove_file(root.join("b.txt")).expect("removed");
        differs("a deletion");
        std::os::unix::fs::symlink("a.txt", root.join("link")).expect("linked");
        differs("a link");
        fs::write(root.join("x.log"), "noise").expect("written");
        assert_eq!(look(&root), seen[seen.len() - 1], "ignored");
        let tree = Tree::look(&root).expect("a tree");
        assert!(tree.content_of("x.log").is_some(), "named as it is, it is read although it is ignored");
        assert_eq!(tree.content_of("y.log"), None);
    }

    #[test]
    fn a_file_that_git_was_told_not_to_look_at_is_looked_at() {
        let (_folder, root) = repository();
        let before = look(&root);
        git(&root, &["update-index", "--assume-unchanged", "a.txt"]);
        fs::write(root.join("a.txt"), "changed behind its back\n").expect("written");
        assert_ne!(look(&root), before);
    }

    #[test]
    fn what_changes_after_the_look_is_named_and_what_is_only_touched_is_not() {
        let (_folder, root) = repository();
        let tree = Tree::look(&root).expect("a tree");
        let all: Vec<usize> = (0..tree.paths().len()).collect();
        fs::write(root.join("a.txt"), "one\n").expect("the same again");
        assert_eq!(tree.changed(&all).expect("looked"), Vec::<&str>::new());
        fs::write(root.join("a.txt"), "another\n").expect("written");
        fs::remove_file(root.join("b.txt")).expect("removed");
        assert_eq!(tree.changed(&all).expect("looked"), ["a.txt", "b.txt"]);
    }

    #[test]
    fn the_commit_is_known_from_the_first_one_on_and_a_conflict_is_looked_at() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("UTF-8");
        git(root, &["init", "--quiet", "--initial-branch=main"]);
        fs::write(root.join("with a space.txt"), "one\n").expect("written");
        assert_eq!(Tree::look(root).expect("a tree").commit(), None);
        git(root, &["add", "--all"]);
        git(root, &["commit", "--quiet", "--message", "First"]);
        for (branch, text) in [("one", "one more\n"), ("other", "another\n")] {
            git(root, &["switch", "--quiet", "--create", branch, "main"]);
            fs::write(root.join("with a space.txt"), text).expect("written");
            git(root, &["commit", "--quiet", "--all", "--message", branch]);
        }
        let sh = git_shell(root);
        let head = ask(root, cmd!(sh, "git rev-parse HEAD")).expect("a commit");
        assert_eq!(Tree::look(root).expect("a tree").commit(), Some(head.as_str()));
        let merge = cmd!(sh, "git merge --quiet one");
        let merge = merge.env("GIT_AUTHOR_NAME", "T").env("GIT_AUTHOR_EMAIL", "t@example.org");
        let merge = merge.env("GIT_COMMITTER_NAME", "T").env("GIT_COMMITTER_EMAIL", "t@example.org");
        ask(root, merge).expect_err("both changed it");
        let before = look(root);
        assert_eq!(before.len(), 1, "{before:?}");
        fs::write(root.join("with a space.txt"), "settled\n").expect("written");
        assert_ne!(look(root), before);
    }

    #[test]
    fn a_folder_without_a_repository_is_explained() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("UTF-8");
        let error = Tree::look(root).expect_err("no repository");
        assert!(format!("{error:#}").contains("not a git repository"), "{error:#}");
    }
}
