//! Secrets on a host: files in folders of their own, one a version, readable by the one numeric user that needs them.
//! They are written through the standard input of a one-off root container that mounts only the secrets' folder, so
//! that a value is never in an argument, an environment or a file of ours.

mod versions;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use xshell::{Cmd, cmd};

pub use self::versions::SecretVersions;
use super::{Leased, Machine};
use crate::project::{DATABASE_SERVICE, RELEASE_LABEL, SECRETS, Secret};
use crate::rollout::host::Host;
use crate::rollout::state::release::{Release, ReleaseId};
use crate::tools::docker::container;
use crate::tools::docker::limits::{LIMITS, OTHERS_FILES, READ_ONLY};
use crate::tools::files::hex::hex;
use crate::tools::files::random::random;
use crate::tools::process::Run;
use crate::tools::ssh::host_shell::Script;

// A value comes behind its length, so that one whose sender died is not taken for whole.
const WRITE: &str = r#"set -eu
umask 022
mkdir -p "$1"
trap 'rm -f "$1/.next"' EXIT
read -r size || size=-1
(umask 077; cat >"$1/.next")
[ "$(wc -c <"$1/.next")" -eq "$size" ] || { echo "the value did not come to its end" >&2; exit 1; }
chown "$3" "$1/.next"
chmod 0400 "$1/.next"
[ -z "$4" ] || : >"$1/$2$4"
mv "$1/.next" "$1/$2"
"#;
/// The value of an optional secret that nobody has given: a reader does not count the end of a line.
const NOTHING: &[u8] = b"\n";
/// Behind the name of a version that no confirmed release has run with: it is not the current one.
const UNCONFIRMED: &str = ".unconfirmed";
const CONFIRM: &str = r#"for version in "$@"; do rm -f "/secrets/$version.unconfirmed"; done; sync"#;
const DISCARD: &str = r#"for version in "$@"; do rm -f "/secrets/$version" && rm -f "/secrets/$version.unconfirmed"; done; sync"#;
const UNMAKE: &str =
    r#"for file in "$@"; do rm -f "/secrets/$file"; rmdir "/secrets/${file%/*}" 2>/dev/null; done; sync"#;
/// Names those of the files that have another content, but for ends of lines at their end, which no reader counts. The values
/// stay in the shell's own memory: `od` is given a path.
const COMPARE: &str = r#"while read -r path value; do
    there=$(od -An -v -tx1 "$path" | tr -d ' \n')
    while case $there in *0a | *0d) ;; *) false ;; esac; do there=${there%??}; done
    [ "$there" = "$value" ] || echo "$path"
done"#;
const LIST: Script =
    Script::new("listing secrets", r#"cd "$1" && for f in */*; do [ -e "$f" ] && echo "$f"; done; :"#);

/// The files stay those of the user who writes and reads them all; a group more may read these.
const LET_READ: &str = r#"group=$1; shift
for name in "$@"; do
    for file in "$name"/*; do
        case $file in *.revoked | *'*') ;; *) chgrp "$group" "$file" && chmod 0440 "$file" || exit 1 ;; esac
    done
done"#;

const REVOKE: &str = r#": >"/secrets/$1/$2.revoked" && rm -f "/secrets/$1/$2" && sync"#;

/// Values that the operator's environment gives, against what the host has. Nobody prints it.
pub struct SuppliedSecrets {
    values: BTreeMap<&'static str, Vec<u8>>,
    /// The current version of each secret of releases, when they were compared.
    versions: BTreeMap<String, u32>,
    /// The newest one, which may never have counted.
    newest: BTreeMap<String, u32>,
    /// Those that were revoked.
    revoked: BTreeSet<(String, u32)>,
    /// Those whose newest version has another value, or that have none.
    changed: Vec<&'static Secret>,
}

impl SuppliedSecrets {
    /// The versions that a release made now runs with, once they are written. What the environment lacks gets its first
    /// version when the platform is started.
    pub fn versions_to_come(&self) -> BTreeMap<String, u32> {
        let version = |secret: &Secret| match self.changes(secret) {
            true => self.next_version(secret),
            false => self.versions.get(secret.name).copied().unwrap_or(1),
        };
        SECRETS.iter().map(|secret| (secret.name.to_owned(), version(secret))).collect()
    }

    /// Whether a role of the database gets another password.
    pub fn changes_a_role(&self) -> bool {
        self.changed.iter().any(|secret| secret.roles.is_some())
    }

    /// Kept releases that would not get into the database any more: by the role whose turn it is they log in with an older
    /// password, which is the version of this secret.
    pub fn shut_out<'a>(&self, kept: &'a [Release]) -> Vec<(&'static Secret, u32, &'a ReleaseId)> {
        let mut shut_out = Vec::new();
        for secret in self.changed.iter().filter(|secret| secret.roles.is_some()) {
            let next = self.next_version(secret);
            for release in kept {
                let own = release.contents.secrets.get(secret.name).copied().unwrap_or(1);
                let is_same = own != next && secret.role(own) == secret.role(next);
                if is_same && !self.revoked.contains(&(secret.name.to_owned(), own)) {
                    shut_out.push((*secret, own, &release.id));
                }
            }
        }
        shut_out
    }

    /// Whether this one has another value than the current version.
    pub fn changes(&self, secret: &Secret) -> bool {
        self.changed.iter().any(|changed| changed.name == secret.name)
    }

    /// Whether some have another value than the current version.
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    fn next_version(&self, secret: &Secret) -> u32 {
        self.newest.get(secret.name).map_or(1, |version| version + 1)
    }
}

/// The secrets, to look at.
pub struct Secrets<'a> {
    pub(super) machine: &'a Machine,
}

/// The secrets, to change.
pub struct LeasedSecrets<'a> {
    pub(super) leased: &'a Leased<'a>,
}

impl<'a> Secrets<'a> {
    /// Compares given values with the newest versions here. All at once: what takes time is the container.
    pub fn compare(&self, given: BTreeMap<&'static str, Vec<u8>>) -> Result<SuppliedSecrets> {
        let mut given = SuppliedSecrets {
            values: given,
            versions: BTreeMap::new(),
            newest: BTreeMap::new(),
            revoked: BTreeSet::new(),
            changed: Vec::new(),
        };
        self.compare_again(&mut given)?;
        Ok(given)
    }

    /// Like `compare`, under the lease: until then somebody else may have given values of their own.
    pub fn compare_again(&self, given: &mut SuppliedSecrets) -> Result<()> {
        let all = self.versions()?;
        let SecretVersions { current: all, newest, revoked, .. } = all;
        (given.newest, given.revoked) = (newest, revoked);
        if !all.is_empty() && all == given.versions {
            return Ok(());
        }
        for secret in SECRETS.iter().filter(|it| it.is_optional && !all.contains_key(it.name)) {
            given.values.entry(secret.name).or_insert_with(|| NOTHING.to_vec());
        }
        let taken = SECRETS.iter().filter_map(|secret| Some((secret, given.values.get(secret.name)?)));
        let (mut changed, mut lines) = (Vec::new(), String::new());
        for (secret, value) in taken {
            match all.get(secret.name) {
                Some(version) => {
                    lines.push_str(&format!("{}/{version} {}\n", secret.name, hex(without_line_end(value))))
                }
                None => changed.push(secret),
            }
        }
        if !lines.is_empty() {
            let told =
                Run::new(self.in_folder(COMPARE, &[])?).called("comparing secrets").stdin(lines).text()?;
            let names: Vec<&str> = told.lines().filter_map(|path| Some(path.split_once('/')?.0)).collect();
            changed.extend(SECRETS.iter().filter(|secret| names.contains(&secret.name)));
        }
        given.changed = changed;
        given.versions = all;
        Ok(())
    }

    /// A script in a one-off root container that mounts the secrets' folder and nothing else.
    fn in_folder(&self, script: &str, arguments: &[&str]) -> Result<Cmd<'a>> {
        let (mount, image) =
            (format!("{}:/secrets", self.machine.folder("secrets")), &self.machine.bases()?.caddy);
        Ok(cmd!(
            self.machine.docker(),
            "docker run --rm --interactive --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} --workdir /secrets {image} -c {script} secrets {arguments...}"
        ))
    }

    /// The releases, running or not, whose containers have this version: also those that took it in place of a revoked
    /// one, which their manifest does not say.
    pub fn mounting(&self, secret: &Secret, version: u32) -> Result<BTreeSet<ReleaseId>> {
        let file = self.machine.folder("secrets").join(secret.name).join(version.to_string());
        let labels = [self.machine.label(), RELEASE_LABEL.to_owned()];
        let all = container::labelled(self.machine.docker(), &labels)?;
        let mounting = all.iter().filter(|it| it.mounts.iter().any(|mount| mount.source == file.as_str()));
        Ok(mounting.filter_map(|it| it.label(RELEASE_LABEL)?.parse().ok()).collect())
    }

    /// Which versions there are.
    pub fn versions(&self) -> Result<SecretVersions> {
        let listed = self.machine.shell.script(LIST, &[self.machine.folder("secrets").as_str()], "");
        let listed = listed.context("listing secrets")?;
        Ok(SecretVersions::parse(&listed))
    }
}

impl Leased<'_> {
    /// The secrets, to write and revoke.
    pub fn secrets(&self) -> LeasedSecrets<'_> {
        LeasedSecrets { leased: self }
    }
}

impl LeasedSecrets<'_> {
    /// Makes those secrets that are not there yet: of the values that were given, or out of the kernel's randomness.
    pub(super) fn make(&self, given: &SuppliedSecrets) -> Result<()> {
        let there = self.leased.fenced()?.secrets().versions()?.current;
        for secret in SECRETS.iter().filter(|secret| !there.contains_key(secret.name)) {
            let value = match given.values.get(secret.name) {
                Some(value) => value.clone(),
                None if secret.is_optional => NOTHING.to_vec(),
                None => made_up()?.into_bytes(),
            };
            self.write(secret, 1, &value, "")?;
        }
        Ok(())
    }

    /// Forgets the first versions of these, which an attempt has made that is undone.
    pub(super) fn unmake(&self, made: &[&Secret]) -> Result<()> {
        let machine = self.leased.fenced()?;
        let there = machine.secrets().versions()?.current;
        let made = made.iter().filter(|secret| there.contains_key(secret.name));
        let files: Vec<String> = made.map(|secret| format!("{}/1", secret.name)).collect();
        if files.is_empty() {
            return Ok(());
        }
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        Run::new(machine.secrets().in_folder(UNMAKE, &files)?).called("forgetting secrets").run()?;
        Ok(())
    }

    /// Gives each secret that has another value now one more version. It counts when a release that runs with it is confirmed:
    /// see [`LeasedSecrets::settle`].
    pub fn supply(&self, given: &SuppliedSecrets) -> Result<()> {
        let write = |secret: &&'static Secret| {
            self.write(secret, given.next_version(secret), &given.values[secret.name], UNCONFIRMED)
        };
        given.changed.iter().try_for_each(write)
    }

    /// The versions that a confirmed release runs with count from now on. Those that nothing runs with were made for a release
    /// that was undone, and are removed.
    pub fn settle(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        let secrets = machine.secrets();
        let unconfirmed = secrets.versions()?.unconfirmed;
        if unconfirmed.is_empty() {
            return Ok(());
        }
        let files = machine.files()?;
        let (confirmed, kept) = (files.ledger.confirmed(), &files.kept);
        // What only a damaged ledger calls undone is left, and what a broken release may run with.
        let is_whole = files.damage().is_empty() && files.broken.is_empty();
        let (mut count, mut left) = (Vec::new(), Vec::new());
        for (name, version) in unconfirmed {
            let Some(secret) = SECRETS.iter().find(|secret| secret.name == name) else { continue };
            let file = format!("{name}/{version}");
            let uses = |release: &&Release| release.contents.secrets.get(&name) == Some(&version);
            if kept.iter().filter(uses).any(|release| confirmed.contains(&release.id)) {
                count.push(file);
            } else if is_whole && secrets.mounting(secret, version)?.is_empty() {
                left.push(file);
            }
        }
        for (script, files) in [(CONFIRM, count), (DISCARD, left)] {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            if !files.is_empty() {
                Run::new(secrets.in_folder(script, &files)?).called("settling secrets").run()?;
            }
        }
        Ok(())
    }

    fn write(&self, secret: &Secret, version: u32, value: &[u8], mark: &str) -> Result<()> {
        let (name, uid, version) = (secret.name, secret.uid.to_string(), version.to_string());
        let write = self.leased.fenced()?.secrets().in_folder(WRITE, &[name, &version, &uid, mark])?;
        Run::new(write).stdin(framed(value)).run().with_context(|| format!("writing the secret {name}"))
    }

    /// The database's own user may read the passwords of its roles: its container has no capabilities, and so even root in
    /// there reads only what it is allowed to.
    pub(super) fn let_database_read(&self) -> Result<()> {
        let group = DATABASE_SERVICE.uid.to_string();
        let names = SECRETS.iter().filter(|secret| secret.roles.is_some()).map(|secret| secret.name);
        let arguments: Vec<&str> = [group.as_str()].into_iter().chain(names).collect();
        let let_read = self.leased.fenced()?.secrets().in_folder(LET_READ, &arguments)?;
        Run::new(let_read).run().context("letting the database read its roles' passwords")
    }

    /// Forgets one version for good.
    pub fn revoke(&self, secret: &Secret, version: u32) -> Result<()> {
        let revoke =
            self.leased.fenced()?.secrets().in_folder(REVOKE, &[secret.name, &version.to_string()])?;
        Run::new(revoke).run().with_context(|| format!("revoking version {version} of {}", secret.name))
    }
}

/// As it is written: behind its length.
fn framed(value: &[u8]) -> Vec<u8> {
    [format!("{}\n", value.len()).as_bytes(), value].concat()
}

/// Who reads a secret does not count the end of a line at its end.
fn without_line_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    &value[..end.map_or(0, |last| last + 1)]
}

fn made_up() -> Result<String> {
    Ok(hex(&random::<32>()?))
}

#[cfg(test)]
mod tests;
