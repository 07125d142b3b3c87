//! The variables that tell the way to a host: `STAGING_HOST`, `STAGING_USER` and so on.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Access, user_name};
use crate::commands::{Exit, Failure, refuse};
use crate::host::{Acme, PublicSite};
use crate::product::secrets::Supplied;
use crate::project::{ENVIRONMENTS, Environment, HOST_VARIABLES, Site};
use crate::tools::http::Authority;
use crate::tools::ssh::Destination;
use crate::tools::ssh::keys::{self, HostKeys, Key};

/// The variables with one prefix.
pub(super) struct Variables {
    pub(super) prefix: &'static str,
    pub(super) values: BTreeMap<String, String>,
    /// Whether the user's own agent or configuration may have a key.
    pub(super) own_keys: bool,
}

impl Variables {
    pub(super) fn supplied(prefix: &'static str, supplied: &Supplied) -> Result<Variables> {
        let mut variables = Variables {
            prefix,
            values: BTreeMap::new(),
            own_keys: std::env::var_os("SSH_AUTH_SOCK").is_some()
                || std::env::home_dir().is_some_and(|home| home.join(".ssh/config").is_file()),
        };
        for (name, _) in HOST_VARIABLES {
            let value = supplied.text(&format!("{prefix}_{name}"))?;
            variables.values.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(variables)
    }

    /// From here on it is another machine, whose key nobody has pinned.
    pub(super) fn lead_to(&mut self, to: &str, url: Option<&str>) {
        let (host, port) = host_and_port(to);
        self.values.insert("HOST".to_owned(), host.to_owned());
        self.values.remove("HOST_KEY");
        for (name, value) in [("PORT", port), ("URL", url)] {
            match value {
                Some(value) => drop(self.values.insert(name.to_owned(), value.to_owned())),
                None if name == "PORT" => drop(self.values.remove(name)),
                None => {}
            }
        }
    }

    /// The host, and the keys that it shows; none where no host is told.
    pub(super) fn scan(&self) -> Result<Option<(String, HostKeys)>> {
        let (prefix, Some(host)) = (self.prefix, self.values.get("HOST")) else { return Ok(None) };
        let host = plain(host, HOST_NAME).map_err(|why| refuse(format!("{prefix}_HOST: {why}")))?;
        let port = self.port().map_err(refuse)?.unwrap_or(22);
        let shown = keys::scan(&host, port).map_err(|why| {
            let message = format!(
                "{host} can't be asked for its host key: {why}\n  Is it up, and is {prefix}_PORT right?"
            );
            anyhow::Error::from(Failure { exit: Exit::Unreachable, message })
        })?;
        Ok(Some((host, shown)))
    }

    pub(super) fn access(&self, environment: &Environment, domain: &str) -> Result<Access, String> {
        let destination = self.destination(&environment.name)?;
        let url = match self.values.get("URL") {
            Some(url) => web_address(url).map_err(|why| format!("{}_URL: {why}", self.prefix))?,
            None => format!("https://{domain}"),
        };
        Ok(Access {
            environment: environment.name.to_string(),
            prefix: self.prefix,
            site: PublicSite::new(url, destination.host.clone(), self.acme()?),
            destination,
        })
    }

    /// Who the edge has its certificates from, where somebody says so.
    fn acme(&self) -> Result<Option<Acme>, String> {
        let prefix = self.prefix;
        let Some(directory) = self.values.get("ACME").map(|it| it.trim()) else { return Ok(None) };
        let is_plain = |name: &str| plain(name, b".:-[]/_").is_ok();
        if !directory.strip_prefix("https://").is_some_and(is_plain) {
            return Err(format!(
                "{prefix}_ACME: {directory:?} is not the address of an ACME directory: https://…"
            ));
        }
        let root = self.values.get("ACME_ROOT").map(|given| read_pem(&format!("{prefix}_ACME_ROOT"), given));
        let root = root.transpose()?;
        Ok(Some(Acme { directory: directory.to_owned(), root }))
    }

    fn port(&self) -> Result<Option<u16>, String> {
        let parse = |port: &String| {
            let number = port.trim().parse().ok().filter(|number| *number != 0);
            number.ok_or_else(|| {
                format!("{}_PORT: {port:?} is not a port, a number from 1 to 65535", self.prefix)
            })
        };
        self.values.get("PORT").map(parse).transpose()
    }

    pub(super) fn destination(&self, name: &str) -> Result<Destination, String> {
        let prefix = self.prefix;
        let told = |name: &str| self.values.contains_key(name) || (name == "SSH_KEY" && self.own_keys);
        let missing = HOST_VARIABLES.iter().filter(|(name, needed)| *needed && !told(name));
        let missing: Vec<String> = missing.map(|(missing, _)| format!("{prefix}_{missing}")).collect();
        if !missing.is_empty() {
            let is_environment = ENVIRONMENTS
                .iter()
                .any(|row| matches!(row.site, Site::Remote { prefix: it, .. } if it == prefix));
            let hint = match is_environment {
                true => {
                    " They may be in the environment's encrypted file (`cargo xtask secrets set`), or variables, as a workflow \
                     has them; `eval \"$(cargo xtask lab env)\"` sets them for the lab."
                }
                false => "",
            };
            return Err(format!(
                "how to reach {name} is not known: {} not set.{hint}",
                match missing.as_slice() {
                    [one] => format!("{one} is"),
                    many => format!("{} are", many.join(", ")),
                }
            ));
        }
        let wrong = |variable: &str, why: String| format!("{prefix}_{variable}: {why}");
        Ok(Destination {
            host: plain(&self.values["HOST"], HOST_NAME).map_err(|why| wrong("HOST", why))?,
            port: self.port()?,
            user: user_name(&self.values["USER"]).map_err(|why| wrong("USER", why))?,
            key: match self.values.get("SSH_KEY") {
                Some(key) => Some(Key::parse(key).map_err(|why| wrong("SSH_KEY", why))?),
                None => None,
            },
            host_keys: HostKeys::parse(&self.values["HOST_KEY"]).map_err(|why| wrong("HOST_KEY", why))?,
        })
    }
}

/// What may be in a name beside letters and digits.
const HOST_NAME: &[u8] = b".:-_%[]";
pub(super) const USER_NAME: &[u8] = b"._-";

/// The certificate of an authority in PEM: what the variable of this name was given, or the file there.
pub fn read_pem(name: &str, given: &str) -> Result<String, String> {
    let pem = match given.contains("-----BEGIN") {
        true => given.to_owned(),
        false => {
            std::fs::read_to_string(given.trim()).map_err(|why| format!("{name} can't be read: {why}"))?
        }
    };
    match Authority::parse(&pem) {
        Some(_) => Ok(pem),
        None => Err(format!("{name} holds no certificate in PEM, and is no path to one")),
    }
}

/// A name of a host or a user. Others never come as far as ssh's command line.
pub(super) fn plain(value: &str, also: &[u8]) -> Result<String, String> {
    let value = value.trim();
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
    if value.starts_with('-') || !value.bytes().all(fine) {
        return Err(format!("{value:?} holds what no name of a host or a user does"));
    }
    Ok(value.to_owned())
}

fn web_address(value: &str) -> Result<String, String> {
    let value = value.trim().trim_end_matches('/');
    let name = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    match name {
        Some(name) if !name.is_empty() && plain(name, b".:-[]").is_ok() => Ok(value.to_owned()),
        _ => Err(format!("{value:?} is not an address like https://example.org")),
    }
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`; an address of IPv6 may stand alone.
fn host_and_port(to: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = to.strip_prefix('[').and_then(|it| it.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match to.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (to, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(values: &[(&str, &str)]) -> Variables {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Variables { prefix: "STAGING", values, own_keys: true }
    }

    fn access(values: &[(&str, &str)]) -> Result<Access, String> {
        variables(values).access(&Environment::named("staging").unwrap(), "example.org")
    }

    const HOST_KEY: (&str, &str) = ("HOST_KEY", "ssh-ed25519 AAAAC3Nz");

    #[test]
    fn what_is_missing_is_named_all_at_once() {
        let error = access(&[("HOST", "vps")]).unwrap_err();
        assert!(error.contains("STAGING_USER, STAGING_HOST_KEY are not set"), "{error}");
        let own_keys =
            Variables { own_keys: false, ..variables(&[("HOST", "vps"), ("USER", "deploy"), HOST_KEY]) };
        let error = own_keys.access(&Environment::named("staging").unwrap(), "example.org").unwrap_err();
        assert!(error.contains("STAGING_SSH_KEY is not set"), "{error}");
    }

    #[test]
    fn another_machine_is_a_host_with_or_without_a_port() {
        for (to, expected) in [
            ("new.example", ("new.example", None)),
            ("203.0.113.9:2222", ("203.0.113.9", Some("2222"))),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("[2001:db8::1]:22", ("2001:db8::1", Some("22"))),
        ] {
            assert_eq!(host_and_port(to), expected, "{to}");
        }
        let mut before = variables(&[("HOST", "vps"), ("PORT", "2222"), ("USER", "deploy"), HOST_KEY]);
        before.lead_to("new.example", None);
        assert!(!before.values.contains_key("PORT") && !before.values.contains_key("HOST_KEY"));
    }

    #[test]
    fn the_lab_is_named_only_where_it_sets_the_variables() {
        let missing = |prefix| Variables { prefix, values: BTreeMap::new(), own_keys: true };
        assert!(missing("STAGING").destination("staging").unwrap_err().contains("lab env"));
        assert!(!missing("BACKUP").destination("the machine for backups").unwrap_err().contains("lab env"));
    }

    #[test]
    fn an_authority_is_a_directory_and_a_certificate_or_is_refused() {
        let with = |more: &[(&str, &str)]| {
            access(&[&[("HOST", "vps"), ("USER", "deploy"), HOST_KEY], more].concat())
                .map(|access| access.site.acme)
        };
        assert!(with(&[]).unwrap().is_none());
        let acme = with(&[("ACME", "https://ca.example:9000/acme/acme/directory")]).unwrap().unwrap();
        assert_eq!(
            (acme.directory.as_str(), acme.root),
            ("https://ca.example:9000/acme/acme/directory", None)
        );
        for (wrong, variable) in [
            (&[("ACME", "http://ca.example/directory")][..], "STAGING_ACME:"),
            (&[("ACME", "https://a b")], "STAGING_ACME:"),
            (
                &[("ACME", "https://ca.example/d"), ("ACME_ROOT", "/no/such/file")],
                "STAGING_ACME_ROOT can't be read",
            ),
            (
                &[("ACME", "https://ca.example/d"), ("ACME_ROOT", "-----BEGIN NOTHING")],
                "STAGING_ACME_ROOT holds no",
            ),
        ] {
            let error = with(wrong).unwrap_err();
            assert!(error.contains(variable), "{error}");
        }
    }

    #[test]
    fn the_usual_port_and_the_environment_s_own_name_need_not_be_told() {
        let access = access(&[("HOST", "vps"), ("USER", "deploy"), HOST_KEY]).unwrap();
        assert_eq!((access.destination.port, access.site.url.as_str()), (None, "https://example.org"));
    }

    #[test]
    fn a_name_that_is_none_never_comes_as_far_as_ssh() {
        for wrong in ["-oProxyCommand=reboot", "a b", "a;reboot", "$(reboot)", "a\nb", "a'b", "é"] {
            for name in ["HOST", "USER"] {
                let mut all = vec![("HOST", "vps"), ("USER", "deploy"), HOST_KEY];
                all.push((name, wrong));
                let error = access(&all).unwrap_err();
                assert!(error.contains(&format!("STAGING_{name}")), "{error}");
            }
        }
        for wrong in ["22; reboot", "0", "65536"] {
            let error =
                access(&[("HOST", "vps"), ("USER", "deploy"), HOST_KEY, ("PORT", wrong)]).unwrap_err();
            assert!(error.contains("STAGING_PORT"), "{error}");
        }
    }
}
