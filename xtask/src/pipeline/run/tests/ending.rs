//! How tasks end that do not just pass, and what ends with them.

use super::*;

#[test]
fn with_keep_going_only_what_needs_the_failed_one_is_skipped() {
    let place = Place::new();
    let table = || {
        vec![
            task("bad", "").run(|task| task.run(cmd!(task.sh, "false"))),
            task("next", "").needs(["bad"]).run(count),
            task("other", "").reads(["src/"]).run(count),
        ]
    };
    let options = RunOptions { keep_going: true, ..place.options() };
    let tally = place.run_with(table(), &options);
    assert_eq!((tally.passed, tally.failed, tally.skipped), (1, 1, 1));
}

#[test]
fn the_first_failure_ends_what_runs_beside_it() {
    let place = Place::new();
    let table = vec![
        task("bad", "").run(|task| task.run(cmd!(task.sh, "false"))),
        task("long", "").run(|task| task.run(cmd!(task.sh, "sleep 300"))),
    ];
    let began = Instant::now();
    assert_eq!(place.run(table), Tally { failed: 1, skipped: 1, ..Tally::default() });
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_left_in_the_folder_for_temporary_files_is_a_failure_that_names_it() {
    let place = Place::new();
    let untidy: fn(&Context<'_>) -> Result<()> = |task| {
        let script = "touch $TMPDIR/left-behind";
        task.run(cmd!(task.sh, "sh -c {script}"))
    };
    let killer = vec![task("killer", "").kills().run(untidy)];
    assert_eq!(place.run(killer).passed, 1, "who kills programs can't make them tidy up");
    let table = vec![task("untidy", "").run(untidy)];
    assert_eq!(place.run(table).failed, 1);
    assert!(place.read(".local/untidy.log").contains("left-behind"), "{}", place.read(".local/untidy.log"));
}

#[test]
fn what_is_left_beside_the_tasks_folders_is_a_failure_and_what_they_came_to_is_told() {
    let place = Place::new();
    let table = vec![task("untidy", "").run(|task| {
        let script = "mkdir out; cd $TMPDIR/.. && touch left-behind && pwd > $OLDPWD/out/where";
        task.run(cmd!(task.sh, "sh -c {script}"))
    })];
    let tally = place.run(table);
    let folder = Utf8PathBuf::from(place.read("out/where").trim());
    fs::remove_file(folder.join("left-behind")).expect("left");
    fs::remove_dir(folder).expect("nothing else is there");
    assert_eq!(tally, Tally { passed: 1, failed: 1, ..Tally::default() });
}

#[test]
fn a_task_is_ended_at_its_time_limit_with_what_left_its_group() {
    let place = Place::new();
    let table = vec![task("slow", "").timeout(Duration::from_secs(1)).run(|task| {
        let script = "setsid sleep 300 & sleep 299";
        task.run(cmd!(task.sh, "sh -c {script}"))
    })];
    assert_eq!(place.run(table).failed, 1);
    let log = place.read(".local/slow.log");
    assert!(log.contains("timeout of 1s") && log.contains("were ended: 1, sleep"), "{log}");
}

#[test]
fn a_panic_in_a_task_is_that_tasks_failure() {
    let place = Place::new();
    let table = vec![task("bug", "").run(|_| panic!("of all things")), task("well", "").run(count)];
    let options = RunOptions { keep_going: true, ..place.options() };
    let tally = place.run_with(table, &options);
    assert_eq!((tally.passed, tally.failed), (1, 1));
    assert!(place.read(".local/bug.log").contains("of all things"));
}

#[test]
fn the_time_in_which_a_task_waits_for_another_run_is_not_its_own() {
    const LANE: Lane = Lane { name: "one", capacity: 1 };
    let place = Place::new();
    let holder = task("holder", "").lane(LANE).run(|task| {
        // Longer than the other one may run.
        let script = "mkdir -p out; echo > out/held; sleep 3";
        task.run(cmd!(task.sh, "sh -c {script}"))
    });
    let brief = task("brief", "").lane(LANE).timeout(Duration::from_millis(1)).run(|_| Ok(()));
    thread::scope(|scope| {
        let holds = scope.spawn(|| place.run(vec![holder]));
        while !place.root.join("out/held").exists() {
            thread::yield_now();
        }
        assert_eq!(place.run(vec![brief]).passed, 1);
        assert_eq!(holds.join().expect("no panic").passed, 1);
    });
}
