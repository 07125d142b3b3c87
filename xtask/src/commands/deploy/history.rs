//! Whether the database and the commit tell one history. What the files say now must be what was run, in the order in which a new
//! database runs it: else what CI tries is not what an environment has, and nobody notices until much later.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::exit::refuse;
use crate::project::MIGRATIONS;
use crate::rollout::observed::Observed;
use crate::rollout::state::history::Differences;
use crate::rollout::state::release::Release;
use crate::tools::git;
use crate::workspace;

/// Refused when they differ, also when nothing is pending. A database that a release of another branch has migrated is no
/// difference while nothing is pending: who has the traffic works with it. `files` are the names of the commit's migrations.
pub fn check(
    release: &Release,
    seen: &Observed,
    files: &BTreeMap<i64, String>,
    environment: &str,
) -> Result<()> {
    let Differences { edited, unknown, late } = Differences::between(&seen.schema, release);
    if let Some(version) = edited.first() {
        let file = path(files, *version);
        return Err(refuse(format!(
            "{file} is not what {environment} has applied: it was changed since\n  Put it back as it was (`git log -p -- \
             {file}`), and write what is to change into a migration of its own: `cargo xtask migrate new NAME`."
        )));
    }
    if let Some(version) = unknown.first() {
        check_unknown(*version, release, seen, environment)?;
    }
    match late.first().zip(seen.schema.keys().next_back()) {
        Some((version, newest)) => Err(refuse(format!(
            "{} comes before {newest}, which {environment} has applied already: a new database runs them the other way round\n  \
             Give it, and its way back, a newer number: `git mv`.",
            path(files, *version)
        ))),
        None => Ok(()),
    }
}

/// A migration that the commit does not have.
fn check_unknown(version: i64, release: &Release, seen: &Observed, environment: &str) -> Result<()> {
    let brought = seen.kept.iter().filter(|kept| kept.migrations.contains(&version) && kept.id != release.id);
    let Some(brought) = brought.max_by(|a, b| a.id.cmp(&b.id)) else {
        // Of a deploy that was undone nothing is kept, but what it had added to the database.
        if seen.ledger.has_migrated_for_nothing() && seen.pending(release).is_empty() {
            return Ok(());
        }
        return Err(refuse(format!(
            "{environment} has applied the migration {version}, and neither the commit nor any release that is kept there \
             knows it\n  Where it came from may be found: `git log --all -- '{MIGRATIONS}/{version}*'`. A commit that has \
             it can be deployed."
        )));
    };
    let commit = brought.commit.get(..12).unwrap_or(&brought.commit);
    if git::is_ancestor(workspace::root(), &brought.commit, &release.commit).unwrap_or(false) {
        return Err(refuse(format!(
            "{environment} has applied the migration {version}, which came with {commit} ({}), and this commit has removed \
             its file\n  Put it back: `git checkout {commit} -- '{MIGRATIONS}/{version}*'`. What it did is taken away by a \
             migration of its own, once nothing uses it.",
            brought.subject
        )));
    }
    if seen.pending(release).is_empty() {
        return Ok(());
    }
    let way_out = match seen.ledger.confirmed().contains(&brought.id) {
        true => String::new(),
        false => format!(
            " Its deploy was undone: `cargo xtask migrate revert --env {environment}` takes back what nobody needs of it, behind a \
             backup."
        ),
    };
    Err(refuse(format!(
        "{environment} has applied the migration {version}, which came with {commit} ({}); this commit does not have it, and \
         has others that are pending\n  Merge {commit} first. (Without a pending migration it could be deployed as it is.){way_out}",
        brought.subject
    )))
}

fn path(files: &BTreeMap<i64, String>, version: i64) -> String {
    files.get(&version).map_or(format!("migration {version}"), |name| format!("{MIGRATIONS}/{name}"))
}
