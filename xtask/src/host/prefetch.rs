//! What the database, the edge and a release tell of themselves. Each question is a program in a container, and nearly all
//! of its time goes to starting that: so a deploy asks the first two before it looks at the rest, a rollback asks the third,
//! and the answers are there when it comes to them.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Machine;
use crate::rollout::state::release::ReleaseId;
use crate::tools::docker::exec::Running;

/// A prefetched answer older than this is dropped, and asked for again.
const PREFETCH_MAX_AGE: Duration = Duration::from_secs(10);

/// Questions that are under way; none of them is there when its service does not run.
#[derive(Default)]
pub(super) struct Prefetch {
    schema: Option<(Instant, Option<Running>)>,
    counts: Option<(Instant, Option<Running>)>,
    ready: Option<(Instant, (ReleaseId, Running))>,
    /// What the database consists of, which it tells together with its migrations.
    catalogue: Option<(Instant, String)>,
}

impl Machine {
    /// Asks the database for its migrations and the edge for its numbers. Whoever wants to know it next, and soon, has this
    /// answer.
    pub fn prefetch_counts_and_schema(&self) -> Result<()> {
        let (schema, counts) = (self.database().ask_schema()?, self.platform().ask_counts()?);
        let now = Instant::now();
        *self.prefetch.borrow_mut() =
            Prefetch { schema: Some((now, schema)), counts: Some((now, counts)), ..Prefetch::default() };
        Ok(())
    }

    /// Asks the release whether it is ready, for whoever holds the lease and will want to know. What changes something
    /// before that drops the answer.
    pub fn prefetch_ready_check(&self, id: &ReleaseId) -> Result<()> {
        let asked = self.releases().begin_ready_check(id)?.map(|asked| (Instant::now(), (id.clone(), asked)));
        self.prefetch.borrow_mut().ready = asked;
        Ok(())
    }

    /// An answer from before a change says nothing of what is after it.
    pub(super) fn discard_prefetched(&self) {
        *self.prefetch.borrow_mut() = Prefetch::default();
    }

    /// Whether some answer would count.
    #[cfg(test)]
    pub fn has_prefetched(&self) -> bool {
        let Prefetch { schema, counts, ready, catalogue } = &*self.prefetch.borrow();
        schema.is_some() || counts.is_some() || ready.is_some() || catalogue.is_some()
    }

    pub(super) fn prefetched_schema(&self) -> Option<Option<Running>> {
        fresh(self.prefetch.borrow_mut().schema.take())
    }

    pub(super) fn remember_catalogue(&self, catalogue: String) {
        self.prefetch.borrow_mut().catalogue = Some((Instant::now(), catalogue));
    }

    pub(super) fn prefetched_catalogue(&self) -> Option<String> {
        fresh(self.prefetch.borrow_mut().catalogue.take())
    }

    pub(super) fn prefetched_counts(&self) -> Option<Option<Running>> {
        fresh(self.prefetch.borrow_mut().counts.take())
    }

    pub(super) fn prefetched_ready_check(&self, id: &ReleaseId) -> Option<Running> {
        let (of, asked) = fresh(self.prefetch.borrow_mut().ready.take())?;
        (of == *id).then_some(asked)
    }
}

fn fresh<T>(asked: Option<(Instant, T)>) -> Option<T> {
    asked.filter(|(at, _)| at.elapsed() < PREFETCH_MAX_AGE).map(|(_, asked)| asked)
}
