//! The gate `checks`: a commit goes to where people work only when its checks have passed.

use std::collections::BTreeMap;

use anyhow::Result;

use super::gate::{Override, closed, is_open};
use crate::product::checks::{self, Signed};
use crate::product::images::Registry;
use crate::product::workflows::passes::{self, Told};
use crate::project::Environment;
use crate::terminal::{self, paint};
use crate::tools::git::Commit;

/// Refuses a commit, and these images of it, unless somebody who is listed vouches that their checks have passed. While nobody
/// is listed, GitHub is asked where it can be; where not, that is said. Nothing of the environment itself is touched.
pub fn check(
    environment: &Environment,
    registry: &Registry,
    commit: &Commit,
    images: Option<&BTreeMap<String, String>>,
    overrides: &[Override],
) -> Result<()> {
    if environment.is_for_trying || is_open("checks", overrides) {
        return Ok(());
    }
    let signers = checks::signers()?;
    let why = match checks::lists_somebody(&signers) {
        true => why_not_vouched(registry, commit, images, &signers),
        false => why_not_known(commit),
    };
    let refuse = |why: String| {
        closed("checks", format!("the checks of {} ({}): {why}", &commit.sha[..12], commit.subject))
    };
    why.map_or(Ok(()), |why| Err(refuse(why)))
}

fn why_not_vouched(
    registry: &Registry,
    commit: &Commit,
    images: Option<&BTreeMap<String, String>>,
    signers: &str,
) -> Option<String> {
    let signed = match Signed::get(registry, &commit.sha) {
        Ok(Some(signed)) => signed,
        Ok(None) => {
            return Some(format!("{registry} has no note that they have passed: has CI come to its end?"));
        }
        Err(error) => return Some(format!("it can't be known whether they have passed: {error:#}")),
    };
    match signed.verify(signers) {
        Ok((note, who)) => {
            let why = note.why_not(&commit.sha, images);
            if why.is_none() {
                terminal::note(paint::dim(format_args!(
                    "  its checks have passed: signed by {who}, {}",
                    note.at
                )));
            }
            why
        }
        Err(error) => Some(format!(
            "the note that they have passed is by nobody of {}: {error:#}",
            checks::signers_path()
        )),
    }
}

/// Without a signer. That nobody can be asked is said, and is no wall: there would be no way in for a project without CI.
fn why_not_known(commit: &Commit) -> Option<String> {
    match passes::told_by_github(&commit.sha) {
        Ok(Told::Passed) => {
            terminal::note(paint::dim("  its checks have passed, says GitHub"));
            None
        }
        Ok(Told::NotPassed(jobs)) => Some(format!("GitHub says {}", jobs.join(", "))),
        Ok(Told::Nobody(why)) => {
            terminal::warn(format_args!(
                "whether the checks of {} have passed is not known: {} lists nobody who signs it, and {why}",
                &commit.sha[..12],
                checks::signers_path()
            ));
            None
        }
        Err(error) => Some(format!("GitHub does not say whether they have passed: {error:#}")),
    }
}
