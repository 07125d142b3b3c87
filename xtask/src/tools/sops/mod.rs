//! sops' dotenv files: names in the open, values encrypted one by one, the key to them encrypted for each age recipient,
//! and a MAC over all. `sops` itself reads and writes them too, which a test holds.
//!
//! One changed value changes three lines: its own, the time and the MAC. Source: getsops/sops, `stores/dotenv/store.go`,
//! `sops.go` (`Tree.Encrypt`, `Tree.Decrypt`).

mod cipher;
#[cfg(test)]
mod tests;

use std::fmt;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha512};

pub use self::cipher::DataKey;
use crate::tools::files::hex::hex;

/// The version of the format, as its file says it.
const VERSION: &str = "3.11.0";
/// sops leaves values under names that end like this as they are; xtask takes none of them.
const PLAIN: &str = "_unencrypted";
/// In front of the lines that are sops' own.
const OWN: &str = "sops_";
/// A value of a file is not longer than this, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;

/// A file whose values are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    lines: Vec<Line>,
    keys: Vec<SealedKey>,
    modified: String,
    mac: String,
}

/// A line that is not sops' own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// A comment, encrypted, as it stands there.
    Comment(String),
    /// A name, and its value as it stands there.
    Value(String, String),
}

/// The data key, encrypted for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The public key: `age1…`.
    pub recipient: String,
    /// What age made of the data key, armoured.
    pub armoured: String,
}

/// Names with their values, in the file's order.
pub type Values = Vec<(String, String)>;

impl SealedFile {
    /// A file without a value. `now` is the time in RFC 3339, UTC.
    pub fn new(key: &DataKey, keys: Vec<SealedKey>, now: &str) -> Result<SealedFile> {
        SealedFile { lines: vec![], keys, modified: String::new(), mac: String::new() }.sealed(
            key,
            &vec![],
            now,
        )
    }

    /// Reads one. An error says what stands in the way, and shows no value.
    pub fn parse(text: &str) -> Result<SealedFile> {
        ensure!(!text.contains('\r'), "its lines end as on Windows (CRLF): git must not change this file");
        let (mut lines, mut own) = (Vec::new(), Vec::new());
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            if line.starts_with('#') {
                // sops encrypts them too. One in the open was added without the key, and may tell what it ought not to.
                ensure!(
                    line.strip_prefix('#').is_some_and(cipher::is_sealed),
                    "line {} is a comment in the open",
                    number + 1
                );
                lines.push(Line::Comment(line.to_owned()));
                continue;
            }
            let pair = line.split_once('=').with_context(|| format!("line {} has no '='", number + 1))?;
            match pair.0.strip_prefix(OWN) {
                Some(name) => own.push((name.to_owned(), unescaped(pair.1))),
                None => {
                    let twice =
                        lines.iter().any(|line| matches!(line, Line::Value(name, _) if name == pair.0));
                    ensure!(!twice, "{} stands in it twice", pair.0);
                    // Nor an empty one, nor one that sops would leave as it is: such a line could be added without the key, since
                    // the MAC is over the values alone.
                    ensure!(cipher::is_sealed(pair.1), "{} is not encrypted, or cut", pair.0);
                    lines.push(Line::Value(pair.0.to_owned(), pair.1.to_owned()));
                }
            }
        }
        let get = |name: &str| {
            let value = own.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
            value.with_context(|| format!("it has no line {OWN}{name}: it was cut, or is none of sops'"))
        };
        for (name, _) in &own {
            ensure!(
                is_understood(name),
                "it has a line {OWN}{name}, which xtask does not understand: change it with sops"
            );
        }
        let mut keys = Vec::new();
        while let Ok(recipient) = get(&format!("age__list_{}__map_recipient", keys.len())) {
            keys.push(SealedKey { recipient, armoured: get(&format!("age__list_{}__map_enc", keys.len()))? });
        }
        ensure!(!keys.is_empty(), "it is encrypted for nobody with an age key");
        Ok(SealedFile { lines, keys, modified: get("lastmodified")?, mac: get("mac")? })
    }

    /// The names in it, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| match line {
            Line::Value(name, _) => Some(name.as_str()),
            Line::Comment(_) => None,
        })
    }

    /// The data key, for each of those who can read it.
    pub fn keys(&self) -> &[SealedKey] {
        &self.keys
    }

    /// The values. An error when one of them, their order or their number was changed by somebody without the key.
    pub fn open(&self, key: &DataKey) -> Result<Values> {
        let mut values = Values::new();
        for line in &self.lines {
            let Line::Value(name, sealed) = line else { continue };
            values.push((name.clone(), key.open(sealed, &context_of(name)).with_context(|| name.clone())?));
        }
        let mac = key.open(&self.mac, &self.modified).context("its MAC")?;
        ensure!(
            mac == mac_of(&values),
            "its MAC does not fit its values: a line was removed, added or moved by hand, or by a merge"
        );
        Ok(values)
    }

    /// The file with these values changed, added, or removed (`None`): every other line stays as it is, but the time and
    /// the MAC.
    pub fn with(&self, key: &DataKey, changes: &[(&str, Option<&str>)], now: &str) -> Result<SealedFile> {
        let mut values = self.open(key)?;
        let mut file = self.clone();
        for (name, value) in changes {
            let Some(value) = value else {
                file.lines.retain(|line| !matches!(line, Line::Value(other, _) if other == name));
                values.retain(|(other, _)| other != name);
                continue;
            };
            check(name, value)?;
            if values.iter().any(|(other, old)| other == name && old == value) {
                continue;
            }
            let sealed = key.seal(value, &context_of(name))?;
            let there = file.lines.iter_mut().find_map(|line| match line {
                Line::Value(other, sealed) if other == name => Some(sealed),
                _ => None,
            });
            match there {
                Some(there) => *there = sealed,
                None => file.lines.push(Line::Value((*name).to_owned(), sealed)),
            }
            match values.iter_mut().find(|(other, _)| other == name) {
                Some((_, old)) => (*value).clone_into(old),
                None => values.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        file.sealed(key, &values, now)
    }

    /// The same values for other recipients; when the key is another one too, every value is encrypted anew.
    pub fn for_others(
        &self,
        old: &DataKey,
        new: &DataKey,
        keys: Vec<SealedKey>,
        now: &str,
    ) -> Result<SealedFile> {
        let values = self.open(old)?;
        let mut file = SealedFile { keys, ..self.clone() };
        if old != new {
            // Comments are encrypted with the old key: nobody could read them any more.
            file.lines.retain(|line| !matches!(line, Line::Comment(_)));
            for line in &mut file.lines {
                let Line::Value(name, sealed) = line else { continue };
                let (_, value) =
                    values.iter().find(|(other, _)| other == name).context("a value of each name")?;
                *sealed = new.seal(value, &context_of(name))?;
            }
        }
        file.sealed(new, &values, now)
    }

    fn sealed(mut self, key: &DataKey, values: &Values, now: &str) -> Result<SealedFile> {
        now.clone_into(&mut self.modified);
        self.mac = key.seal(&mac_of(values), now)?;
        ensure!(self.open(key)? == *values, "what was written can't be read back");
        Ok(self)
    }
}

/// As it stands in a file.
impl fmt::Display for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            match line {
                Line::Comment(text) => writeln!(f, "{text}")?,
                Line::Value(name, sealed) => writeln!(f, "{name}={sealed}")?,
            }
        }
        for (number, key) in self.keys.iter().enumerate() {
            writeln!(f, "{OWN}age__list_{number}__map_enc={}", escaped(&key.armoured))?;
            writeln!(f, "{OWN}age__list_{number}__map_recipient={}", key.recipient)?;
        }
        writeln!(f, "{OWN}lastmodified={}", self.modified)?;
        writeln!(f, "{OWN}mac={}", self.mac)?;
        writeln!(f, "{OWN}unencrypted_suffix={PLAIN}")?;
        writeln!(f, "{OWN}version={VERSION}")
    }
}

/// Refuses what would not come back as it was given: sops reads `\n` as a new line, and leaves an empty value as it is.
pub fn check(name: &str, value: &str) -> Result<()> {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        bail!("{name:?} is no name of a variable: capital letters, digits and '_'");
    }
    ensure!(!value.is_empty(), "{name}: an empty value is none");
    ensure!(
        value.len() <= MAX_VALUE,
        "{name}: the value has {} bytes, and at most {MAX_VALUE} are kept",
        value.len()
    );
    ensure!(!value.contains('\0'), "{name}: the value holds a NUL, which no variable can");
    ensure!(
        !value.contains('\r'),
        "{name}: the value holds a carriage return, which the file's format loses"
    );
    ensure!(
        !value.contains("\\n"),
        "{name}: the value holds a backslash before an 'n', which the file's format takes for a new line"
    );
    Ok(())
}

fn context_of(name: &str) -> String {
    format!("{name}:")
}

/// Of sops' own lines: those for keys of other kinds, and those that change what the MAC is over, are not.
fn is_understood(name: &str) -> bool {
    let plain = ["lastmodified", "mac", "unencrypted_suffix", "version"];
    plain.contains(&name) || name.starts_with("age__list_")
}

fn mac_of(values: &Values) -> String {
    let mut hash = Sha512::new();
    values.iter().for_each(|(_, value)| hash.update(value.as_bytes()));
    hex(&hash.finalize()).to_uppercase()
}

fn escaped(text: &str) -> String {
    text.replace('\n', "\\n")
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n")
}
