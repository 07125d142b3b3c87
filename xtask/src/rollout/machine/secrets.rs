//! Secrets on a host: files in folders of their own, one a version, readable by the one numeric user that needs them.
//! They are written through the standard input of a one-off root container that mounts only the secrets' folder, so
//! that a value is never in an argument, an environment or a file of ours.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use xshell::{Cmd, cmd};

use super::Machine;
use crate::project::{SECRETS, Secret};
use crate::tools::hex::hex;
use crate::tools::process::Run;
use crate::tools::shell::Script;

const WRITE: &str = r#"set -eu
umask 022
mkdir -p "/secrets/$1"
trap 'rm -f "/secrets/$1/.next"' EXIT
(umask 077; cat >"/secrets/$1/.next")
chown "$3" "/secrets/$1/.next"
chmod 0400 "/secrets/$1/.next"
mv "/secrets/$1/.next" "/secrets/$1/$2"
"#;
const COMPARE: &str = r#"cmp -s - "$1""#;
const LIST: Script =
    Script::new("listing secrets", r#"cd "$1" && for f in */*; do [ -e "$f" ] && echo "$f"; done; :"#);

const REVOKE: &str = r#": >"/secrets/$1/$2.revoked" && rm -f "/secrets/$1/$2" && sync"#;

impl Machine {
    /// Makes those secrets that are not there yet, out of the kernel's randomness.
    pub fn make_secrets(&self) -> Result<()> {
        let there = self.secret_versions(|_| true)?;
        for secret in SECRETS.iter().filter(|secret| !there.contains_key(secret.name)) {
            let mut random = [0; 32];
            std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut random)?;
            self.write_secret(secret, 1, &hex(&random))?;
        }
        Ok(())
    }

    /// Of these secrets, those whose newest version here has another value.
    pub fn changed_secrets(&self, given: &BTreeMap<&'static str, String>) -> Result<Vec<&'static Secret>> {
        // A database role's password is changed in the database first, and not by handing in another one.
        let versions = self.secret_versions(|secret| !secret.of_platform)?;
        let mut changed = Vec::new();
        for secret in SECRETS.iter().filter(|secret| !secret.of_platform) {
            let Some(value) = given.get(secret.name) else { continue };
            let is_same = match versions.get(secret.name) {
                Some(version) => self.is_value(secret, *version, value)?,
                None => false,
            };
            if !is_same {
                changed.push(secret);
            }
        }
        Ok(changed)
    }

    /// Gives each of these secrets that has another value now one more version.
    pub fn take_secrets(&self, given: &BTreeMap<&'static str, String>) -> Result<()> {
        let changed = self.changed_secrets(given)?;
        let versions = self.secret_versions(|_| true)?;
        changed.iter().try_for_each(|secret| {
            self.write_secret(
                secret,
                versions.get(secret.name).map_or(1, |version| version + 1),
                &given[secret.name],
            )
        })
    }

    fn is_value(&self, secret: &Secret, version: u32, value: &str) -> Result<bool> {
        let path = Utf8PathBuf::from("/secrets").join(secret.name).join(version.to_string());
        let compared = Run::new(self.in_secrets(COMPARE, &[path.as_str()])?).stdin(value).finish()?;
        match compared.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => bail!("comparing the secret {}: {}", secret.name, compared.stderr.trim()),
        }
    }

    /// A script in a one-off root container that mounts the secrets' folder and nothing else.
    fn in_secrets<'a>(&'a self, script: &str, arguments: &[&str]) -> Result<Cmd<'a>> {
        let (mount, image) = (format!("{}:/secrets", self.folder("secrets")), &self.bases()?.caddy);
        Ok(cmd!(
            self.shell.docker(),
            "docker run --rm --interactive --network none --user 0 --entrypoint sh --volume {mount} {image} -c {script} secrets {arguments...}"
        ))
    }

    fn write_secret(&self, secret: &Secret, version: u32, value: &str) -> Result<()> {
        let (name, uid, version) = (secret.name, secret.uid.to_string(), version.to_string());
        let write = self.in_secrets(WRITE, &[name, &version, &uid])?;
        Run::new(write).stdin(value).run().with_context(|| format!("writing the secret {name}"))
    }

    /// Forgets one version for good.
    pub fn revoke_secret(&self, secret: &Secret, version: u32) -> Result<()> {
        let revoke = self.in_secrets(REVOKE, &[secret.name, &version.to_string()])?;
        Run::new(revoke).run().with_context(|| format!("revoking version {version} of {}", secret.name))
    }

    /// The versions that were revoked: secret and version.
    pub fn revoked_secrets(&self) -> Result<BTreeSet<(String, u32)>> {
        let listed = self.list_secrets()?;
        let revoked = listed.lines().filter_map(|line| line.strip_suffix(".revoked")?.split_once('/'));
        Ok(revoked.filter_map(|(name, version)| Some((name.to_owned(), version.parse().ok()?))).collect())
    }

    fn list_secrets(&self) -> Result<String> {
        self.shell.script(LIST, &[self.folder("secrets").as_str()], "").context("listing secrets")
    }

    /// The current version of each secret that `which` chooses: a counter, never derived from the value.
    pub fn secret_versions(&self, which: impl Fn(&Secret) -> bool) -> Result<BTreeMap<String, u32>> {
        let listed = self.list_secrets()?;
        let mut versions = BTreeMap::new();
        for (name, version) in listed.lines().filter_map(|line| line.split_once('/')) {
            let chosen = SECRETS.iter().any(|secret| secret.name == name && which(secret));
            if let (true, Ok(version)) = (chosen, version.parse::<u32>()) {
                let newest = versions.entry(name.to_owned()).or_insert(version);
                *newest = version.max(*newest);
            }
        }
        Ok(versions)
    }
}
