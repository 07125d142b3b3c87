//! `cargo xtask logs`: what the services wrote.

use anyhow::Result;
use clap::Args;

use super::output::near::did_you_mean;
use super::refuse;
use super::target::TargetArgs;
use crate::host::Machine;
use crate::project::{BACKEND, DATABASE_SERVICE, EDGE, FRONTEND, PLATFORM};
use crate::rollout::host::Host;
use crate::rollout::state::release::ReleaseId;
use crate::terminal;

/// Logs of the live release, of another one, or of the platform
#[derive(Debug, Args)]
pub struct Logs {
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
    #[arg(long, value_name = "LINES", default_value_t = 100)]
    tail: u32,
}

/// A service's name, as somebody types it.
fn service(word: &str) -> Result<String, String> {
    let services = [BACKEND.name, FRONTEND.name, DATABASE_SERVICE.name, EDGE.name];
    let found = services.into_iter().find(|service| *service == word).map(str::to_owned);
    found.ok_or_else(|| format!("no service has this name.{}", did_you_mean(word, services)))
}

impl Logs {
    /// Shows them, on the user's own terminal or into a pipe.
    pub fn run(self) -> Result<()> {
        let of_platform = PLATFORM.iter().any(|service| self.service.as_deref() == Some(service.name));
        if let (true, Some(service), Some(_)) = (of_platform, &self.service, &self.release) {
            return Err(refuse(format!("{service} is no part of a release: leave out `--release`")));
        }
        let machine = self.target.clone().reach()?;
        let service = self.service.as_deref();
        match &self.release {
            _ if of_platform => machine.platform().logs(service, self.tail, self.follow),
            Some(id) => self.of_release(&machine, id),
            None => machine.releases().logs(&live(&machine)?, service, self.tail, self.follow),
        }
    }

    /// As long as there are containers, they have more than what is kept of them.
    fn of_release(&self, machine: &Machine, id: &ReleaseId) -> Result<()> {
        let service = self.service.as_deref();
        if machine.parts()?.iter().any(|part| &part.release == id) {
            return machine.releases().logs(id, service, self.tail, self.follow);
        }
        let Some(text) = machine.releases().kept_logs(id)? else { return Err(nothing_of(machine, id)?) };
        for line in last_lines(&text, service, self.tail) {
            match terminal::takes_escape_codes() {
                true => terminal::say(line),
                false => terminal::say(terminal::without_escape_codes(line)),
            }
        }
        Ok(())
    }
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
fn last_lines<'a>(text: &'a str, service: Option<&str>, tail: u32) -> Vec<&'a str> {
    let is_asked_for = |line: &&str| {
        service.is_none_or(|wanted| line.split_once(" | ").is_some_and(|(of, _)| of.trim_end() == wanted))
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
        assert_eq!(last_lines(text, Some("backend"), 2), ["backend  | 3 c", "backend  | 4 d"]);
        assert_eq!(last_lines(text, Some("frontend"), 9), ["frontend | 2 backend  | b"]);
        assert_eq!(last_lines(text, None, 3).len(), 3);
    }
}
