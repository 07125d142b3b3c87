//! How long changes took to their users.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use camino::Utf8Path;

use super::deployments::Deployment;
use crate::tools::git::history::{self, CommitTimes};

/// The trailer of a commit that mends a release: its id.
const FIXES: &str = "Fixes-release";

/// One commit that reached its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Since it was written.
    pub since_written: Option<Duration>,
    /// Since the default branch had it.
    pub since_merged: Option<Duration>,
}

/// The releases that commits between these two say they mend; that they are not in this clone, [`changes`] says.
pub fn fixes(repository: &Utf8Path, (from, to): &(String, String)) -> Result<Vec<String>> {
    Ok(history::trailers(repository, from, to, FIXES)?.unwrap_or_default())
}

/// The changes that good deployments since then brought, and what can't be known of some. The first deployment brought everything:
/// it says nothing of how long that took.
pub fn changes(
    repository: &Utf8Path,
    made: &[Deployment],
    since: SystemTime,
) -> Result<(Vec<Change>, Vec<String>)> {
    let (mut changes, mut unknown, mut live) = (Vec::new(), Vec::new(), BTreeSet::new());
    let good = made.iter().enumerate().filter(|(_, it)| it.at >= since && it.failure.is_none());
    for (number, deployment) in good {
        let Some((from, to)) = &deployment.commits else {
            if number > 0 {
                unknown.push(format!(
                    "{}: the ledger does not have its commit, or that of the release before",
                    deployment.release
                ));
            }
            continue;
        };
        match history::times_between(repository, from, to)? {
            Some(commits) => changes.extend(of_deployment(&commits, deployment.at, &mut live)),
            None => unknown.push(format!("{}: its commits are not in this clone", deployment.release)),
        }
    }
    Ok((changes, unknown))
}

/// The commits of one deployment; `commits` begins with the newest, and has parents behind children. Those that were `seen`
/// had the traffic before, and came back.
pub fn of_deployment(commits: &[CommitTimes], live: SystemTime, seen: &mut BTreeSet<String>) -> Vec<Change> {
    let merged = merged_at(commits);
    let since = |seconds: i64| {
        let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?);
        // A clock that is ahead wrote it later than it was live.
        Some(live.duration_since(at).unwrap_or_default())
    };
    let own = commits.iter().filter(|commit| commit.parents.len() < 2 && seen.insert(commit.sha.clone()));
    own.map(|commit| Change {
        since_written: since(commit.written),
        since_merged: merged.get(commit.sha.as_str()).and_then(|at| since(*at)),
    })
    .collect()
}

/// When the branch had each commit: when the first commit of its own line was made that has it among its ancestors.
fn merged_at(commits: &[CommitTimes]) -> BTreeMap<&str, i64> {
    let by_name: BTreeMap<&str, &CommitTimes> =
        commits.iter().map(|commit| (commit.sha.as_str(), commit)).collect();
    let mut line = Vec::new();
    let mut next = commits.first();
    while let Some(commit) = next {
        line.push(commit);
        next = commit.parents.first().and_then(|parent| by_name.get(parent.as_str()).copied());
    }
    let mut merged = BTreeMap::new();
    let on_line: BTreeSet<&str> = line.iter().map(|commit| commit.sha.as_str()).collect();
    for commit in line.iter().rev() {
        let mut stack = vec![commit.sha.as_str()];
        while let Some(sha) = stack.pop() {
            if merged.contains_key(sha) || (sha != commit.sha && on_line.contains(sha)) {
                continue;
            }
            let Some(found) = by_name.get(sha) else { continue };
            merged.insert(found.sha.as_str(), commit.committed);
            stack.extend(found.parents.iter().map(String::as_str));
        }
    }
    merged
}
