//! Secrets on a host: files in folders of their own, one a version, readable by the one numeric user that needs them.
//! They are written through the standard input of a one-off root container that mounts only the secrets' folder, so
//! that a value is never in an argument, an environment or a file of ours.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use xshell::cmd;

use super::Machine;
use crate::project::{SECRETS, Secret};
use crate::rollout::release::hex;
use crate::tools::process::Run;
use crate::tools::shell;

const WRITE: &str = r#"set -eu
umask 022
mkdir -p "/secrets/$1"
trap 'rm -f "/secrets/$1/.next"' EXIT
(umask 077; cat >"/secrets/$1/.next")
chown "$3" "/secrets/$1/.next"
chmod 0400 "/secrets/$1/.next"
mv "/secrets/$1/.next" "/secrets/$1/$2"
"#;
const LIST: &str = r#"cd "$1" && for f in */*; do [ -e "$f" ] && echo "$f"; done; :"#;

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

    fn write_secret(&self, secret: &Secret, version: u32, value: &str) -> Result<()> {
        let mount = format!("{}:/secrets", self.folder("secrets"));
        let image = &self.bases()?.caddy;
        let (name, uid, version) = (secret.name, secret.uid.to_string(), version.to_string());
        let run = cmd!(
            self.sh,
            "docker run --rm --interactive --network none --user 0 --entrypoint sh --volume {mount} {image} -c {WRITE} secrets {name} {version} {uid}"
        );
        Run::new(run).stdin(value).run().with_context(|| format!("writing the secret {name}"))
    }

    /// The current version of each secret that `which` chooses: a counter, never derived from the value.
    pub fn secret_versions(&self, which: impl Fn(&Secret) -> bool) -> Result<BTreeMap<String, u32>> {
        let listed = shell::script(&self.sh, LIST, &[self.folder("secrets").as_str()], b"")
            .context("listing secrets")?;
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
