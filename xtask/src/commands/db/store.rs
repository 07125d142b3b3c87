//! Copies of backups in an S3-compatible store: sent, listed, removed by the rule, read back.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use crate::commands::target::access::read_pem;
use crate::exit::refuse;
use crate::product::secrets::Supplied;
use crate::project::{Environment, STORE_CA, STORE_VARIABLES};
use crate::rollout::state::backup::{self, Backup, Copied, OWNER_DIGITS, time_of};
use crate::setup::{self, Tool};
use crate::terminal;
use crate::tools::files::hex::hex;
use crate::tools::process::{Run, shell};
use crate::tools::rclone::{self, Access, Object, Store};

/// What the address of a place in a store begins with.
const SCHEME: &str = "s3://";
/// What a copy's name ends with.
pub const ENDING: &str = ".dump.age";
/// What the name of the list ends with that belongs to one: its rows, counted, and the papers that it names.
const LIST_ENDING: &str = ".list.age";
/// So much may clocks differ.
const AHEAD: Duration = Duration::from_secs(3600);
/// The longest that a copy may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);
/// The longest that a question may take, with all its tries.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(300);

/// The folder of an environment in a store, `s3://BUCKET/FOLDER/ENVIRONMENT`, with who comes there by the variables `BACKUP_S3_…`.
pub struct Place {
    store: Store,
    /// `BUCKET/FOLDER/ENVIRONMENT`; of a copy that was named, the folder that it is in.
    path: String,
    /// The copy that its address named, when it named one, without its ending.
    copy: Option<String>,
    whose: Whose,
}

/// Whose copies are meant, by what stands in the names of those that left a host by themselves.
#[derive(Debug, Clone)]
enum Whose {
    /// Those of the only host that has sent any.
    Anybodys,
    /// Of this host and no other.
    Only(String),
    /// Of this host, when it has sent any.
    Rather(String),
}

/// Who comes to a store, by the variables.
pub fn access(address: &str, supplied: &Supplied) -> Result<Access> {
    let [endpoint, region, key_id, secret] = STORE_VARIABLES;
    let text = |name: &str| Ok::<_, anyhow::Error>(supplied.text(name)?.map(|value| value.trim().to_owned()));
    let needed = |name: &str| {
        let given = text(name)?.filter(|value| !value.is_empty() && !value.contains(char::is_whitespace));
        given.ok_or_else(|| refuse(format!("{name} is not set: who comes to {address} is told by it")))
    };
    Ok(Access {
        endpoint: text(endpoint)?,
        region: text(region)?,
        authority: text(STORE_CA)?.map(|pem| read_pem(STORE_CA, &pem)).transpose().map_err(refuse)?,
        key_id: needed(key_id)?,
        secret: needed(secret)?,
    })
}

/// Whether this is the address of a place in a store.
pub fn is_address(text: &str) -> bool {
    text.starts_with(SCHEME)
}

impl Place {
    /// Everything that can be wrong without asking the store is said.
    pub fn told(address: &str, environment: &Environment, supplied: &Supplied) -> Result<Place> {
        let (path, copy) = parts(address, &environment.name)?;
        let access = access(address, supplied)?;
        setup::ensure(&[Tool::Rclone, Tool::Age], false)?;
        Ok(Place { store: Store::new(&access)?, path, copy, whose: Whose::Anybodys })
    }

    /// Of all copies, only those of one host.
    pub fn of(self, owner: &str) -> Place {
        Place { whose: Whose::Only(owner.to_owned()), ..self }
    }

    /// Those of one host before all others.
    pub fn rather_of(self, owner: Option<String>) -> Place {
        Place { whose: owner.map_or(Whose::Anybodys, Whose::Rather), ..self }
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Sends a copy, and asks the store what it has then. It is encrypted into a private file first: what is sent can be sent
    /// again, and the store has all of it or nothing.
    pub fn send(&self, read: Run<'_>, encrypt: Run<'_>, backup: &Backup) -> Result<Copied> {
        let name = format!("{}{ENDING}", backup.name);
        let (sh, file) = (shell(), self.store.folder().join(&name));
        check_room(backup.bytes, self.store.free()?, self.store.folder())?;
        let write = Run::new(cmd!(sh, "dd of={file} bs=1048576")).timeout(TRANSFER_TIMEOUT);
        read.pipe(encrypt, write).context("encrypting the copy")?;
        let bytes = std::fs::metadata(&file).with_context(|| format!("looking at {file}"))?.len();
        let to = self.file(&name);
        let sent = Run::new(self.store.send(sh, &file, &to)).timeout(TRANSFER_TIMEOUT).run();
        let _ = std::fs::remove_file(&file);
        sent.with_context(|| format!("sending a copy to {SCHEME}{to}"))?;
        let there = self.objects(&to)?;
        ensure!(
            there == [Object { name, size: bytes }],
            "the store was sent {bytes} bytes as {SCHEME}{to}, and says that it has {there:?}"
        );
        Ok(Copied { to: format!("{SCHEME}{to}"), bytes })
    }

    /// The names of the copies that are there, oldest first; what else is called so is somebody else's.
    pub fn copies(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = self
            .objects(&self.path)?
            .into_iter()
            .filter_map(|object| object.name.strip_suffix(ENDING).map(str::to_owned))
            .filter(|name| time_of(name).is_some())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes the copies by hand that need not be kept any longer, by the rule of the host, which removes its own.
    pub fn prune(&self, now: SystemTime) -> Result<usize> {
        let names: Vec<String> = self.copies()?.into_iter().filter(|name| !is_of_a_host(name)).collect();
        let over = backup::superfluous_names(&names, now);
        for name in &over {
            let file = self.file(&format!("{name}{ENDING}"));
            let removed = Run::new(self.store.remove(shell(), &file)).timeout(QUESTION_TIMEOUT).run();
            removed.with_context(|| format!("removing {SCHEME}{file}"))?;
        }
        Ok(over.len())
    }

    /// The copy that was named, or the newest one: its name without its ending, and its size. One by hand, which has no papers, is
    /// it only where no host has sent any. Refused where two hosts have sent some, and nobody has said whose is meant.
    pub fn chosen(&self) -> Result<(String, u64)> {
        let objects = self.objects(&self.path)?.into_iter();
        let copies = objects.filter_map(|it| Some((it.name.strip_suffix(ENDING)?.to_owned(), it.size)));
        let found = match &self.copy {
            Some(wanted) => copies.into_iter().find(|(name, _)| name == wanted),
            None => self.newest(copies.collect())?,
        };
        found.ok_or_else(|| {
            let what = self.copy.as_deref().unwrap_or("copy");
            let of = if let Whose::Only(owner) = &self.whose {
                format!(" of the host {owner}")
            } else {
                String::new()
            };
            refuse(format!("{SCHEME}{} has no {what}{of}", self.path))
        })
    }

    fn newest(&self, copies: Vec<(String, u64)>) -> Result<Option<(String, u64)>> {
        let (copies, ahead): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(|(name, _)| !is_ahead(name, SystemTime::now()));
        say_ahead(ahead.iter().map(|(name, _)| name));
        let by_hand = copies.iter().filter(|(name, _)| time_of(name).is_some() && !is_of_a_host(name)).max();
        let by_hand = by_hand.map(|(name, _)| name.clone());
        let found = newest(copies, &self.whose).map_err(|newest| {
            let each: String =
                newest.iter().map(|it| format!("\n  {}/{it}{ENDING}", self.address())).collect();
            refuse(format!(
                "{} has copies of {} hosts: name the one that is meant{each}",
                self.address(),
                newest.len()
            ))
        })?;
        if let (Some(by_hand), Some((found, _))) = (by_hand, &found)
            && by_hand > *found
        {
            terminal::warn(format_args!(
                "{by_hand} is newer, and was sent by hand, without papers: it is left out, and taken by its address"
            ));
        }
        Ok(found)
    }

    /// Of each host, the newest object whose name ends so and begins with a time: its name.
    pub fn newest_of_each(&self, ending: &str) -> Result<Vec<String>> {
        let names = self.objects(&self.path)?.into_iter().map(|object| object.name);
        let (ahead, names): (Vec<String>, Vec<String>) =
            names.filter(|name| name.ends_with(ending)).partition(|name| is_ahead(name, SystemTime::now()));
        say_ahead(ahead.iter());
        Ok(newest_of_each(names.into_iter(), ending))
    }

    /// Prints an object as it is.
    pub fn read_object(&self, name: &str) -> xshell::Cmd<'static> {
        self.store.read(shell(), &self.file(name))
    }

    /// Where it is, as people write it.
    pub fn address(&self) -> String {
        format!("{SCHEME}{}", self.path)
    }

    /// For reading a copy.
    pub fn read(&self, name: &str) -> xshell::Cmd<'static> {
        self.read_object(&format!("{name}{ENDING}"))
    }

    /// For reading the list that belongs to a copy; none where it was sent without one.
    pub fn list_of(&self, copy: &str) -> Result<Option<xshell::Cmd<'static>>> {
        let name = format!("{copy}{LIST_ENDING}");
        let there = self.objects(&self.path)?.iter().any(|object| object.name == name);
        Ok(there.then(|| self.read_object(&name)))
    }

    /// The papers that the host that a copy is of has sent to the holder of a key: their names, and how big they are in the store.
    pub fn papers_of(&self, copy: &str, recipient: &str) -> Result<BTreeMap<String, u64>> {
        let folder = self.papers_folder(copy, recipient);
        let told = Run::new(self.store.list_below(shell(), &folder)).timeout(TRANSFER_TIMEOUT).finish()?;
        match told.status.code() {
            Some(0 | rclone::NO_FOLDER) => {}
            _ => bail!("asking what {SCHEME}{folder} has: {}", told.stderr.trim()),
        }
        let paper = |line: &str| {
            let (name, bytes) = line.rsplit_once(';')?;
            Some((name.strip_suffix(".age")?.to_owned(), bytes.parse().ok()?))
        };
        Ok(told.stdout.lines().filter_map(paper).collect())
    }

    /// Brings some of them, encrypted as they are.
    pub fn fetch_papers(&self, copy: &str, recipient: &str, names: &[&str], into: &Utf8Path) -> Result<()> {
        let (folder, list) = (self.papers_folder(copy, recipient), self.store.folder().join("names"));
        let names: String = names.iter().map(|name| format!("{name}.age\n")).collect();
        std::fs::write(&list, names).with_context(|| format!("writing {list}"))?;
        let fetch = Run::new(self.store.fetch(shell(), &folder, &list, into)).timeout(TRANSFER_TIMEOUT);
        fetch.run().with_context(|| format!("bringing papers from {SCHEME}{folder}"))
    }

    /// As what sends them calls it.
    fn papers_folder(&self, copy: &str, recipient: &str) -> String {
        let key = hex(&Sha256::digest(recipient));
        self.file(&format!("papers-{}-{}", owner_of(copy), &key[..8]))
    }

    fn objects(&self, path: &str) -> Result<Vec<Object>> {
        let told = Run::new(self.store.list(shell(), path)).timeout(QUESTION_TIMEOUT).text();
        let told = told.with_context(|| format!("asking what {SCHEME}{path} has"))?;
        rclone::objects(&told)
    }
}

/// Whose a copy is that left its host by itself, by its name without its ending.
fn owner_of(name: &str) -> &str {
    name.rsplit('-').next().unwrap_or_default()
}

/// Whether its name is of later than now: a clock was ahead, or somebody has put it there. It would be the newest for as long.
fn is_ahead(name: &str, now: SystemTime) -> bool {
    time_of(name).is_some_and(|at| at > now + AHEAD)
}

fn say_ahead<'a>(mut names: impl Iterator<Item = &'a String>) {
    if let Some(first) = names.next() {
        let more = names.count();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        terminal::warn(format_args!("{first} is of later than now{more}: left out"));
    }
}

/// The newest copy; where it is not known whose is meant, the newest of each host.
fn newest(copies: Vec<(String, u64)>, whose: &Whose) -> Result<Option<(String, u64)>, Vec<String>> {
    let copies: Vec<_> = copies.into_iter().filter(|(name, _)| time_of(name).is_some()).collect();
    let mut of_each = BTreeMap::<&str, &str>::new();
    for (name, _) in copies.iter().filter(|(name, _)| is_of_a_host(name)) {
        let newest = of_each.entry(owner_of(name)).or_default();
        *newest = name.as_str().max(newest);
    }
    let of = match whose {
        Whose::Only(owner) => Some(owner.as_str()),
        Whose::Rather(owner) if of_each.contains_key(owner.as_str()) => Some(owner.as_str()),
        _ if of_each.len() > 1 => return Err(of_each.into_values().map(str::to_owned).collect()),
        _ => None,
    };
    let by_hand = of_each.is_empty();
    let is_it = |name: &str| is_of_a_host(name) != by_hand && of.is_none_or(|of| owner_of(name) == of);
    Ok(copies.iter().filter(|(name, _)| is_it(name)).max().cloned())
}

/// Whether it left a host by itself: who sends one by hand has a shorter number in its name.
fn is_of_a_host(name: &str) -> bool {
    let owner = owner_of(name);
    owner.len() == OWNER_DIGITS && owner.bytes().all(|c| c.is_ascii_hexdigit())
}

fn newest_of_each(names: impl Iterator<Item = String>, ending: &str) -> Vec<String> {
    let mut newest = BTreeMap::<String, String>::new();
    for name in names {
        let Some(copy) = name.strip_suffix(ending).filter(|copy| time_of(copy).is_some()) else { continue };
        let known = newest.entry(owner_of(copy).to_owned()).or_default();
        if *known < name {
            *known = name;
        }
    }
    newest.into_values().collect()
}

/// The folder that an address names, and the copy if it names one, without its ending. A folder's copies are below the
/// environment's name: those of another one are neither removed nor taken for its own.
pub fn parts(address: &str, environment: &str) -> Result<(String, Option<String>)> {
    let path = address.strip_prefix(SCHEME).unwrap_or_default().trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if path.is_empty()
        || !path.chars().all(is_plain)
        || path.split('/').any(|part| part.is_empty() || part == "..")
    {
        return Err(refuse(format!(
            "{address} is no place in a store: s3://BUCKET/FOLDER, of letters, digits, - _ and ."
        )));
    }
    let named = path.rsplit_once('/').and_then(|(folder, name)| Some((folder, name.strip_suffix(ENDING)?)));
    Ok(match named {
        Some((folder, copy)) => (folder.to_owned(), Some(copy.to_owned())),
        None => (format!("{path}/{environment}"), None),
    })
}

/// What is encrypted lies on this machine until it is sent.
fn check_room(dump: u64, free: u64, folder: &Utf8Path) -> Result<()> {
    // age adds 16 bytes to each 64 KiB.
    let needs = dump + dump / 1000 + (1 << 20);
    ensure!(
        free >= needs,
        "the encrypted copy needs {} MiB in {folder} before it is sent, and {} MiB are free there",
        needs.div_ceil(1 << 20),
        free >> 20
    );
    Ok(())
}

#[cfg(test)]
mod tests;
