//! The moves of a rollout, as somebody watches them: a line a move, with its time.

use std::cell::RefCell;

use crate::rollout::plan::{Report, Step};
use crate::terminal::{self, Activity, paint};

/// Prints what happens, as it happens.
#[derive(Default)]
pub struct Moves {
    running: RefCell<Option<Activity>>,
}

impl Moves {
    fn end(&self, how: impl FnOnce(Activity)) {
        if let Some(activity) = self.running.borrow_mut().take() {
            how(activity);
        }
    }
}

impl Report for Moves {
    fn begun(&self, step: &dyn Step) {
        *self.running.borrow_mut() = Some(Activity::start(format!("{:<8} {}", step.name(), step.describe())));
    }

    fn done(&self, _step: &dyn Step) {
        self.end(|activity| activity.done(""));
    }

    fn failed(&self, _step: &dyn Step) {
        self.end(Activity::failed);
    }

    fn reverted(&self, step: &dyn Step, result: &anyhow::Result<()>) {
        match result {
            Ok(()) => terminal::note(paint::dim(format_args!("  undone: {}", step.name()))),
            Err(error) => terminal::warn(format_args!("{} could not be undone: {error:#}", step.name())),
        }
    }

    fn says(&self, line: &str) {
        terminal::note(paint::dim(format_args!("    {line}")));
    }

    fn warns(&self, line: &str) {
        self.end(Activity::failed);
        terminal::warn(line);
    }
}
