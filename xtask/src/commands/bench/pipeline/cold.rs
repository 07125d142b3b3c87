//! `--cold`: a first run on a fresh clone, as a graph and one task after another.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::cmd;

use super::super::time::{Time, processors_of_children};
use crate::project;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity};
use crate::tools::git;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

/// Everything is compiled, and the suites deploy, twice.
const RUN_TIMEOUT: Duration = Duration::from_secs(3 * 60 * 60);

/// What a run tells programs; `docs/ci-events.md` says what each means.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Finished {
        task: String,
        reason: Option<String>,
        seconds: f64,
    },
    Summary {
        passed: usize,
        failed: usize,
        critical_path: Vec<String>,
    },
    #[serde(other)]
    Other,
}

/// A run, and how long it took.
#[derive(Debug, Default)]
struct Ran {
    time: Time,
    seconds: BTreeMap<String, f64>,
    skipped: Vec<String>,
    passed: usize,
    critical_path: Vec<String>,
}

/// Runs these tasks (all of them, when there are none) in both ways; gives the section for the page.
pub fn section(program: &Utf8Path, folder: &Utf8Path, only: &[String]) -> Result<String> {
    let clone = |name: &str| -> Result<Utf8PathBuf> {
        let copy = folder.join(name);
        git::copy::whole(workspace::root(), &copy)?;
        Ok(copy)
    };
    let (first, second) = (clone("graph")?, clone("one-by-one")?);
    Activity::of("what is downloaded, so that nobody waits for it", |_| download(&first))?;
    // First, so that what an engine keeps from one run to the next is in favour of the other way.
    let graph = run(program, &first, "as a graph", &[], only)?;
    let one_by_one = run(program, &second, "one after another", &["--jobs", "1"], only)?;
    let again = run(program, &first, "as a graph, again", &[], only)?;
    ensure!(
        graph.passed == one_by_one.passed,
        "one way passed {} tasks and the other {}",
        graph.passed,
        one_by_one.passed
    );
    Ok(text(&graph, &one_by_one, &again, only))
}

/// What comes from elsewhere: crates and npm's packages. Both keep it outside of the clone.
fn download(clone: &Utf8Path) -> Result<()> {
    let (sh, npm) = (shell_in(clone), setup::require(Tool::Npm)?);
    Run::new(cmd!(sh, "cargo fetch --locked")).timeout(RUN_TIMEOUT).run()?;
    let folder = project::FRONTEND.folder;
    Run::new(cmd!(sh, "{npm} --prefix {folder} ci --ignore-scripts --no-audit --no-fund"))
        .timeout(RUN_TIMEOUT)
        .run()?;
    let made = clone.join(folder).join("node_modules");
    fs::remove_dir_all(&made).with_context(|| format!("removing {made}"))
}

fn run(program: &Utf8Path, clone: &Utf8Path, way: &str, flags: &[&str], only: &[String]) -> Result<Ran> {
    let sh = shell_in(clone);
    // The tools that xtask installs are the machine's, and no part of what a run takes.
    let run = cmd!(sh, "{program} ci --json --yes {flags...} {only...}")
        .env("XTASK_TOOLS_DIR", workspace::tools_dir());
    let run = run.env_remove("CARGO_TARGET_DIR");
    let (before, began) = (processors_of_children()?, Instant::now());
    let finished = Activity::of(way, |activity| {
        let lines = |line: &str| activity.line(line);
        Run::new(run).timeout(RUN_TIMEOUT).each_line(&lines).finish()
    })?;
    let time = Time { clock: began.elapsed(), processors: processors_of_children()? - before };
    let mut ran = Ran { time, ..Ran::default() };
    for line in finished.stdout.lines() {
        match serde_json::from_str(line).with_context(|| format!("reading an event: {line}"))? {
            Event::Finished { task, reason: Some(reason), .. } => {
                ran.skipped.push(format!("{task} ({reason})"))
            }
            Event::Finished { task, reason: None, seconds } => drop(ran.seconds.insert(task, seconds)),
            Event::Summary { passed, failed, critical_path } => {
                ensure!(
                    failed == 0,
                    "{way}: {failed} tasks failed, and what fails has no figures:\n{}",
                    finished.stderr
                );
                (ran.passed, ran.critical_path) = (passed, critical_path);
            }
            Event::Other => {}
        }
    }
    Ok(ran)
}

fn text(graph: &Ran, one_by_one: &Ran, again: &Ran, only: &[String]) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let what = if only.is_empty() {
        "Every task".to_owned()
    } else {
        format!("The tasks {}, with what they need", only.join(", "))
    };
    let mut text = format!(
        "## A first run of CI\n\n`cargo xtask bench pipeline --cold`, {cores} cores, each way once. {what}, on a fresh clone in \
         which nothing has been compiled; crates, packages of npm and xtask's tools had been downloaded. The graph ran first, so \
         that whatever an engine keeps is in favour of the other way. What engines and database servers take of the processors \
         is not in the figures.\n\n| {} tasks | time | of the processors |\n| --- | ---: | ---: |\n",
        graph.passed
    );
    let rows = [
        ("as a graph: `cargo xtask ci`", graph),
        ("the same one after another: `cargo xtask ci --jobs 1`", one_by_one),
        ("as a graph, again, with nothing changed", again),
    ];
    for (way, Ran { time, .. }) in rows {
        text.push_str(&format!("| {way} | {} | {} |\n", seconds(time.clock), seconds(time.processors)));
    }
    let took = |task: &String| {
        format!(
            "{task} {}",
            seconds(Duration::from_secs_f64(graph.seconds.get(task).copied().unwrap_or(0.0)))
        )
    };
    let path: Vec<String> = graph.critical_path.iter().map(took).collect();
    text.push_str(&format!("\nThe chain of tasks that took longest: {}.\n", path.join(" → ")));
    if !graph.skipped.is_empty() {
        text.push_str(&format!("\nSkipped on this machine: {}.\n", graph.skipped.join("; ")));
    }
    text
}

fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{} ms", time.as_millis()) } else { terminal::seconds(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_are_documented_and_more_fields_do_no_harm() {
        let read = |line: &str| serde_json::from_str::<Event>(line).expect("an event");
        let finished =
            r#"{"event":"finished","task":"a","outcome":"passed","cached":false,"seconds":1.5,"new":1}"#;
        assert_eq!(read(finished), Event::Finished { task: "a".to_owned(), reason: None, seconds: 1.5 });
        assert_eq!(read(r#"{"event":"started","task":"a"}"#), Event::Other);
    }

    #[test]
    fn a_section_has_each_way_and_what_made_the_graph_so_long() {
        let of = |seconds| Time { clock: Duration::from_secs(seconds), processors: Duration::from_secs(1) };
        let graph = Ran {
            time: of(10),
            seconds: BTreeMap::from([("a".to_owned(), 9.0)]),
            skipped: vec!["b (no engine)".to_owned()],
            passed: 1,
            critical_path: vec!["a".to_owned()],
        };
        let (one_by_one, again) = (Ran { time: of(200), ..Ran::default() }, Ran::default());
        let text = text(&graph, &one_by_one, &again, &[]);
        for expected in [
            "| 1 tasks |",
            "`cargo xtask ci` | 10.0 s | 1.0 s |",
            "`cargo xtask ci --jobs 1` | 3 min 20 s | 1.0 s |",
            "nothing changed | 0 ms | 0 ms |",
            "took longest: a 9.0 s.",
            "b (no engine).",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
