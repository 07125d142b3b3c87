//! What a deploy takes of the host's disks, against what is free there and what its first step removes.

use anyhow::Result;

use crate::commands::prune;
use crate::exit::{Exit, Failure};
use crate::host::{Machine, SPOOL_SPARES};
use crate::rollout::limits::Limits;
use crate::rollout::observed::Observed;
use crate::rollout::state::release::Release;

/// Bytes that stay free beyond what is counted: logs, the database's own.
const TO_SPARE: u64 = 256 << 20;
/// What the database keeps of its WAL at most, unless told otherwise (`max_wal_size`).
const WAL_AT_MOST: u64 = 1 << 30;
/// An image of which nothing is known yet.
const UNKNOWN_IMAGE: u64 = 256 << 20;

/// Bytes that a deploy takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Takes {
    images: u64,
    /// Of the backup before migrations.
    dump: u64,
    /// What migrations write beside, at most.
    wal: u64,
    /// What must stay free where WAL is archived: below that the database lets it go.
    archive: u64,
}

/// Bytes that are free where the environment's folder is, and where the engine has images and volumes; one number when that is
/// one disk.
#[derive(Debug, Clone, Copy)]
struct Free {
    root: u64,
    engine: Option<u64>,
}

/// Refused when it does not fit, though what need not be kept is removed first.
pub fn check(machine: &Machine, release: &Release, seen: &Observed, limits: &Limits) -> Result<()> {
    let facts = machine.facts();
    // An engine on this machine may have them elsewhere, and what is built here is there already.
    let engine = facts.engine_disk.filter(|_| !machine.environment().is_here());
    let (takes, free) = (takes(machine, release, seen)?, Free { root: facts.free_disk, engine });
    if lacks(takes, free, 0).is_none() {
        return Ok(());
    }
    // A release that is made well again removes none.
    let is_repair = seen.traffic.active.as_ref() == Some(&release.id);
    let pruned = if is_repair { Vec::new() } else { seen.superfluous(limits, &release.id) };
    let goes: Vec<Release> = seen.kept.iter().filter(|kept| pruned.contains(&kept.id)).cloned().collect();
    let Some(why) = lacks(takes, free, prune::bytes_of(machine, &goes)?) else { return Ok(()) };
    let message = format!(
        "{why}\n  `cargo xtask prune --env {} --keep 2 --plan` says what else could go. Nothing was changed.",
        machine.environment().name
    );
    Err(Failure { exit: Exit::HostUnfit, message }.into())
}

/// An image that the host lacks is taken to be as big as the live release's of the same part; a dump, as the database, and a fifth more.
fn takes(machine: &Machine, release: &Release, seen: &Observed) -> Result<Takes> {
    let is_archived = machine.archiver().archived()?.is_some();
    let mut takes = Takes { archive: if is_archived { SPOOL_SPARES } else { 0 }, ..Takes::default() };
    if let Some(missing) = machine.missing_images([release])?.remove(&release.id) {
        let live = seen.kept.iter().find(|kept| Some(&kept.id) == seen.traffic.active.as_ref());
        for (part, _) in release.contents.images.iter().filter(|(_, image)| missing.contains(image)) {
            let before = live.and_then(|live| live.contents.images.get(part));
            let bytes = before.map_or(Ok(0), |image| machine.image_bytes(image))?;
            takes.images += if bytes == 0 { UNKNOWN_IMAGE } else { bytes };
        }
    }
    if !seen.pending(release).is_empty() && !seen.schema.is_empty() {
        let bytes = machine.database().bytes()?;
        (takes.dump, takes.wal) = (bytes.saturating_add(bytes / 5), bytes.min(WAL_AT_MOST));
    }
    Ok(takes)
}

/// Why it does not fit, when it does not. Images and volumes are the engine's, backups the environment's.
fn lacks(takes: Takes, free: Free, pruned: u64) -> Option<String> {
    let Takes { images, dump, wal, archive } = takes;
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let lacks = |which: &str, parts: &[(&str, u64)], free: u64, pruned: u64| {
        let wanted = parts.iter().map(|(_, bytes)| bytes).sum::<u64>() + TO_SPARE;
        let there = free.saturating_add(pruned);
        let parts: Vec<String> =
            parts.iter().map(|(what, bytes)| format!("{what} {}", mib(*bytes))).collect();
        (there < wanted).then(|| {
            format!(
                "{which} has {} MiB free, and {} of releases that need not be kept, and this deploy takes {} MiB: {}, to spare {}\n  \
                 Free {} MiB more.",
                free >> 20,
                mib(pruned),
                mib(wanted),
                parts.join(", "),
                mib(TO_SPARE),
                mib(wanted - there)
            )
        })
    };
    let (of_images, of_dump, of_wal, of_archive) = (
        ("images", images),
        ("backup before the migrations", dump),
        ("what they write", wal),
        ("free for the archive's WAL", archive),
    );
    match free.engine {
        None => lacks("the disk", &[of_images, of_dump, of_wal, of_archive], free.root, pruned),
        Some(engine) => lacks("the engine's disk", &[of_images, of_wal], engine, pruned)
            .or_else(|| lacks("the disk of the environment's folder", &[of_dump, of_archive], free.root, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_deploy_takes_must_be_free_once_what_need_not_be_kept_is_gone() {
        let mib = |mib: u64| mib << 20;
        let takes = Takes { images: mib(300), dump: mib(600), wal: mib(500), archive: 0 };
        let one = |free| Free { root: mib(free), engine: None };
        assert_eq!(lacks(takes, one(1656), 0), None);
        let why = lacks(takes, one(1600), mib(50)).unwrap();
        for words in [
            "1600 MiB free",
            "and 50 of releases",
            "takes 1656 MiB",
            "images 300",
            "migrations 600",
            "write 500",
            "Free 6 MiB more",
        ] {
            assert!(why.contains(words), "{words}: {why}");
        }
        assert_eq!(lacks(takes, one(1600), mib(56)), None, "it goes first");
        // On two disks each has its own, and images that go help the engine's alone.
        let two = |root, engine| Free { root: mib(root), engine: Some(mib(engine)) };
        assert_eq!(lacks(takes, two(856, 1056), 0), None);
        assert!(lacks(takes, two(855, 9000), mib(9000)).unwrap().contains("environment's folder"));
        assert!(lacks(takes, two(9000, 1000), 0).unwrap().contains("the engine's disk"));
        assert_eq!(lacks(takes, two(856, 1000), mib(56)), None);
        // What is archived there wants its own.
        let archived = Takes { archive: SPOOL_SPARES, ..takes };
        assert_eq!((lacks(archived, one(2168), 0), lacks(archived, two(1368, 1056), 0)), (None, None));
        assert!(lacks(archived, one(2167), 0).unwrap().contains("for the archive's WAL 512"));
        assert!(lacks(archived, two(1367, 1056), 0).unwrap().contains("environment's folder"));
    }
}
