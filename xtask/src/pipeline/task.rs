//! A task: one row of the table.

use std::time::Duration;

use anyhow::Result;

use super::context::Context;
use super::services::Service;
use crate::setup::Tool;

/// What a task does. A function pointer and not a closure, so that it captures nothing: everything that a task depends on is in
/// its row.
pub type Work = fn(&Context) -> Result<()>;

/// One node of the graph.
#[derive(Debug, Clone)]
pub struct Task {
    /// What people type, and what its log is called.
    pub name: &'static str,
    /// What it checks or makes, in one line.
    pub summary: &'static str,
    /// The tasks that must have passed before it starts.
    pub needs: Vec<&'static str>,
    /// The names under which it runs together with others.
    pub groups: Vec<&'static str>,
    /// What it shares with others, of which only so many may run at once.
    pub lanes: Vec<Lane>,
    /// The files on which its outcome depends, as patterns; all files when it doesn't say.
    pub reads: Vec<&'static str>,
    /// The files that it writes, as patterns; they are stored with its pass, and brought back when they are gone.
    pub writes: Vec<&'static str>,
    /// Those of them that differ from run to run, such as JUnit reports, which hold times.
    pub nondeterministic: Vec<&'static str>,
    /// What it writes that is too big for the store: when that is gone, the task runs again.
    pub unstored_outputs: Vec<&'static str>,
    /// The tools that are installed before it starts, where they are missing.
    pub tools: Vec<Tool>,
    /// The service that it uses.
    pub service: Option<Service>,
    /// The environment variables on which its outcome depends.
    pub variables: Vec<&'static str>,
    /// Whether its outcome also depends on the commits before this tree.
    pub history: bool,
    /// Whether it kills programs: their temporary files, which they can't remove any more, are no failure of the task.
    pub kills: bool,
    /// Whether it needs the network: without, it is skipped, in CI too.
    pub network: bool,
    /// How long a pass counts, where its outcome can change although nothing here does.
    pub max_age: Option<Duration>,
    /// After this time it is stopped with everything that it started, and has failed.
    pub timeout: Duration,
    /// Its function.
    pub work: Work,
}

/// A resource that tasks share, and how many of them may use it at once, in one run or in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// What it is called.
    pub name: &'static str,
    /// How many tasks at once.
    pub capacity: usize,
}

/// A row whose [`Work`] is still missing.
#[derive(Debug)]
pub struct TaskBuilder(Task);

/// Begins a row; [`TaskBuilder::run`] completes it.
pub fn task(name: &'static str, summary: &'static str) -> TaskBuilder {
    TaskBuilder(Task {
        name,
        summary,
        needs: Vec::new(),
        groups: Vec::new(),
        lanes: Vec::new(),
        reads: Vec::new(),
        writes: Vec::new(),
        nondeterministic: Vec::new(),
        unstored_outputs: Vec::new(),
        tools: Vec::new(),
        service: None,
        variables: Vec::new(),
        history: false,
        kills: false,
        network: false,
        max_age: None,
        timeout: minutes(10),
        work: |_| Ok(()),
    })
}

impl TaskBuilder {
    /// The tasks that must have passed before it starts.
    pub fn needs<const N: usize>(mut self, needs: [&'static str; N]) -> TaskBuilder {
        self.0.needs = needs.into();
        self
    }

    /// The groups that it belongs to.
    pub fn groups<const N: usize>(mut self, groups: [&'static str; N]) -> TaskBuilder {
        self.0.groups = groups.into();
        self
    }

    /// A lane in which it runs. A second call adds another.
    pub fn lane(mut self, lane: Lane) -> TaskBuilder {
        self.0.lanes.push(lane);
        self
    }

    /// The files on which its outcome depends, as patterns. A second call adds others.
    pub fn reads(mut self, patterns: impl AsRef<[&'static str]>) -> TaskBuilder {
        self.0.reads.extend(patterns.as_ref());
        self
    }

    /// The files that it writes, as patterns.
    pub fn writes<const N: usize>(mut self, patterns: [&'static str; N]) -> TaskBuilder {
        self.0.writes = patterns.into();
        self
    }

    /// Those of its files that differ from run to run, as patterns.
    pub fn nondeterministic<const N: usize>(mut self, patterns: [&'static str; N]) -> TaskBuilder {
        self.0.nondeterministic = patterns.into();
        self
    }

    /// What it writes that is too big for the store, as patterns.
    pub fn unstored_outputs<const N: usize>(mut self, patterns: [&'static str; N]) -> TaskBuilder {
        self.0.unstored_outputs = patterns.into();
        self
    }

    /// The tools that it needs. A second call adds others.
    pub fn tools(mut self, tools: &[Tool]) -> TaskBuilder {
        self.0.tools.extend(tools);
        self
    }

    /// The service that it uses.
    pub fn service(mut self, service: Service) -> TaskBuilder {
        self.0.service = Some(service);
        self
    }

    /// The environment variables on which its outcome depends.
    pub fn variables<const N: usize>(mut self, names: [&'static str; N]) -> TaskBuilder {
        self.0.variables = names.into();
        self
    }

    /// Its outcome also depends on the commits before this tree.
    pub fn history(mut self) -> TaskBuilder {
        self.0.history = true;
        self
    }

    /// It kills programs, so their temporary files may stay behind.
    pub fn kills(mut self) -> TaskBuilder {
        self.0.kills = true;
        self
    }

    /// It needs the network, and is skipped without.
    pub fn needs_network(mut self) -> TaskBuilder {
        self.0.network = true;
        self
    }

    /// How long a pass counts; for ever unless said otherwise.
    pub fn max_age(mut self, time: Duration) -> TaskBuilder {
        self.0.max_age = Some(time);
        self
    }

    /// After what time it is stopped; ten minutes unless said otherwise.
    pub fn timeout(mut self, timeout: Duration) -> TaskBuilder {
        self.0.timeout = timeout;
        self
    }

    /// Completes the row with its function.
    pub fn run(mut self, work: Work) -> Task {
        self.0.work = work;
        self.0
    }
}

/// So many minutes: a row says `.timeout(minutes(15))`.
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// The error of a task that could not run, because this machine lacks something. It is skipped, and has not failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);
