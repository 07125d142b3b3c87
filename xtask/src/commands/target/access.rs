//! The way to an environment's host, as the operator tells it: by variables, which a workflow sets from its secrets and a
//! person from the lab or a password manager, or by the environment's encrypted file.

mod variables;

use std::collections::BTreeMap;

use anyhow::Result;

pub use self::variables::read_pem;
use self::variables::{USER_NAME, Variables, plain};
use crate::commands::{Exit, Failure, refuse};
use crate::host::PublicSite;
use crate::product::secrets::Supplied;
use crate::project::{Environment, SECRETS, Site};
use crate::terminal;
use crate::tools::ssh::Destination;
use crate::tools::ssh::keys::{HostKeys, Key};

/// Where a host is, and how to come in.
#[derive(Debug, Clone)]
pub struct Access {
    /// The environment's name.
    pub environment: String,
    /// In front of the variables' names: `STAGING`.
    pub prefix: &'static str,
    /// For ssh.
    pub destination: Destination,
    /// Where users go.
    pub site: PublicSite,
}

impl Access {
    /// Reads the variables of the environment; what is missing or makes no sense is named all at once.
    pub fn of(environment: &Environment) -> Result<Access> {
        let (prefix, domain) = remote(environment)?;
        Variables::supplied(prefix, &Supplied::of(environment)?)?.access(environment, domain).map_err(refuse)
    }

    /// The way for somebody who brings a key of their own: the one that deploys need not be told. What tells it may be
    /// supplied for another environment, which is gated by this one.
    pub fn with_key(environment: &Environment, key: Key, supplied: &Supplied) -> Result<Access> {
        let (prefix, domain) = remote(environment)?;
        let mut variables = Variables { own_keys: true, ..Variables::supplied(prefix, supplied)? };
        variables.values.remove("SSH_KEY");
        let mut access = variables.access(environment, domain).map_err(refuse)?;
        access.destination.key = Some(key);
        Ok(access)
    }

    /// The way to a machine that is to become a host in one go: its key must be pinned, since each part of it comes there anew.
    /// Refused with the key that it shows when it is not.
    pub fn of_pinned_host(environment: &Environment) -> Result<Access> {
        let (prefix, domain) = remote(environment)?;
        let variables = Variables::supplied(prefix, &Supplied::of(environment)?)?;
        if !variables.values.contains_key("HOST_KEY")
            && let Some((host, shown)) = variables.scan()?
        {
            let key = shown.preferred();
            return Err(Failure {
                exit: Exit::HostKey,
                message: format!(
                    "{prefix}_HOST_KEY is not set, and {host} shows the key {}\n  Compare that with what the machine's provider \
                     shows; if it is the same, set {prefix}_HOST_KEY='{key}'. Nothing was changed.",
                    key.fingerprints()
                ),
            }
            .into());
        }
        variables.access(environment, domain).map_err(refuse)
    }

    /// The way to a machine that is no host yet. When no key of it is pinned, it is asked for its keys, and a person, or
    /// the fingerprint that somebody gave, says whether they are the right ones. Gives whether they are new.
    pub fn of_new_host(environment: &Environment, fingerprint: Option<&str>) -> Result<(Access, bool)> {
        let Site::Remote { prefix, domain } = environment.site else {
            return Err(refuse(format!(
                "{} is on this machine: there is no host to set up",
                environment.name
            )));
        };
        let mut variables = Variables::supplied(prefix, &Supplied::of(environment)?)?;
        let is_new = !variables.values.contains_key("HOST_KEY");
        if is_new && let Some((host, shown)) = variables.scan()? {
            let agreed = agree_on(&shown, fingerprint, &host, prefix)?;
            variables.values.insert("HOST_KEY".to_owned(), agreed.to_string());
        }
        Ok((variables.access(environment, domain).map_err(refuse)?, is_new))
    }

    /// The way to the machine that an environment moves to: as to its own, but for where it is. Its key is asked for, and a person, or
    /// the fingerprint that somebody gave, says whether it is the right one.
    pub fn of_another_machine(
        environment: &Environment,
        to: &str,
        url: Option<&str>,
        fingerprint: Option<&str>,
    ) -> Result<Access> {
        let (prefix, domain) = remote(environment)?;
        let mut variables = Variables::supplied(prefix, &Supplied::of(environment)?)?;
        variables.lead_to(to, url);
        if let Some((host, shown)) = variables.scan()? {
            let agreed = agree_on(&shown, fingerprint, &host, prefix)?;
            variables.values.insert("HOST_KEY".to_owned(), agreed.to_string());
        }
        variables.access(environment, domain).map_err(refuse)
    }

    /// Like `of_another_machine`, to a machine whose key was agreed upon before.
    pub fn of_known_machine(
        environment: &Environment,
        to: &str,
        url: &str,
        host_key: &str,
    ) -> Result<Access> {
        let (prefix, domain) = remote(environment)?;
        let mut variables = Variables::supplied(prefix, &Supplied::of(environment)?)?;
        variables.lead_to(to, Some(url));
        variables.values.insert("HOST_KEY".to_owned(), host_key.to_owned());
        variables.access(environment, domain).map_err(refuse)
    }
}

fn agree_on(shown: &HostKeys, fingerprint: Option<&str>, host: &str, prefix: &str) -> Result<HostKeys> {
    let (all, first) = (shown.fingerprints(), shown.preferred());
    let question = format!("{host} shows the key {}. Is that what its provider shows?", first.fingerprints());
    let agreed = match fingerprint {
        Some(given) => shown.only(given.trim()),
        None => terminal::confirm(&question).then_some(first),
    };
    agreed.ok_or_else(|| {
        let message = format!(
            "{host} shows the key {all}, and nobody has said that it is the right one\n  Compare it with what the \
             machine's provider shows, then give `--fingerprint SHA256:…`, or set {prefix}_HOST_KEY."
        );
        Failure { exit: Exit::HostKey, message }.into()
    })
}

/// The machine for copies of backups: `BACKUP_HOST`, `BACKUP_USER` and so on, as for an environment's host.
pub fn backup_destination(supplied: &Supplied) -> Result<Destination> {
    Variables::supplied("BACKUP", supplied)?.destination("the machine for backups").map_err(refuse)
}

/// What stands in front of the names of the environment's variables.
pub fn prefix(environment: &Environment) -> Result<&'static str> {
    remote(environment).map(|(prefix, _)| prefix)
}

fn remote(environment: &Environment) -> Result<(&'static str, &'static str)> {
    match environment.site {
        Site::Remote { prefix, domain } => Ok((prefix, domain)),
        Site::Here { .. } => {
            Err(refuse(format!("{} is on this machine: there is no host to reach", environment.name)))
        }
    }
}

/// A user's name, as it may come to ssh.
pub fn user_name(name: &str) -> Result<String, String> {
    plain(name, USER_NAME)
}

/// The values of secrets that the operator supplies for a host, to the last byte. On this machine they are made up.
pub fn secrets_given(environment: &Environment) -> Result<BTreeMap<&'static str, Vec<u8>>> {
    let mut given = BTreeMap::new();
    if !environment.is_here() {
        let supplied = Supplied::of(environment)?;
        for secret in SECRETS {
            given.extend(supplied.get(secret.variable)?.map(|value| (secret.name, value)));
        }
    }
    Ok(given)
}
