use std::collections::HashSet;
use std::fs;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8PathBuf;
use xshell::cmd;

use super::*;
use crate::pipeline::audit::audit;
use crate::pipeline::context::Context;
use crate::pipeline::fingerprint::Fingerprints;
use crate::pipeline::graph::Graph;
use crate::pipeline::report::Format;
use crate::pipeline::store::Store;
use crate::pipeline::task::{Lane, Task, task};
use crate::tools::diagnostics::diagnostic::ParsedLine;
use crate::tools::git::tree::Tree;
use crate::tools::process::{Run, shell_in};

mod ending;
mod properties;

/// A repository in a temporary folder, with `src/a`, and `out/` ignored.
struct Place {
    _temporary: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Place {
    fn new() -> Place {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::try_from(temporary.path().to_owned()).expect("UTF-8");
        let place = Place { _temporary: temporary, root };
        place.write("src/a", "one\n");
        place.write(".gitignore", "out/\n.local/\n");
        let sh = shell_in(&place.root);
        for words in [&["init", "--quiet"][..], &["add", "--all"]] {
            Run::new(cmd!(sh, "git {words...}")).run().expect("git works");
        }
        place
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.root.join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    /// How often tasks have run here.
    fn runs(&self) -> usize {
        self.read("out/runs").lines().count()
    }

    fn store(&self) -> Store {
        Store::new(self.root.join(".local/store"))
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            folder: self.root.clone(),
            logs: self.root.join(".local"),
            keep_going: false,
            must_run: false,
            yes: false,
            jobs: 4,
            secrets: vec!["hunter2hunter2".to_owned()],
            store_limit: 1 << 20,
            began: Instant::now(),
            adopts_orphans: false,
        }
    }

    /// Asks something of a judge over all tasks.
    fn judge<T>(&self, table: Vec<Task>, ask: impl FnOnce(&Judge<'_>) -> T) -> T {
        self.judge_by(table, false, ask)
    }

    fn judge_by<T>(&self, table: Vec<Task>, force: bool, ask: impl FnOnce(&Judge<'_>) -> T) -> T {
        let graph = Graph::new(table).expect("a graph");
        let tasks: Vec<usize> = (0..graph.tasks().len()).collect();
        let tree = Tree::look(&self.root).expect("a tree");
        let fingerprints = Ok(RwLock::new(Fingerprints::new(&graph, &tasks, &["own/"], tree)));
        let store = self.store();
        ask(&Judge { graph: &graph, root: &self.root, store: &store, fingerprints, tasks, force })
    }

    fn run(&self, table: Vec<Task>) -> Tally {
        self.run_with(table, &self.options())
    }

    fn run_with(&self, table: Vec<Task>, options: &RunOptions) -> Tally {
        let report = Report::new(Format::Quiet, "again");
        self.judge(table, |judge| run(judge, &judge.tasks, options, &report).expect("it runs"))
    }

    /// Why the only task would run; nothing when it would not.
    fn why(&self, table: Vec<Task>) -> Vec<String> {
        self.judge(table, |judge| match judge.decide(0) {
            Verdict::Cached { .. } => Vec::new(),
            Verdict::Runs(why) => why,
        })
    }
}

/// Counts that it ran.
fn count(context: &Context<'_>) -> Result<()> {
    let script = "mkdir -p out; echo run >> out/runs";
    context.run(cmd!(context.sh, "sh -c {script}"))
}

fn one() -> Vec<Task> {
    vec![task("one", "").reads(["src/"]).run(count)]
}

#[test]
fn a_second_run_of_the_same_tree_runs_nothing() {
    let place = Place::new();
    assert_eq!(place.run(one()), Tally { passed: 1, ..Tally::default() });
    assert_eq!(place.run(one()), Tally { passed: 1, cached: 1, ..Tally::default() });
    assert_eq!(place.runs(), 1);
}

#[test]
fn what_a_task_reads_decides_whether_it_runs_and_what_it_does_not_read_does_not() {
    let place = Place::new();
    place.write("src/untracked", "an input\n");
    place.run(one());
    let file = fs::File::options().append(true).open(place.root.join("src/a")).expect("opened");
    file.set_modified(std::time::SystemTime::now()).expect("touched");
    assert!(place.why(one()).is_empty(), "a touch is no change");
    place.write("other", "not read\n");
    assert!(place.why(one()).is_empty(), "nobody reads it");

    place.write("src/a", "two\n");
    assert_eq!(place.why(one()), ["src/a changed"]);
    place.write("src/a", "one\n");
    assert!(place.why(one()).is_empty(), "as it was");
    fs::remove_file(place.root.join("src/untracked")).expect("removed");
    assert_eq!(place.why(one()), ["src/untracked is gone"]);
    place.write("own/rules", "xtask's own\n");
    assert_eq!(place.why(one()), ["src/untracked is gone", "own/rules, a part of every task, is new"]);
}

#[test]
fn another_row_of_the_same_name_runs_again_and_says_what_differs() {
    let place = Place::new();
    place.run(one());
    let edited = || vec![task("one", "").reads(["src/"]).timeout(Duration::from_secs(1200)).run(count)];
    assert_eq!(place.why(edited()), ["its row: timeout 10m → 20m"]);
    place.run(edited());
    assert!(place.why(one()).is_empty(), "the pass of the row as it was is still one");
}

#[test]
fn a_failure_is_never_remembered_and_neither_is_what_waited_for_it() {
    let place = Place::new();
    let table = || {
        vec![
            task("bad", "").reads(["src/"]).run(|task| task.run(cmd!(task.sh, "false"))),
            task("next", "").needs(["bad"]).reads(["src/"]).run(count),
            task("after", "").needs(["next"]).reads(["src/"]).run(count),
        ]
    };
    for _ in 0..2 {
        assert_eq!(place.run(table()), Tally { failed: 1, skipped: 2, ..Tally::default() });
    }
    assert_eq!(place.why(table()), ["it failed the last time"]);
    let failed_tasks = place.store().failed_tasks().0;
    let failed_tasks: Vec<(&str, &str)> =
        failed_tasks.iter().map(|(name, how)| (name.as_str(), how.as_str())).collect();
    assert_eq!(
        failed_tasks,
        [("after", "because next was skipped"), ("bad", "failed"), ("next", "because bad failed")]
    );
}

#[test]
fn a_task_that_writes_what_it_reads_is_not_remembered() {
    let place = Place::new();
    let table = || {
        vec![task("formats", "").reads(["src/"]).run(|task| {
            let script = "echo changed > src/a";
            task.run(cmd!(task.sh, "sh -c {script}"))
        })]
    };
    place.run(table());
    place.write("src/a", "one\n");
    assert!(!place.why(table()).is_empty(), "what it passed with was not what it left");
}

#[test]
fn a_pass_is_not_kept_for_sources_of_the_table_that_changed_while_it_ran() {
    let place = Place::new();
    place.write("own/table", "one\n");
    let table = || {
        vec![task("one", "").reads(["src/"]).run(|task| {
            let script = "echo another > own/table";
            task.run(cmd!(task.sh, "sh -c {script}"))
        })]
    };
    assert_eq!(place.run(table()).passed, 1);
    place.write("own/table", "one\n");
    assert!(!place.why(table()).is_empty(), "nobody knows by which of the two it passed");
}

#[test]
fn what_a_task_made_comes_back_and_who_reads_it_need_not_run() {
    let place = Place::new();
    let table = || {
        vec![
            task("build", "").reads(["src/"]).writes(["out/dist/"]).run(|task| {
                let script = "mkdir -p out/dist; cp src/a out/dist/page; echo run >> out/runs";
                task.run(cmd!(task.sh, "sh -c {script}"))
            }),
            task("ship", "").needs(["build"]).reads(["out/dist/"]).run(count),
        ]
    };
    place.run(table());
    fs::remove_dir_all(place.root.join("out/dist")).expect("removed");
    assert_eq!(place.run(table()).cached, 2);
    assert_eq!((place.read("out/dist/page").as_str(), place.runs()), ("one\n", 2));
    place.write("src/a", "two\n");
    assert_eq!(place.run(table()).cached, 0, "who reads what is made of it runs too");
    place.write("src/a", "one\n");
    assert_eq!(place.run(table()).cached, 2);
    assert_eq!(place.read("out/dist/page"), "one\n", "what is there belongs to the tree that is there");
}

#[test]
fn an_audit_finds_what_is_another_thing_each_time_but_not_what_is_meant_to_be() {
    let place = Place::new();
    let made: fn(&Context<'_>) -> Result<()> = |task| {
        let script =
            "mkdir -p out/dist; cat /proc/sys/kernel/random/uuid > out/dist/page; echo > out/dist/same";
        task.run(cmd!(task.sh, "sh -c {script}"))
    };
    let row = || task("make", "").reads(["src/"]).writes(["out/dist/"]);
    for (table, failed) in [(row().run(made), 1), (row().nondeterministic(["out/dist/page"]).run(made), 0)]
        .map(|(row, n)| (vec![row], n))
    {
        place.run(table.clone());
        let tally = place.judge(table.clone(), |judge| {
            place.judge_by(table, true, |forced| {
                let report = Report::new(Format::Quiet, "again");
                audit(judge, forced, 1, &place.options(), &report).expect("it runs")
            })
        });
        assert_eq!(tally.failed, failed);
    }
}

#[test]
fn an_image_that_is_gone_is_made_again() {
    let place = Place::new();
    let table = || {
        vec![task("image", "").reads(["src/"]).run(|task| {
            task.add_image(
                "sha256:0000000000000000000000000000000000000000000000000000000000000000".to_owned(),
            );
            Ok(())
        })]
    };
    place.run(table());
    assert!(place.why(table())[0].starts_with("the image that it made is gone"), "{:?}", place.why(table()));
}

#[test]
fn a_pass_that_time_makes_false_is_believed_for_so_long() {
    let place = Place::new();
    let table = |hold| vec![task("news", "").reads(["src/"]).max_age(hold).run(count)];
    place.run(table(Duration::from_secs(3600)));
    assert!(place.why(table(Duration::from_secs(3600))).is_empty());
    let (graph, store) = (Graph::new(table(Duration::from_secs(3600))).expect("a graph"), place.store());
    place.judge(table(Duration::from_secs(3600)), |judge| {
        let fingerprint = judge.fingerprints.as_ref().expect("a tree").read().expect("free").of(0).to_owned();
        let old = super::super::store::Pass {
            seconds: 1.0,
            at: 1,
            outputs: Vec::new(),
            images: Vec::new(),
            figures: Vec::new(),
        };
        store.record(&graph.tasks()[0], &place.root, &fingerprint, "", old);
    });
    assert_eq!(place.why(table(Duration::from_secs(3600))), ["its pass is older than 1h"]);
}

#[test]
fn secrets_are_masked_in_a_tasks_log() {
    let place = Place::new();
    place.run(vec![task("talks", "").run(|task| task.run(cmd!(task.sh, "echo password hunter2hunter2")))]);
    let log = place.read(".local/talks.log");
    assert!(log.contains("password ***") && !log.contains("hunter2"), "{log}");
}

#[test]
fn people_read_what_a_line_for_programs_comes_to_and_empty_lines_stay() {
    let place = Place::new();
    let table = vec![task("speaks", "").run(|task| {
        let said = |line: &str| match line {
            "quiet" => ParsedLine::default(),
            "two" => ParsedLine { text: Some("one\nand another".to_owned()), diagnostic: None },
            line => ParsedLine { text: Some(line.to_owned()), diagnostic: None },
        };
        task.run_parsed(cmd!(task.sh, "printf 'a\n\nquiet\ntwo\n'"), "", said)
    })];
    assert_eq!(place.run(table).passed, 1);
    let log = place.read(".local/speaks.log");
    assert!(log.ends_with("\na\n\none\nand another\n"), "{log}");
}

#[test]
fn two_runs_at_once_do_the_work_once() {
    let place = Place::new();
    let slow = || {
        vec![task("one", "").reads(["src/"]).run(|task| {
            // Long enough for the other run to come to the lock; if it does not, it finds the pass at once.
            let script = "mkdir -p out; echo run >> out/runs; sleep 0.3";
            task.run(cmd!(task.sh, "sh -c {script}"))
        })]
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(place.run(slow()).passed, 1));
        }
    });
    assert_eq!(place.runs(), 1);
}

#[test]
fn a_commit_runs_who_depends_on_history_and_nobody_else() {
    let place = Place::new();
    let table = |history| {
        let row = task("one", "").reads(["src/"]);
        vec![if history { row.history() } else { row }.run(count)]
    };
    place.run(table(true));
    place.run(table(false));
    let sh = shell_in(&place.root);
    let identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
    Run::new(cmd!(sh, "git {identity...} commit --quiet --message First")).run().expect("git works");
    assert_eq!(place.why(table(true)), ["other commits are before this tree"]);
    assert!(place.why(table(false)).is_empty());
}
