//! What a commit must have gone through before it may go to an environment: xtask's own gates, since those of a hosting
//! service depend on the plan that one pays for.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::commands::target::access::{self, Access};
use crate::exit::{Exit, Failure, refuse};
use crate::product::checks::digests;
use crate::product::secrets::Supplied;
use crate::project::{self, Environment};
use crate::rollout::state::guard::written;
use crate::rollout::state::ledger::{Ledger, RecordedAttempt};
use crate::rollout::state::platform::PlatformRecord;
use crate::rollout::state::release::Release;
use crate::tools::git::{self, Commit};
use crate::tools::ssh;
use crate::tools::ssh::keys::Key;
use crate::workspace;

/// Each gate: the name that an override gives, and what it asks for.
pub const GATES: &[(&str, &str)] = &[
    ("branch", "the commit is on the default branch"),
    ("staging", "staging has confirmed these very images, and has not rolled back from them"),
    ("checks", "the checks of the commit have passed with these very images"),
    ("approval", "somebody else than who deploys has approved of the commit with these very images"),
    ("rolled-back", "nobody has rolled back from these very images here"),
    ("platform", "staging runs this very platform, when one is made or changed"),
    ("diverged", "it contains the commit that has the traffic"),
    ("contract", "the release that serves uses nothing that a migration takes away"),
    ("name", "the public name leads to the host that is to have a certificate for it"),
    ("drift", "the database is what its migrations come to"),
    ("owner", "the data that are on the engine are this folder's"),
    ("memory", "the host has as much memory as the platform and two releases beside each other may take"),
];

/// A gate that somebody opens by hand, and why. It is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    gate: &'static str,
    reason: String,
}

impl std::fmt::Display for Override {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.gate, self.reason)
    }
}

impl std::str::FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Override, String> {
        let (name, reason) = text.split_once('=').unwrap_or((text, ""));
        let names: Vec<&str> = GATES.iter().map(|(name, _)| *name).collect();
        let gate = names.iter().find(|gate| **gate == name);
        let gate =
            gate.ok_or_else(|| format!("{name:?} is not a gate; the gates are {}", names.join(", ")))?;
        let reason = reason.trim().to_owned();
        if reason.len() < 10 || reason.contains('\n') {
            return Err(format!("{gate}=\"reason\": the reason is recorded, so write it out in one line"));
        }
        Ok(Override { gate, reason })
    }
}

/// Refuses a commit that is not on the default branch, where that matters.
pub fn check_branch_of(environment: &Environment, commit: &Commit, overrides: &[Override]) -> Result<()> {
    if environment.confirmed_in.is_none() || is_open("branch", overrides) {
        Ok(())
    } else {
        check_branch(commit)
    }
}

/// Refuses images that were not confirmed in the environment before. Nothing of the environment itself is touched.
pub fn check_images_of(
    environment: &Environment,
    commit: &Commit,
    images: Option<&BTreeMap<String, String>>,
    overrides: &[Override],
) -> Result<()> {
    match environment.gate() {
        Some(before) if !is_open("staging", overrides) => {
            check_confirmed(&before, environment, commit, images)
        }
        _ => Ok(()),
    }
}

pub fn is_open(gate: &str, overrides: &[Override]) -> bool {
    overrides.iter().any(|open| open.gate == gate)
}

pub fn closed(gate: &str, why: String) -> anyhow::Error {
    let todo = format!("`--override {gate}=\"reason\"` opens this gate by hand; the reason is recorded.");
    Failure { exit: Exit::Gate, message: format!("{why}\n  {todo}") }.into()
}

fn check_branch(commit: &Commit) -> Result<()> {
    let branch = project::DEFAULT_BRANCH;
    match git::branch_has(workspace::root(), branch, &commit.sha)? {
        Some(true) => Ok(()),
        Some(false) => Err(closed(
            "branch",
            format!(
                "the commit {} ({}) is not on {branch}: merge it first",
                &commit.sha[..12],
                commit.subject
            ),
        )),
        None => Err(closed(
            "branch",
            format!("there is no branch {branch} here to look at: `git fetch origin {branch}` first"),
        )),
    }
}

fn check_confirmed(
    before: &Environment,
    environment: &Environment,
    commit: &Commit,
    images: Option<&BTreeMap<String, String>>,
) -> Result<()> {
    let ledger = read_ledger(before, environment, "staging")?;
    let wanted = images.map(digests);
    let (name, sha) = (&before.name, &commit.sha[..12]);
    if wanted.is_some()
        && ledger.confirmed_images().iter().any(|confirmed| Some(digests(confirmed)) == wanted)
    {
        let rolled_back = ledger.rolled_back(|images| Some(digests(images)) == wanted);
        let refuse = |attempt: RecordedAttempt| {
            closed("staging", format!("{name} has taken {sha} back ({}): {}", commit.subject, told(&attempt)))
        };
        return rolled_back.map_or(Ok(()), |attempt| Err(refuse(attempt)));
    }
    Err(closed(
        "staging",
        format!(
            "{name} has not confirmed the images of {sha} ({}): `cargo xtask deploy --env {name} --version {sha}` first",
            commit.subject
        ),
    ))
}

/// Refuses images from which somebody has rolled back in this environment, where that matters.
pub fn check_not_rolled_back(
    environment: &Environment,
    release: &Release,
    ledger: &Ledger,
    overrides: &[Override],
) -> Result<()> {
    if environment.confirmed_in.is_none() || is_open("rolled-back", overrides) {
        return Ok(());
    }
    let wanted = digests(&release.contents.images);
    match ledger.rolled_back(|images| digests(images) == wanted) {
        Some(attempt) => {
            let (name, commit) = (&environment.name, short(&release.commit));
            let why = format!("{name} has taken {commit} back: {}", told(&attempt));
            Err(closed("rolled-back", why))
        }
        None => Ok(()),
    }
}

/// Refuses a platform that the environment before does not run. Nothing of the environment itself is touched.
pub fn check_platform_of(
    environment: &Environment,
    platform: &PlatformRecord,
    overrides: &[Override],
) -> Result<()> {
    let Some(before) = environment.gate().filter(|_| !is_open("platform", overrides)) else { return Ok(()) };
    let ledger = read_ledger(&before, environment, "platform")?;
    match why_not_there(platform, &ledger) {
        None => Ok(()),
        Some(why) => {
            let (name, sha) = (&before.name, short(&platform.commit));
            let todo = format!("`cargo xtask platform up --env {name} --version {sha}` first");
            Err(closed("platform", format!("{name} does not run the platform of {sha}: {why}: {todo}")))
        }
    }
}

/// Why this platform does not count as tried where this ledger is from.
fn why_not_there(platform: &PlatformRecord, ledger: &Ledger) -> Option<String> {
    let Some(there) = ledger.proven_platform() else {
        return Some("its ledger does not say that one has worked there".to_owned());
    };
    let differing: Vec<String> =
        platform.differing_files(there).into_iter().chain(platform.differing_images(there)).collect();
    (!differing.is_empty()).then(|| {
        format!("it has that of {}, which differs in {}", short(&there.commit), differing.join(", "))
    })
}

/// The beginning of a commit's name.
pub fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// Who went back, from what, and when.
fn told(attempt: &RecordedAttempt) -> String {
    format!("{} rolled back from {} at {}", attempt.by, written(attempt.from.as_ref()), attempt.at)
}

/// Reads a ledger with a key that can do nothing else: its line in `authorized_keys` names the only command that it
/// may run, so what is asked for is of no matter. What is supplied for `by` says how to get there.
pub fn read_ledger(environment: &Environment, by: &Environment, gate: &str) -> Result<Ledger> {
    let variable = format!("{}_LEDGER_KEY", access::prefix(environment)?);
    let supplied = Supplied::of(by)?;
    let value = supplied.text(&variable)?.ok_or_else(|| {
        refuse(format!(
            "{variable} is not set: with it this reads from {} what was confirmed there. `cargo xtask host setup --env \
             {}` allows it in, and lets it do nothing else.",
            environment.name, environment.name
        ))
    })?;
    let key = Key::parse(&value).map_err(|why| refuse(format!("{variable}: {why}")))?;
    let access = Access::with_key(environment, key, &supplied)?;
    let text = ssh::forced_command(&access.destination)
        .with_context(|| format!("reading the ledger of {}", environment.name))
        .map_err(|error| closed(gate, format!("{error:#}")))?;
    Ok(Ledger::parse(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_names_one_gate_and_a_reason() {
        let open: Override = "staging=the fire is in production".parse().unwrap();
        assert_eq!(open.to_string(), "staging=the fire is in production");
        for wrong in
            ["staging", "staging=", "staging=ok", "all=because I say so", "staging=two\nlines of reason"]
        {
            assert!(wrong.parse::<Override>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_same_digests_are_the_same_images_whatever_their_registry() {
        let images = |registry: &str, digest: &str| {
            BTreeMap::from([("backend".to_owned(), format!("{registry}/backend@sha256:{digest}"))])
        };
        assert_eq!(digests(&images("a", "11")), digests(&images("localhost:1/b", "11")));
        assert_ne!(digests(&images("a", "11")), digests(&images("a", "22")));
    }
}
