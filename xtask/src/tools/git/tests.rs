use super::*;

/// A repository in a temporary folder.
struct Repository(tempfile::TempDir);

impl Repository {
    fn empty() -> Repository {
        let repository = Repository(tempfile::tempdir().expect("a temporary folder"));
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    fn with_one_commit() -> Repository {
        let repository = Repository::empty();
        repository.write("a.txt", "one\n").write("b.txt", "two\n");
        repository.commit("First\n\nWith a body.");
        repository
    }

    fn folder(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).expect("UTF-8")
    }

    fn write(&self, name: &str, content: &str) -> &Repository {
        fs::write(self.folder().join(name), content).expect("written");
        self
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", message]);
    }

    fn git(&self, arguments: &[&str]) {
        let sh = git_shell(self.folder());
        // A person's own settings (signing, hooks) are no part of a test.
        let cmd = cmd!(sh, "git {arguments...}").env("GIT_CONFIG_GLOBAL", "/dev/null");
        ask(self.folder(), cmd).expect("git works");
    }

    fn hash(&self) -> Option<String> {
        dirty_hash(self.folder()).expect("a hash")
    }
}

#[test]
fn a_commit_is_described() {
    let repository = Repository::with_one_commit();
    let commit = head(repository.folder()).expect("a commit");
    assert_eq!(commit.subject, "First");
    assert_eq!(commit.sha.len(), 40);
    assert!(commit.time > 1_700_000_000, "{}", commit.time);
    assert_eq!(branch(repository.folder()).expect("a branch").as_deref(), Some("main"));
    repository.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(branch(repository.folder()).expect("no branch"), None);
}

#[test]
fn a_folder_without_git_or_without_a_commit_is_explained() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = head(Utf8Path::from_path(folder.path()).expect("UTF-8")).expect_err("no repository");
    assert!(error.to_string().contains("not a git repository"), "{error:#}");
    let error = head(Repository::empty().folder()).expect_err("no commit");
    assert!(error.to_string().contains("no commit yet"), "{error:#}");
}

#[test]
fn a_word_for_a_commit_is_looked_up_and_never_taken_for_an_option() {
    let repository = Repository::with_one_commit();
    let folder = repository.folder();
    let sha = head(folder).expect("a commit").sha;
    for word in ["main", "HEAD", &sha, &sha[..8]] {
        assert_eq!(meaning(folder, word).expect("an answer"), Meaning::Commit(sha.clone()), "{word}");
    }
    assert_eq!(meaning(folder, "mainn").expect("an answer"), Meaning::Unknown(vec!["main".to_owned()]));
    for word in ["", "-h", "--all", "main; reboot", "$(reboot)", "a..b", ":/First", "no such\nbranch", "é"] {
        assert!(matches!(meaning(folder, word), Ok(Meaning::Unknown(_))), "{word:?}");
    }
}

#[test]
fn a_file_is_read_as_it_is_in_a_commit() {
    let repository = Repository::with_one_commit();
    let sha = head(repository.folder()).expect("a commit").sha;
    repository.write("a.txt", "changed\n");
    assert_eq!(show(repository.folder(), &sha, "a.txt").expect("text"), "one\n");
    let texts = texts_in(repository.folder(), &sha, "").expect("texts");
    let text = |name: &str| texts.iter().find(|(it, _)| it == name).map(|(_, text)| text.as_str());
    assert_eq!((texts.len(), text("a.txt")), (2, Some("one\n")));
    assert_eq!(full_name(repository.folder(), &sha[..8]).expect("an answer"), Some(sha.clone()));
    assert_eq!(full_name(repository.folder(), "0123456").expect("an answer"), None);
    assert!(is_ancestor(repository.folder(), &sha, &sha).expect("an answer"));
    assert!(!is_ancestor(repository.folder(), "0123456", &sha).expect("an answer"));
    assert_eq!(branch_has(repository.folder(), "main", &sha).expect("an answer"), Some(true));
    assert_eq!(branch_has(repository.folder(), "other", &sha).expect("an answer"), None);
}

#[test]
fn origin_is_optional() {
    let repository = Repository::with_one_commit();
    assert_eq!(origin_url(repository.folder()).expect("an answer"), None);
    repository.git(&["remote", "add", "origin", "git@example.org:a/b.git"]);
    assert_eq!(
        origin_url(repository.folder()).expect("an answer").as_deref(),
        Some("git@example.org:a/b.git")
    );
}

#[test]
fn a_clean_tree_has_no_hash() {
    let repository = Repository::with_one_commit();
    assert_eq!(repository.hash(), None);
}

#[test]
fn each_kind_of_difference_changes_the_hash() {
    let repository = Repository::with_one_commit();
    let mut seen = vec![repository.hash()];
    let mut changed = |what: &str| {
        let hash = repository.hash();
        assert!(hash.as_ref().is_some_and(|hash| hash.len() == 12), "{what}: {hash:?}");
        assert!(!seen.contains(&hash), "{what} gave a hash that was there before");
        seen.push(hash);
    };
    repository.write("a.txt", "changed\n");
    changed("a changed file");
    repository.write("new file.txt", "");
    changed("an untracked file");
    fs::remove_file(repository.folder().join("b.txt")).expect("deleted");
    changed("a deletion");
    fs::set_permissions(repository.folder().join("a.txt"), fs::Permissions::from_mode(0o755))
        .expect("executable");
    changed("an executable bit");
    std::os::unix::fs::symlink("a.txt", repository.folder().join("link")).expect("linked");
    changed("a link");
}

#[test]
fn staging_does_not_change_the_hash_and_ignored_files_are_not_in_it() {
    let repository = Repository::with_one_commit();
    repository.write(".gitignore", "*.log\n").commit("Ignore");
    repository.write("a.txt", "changed\n");
    let before = repository.hash();
    repository.git(&["add", "--all"]);
    assert_eq!(repository.hash(), before);
    repository.write("x.log", "noise");
    assert_eq!(repository.hash(), before);
    repository.write("a.txt", "one\n");
    repository.git(&["add", "--all"]);
    assert_eq!(repository.hash(), None);
}
