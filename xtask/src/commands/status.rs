//! `cargo xtask status`: what runs, since when, by whom, and how it is.

mod backups;
mod errors;
pub(super) mod holes;
mod platform;
mod shipping;
mod watcher;

use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use self::backups::Backups;
use self::errors::NewErrors;
use self::holes::Holes;
use self::platform::PlatformOrigin;
use self::shipping::Shipping;
use super::output::OutputArgs;
use super::output::ago::ago;
use super::progress::driver::of_ledger;
use super::releases::faults::Faults;
use super::target::differences::{self, in_words};
use super::target::schema_drift::SchemaDrift;
use super::target::{TargetArgs, https};
use crate::host::{Machine, PlatformPart, PublicSite};
use crate::project::{Environment, FREE_DISK};
use crate::rollout::host::Part;
use crate::rollout::observed::Observed;
use crate::rollout::state::guard::{GuardState, written};
use crate::rollout::state::history::Differences;
use crate::rollout::state::ledger::RecordedAttempt;
use crate::rollout::state::release::ReleaseId;
use crate::terminal::{self, paint};
use crate::tools::docker::condition::{Condition, Health, started_again};
use crate::tools::http::Shown;

/// What runs, since when, by whom, and how it is
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Status {
    /// Looks, and says what it saw.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let seen = Observed::for_looking(&machine, |why| terminal::warn(format_args!("{why:#}")))?;
        let platform = machine.platform().parts()?;
        let attempt = last_confirmed(&seen);
        let lease = machine.lease_holder()?;
        let backups = Backups::of(&machine, &platform)?;
        let live = seen.active_release();
        // What was not seen is not missing.
        let lacks = live.filter(|_| !seen.schema.is_empty()).map(|release| seen.lacking(release));
        let of_database = SchemaDrift::of(&machine, &seen, None)?;
        let drift = machine.drift(&seen.traffic, &seen.kept, &seen.broken)?;
        let origin = PlatformOrigin::of(&seen.ledger, live);
        let holes = Holes::of(&machine, &seen.ledger);
        let errors = NewErrors::of(machine.environment(), &seen);
        let compared = differences::with_the_one_before(machine.environment(), &seen);
        let faults = Faults::of(&machine, &seen)?;
        let shown = machine.site().and_then(PublicSite::certificate);
        let watched = machine.watcher().look()?;
        let shipping = Shipping::of(&machine)?;
        let damage: Vec<String> = seen.damage().iter().map(ToString::to_string).collect();
        let for_programs = || {
            json!({
                "environment": machine.environment().name,
                "url": machine.url().ok(),
                "live": seen.traffic.active,
                "warm": seen.traffic.warm,
                "unconfirmed": is_provisional(&seen),
                "expected_active": seen.ledger.expected_active(),
                "since": attempt.as_ref().map(|attempt| &attempt.at),
                "by": attempt.as_ref().map(|attempt| &attempt.by),
                "lease": lease,
                "drift": drift,
                "ledger_damage": damage,
                "maintenance": seen.traffic.maintenance,
                "unfinished": seen.ledger.unfinished(),
                "new_errors": errors.as_ref().and_then(NewErrors::count),
                "incidents": seen.ledger.open_incidents(),
                "schema": seen.schema.keys().next_back(),
                "pending_migrations": lacks,
                "edited_migrations": history(&seen).edited,
                "unknown_migrations": history(&seen).unknown,
                "database_drift": of_database.for_programs(),
                "disk_free_bytes": machine.facts().free_disk,
                "last_backup": backups.newest(),
                "last_copy": backups.copied(),
                "scheduled_backups": backups.for_programs(),
                "sent_copies": backups.sent_for_programs(),
                "archive": backups.archive_for_programs(),
                "certificate_days": shown.as_ref().and_then(Shown::days),
                "certificate_trouble": shown.as_ref().and_then(https::trouble),
                "platform": platform,
                "platform_commit": origin.commit,
                "platform_differs": origin.differing,
                "platform_holes": holes,
                "watched": watched,
                "shipped_logs": shipping.as_ref().map(Shipping::for_programs),
                "compared": compared.as_ref().and_then(|it| it.as_ref().ok()),
                "parts": parts_for_programs(&seen),
            })
        };
        self.output.say(for_programs, || {
            say_live(&machine, &seen, attempt.as_ref());
            errors.iter().for_each(NewErrors::say);
            if seen.traffic.active.is_some() {
                say_data(&machine, &seen, lacks.as_deref().unwrap_or_default(), &backups);
                shown.iter().for_each(https::say);
                shipping.iter().for_each(|it| it.say(&machine.environment().name));
                terminal::say(format_args!("  platform  {origin}"));
                compared.iter().for_each(|compared| terminal::say_behind("  ", in_words(compared)));
            }
            say_drift_of_database(&of_database);
            holes.iter().for_each(Holes::say);
            say_what_wants_attention(machine.environment(), &seen, lease.as_deref(), &drift);
            watcher::say(&machine, watched.as_ref());
            say_faults(&seen, &faults);
            say_parts(&seen, &platform);
        });
        Ok(())
    }
}

fn say_live(machine: &Machine, seen: &Observed, attempt: Option<&RecordedAttempt>) {
    let environment = paint::strong(&machine.environment().name);
    let Some(live) = &seen.traffic.active else {
        let name = &machine.environment().name;
        if let Some(ought) = seen.ledger.expected_active() {
            terminal::say(paint::bad(format_args!(
                "{name}: no release has the traffic, and {ought} ought to: `cargo xtask recover --env {name}` gives it back"
            )));
            return;
        }
        return terminal::say(format_args!(
            "{environment}: no release has the traffic; `cargo xtask deploy --env {name}` changes that"
        ));
    };
    let provisional = if is_provisional(seen) { paint::warn(" (unconfirmed)") } else { String::new() };
    let url = machine.url().unwrap_or_default();
    terminal::say(format_args!("{environment}: {}{provisional}  {url}", paint::good(live)));
    if let Some(release) = seen.kept.iter().find(|release| &release.id == live) {
        terminal::say_behind("  commit    ", format_args!("{}  {}", &release.commit[..12], release.subject));
    }
    if let Some(attempt) = attempt {
        terminal::say(format_args!("  since     {}, by {} ({})", ago(&attempt.at), attempt.by, attempt.kind));
    }
    terminal::say(format_args!("  warm      {}", written(seen.traffic.warm.as_ref())));
    let ought = seen.ledger.expected_active();
    if ought.as_ref() != Some(live) && !is_provisional(seen) {
        let ought = written(ought.as_ref());
        terminal::say(paint::warn(format_args!("  by the ledger, {ought} ought to have the traffic")));
    }
}

/// What the database has applied, against what the live release carries.
fn history(seen: &Observed) -> Differences {
    let live = seen.active_release();
    live.map(|release| Differences::between(&seen.schema, release)).unwrap_or_default()
}

fn list(versions: &[i64]) -> String {
    versions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

fn say_data(machine: &Machine, seen: &Observed, lacks: &[i64], backups: &Backups) {
    let schema = seen
        .schema
        .keys()
        .next_back()
        .map_or("unknown: the database does not answer".to_owned(), i64::to_string);
    let lacks = match lacks {
        [] => String::new(),
        some => paint::bad(format_args!("  the live release needs {}", list(some))),
    };
    terminal::say(format_args!("  schema    {schema}{lacks}"));
    let history = history(seen);
    if !history.edited.is_empty() {
        let edited = list(&history.edited);
        terminal::say(paint::bad(format_args!(
            "            {edited}: the live release has another file than the one that was applied"
        )));
    }
    if !history.unknown.is_empty() {
        let unknown = list(&history.unknown);
        terminal::say(paint::dim(format_args!("            {unknown}: not in the live release")));
    }
    backups.say(&machine.environment().name);
    let free = machine.facts().free_disk;
    let gb = format!("{:.1}", free as f64 / 1e9);
    // Time enough to do something about it before a deploy is refused.
    let free = if free < 2 * FREE_DISK { paint::bad(gb) } else { gb };
    terminal::say(format_args!("  disk      {free} GB free"));
}

/// What of the database is not as its migrations made it.
fn say_drift_of_database(drift: &SchemaDrift) {
    match drift {
        SchemaDrift::None { notes } => {
            notes
                .iter()
                .for_each(|note| terminal::say(paint::dim(format_args!("            noted: {note}"))));
        }
        SchemaDrift::Unknown(_) => {}
        SchemaDrift::Differs(lines) => {
            terminal::say(paint::bad(
                "the database is not what its migrations come to ('-' is missing, '+' is there):",
            ));
            lines.iter().for_each(|line| terminal::say_behind("  ", line));
        }
    }
}

/// Who is kept out, who is at it, and what is not as it should be.
fn say_what_wants_attention(
    environment: &Environment,
    seen: &Observed,
    lease: Option<&str>,
    drift: &[String],
) {
    if let Some(until) = &seen.traffic.maintenance {
        terminal::say(paint::warn(format_args!("  users are asked to wait until {until}")));
    }
    if let Some(holder) = lease {
        terminal::say(paint::warn(format_args!("  lease     {}", holder.trim())));
    }
    if let Some(unfinished) = seen.ledger.unfinished() {
        let at = unfinished.step.map_or(String::new(), |(step, until)| under_way(&step, until.as_deref()));
        let (kind, by, when) = (unfinished.kind, unfinished.by, ago(&unfinished.at));
        terminal::say_behind(
            "",
            paint::warn(format_args!("a {kind} by {by} that began {when} has not ended{at}")),
        );
    }
    for incident in seen.ledger.open_incidents() {
        let (of, by, when) = (incident.caused_by, incident.by, ago(&incident.opened));
        terminal::say_behind(
            "incident  ",
            paint::bad(format_args!("{}: {of}, by {by} {when}", incident.why)),
        );
    }
    for damage in seen.damage() {
        terminal::say_behind("", paint::bad(of_ledger(&damage, environment)));
    }
    if seen.ledger.is_cut {
        terminal::say("the ledger's last line was cut off: it is passed over, and closed by the next entry");
    }
    for line in drift {
        terminal::say_behind(&format!("{} ", paint::warn("changed by hand:")), line);
    }
}

/// What of the kept releases is not as it was. Files of those that run are drift.
fn say_faults(seen: &Observed, faults: &Faults) {
    for broken in &seen.broken {
        terminal::say_behind(
            "",
            paint::bad(format_args!(
                "{} is damaged: {}. No rollback goes there, and a deploy removes it unless it is live or warm",
                broken.id, broken.why
            )),
        );
    }
    for (id, words) in faults.all().filter(|(id, _)| !seen.traffic.holds(id)) {
        terminal::say_behind("", paint::warn(format_args!("kept, and not whole: {id}, {words}")));
    }
}

fn say_parts(seen: &Observed, platform: &[PlatformPart]) {
    let health = |state: Condition, health: Health, never_ended: bool, words: String| {
        if state == Condition::Running && matches!(health, Health::Healthy | Health::Unchecked) {
            if never_ended { paint::good(words) } else { paint::warn(words) }
        } else {
            paint::bad(words)
        }
    };
    let words = |state: Condition, health: Health| match health {
        Health::Unchecked => state.to_string(),
        health => format!("{state}, {health}"),
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for part in platform {
        let more = [part.exit_reason.clone(), started_again(part.restarts)].into_iter();
        let all = [words(part.state, part.health)].into_iter().chain(more.filter(|more| !more.is_empty()));
        let state = all.collect::<Vec<_>>().join(", ");
        let never_ended = part.restarts == 0 && part.exit_reason.is_empty();
        let state = health(part.state, part.health, never_ended, state);
        rows.push(vec![part.service.clone(), "platform".to_owned(), state, ago(&part.since)]);
    }
    let shown = |part: &&Part| part.state != Condition::Exited || seen.traffic.holds(&part.release);
    for part in seen.parts.iter().filter(shown) {
        let is_plain = part.health_output.is_empty() && part.exit_reason.is_empty() && part.restarts == 0;
        let state = if is_plain { words(part.state, part.health) } else { part.to_string() };
        let never_ended = part.restarts == 0 && part.exit_reason.is_empty();
        let state = health(part.state, part.health, never_ended, state);
        let of = traffic_of(seen, &part.release);
        let of = of.map_or(part.release.to_string(), |of| format!("{}, {of}", part.release));
        rows.push(vec![part.service.clone(), of, state, ago(&part.since)]);
    }
    if rows.is_empty() {
        return;
    }
    terminal::say("");
    terminal::table(&["part", "of", "health", "since"], &rows);
}

/// Which of two releases beside each other it is.
fn traffic_of(seen: &Observed, release: &ReleaseId) -> Option<&'static str> {
    let is = |it: &Option<ReleaseId>| it.as_ref() == Some(release);
    if is(&seen.traffic.active) {
        Some("live")
    } else if is(&seen.traffic.warm) {
        Some("warm")
    } else {
        None
    }
}

fn parts_for_programs(seen: &Observed) -> Vec<Value> {
    let part = |part: &Part| {
        let mut told = json!(part);
        told["traffic"] = json!(traffic_of(seen, &part.release));
        told
    };
    seen.parts.iter().map(part).collect()
}

/// Where an attempt is, and how long that may last yet.
fn under_way(step: &str, until: Option<&str>) -> String {
    let left = until.and_then(|until| humantime::parse_rfc3339_weak(until).ok());
    let left = left.and_then(|until| until.duration_since(SystemTime::now()).ok());
    let left = left.map_or(String::new(), |left| {
        format!(", over in {} at the latest", humantime::format_duration(Duration::from_secs(left.as_secs())))
    });
    format!(", at '{step}'{left}")
}

/// The attempt by which the live release got the traffic.
fn last_confirmed(seen: &Observed) -> Option<RecordedAttempt> {
    let attempts = seen.ledger.attempts();
    attempts.into_iter().rev().find(|attempt| attempt.confirmed && attempt.to == seen.traffic.active)
}

fn is_provisional(seen: &Observed) -> bool {
    seen.traffic
        .guard
        .as_ref()
        .is_some_and(|guard| guard.state == GuardState::Armed && guard.to == seen.traffic.active)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::host::Files;
    use crate::rollout::state::guard::Traffic;
    use crate::rollout::state::ledger::Ledger;

    #[test]
    fn of_two_releases_beside_each_other_it_is_told_which_one_is_live() {
        let id = |n: u32| -> ReleaseId { format!("2026010{n}t120000z-1a2b3c4d5e6f").parse().unwrap() };
        let traffic = Traffic { active: Some(id(2)), warm: Some(id(1)), guard: None, maintenance: None };
        let (ledger, kept, broken) = (Ledger::default(), Vec::new(), Vec::new());
        let seen = Observed::from(Files { traffic, ledger, kept, broken });
        let told = [1, 2, 3].map(|n| traffic_of(&seen, &id(n)));
        assert_eq!(told, [Some("warm"), Some("live"), None]);
    }

    #[test]
    fn how_long_a_step_may_last_yet_is_said_while_that_is_ahead() {
        let until = humantime::format_rfc3339(SystemTime::now() + Duration::from_secs(125)).to_string();
        assert!(under_way("watch", Some(&until)).starts_with(", at 'watch', over in 2m"), "{until}");
        assert_eq!(under_way("watch", Some("2026-01-03T12:00:00Z")), ", at 'watch'");
        assert_eq!(under_way("watch", None), ", at 'watch'");
    }
}
