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
use crate::rollout::state::ledger::damage::Damage;
use crate::rollout::state::ledger::{Kind, Ledger, RecordedAttempt};
use crate::rollout::state::platform::PlatformRecord;
use crate::rollout::state::release::Release;
use crate::tools::git::{self, Commit};
use crate::tools::ssh;
use crate::tools::ssh::keys::Key;
use crate::workspace;

/// Each gate: the name that an override gives, and what it asks for.
pub const GATES: &[(&str, &str)] = &[
    ("branch", "the commit is on the default branch"),
    ("staging", "staging has watched and confirmed these very images, and has not taken them back"),
    ("checks", "the checks of the commit have passed with these very images"),
    ("approval", "somebody else than who deploys has approved of the commit with these very images"),
    ("rolled-back", "these very images were not taken back here, by a rollback or by a watch"),
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

/// As the ledger keeps them.
pub fn recorded(overrides: &[Override]) -> Vec<String> {
    overrides.iter().map(ToString::to_string).collect()
}

/// Refuses gates that a command does not ask for.
pub fn check_are_of(gate: &str, overrides: &[Override]) -> Result<()> {
    match overrides.iter().find(|open| open.gate != gate) {
        Some(other) => Err(refuse(format!("this asks for no gate {:?}: its only one is {gate}", other.gate))),
        None => Ok(()),
    }
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
    let (name, sha) = (&before.name, &commit.sha[..12]);
    let why = match images.map(|images| why_not_proven(&ledger, images)) {
        Some(None) => return Ok(()),
        Some(Some(NotProven::TakenBack(by))) => {
            format!("{name} has taken {sha} back ({}): {}", commit.subject, told(&by))
        }
        Some(Some(NotProven::Unwatched)) | None => format!(
            "{name} has not confirmed the images of {sha} ({}): `cargo xtask deploy --env {name} --version {sha}` first. Only a \
             deploy watches what it confirms: where something else gave it the traffic there, `cargo xtask rollback --env {name}` comes before",
            commit.subject
        ),
    };
    Err(closed("staging", why))
}

/// Why images do not count as tried where this ledger is from.
#[derive(Debug, PartialEq)]
enum NotProven {
    /// They were taken back there.
    TakenBack(Box<RecordedAttempt>),
    /// No deploy of them was watched and confirmed.
    Unwatched,
}

fn why_not_proven(ledger: &Ledger, images: &BTreeMap<String, String>) -> Option<NotProven> {
    let wanted = digests(images);
    let is_such = |attempt: &RecordedAttempt| !wanted.is_empty() && digests(&attempt.images) == wanted;
    match ledger.taken_back_all(is_such) {
        Some(by) => Some(NotProven::TakenBack(Box::new(by))),
        None => (!ledger.has_proven(is_such)).then_some(NotProven::Unwatched),
    }
}

/// Refuses images that were taken back in this environment, by a rollback or by a watch, where that matters.
pub fn check_not_taken_back(
    environment: &Environment,
    release: &Release,
    ledger: &Ledger,
    overrides: &[Override],
) -> Result<()> {
    if environment.confirmed_in.is_none() || is_open("rolled-back", overrides) {
        return Ok(());
    }
    let wanted = digests(&release.contents.images);
    // An entry from before a deploy wrote down its images has the release alone.
    let is_such = |attempt: &RecordedAttempt| {
        digests(&attempt.images) == wanted || attempt.to.as_ref() == Some(&release.id)
    };
    match ledger.taken_back_all(is_such) {
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

/// Who took which release back, when, and why.
fn told(attempt: &RecordedAttempt) -> String {
    let release = if attempt.kind == Kind::Rollback { &attempt.from } else { &attempt.to };
    format!("{}: {}", written(release.as_ref()), attempt.how_taken_back())
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
    check_whole(Ledger::parse(&text), environment, gate)
}

/// What a line said that can't be read is not known: it may have taken back what the others confirm.
fn check_whole(ledger: Ledger, environment: &Environment, gate: &str) -> Result<Ledger> {
    if ledger.damaged.is_empty() {
        return Ok(ledger);
    }
    let (name, damage) = (&environment.name, Damage::Lines(ledger.damaged));
    let todo = format!("`cargo xtask recover --ledger --env {name}` makes it anew");
    Err(closed(gate, format!("of {name}, {damage}, and may have taken back what it confirms: {todo}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::state::ledger::{Entry, Event, FORMAT, Outcome};

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

    fn images(digest: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("backend".to_owned(), format!("a-registry/backend@sha256:{digest}"))])
    }

    /// One attempt in which a release of such images was given the traffic; confirmed, or undone by its watch.
    fn attempt(number: u32, kind: Kind, digest: &str, is_confirmed: bool) -> Vec<Entry> {
        let id = |n: u32| format!("2026010{n}t120000z-1a2b3c4d5e6f").parse().expect("an id");
        let (release, images) = (id(digest.parse().expect("a digit")), images(digest));
        let began = Event::Began {
            kind,
            by: "ada@desk".into(),
            lease: 1,
            from: Some(id(9)),
            to: Some(release),
            plan: Vec::new(),
            overrides: Vec::new(),
            images: if kind == Kind::Deploy { images.clone() } else { BTreeMap::new() },
        };
        let confirmed =
            Event::Confirmed { release: id(digest.parse().expect("a digit")), images, commit: String::new() };
        let (outcome, detail) = match is_confirmed {
            true => (Outcome::Succeeded, None),
            false => (Outcome::Undone, Some("watch: backend is exited".to_owned())),
        };
        let ended = Event::Ended { outcome, detail, to_switch_ms: None };
        let events = [Some(began), is_confirmed.then_some(confirmed), Some(ended)];
        let entry = |event| Entry {
            v: FORMAT,
            id: String::new(),
            at: String::new(),
            attempt: format!("a{number}"),
            prev: String::new(),
            event,
        };
        events.into_iter().flatten().map(entry).collect()
    }

    #[test]
    fn production_takes_what_a_watch_confirmed_and_not_what_one_took_back_or_only_a_rollback_brought() {
        let why = |attempts: &[(Kind, &str, bool)]| {
            let attempts = (0..).zip(attempts);
            let entries =
                attempts.flat_map(|(n, (kind, digest, ok))| attempt(n, *kind, digest, *ok)).collect();
            why_not_proven(&Ledger { entries, ..Ledger::default() }, &images("1"))
        };
        let (good, bad) = ((Kind::Deploy, "1", true), (Kind::Deploy, "1", false));
        let back_to_it = (Kind::Rollback, "1", true);
        let is_taken_back = |why: Option<NotProven>| matches!(why, Some(NotProven::TakenBack(_)));
        assert_eq!(why(&[good]), None);
        assert_eq!(why(&[good, (Kind::Deploy, "2", true), back_to_it]), None);
        assert_eq!(why(&[(Kind::Deploy, "2", true)]), Some(NotProven::Unwatched));
        assert_eq!(why(&[back_to_it]), Some(NotProven::Unwatched));
        assert!(is_taken_back(why(&[bad])));
        assert!(is_taken_back(why(&[bad, back_to_it])));
        assert!(is_taken_back(why(&[good, bad])));
        assert_eq!(why(&[bad, good]), None);
    }

    #[test]
    fn a_damaged_ledger_confirms_nothing_and_the_way_out_is_named() {
        let staging = Environment::named("staging").expect("an environment");
        let damaged = Ledger { damaged: vec![3], ..Ledger::default() };
        let why = format!("{:#}", check_whole(damaged, &staging, "staging").expect_err("it is damaged"));
        for word in ["line 3", "`cargo xtask recover --ledger --env staging`", "--override staging="] {
            assert!(why.contains(word), "{word}: {why}");
        }
        assert!(check_whole(Ledger::default(), &staging, "staging").is_ok());
    }

    #[test]
    fn what_was_taken_back_here_is_refused_by_its_images_and_opened_by_a_reason() {
        let production = Environment::named("production").expect("an environment");
        let ledger = Ledger { entries: attempt(1, Kind::Deploy, "1", false), ..Ledger::default() };
        // Other settings: another release of the same images.
        let mut release = crate::rollout::simulation::release(3, 1);
        release.contents.images = images("1");
        let why =
            check_not_taken_back(&production, &release, &ledger, &[]).expect_err("its watch failed here");
        assert!(format!("{why:#}").contains("backend is exited"), "{why:#}");
        let open = ["rolled-back=the database was down then".parse().expect("a reason")];
        assert!(check_not_taken_back(&production, &release, &ledger, &open).is_ok());
        release.contents.images = images("2");
        assert!(check_not_taken_back(&production, &release, &ledger, &[]).is_ok());
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
