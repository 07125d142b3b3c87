//! Copies of backups in an S3-compatible store: sent, listed, removed by the rule, read back.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;
use xshell::cmd;

use crate::exit::refuse;
use crate::product::secrets::Supplied;
use crate::project::{Environment, STORE_VARIABLES};
use crate::rollout::state::backup::{self, Backup, Copied, time_of};
use crate::setup::{self, Tool};
use crate::tools::process::{Run, shell};
use crate::tools::rclone::{self, Access, Object, Store};

/// What the address of a place in a store begins with.
const SCHEME: &str = "s3://";
/// What a copy's name ends with.
pub const ENDING: &str = ".dump.age";
/// The longest that a copy may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);
/// The longest that a question may take, with all its tries.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(300);

/// The folder of an environment in a store, `s3://BUCKET/FOLDER/ENVIRONMENT`, with who comes there by the variables `BACKUP_S3_…`.
pub struct Place {
    store: Store,
    /// `BUCKET/FOLDER/ENVIRONMENT`; of a copy that was named, the folder that it is in.
    path: String,
    /// The copy that its address named, when it named one.
    pub copy: Option<String>,
    /// Whose copies are meant, by what stands in the names of those that left a host by themselves; nothing is anybody's.
    owner: Option<String>,
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
        Ok(Place { store: Store::new(&access)?, path, copy, owner: None })
    }

    /// Of all copies, only those of one host.
    pub fn of(self, owner: &str) -> Place {
        Place { owner: Some(owner.to_owned()), ..self }
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

    /// Removes the copies that need not be kept any longer, by the rule of the host.
    pub fn prune(&self, now: SystemTime) -> Result<usize> {
        let names = self.copies()?;
        let over = backup::superfluous_names(&names, now);
        for name in &over {
            let file = self.file(&format!("{name}{ENDING}"));
            let removed = Run::new(self.store.remove(shell(), &file)).timeout(QUESTION_TIMEOUT).run();
            removed.with_context(|| format!("removing {SCHEME}{file}"))?;
        }
        Ok(over.len())
    }

    /// The copy that was named, or the newest one: its name without its ending, and its size.
    pub fn chosen(&self) -> Result<(String, u64)> {
        let objects = self.objects(&self.path)?;
        let copies = objects.into_iter().filter_map(|Object { name, size }| {
            let copy = name.strip_suffix(ENDING)?.to_owned();
            let is_it = match &self.copy {
                Some(wanted) => *wanted == name,
                None => {
                    time_of(&copy).is_some() && self.owner.as_deref().is_none_or(|it| owner_of(&copy) == it)
                }
            };
            is_it.then_some((copy, size))
        });
        copies.max().ok_or_else(|| {
            let what = self.copy.as_deref().unwrap_or("copy");
            let of = self.owner.as_ref().map(|owner| format!(" of the host {owner}")).unwrap_or_default();
            refuse(format!("{SCHEME}{} has no {what}{of}", self.path))
        })
    }

    /// Of each host, the newest object whose name ends so and begins with a time: its name.
    pub fn newest_of_each(&self, ending: &str) -> Result<Vec<String>> {
        Ok(newest_of_each(self.objects(&self.path)?.into_iter().map(|object| object.name), ending))
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

/// The folder that an address names, and the copy if it names one. A folder's copies are below the environment's name: those of
/// another one are neither removed nor taken for its own.
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
    let (path, copy) = match path.rsplit_once('/') {
        Some((folder, name)) if name.ends_with(ENDING) => (folder, Some(name.to_owned())),
        _ => return Ok((format!("{path}/{environment}"), None)),
    };
    Ok((path.to_owned(), copy))
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
mod tests {
    use super::*;

    #[test]
    fn an_environment_has_a_folder_of_its_own_and_a_copy_is_found_by_its_address() {
        let of = |address: &str| parts(address, "staging").unwrap();
        assert_eq!(of("s3://copies/here/"), ("copies/here/staging".to_owned(), None));
        assert_eq!(of("s3://copies"), ("copies/staging".to_owned(), None));
        let copy = "20260103t120000z-1-1.dump.age";
        let there = of(&format!("s3://copies/here/production/{copy}"));
        assert_eq!(there, ("copies/here/production".to_owned(), Some(copy.to_owned())));
        assert!(parts("s3://../up", "staging").is_err());
    }

    #[test]
    fn of_each_host_that_has_sent_there_the_newest_is_found() {
        let names = [
            "20260103t120000z-host-aaaa.host.age",
            "20260105t120000z-host-aaaa.host.age",
            "20260104t120000z-host-bbbb.host.age",
            "20260106t120000z-1-bbbb.dump.age",
            "notes.host.age",
        ];
        let newest = newest_of_each(names.map(str::to_owned).into_iter(), ".host.age");
        assert_eq!(newest, [names[1], names[2]]);
    }

    #[test]
    fn what_has_no_room_here_is_not_begun() {
        assert!(check_room(10 << 20, 11 << 20, "/tmp".into()).is_err());
        assert!(check_room(10 << 20, 12 << 20, "/tmp".into()).is_ok());
    }
}
