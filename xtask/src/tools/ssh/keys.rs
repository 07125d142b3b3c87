//! Keys: the private key to log in with, and the host keys that are trusted.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::ConnectError;
use crate::tools::files::private::Folder;
use crate::tools::process::{Run, shell};

/// The name of the host in the file of known hosts that ssh is given, whatever its address.
pub const ALIAS: &str = "xtask-host";

/// A private key.
#[derive(Clone)]
pub enum Key {
    /// In this file.
    File(Utf8PathBuf),
    /// Its text, as a workflow has it in a variable.
    Text(String),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::File(path) => write!(f, "the key in {path}"),
            Key::Text(_) => f.write_str("a key"),
        }
    }
}

impl Key {
    /// Reads a key, or the path of a file with one. Line ends of Windows and a missing last newline are repaired: they are
    /// common in secrets of workflows, and ssh only says 'error in libcrypto'. An error when it is neither, or was cut off.
    pub fn parse(value: &str) -> Result<Key, String> {
        let value = value.trim_start();
        if !value.starts_with("-----BEGIN") {
            let path = Utf8PathBuf::from(value.trim());
            return if path.is_file() {
                Ok(Key::File(path))
            } else {
                Err("it is neither a private key (-----BEGIN … PRIVATE KEY-----) nor a file".to_owned())
            };
        }
        let text: String = value.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let last = text.lines().last().unwrap_or_default();
        if text.lines().count() < 3 || !last.starts_with("-----END") {
            return Err(
                "it begins like a private key and does not end like one: was it cut, or put on one line?"
                    .to_owned(),
            );
        }
        Ok(Key::Text(text))
    }

    /// A file with the key, as ssh reads it: the user's own when that needs no repair, or else a new one in `folder`.
    pub fn as_file(&self, folder: &Utf8Path) -> Result<Utf8PathBuf, ConnectError> {
        let text = match self {
            Key::File(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("reading the key in {path}"))?;
                if !text.contains('\r') && text.ends_with('\n') {
                    return Ok(path.clone());
                }
                let Ok(Key::Text(mended)) = Key::parse(&text) else {
                    return Err(ConnectError::KeyDamaged(format!("{path} holds no whole private key")));
                };
                mended
            }
            Key::Text(text) => text.clone(),
        };
        let path = folder.join("key");
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.and_then(|mut file| file.write_all(text.as_bytes())).context("handing the key to ssh")?;
        Ok(path)
    }

    /// The public key, as a line of `authorized_keys`. An error when the private key has a passphrase.
    pub fn public(&self) -> Result<String> {
        let folder = Folder::new()?;
        let path = self.as_file(folder.path())?;
        let line = Run::new(cmd!(shell(), "ssh-keygen -y -P '' -f {path}"))
            .text()
            .context("the public half of the key can't be read: is it a private key without a passphrase?")?;
        // Without the comment: it names people and machines.
        Ok(line.split(' ').take(2).collect::<Vec<_>>().join(" "))
    }
}

/// The host keys that are trusted, each a kind and a key: `ssh-ed25519`, `AAAA…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeys(Vec<(String, String)>);

impl HostKeys {
    /// Reads lines as `ssh-keyscan`, `/etc/ssh/*.pub` or a `known_hosts` file have them, separated by newlines or
    /// semicolons. An error when one is no host key, or there is none.
    pub fn parse(value: &str) -> Result<HostKeys, String> {
        let lines =
            value.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(host_key).collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(HostKeys(keys)),
            _ => Err("a host key is a line like `ssh-ed25519 AAAA…`".to_owned()),
        }
    }

    /// Writes the file of known hosts that ssh is given.
    pub fn write(&self, path: &Utf8Path) -> Result<()> {
        let lines: String = self.0.iter().map(|(kind, key)| format!("{ALIAS} {kind} {key}\n")).collect();
        fs::write(path, lines).with_context(|| format!("writing {path}"))
    }

    /// The value of `HostKeyAlgorithms`: a host key of another kind would not be a known one.
    pub fn algorithms(&self) -> String {
        let mut all: Vec<&str> = Vec::new();
        for (kind, _) in &self.0 {
            match kind.as_str() {
                "ssh-rsa" => all.extend(["rsa-sha2-512", "rsa-sha2-256"]),
                kind => all.push(kind),
            }
        }
        all.join(",")
    }

    /// Whether all of those are among these.
    pub fn contain(&self, others: &HostKeys) -> bool {
        others.0.iter().all(|key| self.0.contains(key))
    }

    /// These and those.
    pub fn with(&self, others: &HostKeys) -> HostKeys {
        let more = others.0.iter().filter(|key| !self.0.contains(key));
        HostKeys(self.0.iter().chain(more).cloned().collect())
    }

    /// Whether all of them are of kinds that begin like this.
    pub fn are_only(&self, kind: &str) -> bool {
        self.0.iter().all(|(it, _)| it.starts_with(kind))
    }

    /// The key with this fingerprint alone, for when somebody has confirmed one of several.
    pub fn only(&self, wanted: &str) -> Option<HostKeys> {
        let is_it = |(kind, key): &&(String, String)| {
            fingerprint(&format!("{kind} {key}")).as_deref() == Some(wanted)
        };
        self.0.iter().find(is_it).map(|found| HostKeys(vec![found.clone()]))
    }

    /// The key that people are asked to compare: the Ed25519 key, if there is one, or else the first.
    pub fn preferred(&self) -> HostKeys {
        let found = self.0.iter().find(|(kind, _)| kind == "ssh-ed25519").or(self.0.first());
        HostKeys(found.cloned().into_iter().collect())
    }

    /// The fingerprint of each, as `ssh-keygen -l` shows it: `SHA256:…`.
    pub fn fingerprints(&self) -> String {
        let all = self.0.iter().map(|(kind, key)| {
            fingerprint(&format!("{kind} {key}")).unwrap_or_else(|| "one that ssh can't read".to_owned())
        });
        all.collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Display for HostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(|(kind, key)| format!("{kind} {key}")).collect();
        f.write_str(&lines.join(";"))
    }
}

/// The host keys that a machine offers. Nothing proves that they are its own: a person has to compare them. An error when it
/// does not answer.
pub fn scan(host: &str, port: u16) -> Result<HostKeys, String> {
    let port = port.to_string();
    let told = Run::new(cmd!(shell(), "ssh-keyscan -T 10 -t ed25519,ecdsa,rsa -p {port} -- {host}")).text();
    let told = told.map_err(|error| error.to_string())?;
    HostKeys::parse(&told).map_err(|_| format!("{host} shows no key at port {port}"))
}

/// The kind and the key in a line, without an address before them and a comment after them.
fn host_key(line: &str) -> Option<(String, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words
        .iter()
        .position(|word| ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start)))?;
    let (kind, key) = (words[at], *words.get(at + 1)?);
    let plain = |text: &str, also: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
    };
    (at <= 1 && plain(kind, b"-@.") && plain(key, b"+/=") && key.starts_with("AAAA"))
        .then(|| (kind.to_owned(), key.to_owned()))
}

/// The fingerprint of a public key, `SHA256:…`; none when ssh can't read it.
pub fn fingerprint(line: &str) -> Option<String> {
    let told = Run::new(cmd!(shell(), "ssh-keygen -l -f -")).stdin(format!("{line}\n")).text().ok()?;
    told.split(' ').find(|word| word.starts_with("SHA256:")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6b0pEr5XhVvn0aFxQhVAWDbWSjMgCWt8HTbiYbGUnY";

    #[test]
    fn a_host_key_is_read_as_people_have_it() {
        let plain = HostKeys::parse(LINE).unwrap();
        for written in [
            format!("{LINE} root@vps"),
            format!("203.0.113.7 {LINE}"),
            format!("# vps:22 SSH-2.0-OpenSSH\n[vps]:2222 {LINE}\r\n"),
        ] {
            assert_eq!(HostKeys::parse(&written).unwrap(), plain, "{written}");
        }
        for wrong in ["", "SHA256:abc", "ssh-ed25519", "ssh-ed25519 $(reboot)", "a b ssh-ed25519 AAAA"] {
            assert!(HostKeys::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_many_keys_only_the_one_is_taken_that_somebody_vouched_for() {
        let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAGL2G9zWIfGUQw2xFMWZfcfitNQygZLwWeXqmeaxeGd";
        let both = HostKeys::parse(&format!("{other}\n{LINE}")).unwrap();
        let one = HostKeys::parse(LINE).unwrap();
        assert_eq!(both.only(&one.fingerprints()), Some(one));
        assert_eq!(both.only("SHA256:nothing"), None);
    }

    #[test]
    fn a_key_with_the_line_ends_of_windows_is_mended_and_a_cut_one_named() {
        let whole = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        for written in [whole.to_owned(), whole.replace('\n', "\r\n"), whole.trim_end().to_owned()] {
            match Key::parse(&written).unwrap() {
                Key::Text(text) => assert_eq!(text, whole),
                Key::File(path) => panic!("{path}"),
            }
        }
        assert!(Key::parse(&whole.replace('\n', " ")).is_err());
        assert!(Key::parse("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").is_err());
        assert!(Key::parse("/no/such/file").is_err());
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = Key::Text("-----BEGIN".to_owned());
        assert_eq!(format!("{key:?}"), "a key");
    }
}
