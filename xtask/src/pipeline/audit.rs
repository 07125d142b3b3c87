//! `--audit`: runs a sample of the cached tasks again. Each must pass again, and write the same files.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::decide::{Judge, Verdict};
use super::globs::Globs;
use super::options::RunOptions;
use super::outcome::Tally;
use super::report::Report;
use super::run::run;
use super::store::Pass;
use crate::terminal;

/// Runs `count` of the cached tasks again, chosen at random. A task that writes other files than before counts as failed.
/// `judge` must use the store, `forced` must run every task.
pub fn audit(
    judge: &Judge<'_>,
    forced: &Judge<'_>,
    count: usize,
    options: &RunOptions,
    report: &Report,
) -> Result<Tally> {
    let cached = judge.tasks.iter().filter_map(|&at| match judge.decide(at) {
        Verdict::Cached { pass, .. } => Some((at, pass)),
        Verdict::Runs(_) => None,
    });
    let chosen = sample(cached.collect(), count);
    if chosen.is_empty() {
        terminal::warn("nothing is cached that could be audited");
    }
    let tasks: Vec<usize> = chosen.keys().copied().collect();
    let options = RunOptions { keep_going: true, ..options.clone() };
    let mut tally = run(forced, &tasks, &options, report)?;
    for (at, before) in &chosen {
        let name = judge.graph.tasks()[*at].name;
        let Verdict::Cached { pass, .. } = judge.decide(*at) else {
            terminal::warn(format_args!(
                "{name} is cached as passed, and does not pass: its pass is removed"
            ));
            continue;
        };
        let nondeterministic = Globs::new(&judge.graph.tasks()[*at].nondeterministic);
        let mut differing = differing(before, &pass);
        differing.retain(|path| !nondeterministic.matches(path));
        if !differing.is_empty() {
            tally.failed += 1;
            tally.passed -= 1;
            terminal::warn(format_args!("{name} makes something else each time: {}", differing.join(", ")));
        }
    }
    Ok(tally)
}

/// `count` of these, in their order.
fn sample(mut from: Vec<(usize, Pass)>, count: usize) -> BTreeMap<usize, Pass> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut seed = u64::from(since.subsec_nanos()) ^ since.as_secs() ^ u64::from(std::process::id());
    let mut chosen = BTreeMap::new();
    while chosen.len() < count && !from.is_empty() {
        // A linear congruential generator with Knuth's constants: nothing here needs better randomness.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(seed >> 33).unwrap_or(0) % from.len();
        let (task, pass) = from.swap_remove(at);
        chosen.insert(task, pass);
    }
    chosen
}

/// The paths of the files that differ, sorted.
fn differing(before: &Pass, now: &Pass) -> Vec<String> {
    let by_path = |pass: &Pass| -> BTreeMap<String, String> {
        pass.outputs.iter().map(|output| (output.path.clone(), output.hash.clone())).collect()
    };
    let (before, now) = (by_path(before), by_path(now));
    let mut differing: Vec<String> =
        before.keys().chain(now.keys()).filter(|path| before.get(*path) != now.get(*path)).cloned().collect();
    differing.sort();
    differing.dedup();
    differing
}
