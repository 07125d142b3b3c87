//! The gate `checks`: a commit goes to where people work only when its checks have passed.

use std::collections::BTreeMap;

use anyhow::Result;

use super::gate::{Override, closed, is_open};
use crate::product::checks::{self, Note};
use crate::product::github::passes::{self, Told};
use crate::product::images::Registry;
use crate::project::{CHECKS_NAMESPACE, Environment};
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
    match ask(registry, commit, images)? {
        Known::Passed(who) => {
            terminal::note(paint::dim(format_args!("  its checks have passed: {who}")));
        }
        Known::ByNobody(why) => terminal::warn(why),
    }
    Ok(())
}

/// What is known of a commit's checks that is no refusal.
pub enum Known {
    /// They have passed, says somebody who is believed.
    Passed(String),
    /// Nobody could be asked, and why not. That is no wall: there would be no way in for a project without CI.
    ByNobody(String),
}

/// Asks who is believed. An error when they have not passed.
pub fn ask(registry: &Registry, commit: &Commit, images: Option<&BTreeMap<String, String>>) -> Result<Known> {
    let signers = checks::signers()?;
    let known = match checks::lists_somebody(&signers) {
        true => vouched(registry, commit, images, &signers),
        false => told(commit),
    };
    known.map_err(|why| {
        closed("checks", format!("the checks of {} ({}): {why}", &commit.sha[..12], commit.subject))
    })
}

fn vouched(
    registry: &Registry,
    commit: &Commit,
    images: Option<&BTreeMap<String, String>>,
    signers: &str,
) -> Result<Known, String> {
    let signed = match checks::get(registry, &commit.sha) {
        Ok(Some(signed)) => signed,
        Ok(None) => {
            return Err(format!("{registry} has no note that they have passed: has CI come to its end?"));
        }
        Err(error) => return Err(format!("it can't be known whether they have passed: {error:#}")),
    };
    match signed.verify::<Note>(signers, CHECKS_NAMESPACE) {
        Ok((note, who)) => match note.why_not(&commit.sha, images) {
            None => Ok(Known::Passed(format!("signed by {who}, {}", note.at))),
            Some(why) => Err(why),
        },
        Err(error) => Err(format!(
            "the note that they have passed is by nobody of {}: {error:#}",
            checks::signers_path()
        )),
    }
}

/// Without a signer.
fn told(commit: &Commit) -> Result<Known, String> {
    match passes::told_by_github(&commit.sha) {
        Ok(Told::Passed) => Ok(Known::Passed("GitHub says so".to_owned())),
        Ok(Told::NotPassed(jobs)) => Err(format!("GitHub says {}", jobs.join(", "))),
        Ok(Told::Nobody(why)) => Ok(Known::ByNobody(format!(
            "whether the checks of {} have passed is not known: {} lists nobody who signs it, and {why}",
            &commit.sha[..12],
            checks::signers_path()
        ))),
        Err(error) => Err(format!("GitHub does not say whether they have passed: {error:#}")),
    }
}
