//! What runs and why: one function, asked by the plan, the explanation, `--cached-only` and the run itself.

use std::sync::RwLock;

use camino::Utf8Path;

use super::fingerprint::{Fingerprints, differences};
use super::graph::Graph;
use super::store::{Pass, State, Store, since};
use super::task::Task;
use crate::terminal;
use crate::tools::docker::{self, socket};
use crate::tools::process::{Run, shell};

/// What becomes of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It has passed with this very fingerprint. Its outputs may have to be brought back.
    Cached {
        /// The pass.
        pass: Pass,
        /// Whether what it wrote is gone or changed, and kept.
        restore: bool,
    },
    /// It runs, for these reasons, the most telling first.
    Runs(Vec<String>),
}

/// What the decision rests on.
#[derive(Debug)]
pub struct Judge<'a> {
    /// The tasks.
    pub graph: &'a Graph,
    /// Where outputs are.
    pub root: &'a Utf8Path,
    /// What is remembered.
    pub store: &'a Store,
    /// What the tasks depend on now, or why nobody can know.
    pub fingerprints: Result<RwLock<Fingerprints>, String>,
    /// The tasks that are asked about.
    pub tasks: Vec<usize>,
    /// Nothing that is remembered counts.
    pub force: bool,
}

impl Judge<'_> {
    /// The decision.
    pub fn decide(&self, at: usize) -> Verdict {
        let task = &self.graph.tasks()[at];
        let runs = |why: String| Verdict::Runs(vec![why]);
        let fingerprints = match &self.fingerprints {
            Err(why) => return runs(format!("nothing is remembered: {why}")),
            Ok(_) if self.force => return runs("--force".to_owned()),
            Ok(fingerprints) => fingerprints.read().expect("no holder panics"),
        };
        let fingerprint = fingerprints.of(at);
        let Some(pass) = self.store.pass(task.name, fingerprint) else {
            return Verdict::Runs(self.why_no_pass(task, fingerprint, &fingerprints.manifest(at)));
        };
        if let Some(max_age) = task.max_age.filter(|max_age| since(pass.at) > *max_age) {
            return runs(format!("its pass is older than {}", humantime::format_duration(max_age)));
        }
        if let Some(image) = pass.images.iter().find(|image| !has_image(image)) {
            return runs(format!("the image that it made is gone from the engine: {image}"));
        }
        if !self.store.is_left(task, self.root, fingerprint) {
            return runs(format!(
                "what it leaves is gone, or another run's: {}",
                task.unstored_outputs.join(", ")
            ));
        }
        match self.store.outputs(task, self.root, &pass) {
            State::There => Verdict::Cached { pass, restore: false },
            State::Kept => Verdict::Cached { pass, restore: true },
            State::Gone(path) => {
                runs(format!("{path}, which it makes, is gone, and so is what was kept of it"))
            }
        }
    }

    /// A tool was installed: what depends on its version is another one now.
    pub fn refresh(&self) {
        if let Ok(fingerprints) = &self.fingerprints {
            fingerprints.write().expect("no holder panics").refresh(self.graph, &self.tasks);
        }
    }

    /// What is different from the last time.
    fn why_no_pass(&self, task: &Task, fingerprint: &str, manifest: &str) -> Vec<String> {
        let Some(last) = self.store.last(task.name) else { return vec!["it has never run here".to_owned()] };
        if last.fingerprint == fingerprint {
            let why = if last.passed { "its pass is not remembered" } else { "it failed the last time" };
            return vec![why.to_owned()];
        }
        let before = self.store.last_manifest(task.name).unwrap_or_default();
        let found = differences(&before, manifest);
        if found.is_empty() {
            vec!["what it ran with the last time is not remembered".to_owned()]
        } else {
            found
        }
    }

    /// How long the task takes, as far as anybody knows, in seconds.
    pub fn estimate(&self, at: usize) -> Option<f64> {
        self.store.last(self.graph.tasks()[at].name).map(|last| last.seconds)
    }

    /// Why the task would run now, and why it ran the last time.
    pub fn explain(&self, at: usize) {
        let task = &self.graph.tasks()[at];
        match self.decide(at) {
            Verdict::Cached { pass, restore } => {
                let ago = humantime::format_duration(std::time::Duration::from_secs(
                    since(pass.at).as_secs() / 60 * 60,
                ));
                let again = if restore { "; what it made is brought back" } else { "" };
                terminal::say(format_args!(
                    "{} is cached: it passed with all of this {ago} ago, in {:.1} s{again}",
                    task.name, pass.seconds
                ));
            }
            Verdict::Runs(why) => {
                terminal::say(format_args!("{} would run:", task.name));
                why.iter().for_each(|why| terminal::say(format_args!("  {why}")));
            }
        }
        if let Some(last) = self.store.last(task.name) {
            let outcome = if last.passed { "passed" } else { "failed" };
            terminal::say(format_args!(
                "the last time it {outcome} in {:.1} s, and ran because:",
                last.seconds
            ));
            last.why.iter().for_each(|why| terminal::say(format_args!("  {why}")));
        }
        if let Ok(fingerprints) = &self.fingerprints {
            let fingerprints = fingerprints.read().expect("no holder panics");
            let manifest = fingerprints.manifest(at);
            let count = |kind: &str| manifest.lines().filter(|line| line.starts_with(kind)).count();
            terminal::say(format_args!(
                "it reads {} files, and with every task {} of xtask's own; and:",
                count("file "),
                count("own ")
            ));
            let facts =
                manifest.lines().filter(|line| !line.starts_with("file ") && !line.starts_with("own "));
            facts.for_each(|fact| terminal::say(format_args!("  {}", fact.replacen('\t', ": ", 1))));
        }
    }
}

/// Asked over the engine's socket; where that is not at its usual place, the client knows where it is.
fn has_image(id: &str) -> bool {
    socket::has_image(id)
        .unwrap_or_else(|| Run::new(docker::inspect(shell(), id, "{{.Id}}")).succeeds().unwrap_or(false))
}
