//! A deploy that replaces a commit which it does not contain: somebody's work would be gone from what runs.
//!
//! It is compared with what has the traffic, and with nothing else: after a rollback that is the release that was gone back to,
//! and what was gone back from may be left behind. On this machine, where one person goes from branch to branch, nobody is
//! asked.

use anyhow::Result;

use crate::commands::target::gate::{self, Override};
use crate::project::Environment;
use crate::rollout::observed::Observed;
use crate::rollout::state::release::Release;
use crate::tools::git;
use crate::workspace;

/// What the release would take away, in words, when it wants a yes; where only what another environment has confirmed goes,
/// a yes is not enough, and it is refused.
pub fn check(
    environment: &Environment,
    release: &Release,
    seen: &Observed,
    overrides: &[Override],
) -> Result<Option<String>> {
    let live = seen.active_release();
    let Some(live) = live.filter(|live| !environment.is_here() && live.commit != release.commit) else {
        return Ok(None);
    };
    let words = match in_words(live, release)? {
        Some(_) if gate::is_open("diverged", overrides) => return Ok(None),
        Some(words) => words,
        None => return Ok(None),
    };
    if environment.confirmed_in.is_some() { Err(gate::closed("diverged", words)) } else { Ok(Some(words)) }
}

/// Nothing when the one contains the other.
fn in_words(live: &Release, release: &Release) -> Result<Option<String>> {
    let root = workspace::root();
    let (old, new) = (gate::short(&live.commit), gate::short(&release.commit));
    let subject = &live.subject;
    if git::full_name(root, &live.commit)?.is_none() {
        return Ok(Some(format!(
            "the commit {old} ({subject}), which has the traffic, is not in this clone, so that nobody can say whether {new} \
             contains it: `git fetch` first"
        )));
    }
    if git::is_ancestor(root, &live.commit, &release.commit)? {
        return Ok(None);
    }
    let lost = git::commits_between(root, &release.commit, &live.commit)?;
    let others = match lost.len() {
        0 | 1 => String::new(),
        all => format!(", and {} more before it", all - 1),
    };
    Ok(Some(format!(
        "{new} ({}) does not contain the commit that has the traffic, {old} ({subject}){others}: it would be gone",
        release.subject
    )))
}
