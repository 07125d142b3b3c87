//! Who has a port of the host that the edge wants: a container, or a process.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Machine;
use crate::exit::{Exit, Failure};
use crate::tools::docker::container;
use crate::tools::ssh::host_shell::Script;

pub(super) const LISTENERS: Script =
    Script::new("looking who listens on a port", include_str!("scripts/ports.sh"));

/// What has a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Taker {
    Container(String),
    Process {
        number: u32,
        name: String,
    },
    /// A process that only root may see, by whose it is.
    Unseen {
        user: String,
    },
}

impl Machine {
    /// Refused when one of these ports is taken: by what, and what to do about that.
    pub fn check_ports(&self, ports: &[u16], so_far: &str) -> Result<()> {
        let texts: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let arguments: Vec<&str> = texts.iter().map(String::as_str).collect();
        let listeners = self.shell.script(LISTENERS, &arguments, "")?;
        let mut taken = Vec::new();
        for port in ports {
            let mut takers: BTreeSet<Taker> =
                container::publishing(self.docker(), *port)?.into_iter().map(Taker::Container).collect();
            if takers.is_empty() {
                // An engine's own listener stands for the container behind it.
                takers = takers_of(*port, &listeners);
            }
            taken.extend(takers.into_iter().map(|taker| words(*port, &taker)));
        }
        if taken.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the edge can't have its ports:\n  {}\n  Then deploy again. {so_far}",
            taken.join("\n  ")
        );
        Err(Failure { exit: Exit::HostUnfit, message }.into())
    }
}

/// Who listens there without being a container, as [`LISTENERS`] tells it: a line each.
pub(super) fn in_words(port: u16, listeners: &str) -> Vec<String> {
    takers_of(port, listeners).iter().map(|taker| words(port, taker)).collect()
}

/// Like `in_words`, of a container.
pub(super) fn of_container(port: u16, name: &str) -> String {
    words(port, &Taker::Container(name.to_owned()))
}

fn takers_of(port: u16, listeners: &str) -> BTreeSet<Taker> {
    let of = |line: &str| {
        let (at, rest) = line.split_once(' ')?;
        let rest = rest.split_once(' ').filter(|_| at.parse() == Ok(port))?;
        match rest {
            ("process", process) => {
                let (number, name) = process.split_once(' ')?;
                Some(Taker::Process { number: number.parse().ok()?, name: name.to_owned() })
            }
            (_, user) => Some(Taker::Unseen { user: user.to_owned() }),
        }
    };
    listeners.lines().filter_map(of).collect()
}

/// Whose it is, and how to end that.
fn words(port: u16, taker: &Taker) -> String {
    match taker {
        Taker::Container(name) => {
            format!("port {port} is the container {name}'s: `docker stop {name}` there frees it")
        }
        Taker::Process { number, name } => {
            format!("port {port} is taken by {name}, process {number}: stop it, or let it listen elsewhere")
        }
        Taker::Unseen { user } => format!(
            "port {port} is taken by a process of {user}: `sudo ss -ltnp 'sport = :{port}'` there says which; stop it, or let \
             it listen elsewhere"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::ssh::host_shell::HostShell;

    #[test]
    fn who_listens_on_a_port_of_this_machine_is_named() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ask = || HostShell::here().script(LISTENERS, &[&port.to_string(), "1"], "").unwrap();
        let takers = takers_of(port, &ask());
        let [Taker::Process { number, name }] = &takers.iter().cloned().collect::<Vec<_>>()[..] else {
            panic!("{takers:?}")
        };
        assert_eq!(*number, std::process::id());
        assert!(words(port, takers.first().unwrap()).contains(&format!("by {name}, process {number}")));
        drop(listener);
        assert_eq!(takers_of(port, &ask()), BTreeSet::new());
    }

    #[test]
    fn a_process_that_only_root_may_see_is_told_by_its_user_and_once() {
        let told = "80 user root\n80 user root\n443 process 12 a server\n";
        assert_eq!(takers_of(80, told), BTreeSet::from([Taker::Unseen { user: "root".into() }]));
        let server = Taker::Process { number: 12, name: "a server".into() };
        assert_eq!(takers_of(443, told), BTreeSet::from([server]));
    }
}
