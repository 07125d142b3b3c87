//! Logs that leave the host: what ships them is started here, by each deploy too.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::refuse;
use crate::commands::target::TargetArgs;
use crate::commands::target::access::read_pem;
use crate::host::{Leased, Machine, Receiver, Shipping};
use crate::product::images::{self, Registry};
use crate::product::secrets::Supplied;
use crate::project::{Environment, LOGS_CA, LOGS_LOGIN, LOGS_TO};
use crate::terminal::{self, Activity, paint};

/// Where Loki takes lines, unless the address says otherwise.
const LOKI_PATH: &str = "/loki/api/v1/push";
/// Of syslog within TLS, as RFC 5425 has it.
const TLS_PORT: u16 = 6514;
/// Of syslog in the open.
const TCP_PORT: u16 = 514;

#[derive(Debug, Args)]
pub struct Ship {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Send what all containers write to the receiver that LOGS_TO names; each deploy does it too
    Up(Change),
    /// Send nothing any more, until the next deploy with LOGS_TO
    Down(Change),
}

#[derive(Debug, Args)]
struct Change {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where an environment's logs go, and with what.
#[derive(Debug)]
pub struct Destination {
    receiver: Receiver,
    authority: Option<String>,
    secrets: BTreeMap<String, String>,
}

impl Destination {
    /// None where no receiver is named. What is wrong with what is given is said before anything is touched.
    pub fn of(environment: &Environment) -> Result<Option<Destination>> {
        let supplied = Supplied::of(environment)?;
        let text = |name: &str| Ok::<_, anyhow::Error>(supplied.text(name)?.map(|it| it.trim().to_owned()));
        let Some(to) = text(LOGS_TO)? else { return Ok(None) };
        Destination::parse(&to, text(LOGS_LOGIN)?.as_deref(), text(LOGS_CA)?.as_deref())
            .map(Some)
            .map_err(refuse)
    }

    fn parse(to: &str, login: Option<&str>, authority: Option<&str>) -> Result<Destination, String> {
        let receiver = receiver(to)?;
        let authority = authority.map(|given| read_pem(LOGS_CA, given)).transpose()?;
        let (user, password) = match (login, &receiver) {
            (None, _) => ("", ""),
            (Some(_), Receiver::Tls(..) | Receiver::Tcp(..)) => {
                return Err(format!("{LOGS_LOGIN}: nobody logs in by syslog: leave it out"));
            }
            (Some(_), Receiver::Loki(address)) if !address.starts_with("https://") => {
                return Err(format!("{LOGS_TO}: a password would go out in the open: https://…"));
            }
            (Some(login), Receiver::Loki(_)) => {
                let parts = login.split_once(':').filter(|(user, _)| !user.is_empty());
                // What would end a string of syslog-ng's configuration.
                let parts = parts.filter(|_| !login.contains(['\'', '`', '\n', '\r', '\\']));
                parts.ok_or_else(|| {
                    format!("{LOGS_LOGIN} is not USER:PASSWORD in one line, without ' ` and \\")
                })?
            }
        };
        // Empty ones take the place of those that were there before.
        let secrets = [("logs_user", user), ("logs_password", password)];
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Destination { receiver, authority, secrets: BTreeMap::from(secrets) })
    }

    fn shipping(self, machine: &Machine, registry: &Registry) -> Result<Shipping> {
        let Destination { receiver, authority, secrets } = self;
        let image = images::shipper_beside(machine, Some(registry))?;
        Ok(Shipping { image, receiver, authority, secrets })
    }
}

/// `https://HOST[:PORT][/PATH]`, `tls://HOST[:PORT]`, `tcp://HOST[:PORT]`.
fn receiver(to: &str) -> Result<Receiver, String> {
    let wrong = |why: &str| {
        format!(
            "{LOGS_TO} is {to:?}: {why}. It names a Loki (https://HOST/loki/api/v1/push) or a syslog receiver \
             (tls://HOST:{TLS_PORT}, tcp://HOST:{TCP_PORT})"
        )
    };
    let (scheme, rest) = to.split_once("://").ok_or_else(|| wrong("it is no address"))?;
    if rest.contains('@') {
        // Whatever it is, it may be a password.
        return Err(format!("{LOGS_TO} holds an @: who logs in is given by {LOGS_LOGIN}, as USER:PASSWORD"));
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let is_fine = |c: char| c.is_ascii_alphanumeric() || ".-_~/".contains(c);
    let (host, port) =
        match authority.rsplit_once(':').filter(|(host, _)| !host.starts_with('[') || host.ends_with(']')) {
            None => (authority, None),
            Some((host, port)) => {
                let port = port.parse::<u16>().ok().filter(|port| *port != 0);
                (host, Some(port.ok_or_else(|| wrong("its port is no number from 1 to 65535"))?))
            }
        };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && !host.starts_with('-')
                && host.chars().all(|c| is_fine(c) && !"/~".contains(c))
        }
    };
    if !is_host || !path.chars().all(is_fine) {
        return Err(wrong("it holds what no address does"));
    }
    let host = bare.unwrap_or(host).to_owned();
    match scheme {
        "https" | "http" if matches!(path, "" | "/") => {
            Ok(Receiver::Loki(format!("{scheme}://{authority}{LOKI_PATH}")))
        }
        "https" | "http" => Ok(Receiver::Loki(to.to_owned())),
        "tls" | "tcp" if !path.is_empty() => Err(wrong("syslog knows no path")),
        "tls" => Ok(Receiver::Tls(host, port.unwrap_or(TLS_PORT))),
        "tcp" => Ok(Receiver::Tcp(host, port.unwrap_or(TCP_PORT))),
        _ => Err(wrong("it begins with none of https://, tls:// and tcp://")),
    }
}

impl Ship {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Up(change) => change.up(),
            Verb::Down(change) => change.down(),
        }
    }
}

impl Change {
    fn up(self) -> Result<()> {
        let environment = self.target.environment().clone();
        check_is_host(&environment)?;
        let told = Destination::of(&environment)?.ok_or_else(|| {
            refuse(format!("{LOGS_TO} is not set: it names who takes the logs. docs/logs.md has its forms"))
        })?;
        images::ensure_client(false)?;
        let registry = Registry::choose()?;
        let machine = self.target.reach()?.with_registry_tunnel(registry.registry_tunnel);
        let name = &environment.name;
        let bases = machine.platform().bases()?;
        let bases =
            bases.with_context(|| format!("the platform of {name} does not run: a deploy starts it"))?;
        let machine = machine.with_bases(bases);
        let leased = driver::lease(&machine, "logs ship up".to_owned(), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let words = told.receiver.to_string();
        leased.shipper().start(&told.shipping(&machine, &registry)?)?;
        attempt.note_done("what ships the logs was started", None)?;
        let shipped = Activity::of("send what there is", |_| leased.shipper().wait_until_taken())?;
        self.output.say(
            || json!({ "environment": name, "to": words, "shipped": shipped }),
            || {
                terminal::say(format_args!(
                    "{} what {name} writes goes to {words}. `cargo xtask status --env {name}` says when it does not.",
                    paint::good("Up:")
                ));
            },
        );
        Ok(())
    }

    fn down(self) -> Result<()> {
        check_is_host(self.target.environment())?;
        let machine = self.target.reach()?;
        let name = &machine.environment().name.clone();
        let bases = machine.platform().bases()?;
        let bases = bases.with_context(|| format!("the platform of {name} does not run"))?;
        let machine = machine.with_bases(bases);
        let leased = driver::lease(&machine, "logs ship down".to_owned(), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        leased.shipper().stop()?;
        leased.shipper().forget_secrets()?;
        attempt.note_done("what ships the logs was removed", None)?;
        self.output.say(
            || json!({ "environment": name, "to": null }),
            || terminal::say(format_args!("{} the logs of {name} stay on its host.", paint::warn("Down:"))),
        );
        Ok(())
    }
}

fn check_is_host(environment: &Environment) -> Result<()> {
    match environment.is_here() {
        true => Err(refuse(format!("the logs of {} stay on this machine", environment.name))),
        false => Ok(()),
    }
}

/// At the end of a deploy to a host: what ships is as this xtask has it, where a receiver is named. Its failure is no failure of
/// the deploy.
pub fn renew(leased: &Leased, machine: &Machine, registry: Option<&Registry>) {
    let environment = machine.environment();
    let renew = || {
        let (Some(registry), Some(told)) = (registry, Destination::of(environment)?) else { return Ok(()) };
        leased.shipper().renew(&told.shipping(machine, registry)?)
    };
    if let Err(error) = renew() {
        terminal::warn(format_args!(
            "what ships the logs was not renewed: {error:#}\n  `cargo xtask logs ship up --env {}` does it again.",
            environment.name
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_the_logs_is_an_address_or_is_refused() {
        let of = |to: &str| receiver(to).unwrap();
        let loki = |to: &str| Receiver::Loki(to.to_owned());
        assert_eq!(of("https://logs.example"), loki("https://logs.example/loki/api/v1/push"));
        assert_eq!(of("https://logs.example:3100/a/b"), loki("https://logs.example:3100/a/b"));
        assert_eq!(of("tls://logs.example"), Receiver::Tls("logs.example".to_owned(), 6514));
        assert_eq!(of("tcp://[fd00::1]:1514"), Receiver::Tcp("fd00::1".to_owned(), 1514));
        for (wrong, why) in [
            ("logs.example", "no address"),
            ("udp://logs.example", "none of"),
            ("tls://logs.example:0", "port"),
            ("tls://logs.example:x", "port"),
            ("tls://logs.example/a", "no path"),
            ("tls://", "no address does"),
            ("tls://[fd00::x]:1", "no address does"),
            ("https://logs.example/a'b", "no address does"),
            ("https://logs.example/`x`", "no address does"),
            ("https://logs.example/a?b=$c", "no address does"),
        ] {
            let said = receiver(wrong).unwrap_err();
            assert!(said.contains(why), "{wrong}: {said}");
        }
        let said = receiver("https://user:s3cret@logs.example").unwrap_err();
        assert!(said.contains("LOGS_LOGIN") && !said.contains("s3cret"), "{said}");
    }

    #[test]
    fn a_log_in_is_given_where_it_is_asked_for_and_never_sent_in_the_open() {
        let told = |to, login| Destination::parse(to, Some(login), None);
        let secrets = told("https://a", "user:p:w").unwrap().secrets;
        assert_eq!((secrets["logs_user"].as_str(), secrets["logs_password"].as_str()), ("user", "p:w"));
        // What was there before is no more.
        assert_eq!(Destination::parse("https://a", None, None).unwrap().secrets["logs_user"], "");
        for (to, login) in [
            ("http://a", "u:p"),
            ("tls://a", "u:p"),
            ("https://a", "word"),
            ("https://a", ":p"),
            ("https://a", "u:a'b"),
            ("https://a", "u:a\nb"),
        ] {
            let said = told(to, login).unwrap_err();
            assert!(!said.contains(login), "{said}");
        }
        assert!(
            Destination::parse("tls://a", None, Some("-----BEGIN NOTHING")).unwrap_err().contains("LOGS_CA")
        );
    }
}
