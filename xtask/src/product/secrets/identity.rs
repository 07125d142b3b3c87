//! The private key of whoever works here, where sops looks for it too.

use std::env;
use std::fs;

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;

use crate::exit::refuse;
use crate::project::IDENTITY;
use crate::setup::{self, Tool};
use crate::tools::age;
use crate::tools::files::private;
use crate::tools::process::{Run, shell};
use crate::tools::sops::{DataKey, SealedKey};

/// One private key of age, or several. It reaches age by standard input only.
pub struct Identity {
    text: String,
    /// Where it was found, for people.
    pub from: String,
}

impl Identity {
    /// The first of: `SOPS_AGE_KEY`, the file that `SOPS_AGE_KEY_FILE` names, `sops/age/keys.txt` where programs keep their
    /// configuration.
    pub fn find() -> Result<Option<Identity>> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        if let Some(text) = variable(IDENTITY) {
            return Identity::checked(text, format!("the key in {IDENTITY}")).map(Some);
        }
        if let Some(file) = variable("SOPS_AGE_KEY_FILE") {
            let text = fs::read_to_string(&file).map_err(|error| {
                refuse(format!("SOPS_AGE_KEY_FILE names {file}, which can't be read: {error}"))
            })?;
            return Identity::checked(text, format!("the key in {file}")).map(Some);
        }
        let home = || variable("HOME").map(|home| Utf8PathBuf::from(home).join(".config"));
        let Some(configuration) = variable("XDG_CONFIG_HOME").map(Utf8PathBuf::from).or_else(home) else {
            return Ok(None);
        };
        let file = configuration.join("sops/age/keys.txt");
        match fs::read_to_string(&file) {
            Ok(text) => Identity::checked(text, format!("the key in {file}")).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// One that somebody has given; `from` says where it was found.
    pub fn checked(text: String, from: String) -> Result<Identity> {
        if text.starts_with("age-encryption.org/") || text.contains("BEGIN AGE ENCRYPTED FILE") {
            return Err(refuse(format!(
                "{from} is protected by a passphrase, and nobody can be asked for it here: put what `age --decrypt` makes \
                 of it into {IDENTITY}"
            )));
        }
        if !text.lines().any(|line| line.trim().starts_with("AGE-SECRET-KEY-")) {
            return Err(refuse(format!(
                "{from} is no private key of age: a line begins with AGE-SECRET-KEY-"
            )));
        }
        Ok(Identity { text, from })
    }

    /// The data key that one of these hides; none when all are for others.
    pub fn open(&self, keys: &[SealedKey]) -> Result<Option<DataKey>> {
        setup::ensure(&[Tool::Age], false)?;
        let mine = self.recipients()?;
        let Some(sealed) = keys.iter().find(|key| mine.contains(&key.recipient)) else { return Ok(None) };
        let folder = private::Folder::new()?;
        let file = folder.join("key.age");
        fs::write(&file, &sealed.armoured).with_context(|| format!("writing {file}"))?;
        let run = Run::new(age::decrypt_file(shell(), &file)).called("opening the file's data key with age");
        let bytes = run.stdin(self.text.clone()).bytes();
        bytes.map_err(|error| refuse(format!("{error}"))).and_then(|bytes| DataKey::of(&bytes)).map(Some)
    }

    /// Its public keys.
    pub fn recipients(&self) -> Result<Vec<String>> {
        let run = Run::new(age::recipients_of(shell())).called("asking age-keygen for the public key");
        let text = run.stdin(self.text.clone()).text();
        let text = text.map_err(|error| refuse(format!("{} can't be used: {error}", self.from)))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}
