//! Errors that nobody had seen before the release that serves, as Sentry knows them.

use crate::product::secrets::Supplied;
use crate::product::sentry::Sentry;
use crate::project::Environment;
use crate::rollout::observed::Observed;
use crate::terminal::{self, paint};

/// How many there are, or why nobody knows; and where they are read.
pub struct NewErrors {
    found: Result<u64, String>,
    page: String,
}

impl NewErrors {
    /// Of the release that has the traffic; nothing where no Sentry is named.
    pub fn of(environment: &Environment, seen: &Observed) -> Option<NewErrors> {
        let live = seen.traffic.active.as_ref()?.as_str();
        let sentry = Supplied::of(environment).ok().as_ref().and_then(Sentry::of)?;
        let found = sentry.new_in(live, &environment.name).map_err(|error| format!("{error:#}"));
        Some(NewErrors { found, page: sentry.page_of(live) })
    }

    /// For programs.
    pub fn count(&self) -> Option<u64> {
        self.found.as_ref().ok().copied()
    }

    /// A line, where there is something to say.
    pub fn say(&self) {
        match &self.found {
            Ok(0) => {}
            Ok(count) => terminal::say_behind(
                "  errors    ",
                paint::bad(format_args!(
                    "{count} kinds that were never seen before this release: {}",
                    self.page
                )),
            ),
            Err(why) => terminal::say_behind("  errors    ", paint::dim(format_args!("unknown: {why}"))),
        }
    }
}
