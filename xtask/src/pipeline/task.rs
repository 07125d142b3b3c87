//! A task: one row of the table.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::context::Context;
use crate::setup::Tool;

/// What a task does. A function and not a closure: everything it depends on is in its row.
pub type Work = fn(&Context) -> Result<()>;

/// One node of the graph.
#[derive(Debug, Clone)]
pub struct Task {
    /// What people type, and what its log is called.
    pub name: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// The tasks that must have passed before it starts.
    pub needs: Vec<&'static str>,
    /// The names under which it runs together with others.
    pub groups: Vec<&'static str>,
    /// What it shares with others, of which only so many may run at once.
    pub lanes: Vec<Lane>,
    /// The files on which its outcome depends, as patterns; all files when it doesn't say.
    pub reads: Vec<&'static str>,
    /// What it makes for people and for other tasks; kept with its pass, and brought back when it is gone.
    pub writes: Vec<&'static str>,
    /// What of it is about the run itself (times, in JUnit's form), and so another thing each time.
    pub nondeterministic: Vec<&'static str>,
    /// What it makes that is too big to be kept: when that is gone, the task runs again.
    pub unstored_outputs: Vec<&'static str>,
    /// What is installed before it starts, where it is missing.
    pub tools: Vec<Tool>,
    /// What is started for it, once a run.
    pub service: Option<Service>,
    /// The environment variables on which its outcome depends.
    pub variables: Vec<&'static str>,
    /// Its outcome depends on the commits before this tree, too.
    pub history: bool,
    /// It kills programs, which then leave what is temporary behind: no failure, but removed all the same.
    pub kills: bool,
    /// It asks machines elsewhere: where there are none, it is skipped, in CI too.
    pub network: bool,
    /// How long a pass is believed, where time alone can make it false.
    pub max_age: Option<Duration>,
    /// When it is ended with everything that it started.
    pub timeout: Duration,
    /// What it does.
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

/// Something that runs beside the tasks that ask for it. It is started when the first of them starts, and dropped when
/// the run ends, however it ends.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// What it is called.
    pub name: &'static str,
    /// Starts it. What it gives is what [`Context::service`] lends.
    pub start: fn() -> Result<Arc<dyn Any + Send + Sync>>,
}

/// A row that has no [`Work`] yet.
#[derive(Debug)]
pub struct Row(Task);

/// Begins a row; [`Row::run`] completes it.
pub fn task(name: &'static str, summary: &'static str) -> Row {
    Row(Task {
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

impl Row {
    /// The tasks that must have passed before it starts.
    pub fn needs<const N: usize>(mut self, needs: [&'static str; N]) -> Row {
        self.0.needs = needs.into();
        self
    }

    /// The groups that it belongs to.
    pub fn groups<const N: usize>(mut self, groups: [&'static str; N]) -> Row {
        self.0.groups = groups.into();
        self
    }

    /// A resource that it shares with others. A second call adds another.
    pub fn lane(mut self, lane: Lane) -> Row {
        self.0.lanes.push(lane);
        self
    }

    /// The files on which its outcome depends. A second call adds others.
    pub fn reads(mut self, patterns: impl AsRef<[&'static str]>) -> Row {
        self.0.reads.extend(patterns.as_ref());
        self
    }

    /// What it makes, kept with its pass.
    pub fn writes<const N: usize>(mut self, patterns: [&'static str; N]) -> Row {
        self.0.writes = patterns.into();
        self
    }

    /// What of it is another thing each time.
    pub fn nondeterministic<const N: usize>(mut self, patterns: [&'static str; N]) -> Row {
        self.0.nondeterministic = patterns.into();
        self
    }

    /// What it makes that is too big to be kept.
    pub fn unstored_outputs<const N: usize>(mut self, patterns: [&'static str; N]) -> Row {
        self.0.unstored_outputs = patterns.into();
        self
    }

    /// What is installed before it starts, where it is missing. A second call adds others.
    pub fn tools(mut self, tools: &[Tool]) -> Row {
        self.0.tools.extend(tools);
        self
    }

    /// What is started for it.
    pub fn service(mut self, service: Service) -> Row {
        self.0.service = Some(service);
        self
    }

    /// The environment variables on which its outcome depends.
    pub fn variables<const N: usize>(mut self, names: [&'static str; N]) -> Row {
        self.0.variables = names.into();
        self
    }

    /// Its outcome depends on the commits before this tree, too.
    pub fn history(mut self) -> Row {
        self.0.history = true;
        self
    }

    /// It kills programs, which then leave what is temporary behind.
    pub fn kills(mut self) -> Row {
        self.0.kills = true;
        self
    }

    /// It asks machines elsewhere.
    pub fn needs_network(mut self) -> Row {
        self.0.network = true;
        self
    }

    /// How long a pass is believed.
    pub fn max_age(mut self, time: Duration) -> Row {
        self.0.max_age = Some(time);
        self
    }

    /// When it is ended; ten minutes unless said otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Row {
        self.0.timeout = timeout;
        self
    }

    /// What it does.
    pub fn run(mut self, work: Work) -> Task {
        self.0.work = work;
        self.0
    }
}

/// So that a row reads `.timeout(minutes(15))`.
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// This machine lacks something that the task can't do without: it has not failed, it could not run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);
