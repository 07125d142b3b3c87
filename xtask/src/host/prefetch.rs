//! What the database, the edge and a release tell of themselves. Each question is a program in a container, and nearly all
//! of its time goes to starting that: so a deploy asks the first two before it looks at the rest, a rollback asks the third,
//! and the answers are there when it comes to them.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::Machine;
use super::platform::ANSWER_TIMEOUT;
use crate::project::{self, DATABASE_SERVICE, EDGE};
use crate::rollout::host::EdgeCounts;
use crate::rollout::state::release::ReleaseId;
use crate::tools::docker::exec::Running;

/// An answer that came earlier than that is not the one that is asked for now.
const PREFETCH_MAX_AGE: Duration = Duration::from_secs(10);

/// Versions of the migrations that the database has, a line each.
const SCHEMA: [&str; 9] = [
    "psql",
    "--username=postgres",
    "--no-psqlrc",
    "--tuples-only",
    "--no-align",
    "--dbname",
    project::DATABASE,
    "--command",
    "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version",
];
/// The edge's own metrics, which nobody outside its container can ask for.
const COUNTS: [&str; 5] = ["wget", "-q", "-O", "-", "http://127.0.0.1:2019/metrics"];

/// Questions that are under way; none of them is there when its service does not run.
#[derive(Default)]
pub(super) struct Prefetch {
    schema: Option<(Instant, Option<Running>)>,
    counts: Option<(Instant, Option<Running>)>,
    smoke: Option<(Instant, (ReleaseId, Running))>,
}

impl Machine {
    /// Asks both. Whoever wants to know it next, and soon, has this answer.
    pub fn prefetch_counts_and_schema(&self) -> Result<()> {
        let (schema, counts) = (self.ask_schema()?, self.ask_counts()?);
        let now = Instant::now();
        *self.prefetch.borrow_mut() =
            Prefetch { schema: Some((now, schema)), counts: Some((now, counts)), smoke: None };
        Ok(())
    }

    /// Asks the release whether it is ready, for whoever holds the lease and will want to know. What changes something
    /// before that drops the answer.
    pub fn prefetch_smoke(&self, id: &ReleaseId) -> Result<()> {
        let asked = self.begin_smoke(id)?.map(|asked| (Instant::now(), (id.clone(), asked)));
        self.prefetch.borrow_mut().smoke = asked;
        Ok(())
    }

    /// An answer from before a change says nothing of what is after it.
    pub(super) fn discard_prefetched(&self) {
        *self.prefetch.borrow_mut() = Prefetch::default();
    }

    /// Whether some answer would count.
    #[cfg(test)]
    pub fn has_prefetched(&self) -> bool {
        let Prefetch { schema, counts, smoke } = &*self.prefetch.borrow();
        schema.is_some() || counts.is_some() || smoke.is_some()
    }

    pub(super) fn prefetched_smoke(&self, id: &ReleaseId) -> Option<Running> {
        let (of, asked) = fresh(self.prefetch.borrow_mut().smoke.take())?;
        (of == *id).then_some(asked)
    }

    fn ask_schema(&self) -> Result<Option<Running>> {
        self.begin_in_platform(&DATABASE_SERVICE, "psql", &SCHEMA, ANSWER_TIMEOUT)
    }

    fn ask_counts(&self) -> Result<Option<Running>> {
        self.begin_in_platform(&EDGE, "wget", &COUNTS, ANSWER_TIMEOUT)
    }

    /// Versions of the migrations that the database has; none before the first one, or when it is not running.
    pub(super) fn applied_migrations(&self) -> Result<Vec<i64>> {
        let asked = match fresh(self.prefetch.borrow_mut().schema.take()) {
            Some(asked) => asked,
            None => self.ask_schema()?,
        };
        let Some(told) = asked.map_or(Ok(None), Running::finish)? else { return Ok(Vec::new()) };
        if told.status.success() {
            return Ok(told.stdout.lines().filter_map(|line| line.trim().parse().ok()).collect());
        }
        // 42P01, undefined_table, and 3D000, undefined_database: nothing was ever migrated, or even made.
        let never = [
            "_sqlx_migrations\" does not exist",
            &format!("database \"{}\" does not exist", project::DATABASE),
        ];
        if never.iter().any(|never| told.stderr.contains(never)) {
            return Ok(Vec::new());
        }
        bail!("the database does not say which migrations it has: {}", told.stderr.trim())
    }

    /// How many requests the edge has answered.
    pub(super) fn count_edge(&self) -> Result<EdgeCounts> {
        let asked = match fresh(self.prefetch.borrow_mut().counts.take()) {
            Some(asked) => asked,
            None => self.ask_counts()?,
        };
        let told = asked.map_or(Ok(None), Running::finish)?.ok_or_else(|| self.is_not_running(&EDGE))?;
        ensure!(told.status.success(), "reading the edge's numbers: {}", told.stderr.trim());
        Ok(counts(&told.stdout))
    }
}

fn fresh<T>(asked: Option<(Instant, T)>) -> Option<T> {
    asked.filter(|(at, _)| at.elapsed() < PREFETCH_MAX_AGE).map(|(_, asked)| asked)
}

/// Sums `caddy_http_request_duration_seconds_count` over handlers; the label `code` is the status. Requests pass
/// through several handlers, so only the outermost one counts.
fn counts(metrics: &str) -> EdgeCounts {
    let mut counts = EdgeCounts::default();
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("caddy_http_request_duration_seconds_count{") else { continue };
        let Some((labels, value)) = rest.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            labels.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
        };
        if label("handler") != Some("subroute") {
            continue;
        }
        let number = value.trim().parse::<f64>().unwrap_or(0.0) as u64;
        counts.all += number;
        counts.errors += if label("code").is_some_and(|code| code.starts_with('5')) { number } else { 0 };
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_numbers_are_read_and_each_request_counts_once() {
        let metrics = "# TYPE caddy_http_request_duration_seconds histogram\n\
            caddy_http_request_duration_seconds_count{code=\"200\",handler=\"subroute\",method=\"GET\",server=\"srv0\"} 40\n\
            caddy_http_request_duration_seconds_count{code=\"502\",handler=\"subroute\",method=\"GET\",server=\"srv0\"} 2\n\
            caddy_http_request_duration_seconds_count{code=\"200\",handler=\"reverse_proxy\",method=\"GET\",server=\"srv0\"} 40\n";
        assert_eq!(counts(metrics), EdgeCounts { all: 42, errors: 2 });
    }
}
