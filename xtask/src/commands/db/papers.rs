//! The files of papers that are off the host: opened here, by who has the private key, and brought to the host, or only looked at.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use super::store::Place;
use crate::exit::refuse;
use crate::host::{self, Leased, Machine};
use crate::terminal::{self, Activity};
use crate::tools::age;
use crate::tools::files::hex::hex;
use crate::tools::files::private::Folder;
use crate::tools::process::{Run, shell};

/// How many are on their way at once, and about how many bytes.
const BATCH: usize = 200;
const BATCH_BYTES: u64 = 64 << 20;
/// The longest that a batch may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);

/// A paper of a list: its name, `ORGANISATION/SHA-256`, and its size.
pub type Paper<'a> = (&'a str, u64);

/// Brings those of the list that the host lacks, each looked at here and there. Gives those that could not be had, `missing NAME` or
/// `damaged NAME`: these are not off the host either, or not what they were.
pub fn bring(
    place: &Place,
    copy: &str,
    list: &str,
    identity: &Utf8Path,
    leased: &Leased,
    machine: &Machine,
) -> Result<Vec<String>> {
    let lacking = Activity::of("look at the files of its papers", |_| machine.papers().lacking(list))?;
    let lacking: BTreeSet<&str> = lacking.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    let wanted: Vec<Paper> = papers(list)?.into_iter().filter(|(name, _)| lacking.contains(name)).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = wanted.iter().map(|(_, bytes)| bytes).sum();
    machine.database().check_room_for_papers(bytes)?;
    Activity::of(format!("bring {} papers to the host", wanted.len()), |activity| {
        each_batch(place, copy, &wanted, identity, activity, &|folder, has_any| {
            if !has_any {
                return Ok(());
            }
            let archive = Run::new(cmd!(shell(), "tar -C {folder} -cf - .")).bytes()?;
            let receive = Run::new(leased.papers().receive()?).called("papers.sh receive");
            let received = receive.timeout(TRANSFER_TIMEOUT).stdin(archive).run();
            received.context("bringing papers to the host")
        })
    })
}

/// Refused when papers have no file as it was, unless that was said to be right.
pub fn check(lacking: &[String], without_papers: bool, what_next: &str) -> Result<()> {
    let Err(error) = host::check_papers(lacking) else { return Ok(()) };
    match without_papers {
        true => terminal::warn(format_args!("{error:#}")),
        false => return Err(refuse(format!("{error:#}\n  {what_next}"))),
    }
    Ok(())
}

/// Opens each of the list as it is off the host. Gives those that can't be had from there.
pub fn look_at_all(place: &Place, copy: &str, list: &str, identity: &Utf8Path) -> Result<Vec<String>> {
    let wanted = papers(list)?;
    Activity::of(format!("open {} papers from off the host", wanted.len()), |activity| {
        each_batch(place, copy, &wanted, identity, activity, &|_, _| Ok(()))
    })
}

/// Has the private folder with what was opened of each batch, if any was; gives what could not be.
fn each_batch(
    place: &Place,
    copy: &str,
    wanted: &[Paper],
    identity: &Utf8Path,
    activity: &Activity,
    use_them: &dyn Fn(&Utf8Path, bool) -> Result<()>,
) -> Result<Vec<String>> {
    let sent_to = recipients(identity)?;
    let (mut amiss, mut left, mut done) = (Vec::new(), wanted.to_vec(), 0);
    for recipient in sent_to {
        let there = place.papers_of(copy, &recipient)?;
        let (had, rest): (Vec<Paper>, Vec<Paper>) =
            left.into_iter().partition(|(name, _)| there.contains_key(*name));
        left = rest;
        for batch in batches(&had) {
            let names: Vec<&str> = batch.iter().map(|(name, _)| *name).collect();
            let sealed = Folder::new()?;
            place.fetch_papers(copy, &recipient, &names, sealed.path())?;
            let (open, damaged) = open_all(&sealed, &names, identity)?;
            use_them(open.path(), names.len() > damaged.len())?;
            amiss.extend(damaged);
            done += names.len();
            activity.line(&format!("{done} of {}", wanted.len()));
        }
    }
    amiss.extend(left.iter().map(|(name, _)| format!("missing {name}")));
    Ok(amiss)
}

/// What customers have sent in confidence reaches no disk here, where the memory has room for it.
fn folder_for_plain(bytes: u64) -> Result<Folder> {
    let in_memory = Folder::in_memory().ok().filter(|it| it.free().is_ok_and(|free| free > bytes));
    in_memory.map_or_else(Folder::new, Ok)
}

/// Opens those of a folder into another one, and gives those that are not what their names say.
fn open_all(sealed: &Folder, names: &[&str], identity: &Utf8Path) -> Result<(Folder, Vec<String>)> {
    let (open, mut damaged) = (folder_for_plain(BATCH_BYTES)?, Vec::new());
    for name in names {
        let Some(content) = open_one(&sealed.join(&format!("{name}.age")), name, identity)? else {
            damaged.push(format!("damaged {name}"));
            continue;
        };
        let file = open.join(name);
        fs::create_dir_all(file.parent().unwrap_or(open.path()))?;
        fs::write(&file, content).with_context(|| format!("writing {file}"))?;
    }
    Ok((open, damaged))
}

/// The public keys to which what this identity opens was encrypted.
fn recipients(identity: &Utf8Path) -> Result<Vec<String>> {
    let keys = fs::read(identity).with_context(|| format!("reading {identity}"))?;
    let told = Run::new(age::recipients_of(shell())).stdin(keys).text();
    Ok(told
        .with_context(|| format!("asking which public key {identity} has"))?
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Its content, when it is what its name says.
fn open_one(file: &Utf8Path, name: &str, identity: &Utf8Path) -> Result<Option<Vec<u8>>> {
    let sealed = fs::read(file).with_context(|| format!("reading {file}"))?;
    let Ok(content) = Run::new(age::decrypt(shell(), identity)).stdin(sealed).bytes() else {
        return Ok(None);
    };
    let is_it = name.rsplit('/').next() == Some(&hex(&Sha256::digest(&content)));
    Ok(is_it.then_some(content))
}

/// The papers of a list.
pub fn papers(list: &str) -> Result<Vec<Paper<'_>>> {
    let read = |line| paper(line).with_context(|| format!("the list of papers has a line {line:?}"));
    list.lines().map(read).collect()
}

/// A line as it is read: what becomes part of a path here is the name of a paper and nothing else.
fn paper(line: &str) -> Option<Paper<'_>> {
    let (name, bytes) = line.split_once(' ')?;
    let (organisation, hash) = name.split_once('/')?;
    let is_hex = |text: &str, or: char| text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f') || c == or);
    let is_it =
        !organisation.is_empty() && is_hex(organisation, '-') && hash.len() == 64 && is_hex(hash, '0');
    is_it.then_some((name, bytes.parse().ok()?))
}

/// In so many as are on their way at once.
pub fn batches<'a, 'b>(papers: &'b [Paper<'a>]) -> Vec<&'b [Paper<'a>]> {
    let mut batches = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (at, (_, size)) in papers.iter().enumerate() {
        if at > from && (at - from >= BATCH || bytes + size > BATCH_BYTES) {
            batches.push(&papers[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    if from < papers.len() {
        batches.push(&papers[from..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_and_none_is_left_out() {
        let of = |sizes: &[u64]| {
            let papers: Vec<Paper> = sizes.iter().map(|size| ("a/b", *size)).collect();
            batches(&papers).iter().map(|batch| batch.len()).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[100 << 20, 1, 1]), [1, 2]);
        assert_eq!(of(&[40 << 20, 24 << 20, 1]), [2, 1]);
        assert_eq!(of(&[1; 401]), [200, 200, 1]);
    }

    #[test]
    fn a_list_is_read() {
        let hash = "0a".repeat(32);
        let list = format!("0-1/{hash} 7\n0-2/{hash} 8\n");
        let read = papers(&list).unwrap();
        assert_eq!(
            read.iter().map(|(name, size)| (&name[..4], *size)).collect::<Vec<_>>(),
            [("0-1/", 7), ("0-2/", 8)]
        );
        for line in
            [format!("../{hash} 7"), format!("0-1/{hash}"), "0-1/../x 7".to_owned(), format!("0/0/{hash} 7")]
        {
            assert!(papers(&line).is_err(), "{line}");
        }
    }
}
