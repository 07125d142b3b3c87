//! What makes a bare Debian or Ubuntu machine a host: a list of requirements, each of which can be looked at and put right.
//! Nothing else there is changed, and doing it again changes nothing. What makes it harder to attack are files of their own,
//! whose removal is the way back.

mod drop_in;
mod hardening;
pub mod keys;
mod network;
mod prerequisites;

use std::time::Duration;

use anyhow::{Context, Result};

use crate::tools::process::Run;
use crate::tools::ssh::host_shell::HostShell;

/// One requirement that a host must have.
pub struct Requirement {
    /// In two words.
    pub name: &'static str,
    /// What it is, with the names and values that it is about.
    pub what: String,
    /// It decides who comes in: whether the user who deploys does is to be tried before it and after it.
    pub may_shut_out: bool,
    look: String,
    mend: String,
    /// None where nothing takes it back.
    undo: Option<String>,
    arguments: Vec<String>,
    timeout: Duration,
}

impl Requirement {
    /// Whether [`Admin::undo`] takes it back.
    pub fn can_be_undone(&self) -> bool {
        self.undo.is_some()
    }
}

/// What a host is to be.
pub struct Wanted {
    /// The user that deploys.
    pub user: String,
    /// The public half of its key, as in `authorized_keys`.
    pub key: Option<String>,
    /// The public half of a key that may only read the ledger.
    pub ledger_key: Option<String>,
    /// The environment's root folder.
    pub root: String,
    /// Where its sshd listens.
    pub port: u16,
    /// Of its host keys, only ECDSA ones are trusted.
    pub only_ecdsa: bool,
}

/// Who runs the scripts on the machine.
pub struct Admin<'a> {
    /// The way to it.
    pub shell: &'a HostShell,
    /// Not root, but may become it.
    pub sudo: bool,
}

/// Whether a requirement is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it is to be.
    Right,
    /// Not yet; what was seen instead.
    Missing(String),
}

impl Admin<'_> {
    fn run(&self, script: &str, requirement: &Requirement) -> Result<Run<'static>> {
        let arguments: Vec<&str> = requirement.arguments.iter().map(String::as_str).collect();
        Ok(self.command(script, &arguments).called(requirement.name))
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Run<'static> {
        let mut words = if self.sudo { vec!["sudo", "-n"] } else { Vec::new() };
        // What is installed is read by all, whatever the admin's own habit is.
        let script = format!("umask 022\n{script}");
        words.extend(["sh", "-c", &script, "setup"]);
        words.extend(arguments);
        Run::new(self.shell.command(&words))
    }

    /// Runs a script, which errors call `name`, and gives what it printed.
    pub fn script(&self, name: &str, script: &str, arguments: &[&str]) -> Result<String> {
        self.long_script(name, script, arguments, Duration::from_secs(60))
    }

    /// Like `script`, for one that may take as long as this.
    pub fn long_script(
        &self,
        name: &str,
        script: &str,
        arguments: &[&str],
        timeout: Duration,
    ) -> Result<String> {
        Ok(self.command(script, arguments).called(name).timeout(timeout).text()?)
    }

    /// Looks whether it is as it is to be.
    pub fn look(&self, requirement: &Requirement) -> Result<State> {
        let told = self.run(&requirement.look, requirement)?.timeout(Duration::from_secs(60)).finish()?;
        Ok(match told.status.code() {
            Some(0) => State::Right,
            Some(1) => State::Missing(told.stdout.trim().to_owned()),
            _ => {
                anyhow::bail!("looking at {}: {}{}", requirement.name, told.stdout.trim(), told.stderr.trim())
            }
        })
    }

    /// Puts it right, and looks again.
    pub fn mend(&self, requirement: &Requirement, each_line: &(dyn Fn(&str) + Sync)) -> Result<()> {
        let run = self.run(&requirement.mend, requirement)?.timeout(requirement.timeout).each_line(each_line);
        run.run().with_context(|| format!("{}: {}", requirement.name, requirement.what))?;
        match self.look(requirement)? {
            State::Right => Ok(()),
            State::Missing(seen) => anyhow::bail!("{} was done, and still: {seen}", requirement.name),
        }
    }

    /// Takes back what [`Admin::mend`] does. An error when it stays.
    pub fn undo(&self, requirement: &Requirement) -> Result<()> {
        let name = requirement.name;
        let undo =
            requirement.undo.as_ref().with_context(|| format!("{name} stays: nothing takes it back"))?;
        self.run(undo, requirement)?
            .timeout(requirement.timeout)
            .run()
            .with_context(|| format!("taking back {name}"))
    }

    /// Whether it may change the machine at all.
    pub fn may(&self) -> Result<bool> {
        let words: &[&str] = if self.sudo { &["sudo", "-n", "true"] } else { &["true"] };
        let told = Run::new(self.shell.command(words)).timeout(Duration::from_secs(60)).finish()?;
        Ok(told.status.success())
    }
}

/// The list, in the order in which it is done.
pub fn requirements(wanted: &Wanted) -> Vec<Requirement> {
    prerequisites::requirements(wanted)
        .into_iter()
        .chain(hardening::requirements(wanted))
        .chain(network::requirements(wanted))
        .collect()
}

fn requirement(name: &'static str, what: &str, look: &str, mend: &str, arguments: &[&str]) -> Requirement {
    Requirement {
        name,
        what: what.to_owned(),
        may_shut_out: false,
        look: look.to_owned(),
        mend: mend.to_owned(),
        undo: None,
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        timeout: Duration::from_secs(60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::process::shell;
    use xshell::cmd;

    fn wanted(user: &str, only_ecdsa: bool) -> Wanted {
        Wanted {
            user: user.to_owned(),
            key: Some("ssh-ed25519 AAAA".to_owned()),
            ledger_key: Some("ssh-ed25519 AAAB".to_owned()),
            root: "/opt/app".to_owned(),
            port: 22,
            only_ecdsa,
        }
    }

    #[test]
    fn every_line_has_a_name_of_its_own_and_scripts_that_a_shell_reads() {
        let all = requirements(&wanted("deploy", false));
        let names: std::collections::BTreeSet<_> = all.iter().map(|requirement| requirement.name).collect();
        assert_eq!(names.len(), all.len());
        for requirement in &all {
            for script in [Some(&requirement.look), Some(&requirement.mend), requirement.undo.as_ref()]
                .into_iter()
                .flatten()
            {
                let read = Run::new(cmd!(shell(), "sh -n -c {script}")).finish().unwrap();
                assert!(read.status.success(), "{}: {}\n{script}", requirement.name, read.stderr);
            }
        }
    }

    #[test]
    fn what_makes_a_host_harder_to_attack_can_be_taken_back() {
        let prerequisites: Vec<_> = prerequisites::requirements(&wanted("deploy", false))
            .iter()
            .map(|requirement| requirement.name)
            .collect();
        let stays = ["ufw", "time"];
        for requirement in requirements(&wanted("deploy", false)) {
            let is_hardening =
                !prerequisites.contains(&requirement.name) && !stays.contains(&requirement.name);
            assert_eq!(requirement.can_be_undone(), is_hardening, "{}", requirement.name);
        }
    }

    #[test]
    fn who_deploys_may_become_root_before_root_no_longer_comes_in() {
        let all = requirements(&wanted("deploy", false));
        let place = |name: &str| all.iter().position(|requirement| requirement.name == name).unwrap();
        assert!(place("key") < place("sudo") && place("sudo") < place("log-ins"));
        let of = |user: &str, name: &str| {
            let all = requirements(&wanted(user, false));
            all.into_iter().find(|requirement| requirement.name == name).unwrap().arguments[1].clone()
        };
        assert!(of("deploy", "log-ins").contains("PermitRootLogin no\n"));
        assert!(of("root", "log-ins").contains("PermitRootLogin prohibit-password\n"), "root deploys");
        assert!(!of("root", "sudo").contains("NOPASSWD"));
        let shuts_out: Vec<_> =
            all.iter().filter(|requirement| requirement.may_shut_out).map(|it| it.name).collect();
        assert_eq!(shuts_out, ["ciphers", "log-ins", "firewall"]);
    }

    #[test]
    fn the_host_key_that_is_trusted_stays_one_that_sshd_shows() {
        let of = |only_ecdsa| {
            let all = requirements(&wanted("deploy", only_ecdsa));
            all.into_iter().find(|requirement| requirement.name == "ciphers").unwrap().arguments[1].clone()
        };
        assert!(of(false).contains("HostKeyAlgorithms -ecdsa-*"));
        assert!(!of(true).contains("HostKeyAlgorithms"));
    }
}
