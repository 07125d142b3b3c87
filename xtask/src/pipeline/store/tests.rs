use super::*;
use crate::pipeline::task::task;

struct Folders {
    _temporary: tempfile::TempDir,
    root: Utf8PathBuf,
    store: Store,
}

fn folders() -> Folders {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::try_from(temporary.path().to_owned()).expect("UTF-8");
    let store = Store::new(root.join("store"));
    Folders { _temporary: temporary, root, store }
}

fn a_pass() -> Pass {
    Pass {
        seconds: 1.5,
        at: 1_800_000_000,
        outputs: Vec::new(),
        images: vec!["sha256:1".to_owned()],
        figures: vec!["70 % of it".to_owned()],
    }
}

fn build() -> Task {
    task("build", "").writes(["dist/"]).run(|_| Ok(()))
}

fn write(root: &Utf8Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    fs::write(file, text).expect("written");
}

fn read(root: &Utf8Path, path: &str) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

#[test]
fn a_pass_is_found_by_its_fingerprint_alone() {
    let Folders { store, root, .. } = folders();
    let task = task("lint", "").run(|_| Ok(()));
    store.record(&task, &root, "f1", "file a\t1\n", a_pass());
    assert_eq!(store.pass("lint", "f1"), Some(a_pass()));
    assert_eq!(store.pass("lint", "f2"), None);
    assert_eq!(store.pass("other", "f1"), None);
}

#[test]
fn outputs_come_back_as_they_were_and_nothing_else_stays_among_them() {
    let Folders { store, root, .. } = folders();
    write(&root, "dist/index.html", "page");
    write(&root, "dist/assets/a.js", "script");
    store.record(&build(), &root, "f1", "", a_pass());
    let pass = store.pass("build", "f1").expect("recorded");
    assert_eq!(store.outputs_state(&build(), &root, &pass), OutputsState::Present);

    write(&root, "dist/index.html", "by hand");
    fs::remove_dir_all(root.join("dist/assets")).expect("removed");
    write(&root, "dist/assets/b.js", "of another build");
    assert_eq!(store.outputs_state(&build(), &root, &pass), OutputsState::Restorable);
    store.restore(&build(), &root, &pass).expect("restored");
    assert_eq!(read(&root, "dist/index.html").as_deref(), Some("page"));
    assert_eq!(read(&root, "dist/assets/a.js").as_deref(), Some("script"));
    assert_eq!(read(&root, "dist/assets/b.js"), None);
    assert_eq!(store.outputs_state(&build(), &root, &pass), OutputsState::Present);
}

#[test]
fn what_was_kept_and_is_gone_too_is_named_and_what_is_damaged_is_not_brought_back_in_silence() {
    let Folders { store, root, .. } = folders();
    write(&root, "dist/index.html", "page");
    store.record(&build(), &root, "f1", "", a_pass());
    let pass = store.pass("build", "f1").expect("recorded");
    fs::remove_dir_all(root.join("dist")).expect("removed");
    let blob = root.join("store/outputs").join(&pass.outputs[0].hash);
    fs::write(&blob, "rust").expect("damaged");
    let error = store.restore(&build(), &root, &pass).expect_err("damaged");
    assert!(format!("{error:#}").contains("damaged"), "{error:#}");
    fs::remove_dir_all(root.join("dist")).expect("removed");
    fs::remove_file(blob).expect("removed");
    assert_eq!(store.outputs_state(&build(), &root, &pass), OutputsState::Lost("dist/index.html".to_owned()));
}

#[test]
fn a_pass_without_what_its_task_writes_is_none() {
    let Folders { store, root, .. } = folders();
    let both = task("both", "").writes(["dist/", "report.xml"]).run(|_| Ok(()));
    write(&root, "dist/index.html", "page");
    store.record(&both, &root, "f1", "", a_pass());
    assert_eq!(store.pass("both", "f1"), None);
    write(&root, "report.xml", "<testsuites/>");
    store.record(&both, &root, "f1", "", a_pass());
    assert!(store.pass("both", "f1").is_some());
}

#[test]
fn what_is_left_must_be_what_this_fingerprint_left() {
    let Folders { store, root, .. } = folders();
    let install = task("install", "").unstored_outputs(["modules/lock.json", "modules/"]).run(|_| Ok(()));
    write(&root, "modules/lock.json", "1");
    store.record(&install, &root, "f1", "", a_pass());
    assert!(store.has_unstored_outputs(&install, &root, "f1"));
    write(&root, "modules/cache", "a tool's own");
    assert!(store.has_unstored_outputs(&install, &root, "f1"), "what tools put beside it does not matter");
    assert!(!store.has_unstored_outputs(&install, &root, "f0"), "it was left by another one's run");
    store.forget_unstored_outputs(&install);
    assert!(
        !store.has_unstored_outputs(&install, &root, "f1"),
        "a run that was killed may have left half of it"
    );
    store.record(&install, &root, "f1", "", a_pass());
    fs::remove_dir_all(root.join("modules")).expect("removed");
    assert!(!store.has_unstored_outputs(&install, &root, "f1"));
}

#[test]
fn a_torn_file_is_no_pass_and_no_failure() {
    let Folders { store, root, .. } = folders();
    let file = "store/passes/lint/f1.json";
    write(&root, file, r#"{"seconds": 1.5, "at": 18"#);
    assert_eq!(store.pass("lint", "f1"), None);
    store.record(&task("lint", "").run(|_| Ok(())), &root, "f1", "", a_pass());
    assert_eq!(store.pass("lint", "f1"), Some(a_pass()));
}

#[test]
fn a_store_that_can_not_be_written_fails_nothing() {
    let Folders { root, .. } = folders();
    write(&root, "a-file", "");
    let store = Store::new(root.join("a-file/store"));
    store.record(&task("lint", "").run(|_| Ok(())), &root, "f1", "", a_pass());
    assert_eq!(store.pass("lint", "f1"), None);
}

#[test]
fn over_its_limit_it_forgets_what_was_used_longest_ago_and_never_a_tasks_newest_pass() {
    let Folders { store, root, .. } = folders();
    let big = "x".repeat(10_000);
    for (number, fingerprint) in ["f1", "f2", "f3"].iter().enumerate() {
        write(&root, "dist/index.html", &format!("{number}{big}"));
        store.record(&build(), &root, fingerprint, "", a_pass());
        let old = SystemTime::now() - Duration::from_secs(10_000_000 - 1_000_000 * number as u64);
        for file in [store.pass_file("build", fingerprint)].into_iter().chain(blobs(&store)) {
            fs::File::options()
                .append(true)
                .open(file)
                .and_then(|file| file.set_modified(old))
                .expect("aged");
        }
    }
    store.prune(100_000);
    assert_eq!(blobs(&store).len(), 3, "nothing goes below the limit");
    store.prune(24_000);
    let left = |fingerprint| store.pass("build", fingerprint).is_some();
    assert_eq!((left("f1"), left("f2"), left("f3")), (false, false, true));
    assert_eq!(blobs(&store).len(), 1);
    store.prune(1);
    assert!(left("f3"), "a floor");
}

fn blobs(store: &Store) -> Vec<Utf8PathBuf> {
    let entries = store.blobs().read_dir_utf8().expect("a folder").flatten();
    entries.map(camino::Utf8DirEntry::into_path).collect()
}

#[test]
fn writers_at_once_leave_one_whole_file() {
    let Folders { store, root, .. } = folders();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    store.record(&task("lint", "").run(|_| Ok(())), &root, "f1", "file a\t1\n", a_pass());
                    assert_eq!(store.pass("lint", "f1"), Some(a_pass()));
                }
            });
        }
    });
    let left = root.join("store/passes/lint").read_dir_utf8().expect("a folder").count();
    assert_eq!(left, 2, "the pass, its manifest, and nothing half written");
}
