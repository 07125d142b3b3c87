use super::*;

#[test]
fn what_can_not_be_read_is_begun_anew_and_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    assert_eq!(State::read(&file), State::default());
    fs::write(&file, b"{\"looked_at\": 5}").unwrap();
    assert_eq!(State::read(&file).looked_at, 5);
    for bytes in [&b"{\"looked_at\": 5, \"open\": {\"\xff\": {}}}"[..], b"half a li"] {
        fs::write(&file, bytes).unwrap();
        assert_eq!(State::read(&file), State::default());
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    Remembered::open(file).change(|state| state.looked_at = 5);
}

#[test]
fn what_is_remembered_is_written_when_it_is_another_and_else_only_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    State { looked_at: now() - 2, ..State::default() }.write(&file).unwrap();
    let remembered = Remembered::open(file);
    remembered.change(|_| {});
    assert!(now() - State::read(&remembered.file).looked_at < 2, "a new watcher is seen to look");
    let written = |change: &dyn Fn(&mut State)| {
        remembered.change(change);
        State::read(&remembered.file)
    };
    assert_eq!(written(&|state| state.looked_at = 100).looked_at, 100);
    assert_eq!(written(&|state| state.looked_at = 129).looked_at, 100);
    assert_eq!(written(&|state| state.told_at.push(1)).told_at, [1]);
    assert_eq!(written(&|state| state.looked_at = 159).looked_at, 159);
    // What could not be written is written when it can be again.
    fs::create_dir(folder.path().join("state.next")).unwrap();
    assert_eq!(written(&|state| state.told_at.push(2)).told_at, [1]);
    fs::remove_dir(folder.path().join("state.next")).unwrap();
    assert_eq!(written(&|_| {}).told_at, [1, 2]);
}

#[test]
fn a_watcher_is_healthy_that_has_looked_within_a_minute_and_a_half_of_a_clock_that_may_be_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let watch =
        Watch { table: String::new(), secrets: PathBuf::new(), state: folder.path().to_owned(), verb: None };
    for (ago, is_healthy) in [(30, true), (100, false), (-100, false)] {
        let state = State { looked_at: now() - ago, ..State::default() };
        state.write(&watch.file()).unwrap();
        assert_eq!(watch.healthy().is_ok(), is_healthy, "{ago}");
    }
}
