//! Who can read an environment's secrets: a list for people to read, beside the encrypted file, which has only public keys.
//! It also says what somebody could read who no longer can, until each of those secrets has another value.

use std::fmt;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::refuse;
use crate::project::Environment;
use crate::tools::age;
use crate::tools::files;

const HEADING: &str =
    "# Who can read the secrets beside this file. `cargo xtask secrets recipients` writes it.\n";

/// The list of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipients {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// `ada age1…`
    Reads { name: String, recipient: String },
    /// `- bob 2026-11-30 JWT_SECRET SLACK_WEBHOOK_URL`: could read these, which have the same values still.
    Left { name: String, on: String, secrets: Vec<String> },
    /// `~ bob JWT_SECRET 2026-11-30 why`: one that keeps its value all the same.
    Waived { name: String, secret: String, on: String, why: String },
}

/// Where an environment's list is.
pub fn path(environment: &Environment) -> Utf8PathBuf {
    super::folder().join(format!("{}.recipients", environment.name))
}

impl Recipients {
    /// The environment's; an empty list when there is none.
    pub fn of(environment: &Environment) -> Result<Recipients> {
        Recipients::read(&path(environment))
    }

    /// Reads one.
    pub fn read(path: &Utf8Path) -> Result<Recipients> {
        match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Recipients::default()),
            text => Recipients::parse(&text.with_context(|| format!("reading {path}"))?)
                .map_err(|why| refuse(format!("{path}: {why:#}"))),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Recipients> {
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let lines: Option<Vec<Line>> = lines.map(Line::parse).collect();
        Ok(Recipients {
            lines: lines
                .context("a line is none of `NAME age1…`, `- NAME DAY SECRETS`, `~ NAME SECRET DAY WHY`")?,
        })
    }

    /// Writes the environment's.
    pub fn write(&self, environment: &Environment) -> Result<()> {
        files::replace(&path(environment), self.to_string().as_bytes())
    }

    /// Names and public keys of those who can read.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Reads { name, recipient } => Some((name.as_str(), recipient.as_str())),
            _ => None,
        })
    }

    /// Lets somebody in.
    pub fn add(&mut self, name: &str, recipient: &str) -> Result<()> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".@_-".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) || name.starts_with(['-', '~', '#']) {
            return Err(refuse(format!(
                "{name:?} is no name here: letters, digits and . @ _ -, in one word"
            )));
        }
        if !age::is_recipient(recipient) {
            return Err(refuse(format!(
                "{recipient:?} is no public key of age: `age-keygen -y KEYFILE` prints it, age1…"
            )));
        }
        if let Some((other, _)) = self.all().find(|(other, key)| *other == name || *key == recipient) {
            return Err(refuse(format!(
                "{other} can read them already: `cargo xtask secrets recipients list`"
            )));
        }
        self.lines.push(Line::Reads { name: name.to_owned(), recipient: recipient.to_owned() });
        Ok(())
    }

    /// Shows somebody out, who could read these until today.
    pub fn remove(&mut self, name: &str, secrets: Vec<String>, on: &str) -> Result<()> {
        let before = self.lines.len();
        self.lines.retain(|line| !matches!(line, Line::Reads { name: other, .. } if other == name));
        if self.lines.len() == before {
            let names: Vec<&str> = self.all().map(|(name, _)| name).collect();
            return Err(refuse(format!("nobody here is called {name}: there are {}", names.join(", "))));
        }
        if self.all().next().is_none() {
            return Err(refuse(format!(
                "{name} is the only one who can read them: let somebody else in first"
            )));
        }
        if !secrets.is_empty() {
            self.lines.push(Line::Left { name: name.to_owned(), on: on.to_owned(), secrets });
        }
        Ok(())
    }

    /// What somebody who has left could read, and nobody has changed since: secret, who, since when.
    pub fn due(&self) -> Vec<(&str, &str, &str)> {
        let due = self.lines.iter().filter_map(|line| match line {
            Line::Left { name, on, secrets } => {
                Some(secrets.iter().map(move |secret| (secret.as_str(), name.as_str(), on.as_str())))
            }
            _ => None,
        });
        due.flatten().collect()
    }

    /// Whether it keeps a value that this one knows, for a reason.
    pub fn is_waived(&self, secret: &str, who: &str) -> bool {
        self.lines.iter().any(
            |line| matches!(line, Line::Waived { name, secret: waived, .. } if waived == secret && name == who),
        )
    }

    /// These have another value now, or are gone.
    pub fn changed(&mut self, secrets: &[&str]) {
        for line in &mut self.lines {
            if let Line::Left { secrets: left, .. } = line {
                left.retain(|secret| !secrets.contains(&secret.as_str()));
            }
        }
        self.lines.retain(|line| !matches!(line, Line::Left { secrets, .. } if secrets.is_empty()));
    }

    /// This one keeps its value, for a reason.
    pub fn waive(&mut self, secret: &str, on: &str, why: &str) -> Result<()> {
        let who: Vec<String> = self
            .due()
            .iter()
            .filter(|(due, ..)| *due == secret)
            .map(|(_, name, _)| (*name).to_owned())
            .collect();
        if who.is_empty() {
            return Err(refuse(format!(
                "{secret} is not due: nobody who has left could read the value that it has"
            )));
        }
        if why.trim().len() < 8 || why.contains('\n') {
            return Err(refuse("--reason: a reason of at least eight letters, in one line"));
        }
        self.changed(&[secret]);
        self.lines.extend(who.into_iter().map(|name| Line::Waived {
            name,
            secret: secret.to_owned(),
            on: on.to_owned(),
            why: why.trim().to_owned(),
        }));
        Ok(())
    }
}

impl Line {
    fn parse(line: &str) -> Option<Line> {
        if let Some(rest) = line.strip_prefix("- ") {
            let mut words = rest.split_whitespace().map(str::to_owned);
            let (name, on) = (words.next()?, words.next()?);
            return Some(Line::Left { name, on, secrets: words.collect() });
        }
        if let Some(rest) = line.strip_prefix("~ ") {
            let mut words = rest.splitn(4, ' ').map(str::to_owned);
            return Some(Line::Waived {
                name: words.next()?,
                secret: words.next()?,
                on: words.next()?,
                why: words.next()?,
            });
        }
        let (name, recipient) = line.split_once(' ')?;
        let recipient = recipient.trim();
        age::is_recipient(recipient)
            .then(|| Line::Reads { name: name.to_owned(), recipient: recipient.to_owned() })
    }
}

/// As it stands in the file.
impl fmt::Display for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADING)?;
        self.lines.iter().try_for_each(|line| match line {
            Line::Reads { name, recipient } => writeln!(f, "{name} {recipient}"),
            Line::Left { name, on, secrets } => writeln!(f, "- {name} {on} {}", secrets.join(" ")),
            Line::Waived { name, secret, on, why } => writeln!(f, "~ {name} {secret} {on} {why}"),
        })
    }
}
