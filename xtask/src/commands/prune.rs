//! `cargo xtask prune`: what nobody needs any more is removed from a host, when its disk is wanted for something else.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs};
use super::refuse;
use super::target::TargetArgs;
use super::target::consent::Consent;
use crate::host::Machine;
use crate::rollout::host::{Host, LeasedHost};
use crate::rollout::limits::Limits;
use crate::rollout::observed::Observed;
use crate::rollout::state::release::{Release, ReleaseId};
use crate::terminal::{self, paint};

/// Remove releases and backups that need not be kept
#[derive(Debug, Args)]
pub struct Prune {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Keep so many confirmed releases, and not as many as the environment does; the live and the warm one stay in any case
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Say what would go, and how much that frees; change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: OutputArgs,
}

/// Something that would go.
struct Item {
    kind: &'static str,
    name: String,
    /// What it takes on the disk and nothing else that stays takes too.
    bytes: u64,
}

impl Prune {
    /// Looks, and says what would go; then, under the lease, looks again, and removes it.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let kept_releases = self.keep.map_or(machine.limits().kept_releases, |keep| keep as usize);
        let limits = Limits { kept_releases, ..machine.limits() };
        let (name, free) = (machine.environment().name.clone(), machine.facts().free_disk);
        let items = items(&machine, &superfluous(&machine, &limits)?)?;
        let total: u64 = items.iter().map(|item| item.bytes).sum();
        let for_programs = || {
            let items = items.iter().map(|it| json!({ "kind": it.kind, "name": it.name, "bytes": it.bytes }));
            json!({ "items": items.collect::<Vec<_>>(), "frees_bytes": total, "free_bytes": free, "pruned": !self.plan })
        };
        if self.plan || items.is_empty() {
            self.output.say(for_programs, || say(&name, &items, total, free));
            return Ok(());
        }
        say(&name, &items, total, free);
        self.consent.ask("Remove it?", "nothing was removed", &name)?;
        let leased = driver::lease(&machine, "pruning".to_owned(), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let releases = superfluous(&machine, &limits)?;
        releases.iter().try_for_each(|release| leased.prune_release(&release.id))?;
        leased.prune_backups()?;
        let ids: Vec<&str> = releases.iter().map(|release| release.id.as_str()).collect();
        attempt.note(&format!(
            "pruned: releases {}; backups past their time",
            if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
        ))?;
        self.output.say(for_programs, || terminal::say(format_args!("{}: removed", paint::strong(&name))));
        Ok(())
    }
}

/// The releases that nobody needs, by what is seen now.
fn superfluous(machine: &Machine, limits: &Limits) -> Result<Vec<Release>> {
    let seen = Observed::without_database(machine.files()?, machine)?;
    let Some(live) = seen.traffic.active.clone() else {
        return Err(refuse(format!(
            "no release of {} has the traffic: what is kept may be wanted to give it back. `cargo xtask recover` first; nothing was removed",
            machine.environment().name
        )));
    };
    let ids: Vec<ReleaseId> = seen.superfluous(limits, &live);
    Ok(seen.kept.into_iter().filter(|release| ids.contains(&release.id)).collect())
}

fn items(machine: &Machine, releases: &[Release]) -> Result<Vec<Item>> {
    let mut items = of_releases(machine, releases)?;
    let over = machine.database().superfluous_backups()?;
    let backups = machine.database().backups()?.into_iter().filter(|backup| over.contains(&backup.name));
    items.extend(backups.map(|backup| Item { kind: "backup", name: backup.name, bytes: backup.bytes }));
    Ok(items)
}

/// Each with what it frees: images that another kept release, or nothing of ours, runs stay.
fn of_releases(machine: &Machine, releases: &[Release]) -> Result<Vec<Item>> {
    let kept = machine.kept()?;
    let goes = |id: &ReleaseId| releases.iter().any(|release| release.id == *id);
    let stay: BTreeSet<&String> = kept
        .iter()
        .filter(|release| !goes(&release.id))
        .flat_map(|release| release.contents.images.values())
        .collect();
    let mut counted = BTreeSet::new();
    let mut items = Vec::new();
    for release in releases {
        let mut bytes = 0;
        for image in release.contents.images.values() {
            if !stay.contains(image) && counted.insert(image) {
                bytes += machine.image_bytes(image)?;
            }
        }
        items.push(Item { kind: "release", name: release.id.to_string(), bytes });
    }
    Ok(items)
}

/// What these releases take on the disk and nothing else that stays takes too.
pub fn bytes_of(machine: &Machine, releases: &[Release]) -> Result<u64> {
    Ok(of_releases(machine, releases)?.iter().map(|item| item.bytes).sum())
}

/// Bytes that `prune` would free of releases: nothing as long as nobody has the traffic, since what is kept may be wanted.
pub fn could_go(machine: &Machine) -> Result<u64> {
    if machine.live()?.active.is_none() {
        return Ok(0);
    }
    bytes_of(machine, &superfluous(machine, &machine.limits())?)
}

fn say(name: &str, items: &[Item], total: u64, free: u64) {
    let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    if items.is_empty() {
        return terminal::say(format_args!(
            "{name}: everything that is there is kept on purpose; {} are free",
            mb(free)
        ));
    }
    let row = |item: &Item| vec![item.kind.to_owned(), item.name.clone(), mb(item.bytes)];
    terminal::table(&["what", "name", "frees up to"], &items.iter().map(row).collect::<Vec<_>>());
    terminal::say(format_args!("{name}: up to {} of it, beside {} that are free", mb(total), mb(free)));
}
