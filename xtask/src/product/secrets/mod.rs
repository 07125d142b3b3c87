//! The secrets of an environment that lie in the repository: encrypted one by one in sops' format, for the people and the
//! machines that its list of recipients names.

pub mod answers;
pub mod departed;
pub mod identity;
mod mask;
pub mod plain;
pub mod recipients;
pub mod rotation;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};

use self::identity::Identity;
use self::recipients::Recipients;
use crate::exit::refuse;
use crate::project::{ENVIRONMENTS, Environment, SECRETS_FOLDER, Site, is_secret_variable};
use crate::setup::{self, Tool};
use crate::tools::age;
use crate::tools::files::{self, lock::Lock};
use crate::tools::git;
use crate::tools::process::{Run, shell};
use crate::tools::sops::{DataKey, SealedFile, SealedKey, Values};
use crate::workspace;

/// The encrypted file of one environment.
#[derive(Debug, Clone)]
pub struct SecretFile {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// What stands in it.
    pub sealed: SealedFile,
}

/// A file whose values can be read, and so written.
pub struct OpenFile {
    file: SecretFile,
    key: DataKey,
}

/// Where an environment's file is, whether there is one or not.
pub fn path(environment: &Environment) -> Utf8PathBuf {
    folder().join(format!("{}.env", environment.name))
}

/// What tells git to merge the files by name: a setting of the clone, since git takes none of a commit.
pub const MERGE_DRIVER: (&str, &str) =
    ("merge.tracehub-secrets.driver", "cargo xtask secrets merge %O %A %B");

/// Whether there is an encrypted file, and git was not told how to merge it.
pub fn are_merged_by_lines() -> Result<bool> {
    let has_some = ENVIRONMENTS.iter().any(|environment| path(environment).is_file());
    Ok(has_some && git::setting(workspace::root(), MERGE_DRIVER.0)?.is_none())
}

/// Where the files are.
pub fn folder() -> Utf8PathBuf {
    workspace::root().join(SECRETS_FOLDER)
}

/// One who writes at a time: the lock is held until it is dropped.
pub fn lock(environment: &Environment) -> Result<Lock> {
    Lock::hold(&workspace::local_dir().join(format!("secrets-{}.lock", environment.name)), || {
        crate::terminal::note("  waiting for somebody else who changes these secrets …");
    })
}

/// The environment's file; none when it has none, or its secrets are made up on this machine.
pub fn find(environment: &Environment) -> Result<Option<SecretFile>> {
    if !matches!(environment.site, Site::Remote { .. }) {
        return Ok(None);
    }
    SecretFile::read(&path(environment))
}

impl SecretFile {
    /// Reads one; none when it is not there.
    pub fn read(path: &Utf8Path) -> Result<Option<SecretFile>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("reading {path}"))?,
        };
        let sealed = SealedFile::parse(&text).map_err(|why| refuse(format!("{path}: {why:#}")))?;
        Ok(Some(SecretFile { path: path.to_owned(), sealed }))
    }

    /// Opens it with the private key that this machine has.
    pub fn open(self) -> Result<OpenFile> {
        let identity = Identity::find()?.ok_or_else(|| {
            refuse(format!(
                "{} is encrypted, and no private key of age is here\n  Set {} to one that its recipients name, or \
                 SOPS_AGE_KEY_FILE to its file. `cargo xtask secrets recipients list` says who can read it.",
                self.path,
                crate::project::IDENTITY
            ))
        })?;
        let key = identity.open(self.sealed.keys())?.ok_or_else(|| {
            refuse(format!(
                "{} is encrypted for others than {}\n  Somebody who can read it lets you in: `cargo xtask secrets \
                 recipients add`, with your public key.",
                self.path, identity.from
            ))
        })?;
        Ok(OpenFile { file: self, key })
    }

    /// Like [`SecretFile::open`]; none when no private key that is here opens it. One that nobody can use (it has a passphrase) opens nothing.
    pub fn open_if_able(self) -> Result<Option<OpenFile>> {
        let key = match Identity::find() {
            Ok(Some(identity)) => identity.open(self.sealed.keys())?,
            _ => None,
        };
        Ok(key.map(|key| OpenFile { file: self, key }))
    }
}

impl OpenFile {
    /// A new one, which these can read.
    pub fn new(path: Utf8PathBuf, recipients: &Recipients) -> Result<OpenFile> {
        let key = DataKey::made()?;
        let sealed = SealedFile::new(&key, seal_key(&key, recipients)?, &now())?;
        Ok(OpenFile { file: SecretFile { path, sealed }, key })
    }

    /// Names and values. An error when somebody without the key changed the file.
    pub fn values(&self) -> Result<Values> {
        let path = &self.file.path;
        let values = self.file.sealed.open(&self.key).map_err(|why| {
            refuse(format!(
                "{path} can't be trusted: {why:#}\n  `git log -p -- {path}` shows who changed it."
            ))
        })?;
        mask::in_jobs(&values);
        Ok(values)
    }

    /// Writes it with these values changed, added, or removed (`None`): whole or not at all.
    pub fn change(&self, changes: &[(&str, Option<&str>)]) -> Result<()> {
        self.values()?;
        let sealed =
            self.file.sealed.with(&self.key, changes, &now()).map_err(|why| refuse(format!("{why:#}")))?;
        files::replace(&self.file.path, sealed.to_string().as_bytes())
    }

    /// Writes it for these recipients; `renewed` with another data key, so that who had the old one can't read what comes.
    pub fn give_to(&self, recipients: &Recipients, renewed: bool) -> Result<()> {
        self.values()?;
        let key = if renewed { DataKey::made()? } else { self.key.clone() };
        let sealed = self.file.sealed.for_others(&self.key, &key, seal_key(&key, recipients)?, &now())?;
        files::replace(&self.file.path, sealed.to_string().as_bytes())
    }

    /// Writes it as it is.
    pub fn write(&self) -> Result<()> {
        files::replace(&self.file.path, self.file.sealed.to_string().as_bytes())
    }
}

/// The data key for each recipient; age refuses a public key with a typo.
fn seal_key(key: &DataKey, recipients: &Recipients) -> Result<Vec<SealedKey>> {
    setup::ensure(&[Tool::Age], false)?;
    let seal = |(name, recipient): (&str, &str)| {
        let run = Run::new(age::encrypt_armoured(shell(), recipient)).stdin(key.bytes());
        let armoured =
            run.checked().map_err(|error| refuse(format!("the public key of {name}: {error}")))?.stdout;
        Ok(SealedKey { recipient: recipient.to_owned(), armoured })
    };
    let sealed: Vec<SealedKey> = recipients.all().map(seal).collect::<Result<_>>()?;
    if sealed.is_empty() {
        bail!(refuse("nobody could read it: `cargo xtask secrets recipients add` names the first one"));
    }
    Ok(sealed)
}

/// Every value of an environment's file that can be read here, read once in a process.
type Known = BTreeMap<String, Arc<BTreeMap<String, String>>>;

/// What the operator gives for one environment: by the process's variables, and by the environment's file where they do not
/// say. The file is not opened as long as the variables say everything that is asked.
#[derive(Debug, Clone)]
pub struct Supplied {
    file: Option<SecretFile>,
    environment: String,
}

impl Supplied {
    /// For this environment.
    pub fn of(environment: &Environment) -> Result<Supplied> {
        Ok(Supplied { file: find(environment)?, environment: environment.name.to_string() })
    }

    /// The value of this variable; a blank one is none, since a workflow sets a variable also where there is no secret.
    pub fn get(&self, variable: &str) -> Result<Option<Vec<u8>>> {
        use std::os::unix::ffi::OsStringExt as _;
        let given = std::env::var_os(variable).map(std::ffi::OsString::into_vec);
        if let Some(given) = given.filter(|value| !value.trim_ascii().is_empty()) {
            return Ok(Some(given));
        }
        match &self.file {
            Some(file) if file.sealed.names().any(|name| name == variable) => {
                Ok(self.opened(file)?.get(variable).map(|value| value.clone().into_bytes()))
            }
            _ => Ok(None),
        }
    }

    /// Like `get`, as text.
    pub fn text(&self, variable: &str) -> Result<Option<String>> {
        let text = |value| {
            String::from_utf8(value).map_err(|_| refuse(format!("{variable} holds bytes that are not UTF-8")))
        };
        self.get(variable)?.map(text).transpose()
    }

    fn opened(&self, file: &SecretFile) -> Result<Arc<BTreeMap<String, String>>> {
        static KNOWN: Mutex<Known> = Mutex::new(Known::new());
        let mut known = KNOWN.lock().expect("nothing panics while it is held");
        if let Some(values) = known.get(&self.environment) {
            return Ok(values.clone());
        }
        let values: Arc<BTreeMap<_, _>> = Arc::new(file.clone().open()?.values()?.into_iter().collect());
        known.insert(self.environment.clone(), values.clone());
        Ok(values)
    }
}

/// What can be seen of an environment's file without its key: that it is whole and encrypted, for exactly those whom the list
/// names, with keys that open no environment that is less guarded, and that nothing in it is known to somebody who has left.
pub fn problems(environment: &Environment) -> Result<Vec<String>> {
    let (file, recipients) = (find(environment)?, Recipients::of(environment)?);
    let Some(file) = file else { return Ok(Vec::new()) };
    let name = &environment.name;
    let named: BTreeSet<&str> = recipients.all().map(|(_, key)| key).collect();
    let able: BTreeSet<&str> = file.sealed.keys().iter().map(|key| key.recipient.as_str()).collect();
    let mut problems = Vec::new();
    if named != able {
        problems.push(format!(
            "{} can be read by others than {} names: `cargo xtask secrets recipients add` and `remove` write both",
            file.path,
            recipients::path(environment)
        ));
    }
    for key in able {
        problems.extend(opens_another(environment, key)?.map(|why| format!("{why}. It opens {name} too")));
    }
    problems.extend(recipients.due().iter().map(|(secret, who, on)| {
        format!("{who}, who left on {on}, knows {secret} of {name}: it wants another value, and `cargo xtask secrets rotate {secret}` says how")
    }));
    Ok(problems)
}

/// The secrets of an environment that somebody knows who has left, each with since when; nothing where it has no file that says who
/// reads them. Whoever that was, is nobody's business on the host.
pub fn due(environment: &Environment) -> Result<Option<Vec<String>>> {
    if find(environment)?.is_none() {
        return Ok(None);
    }
    Ok(Some(due_to(&Recipients::of(environment)?)))
}

fn due_to(recipients: &Recipients) -> Vec<String> {
    let words =
        |(secret, _, on): &(&str, &str, &str)| format!("{secret} is known to somebody who left on {on}");
    recipients.due().iter().map(words).collect()
}

/// Whose key this is in another environment, when one of the two is gated: whoever deploys to the other must not by that open it.
pub fn opens_another(environment: &Environment, key: &str) -> Result<Option<String>> {
    let others = ENVIRONMENTS.iter().filter(|other| other.name != environment.name);
    for other in others.filter(|other| environment.gate().is_some() || other.gate().is_some()) {
        let theirs = Recipients::of(other)?;
        if let Some((who, _)) = theirs.all().find(|(_, theirs)| *theirs == key) {
            return Ok(Some(format!(
                "this is {who}'s key for {}: for {} make another one, with `age-keygen`",
                other.name, environment.name
            )));
        }
    }
    Ok(None)
}

/// What only who can read the values sees: that one of them stands in plain text in the tree or in a log of CI, or is known to
/// somebody who has left, though nothing says so any more.
pub fn problems_of_values(environment: &Environment, values: &Values) -> Result<Vec<String>> {
    let mut problems = plain::Search::of(environment, values).here()?;
    let recipients = Recipients::of(environment)?;
    let is_due = |secret: &str, who: &str| recipients.due().iter().any(|it| (it.0, it.1) == (secret, who));
    let known = departed::known_to(environment, &secrets_among(values))?;
    problems.extend(known.iter().filter(|(secret, who)| !is_due(secret, who)).map(|(secret, who)| {
        format!("{who} could read {secret} of {}, and it has the same value still: give it another one, as `cargo xtask secrets rotate {secret}` says", environment.name)
    }));
    Ok(problems)
}

/// The values that are secrets; a host's name or its public key is none.
fn secrets_among(values: &Values) -> Vec<(&str, &str)> {
    let secrets = values.iter().filter(|(name, _)| is_secret_variable(name));
    secrets.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What is wrong with any environment's file, and with the values of those that a private key opens that is here.
pub fn check_all() -> Result<()> {
    let problems: Vec<Vec<String>> = ENVIRONMENTS.iter().map(problems).collect::<Result<_>>()?;
    none_of([problems.concat(), of_opened(problems_of_values)?].concat())
}

/// No commit has a value in plain text, as far as a private key that is here opens the files.
pub fn check_history() -> Result<()> {
    none_of(of_opened(|environment, values| plain::Search::of(environment, values).in_history())?)
}

fn of_opened(look: impl Fn(&Environment, &Values) -> Result<Vec<String>>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for environment in ENVIRONMENTS {
        let Some(file) = find(environment)? else { continue };
        if let Some(open) = file.open_if_able()? {
            problems.extend(look(environment, &open.values()?)?);
        }
    }
    Ok(problems)
}

fn none_of(problems: Vec<String>) -> Result<()> {
    match problems {
        none if none.is_empty() => Ok(()),
        some => bail!(some.join("\n")),
    }
}

/// Today, in UTC: `2026-01-03`.
pub fn today() -> String {
    now()[..10].to_owned()
}

/// The time as sops writes it.
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
