//! `cargo xtask logs`: what the services wrote.

pub mod ship;

use std::time::SystemTime;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use self::ship::Ship;
use super::output::near::did_you_mean;
use super::refuse;
use super::target::TargetArgs;
use crate::host::Machine;
use crate::project::{BACKEND, FRONTEND, PLATFORM};
use crate::rollout::host::Host;
use crate::rollout::state::release::ReleaseId;
use crate::terminal;
use crate::tools::docker::compose::Wanted;

const DEFAULT_TAIL: u32 = 100;

/// Logs of the live release, of another one, or of the platform
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Logs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// backend, frontend, postgres or edge; without it, both services of the release
    #[arg(value_parser = service)]
    service: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Another release than the live one; also one whose deploy failed and whose containers are gone
    #[arg(long, value_name = "RELEASE")]
    release: Option<ReleaseId>,
    /// Go on as more is written, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many lines of the past
    #[arg(long, value_name = "LINES", default_value_t = DEFAULT_TAIL)]
    tail: u32,
    /// None that is older: 10m, or a moment (2026-01-03T12:00:00Z); then as many lines as there are, unless --tail says less
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// A line of JSON for each: at, service, release, text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Send them off the host, to a Loki or by syslog (docs/logs.md)
    Ship(Ship),
}

/// A service's name, as somebody types it.
fn service(word: &str) -> Result<String, String> {
    let parts = [BACKEND.name, FRONTEND.name].into_iter();
    let services = parts.chain(PLATFORM.iter().map(|service| service.name));
    let found = services.clone().find(|service| *service == word).map(str::to_owned);
    found.ok_or_else(|| format!("no service has this name.{}", did_you_mean(word, services)))
}

impl Logs {
    /// Shows them, on the user's own terminal or into a pipe.
    pub fn run(mut self) -> Result<()> {
        if let Some(Verb::Ship(ship)) = self.verb.take() {
            return ship.run();
        }
        let of_platform = PLATFORM.iter().any(|service| self.service.as_deref() == Some(service.name));
        if let (true, Some(service), Some(_)) = (of_platform, &self.service, &self.release) {
            return Err(refuse(format!("{service} is no part of a release: leave out `--release`")));
        }
        let since =
            self.since.as_deref().map(|text| moment(text, SystemTime::now())).transpose().map_err(refuse)?;
        let machine = self.target.clone().reach()?;
        if of_platform {
            let as_json = |line: &str| say_json(line, None);
            return machine.platform().logs(&self.wanted(since), self.json.then_some(&as_json));
        }
        let id = self.release.clone().map_or_else(|| live(&machine), Ok)?;
        // As long as there are containers, they have more than what is kept of them.
        if self.release.is_none() || machine.parts()?.iter().any(|part| part.release == id) {
            let as_json = |line: &str| say_json(line, Some(&id));
            return machine.releases().logs(&id, &self.wanted(since), self.json.then_some(&as_json));
        }
        self.kept(&machine, &id, since)
    }

    fn wanted(&self, since: Option<SystemTime>) -> Wanted {
        Wanted {
            service: self.service.clone(),
            tail: self.tail(),
            since: since.map(|moment| humantime::format_rfc3339(moment).to_string()),
            follow: self.follow,
            timestamps: self.json,
        }
    }

    /// Who asks from a moment on wants all from there on.
    fn tail(&self) -> u32 {
        if self.since.is_some() && self.tail == DEFAULT_TAIL { u32::MAX } else { self.tail }
    }

    fn kept(&self, machine: &Machine, id: &ReleaseId, since: Option<SystemTime>) -> Result<()> {
        let Some(text) = machine.releases().kept_logs(id)? else { return Err(nothing_of(machine, id)?) };
        for line in last_lines(&text, self.service.as_deref(), since, self.tail()) {
            match terminal::takes_escape_codes() {
                _ if self.json => say_json(line, Some(id)),
                true => terminal::say(line),
                false => terminal::say(terminal::without_escape_codes(line)),
            }
        }
        Ok(())
    }
}

/// The moment from which on lines are wanted.
fn moment(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    let ago = humantime::parse_duration(text).ok().and_then(|ago| now.checked_sub(ago));
    ago.or_else(|| humantime::parse_rfc3339_weak(text).ok()).ok_or_else(|| {
        format!("--since: {text:?} is neither a time (10m) nor a moment (2026-01-03T12:00:00Z)")
    })
}

/// `service | time text`: as it is kept, and, but for a number behind the service, as compose writes it.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = line.split_once(" | ")?;
    let (at, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let service = service.trim_end();
    let service = service
        .rsplit_once('-')
        .filter(|(_, number)| number.parse::<u32>().is_ok())
        .map_or(service, |it| it.0);
    Some((service, at, text))
}

fn say_json(line: &str, release: Option<&ReleaseId>) {
    let Some((service, at, text)) = parse(line) else { return };
    terminal::say(json!({ "at": at, "service": service, "release": release, "text": text }));
}

fn live(machine: &Machine) -> Result<ReleaseId> {
    let environment = &machine.environment().name;
    machine.live()?.active.ok_or_else(|| {
        refuse(format!(
            "no release has the traffic in {environment}: `cargo xtask deploy --env {environment}` changes that"
        ))
    })
}

/// What of the kept text is asked for.
fn last_lines<'a>(
    text: &'a str,
    service: Option<&str>,
    since: Option<SystemTime>,
    tail: u32,
) -> Vec<&'a str> {
    let is_asked_for = |line: &&str| {
        let parsed = parse(line);
        let at = parsed.and_then(|(_, at, _)| humantime::parse_rfc3339_weak(at).ok());
        service.is_none_or(|wanted| parsed.is_some_and(|(of, ..)| of == wanted))
            && since.is_none_or(|since| at.is_some_and(|at| at >= since))
    };
    let lines: Vec<&str> = text.lines().filter(is_asked_for).collect();
    let over = lines.len().saturating_sub(tail.try_into().unwrap_or(usize::MAX));
    lines[over..].to_vec()
}

fn nothing_of(machine: &Machine, id: &ReleaseId) -> Result<anyhow::Error> {
    let mut others = machine.releases().with_kept_logs()?;
    others.extend(machine.parts()?.into_iter().map(|part| part.release));
    others.sort();
    others.dedup();
    let meant = did_you_mean(id.as_str(), others.iter().map(ReleaseId::as_str));
    Ok(refuse(format!("there are no logs of the release {id}.{meant}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_one_service_are_found_among_those_of_all() {
        let text = "backend  | 1 a\nfrontend | 2 backend  | b\nbackend  | 3 c\nbackend  | 4 d\n";
        assert_eq!(last_lines(text, Some("backend"), None, 2), ["backend  | 3 c", "backend  | 4 d"]);
        assert_eq!(last_lines(text, Some("frontend"), None, 9), ["frontend | 2 backend  | b"]);
        assert_eq!(last_lines(text, None, None, 3).len(), 3);
    }

    #[test]
    fn lines_from_a_moment_on_are_found_by_their_times() {
        let text =
            "web | 2026-01-03T11:59:59.999999999Z a\nweb | 2026-01-03T12:00:00.000000001Z b\nno time\n";
        let noon = humantime::parse_rfc3339("2026-01-03T12:00:00Z").unwrap();
        assert_eq!(last_lines(text, None, Some(noon), 9), ["web | 2026-01-03T12:00:00.000000001Z b"]);
        assert_eq!(moment("10m", noon).unwrap(), moment("2026-01-03T11:50:00Z", noon).unwrap());
        assert!(moment("soon", noon).unwrap_err().contains("--since"));
    }

    #[test]
    fn a_line_is_read_as_it_is_kept_and_as_compose_writes_it() {
        assert_eq!(parse("backend-1  | 2026Z {\"a\": 1 | 2}"), Some(("backend", "2026Z", "{\"a\": 1 | 2}")));
        assert_eq!(parse("app-web | 2026Z"), Some(("app-web", "2026Z", "")));
        assert_eq!(parse("Attaching to a"), None);
    }
}
