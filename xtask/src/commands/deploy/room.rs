//! Whether a host can hold what a deploy brings: disk, memory, and the ports of the edge.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use crate::commands::db::copies;
use crate::commands::prune;
use crate::commands::target::gate::{self, Override};
use crate::exit::{Exit, Failure};
use crate::host::{BESIDE, HostFacts, Machine, PlatformWants};
use crate::product::secrets::Supplied;
use crate::project::{ARCHIVE_KEY, FREE_DISK, LOGS_TO};
use crate::terminal;
use crate::tools::docker::compose::memory_limits;

/// Bytes of memory that ought to be free when one more release starts.
const FREE_MEMORY: u64 = 256 << 20;
/// By how many seconds a host's clock may be wrong before somebody should know: the ledger's times and certificates need
/// it.
const MAX_CLOCK_SKEW: i64 = 5;
/// Said of what is refused here.
const NOTHING_CHANGED: &str = "Nothing was changed.";

/// What a deploy takes of its host.
pub struct Wants {
    /// The platform that is there.
    pub platform: PlatformWants,
    /// The release, as compose renders it.
    pub release: Value,
}

/// What the host must have before anything is changed on it. An edge that runs has its ports: nobody is asked for them then.
pub fn check(machine: &Machine, wants: &Wants, overrides: &[Override]) -> Result<()> {
    check_disk(machine)?;
    let platform = Demand::of(machine, &wants.platform)?;
    if !gate::is_open("memory", overrides) {
        check_memory(machine, &platform, &wants.release)?;
    }
    small_things(machine.facts()).iter().for_each(terminal::warn);
    check_ports(machine, &wants.platform, platform)
}

/// What a platform takes: the one that is there, or the one that a deploy would make.
pub struct Demand {
    memory: BTreeMap<String, u64>,
    /// None where it is not known, since nobody would ask.
    ports: Option<Vec<u16>>,
}

impl Demand {
    /// Asks compose where there is no whole platform.
    pub fn of(machine: &Machine, platform: &PlatformWants) -> Result<Demand> {
        if platform.bases.is_some() {
            return Ok(Demand { memory: platform.memory.clone(), ports: None });
        }
        let (memory, ports) = machine.platform().demand_to_come()?;
        Ok(Demand { memory, ports: Some(ports) })
    }
}

/// For the platform and two releases beside each other.
pub fn check_memory(machine: &Machine, platform: &Demand, release: &Value) -> Result<()> {
    let demand = demand(&platform.memory, &memory_limits(release), &beside(machine)?);
    let what = "the platform with two releases beside each other";
    let Some(why) = lacks_memory(what, &demand, machine.facts().memory) else { return Ok(()) };
    let message =
        format!("{why}\n  `--override memory=\"reason\"` deploys all the same; the reason is recorded.");
    Err(Failure { exit: Exit::HostUnfit, message }.into())
}

/// For a platform that takes more than the one that is there, beside the releases that run.
pub fn check_memory_of_platform(machine: &Machine, overrides: &[Override]) -> Result<()> {
    let (now, to_come) = (machine.platform().wants()?.memory, machine.platform().demand_to_come()?.0);
    if gate::is_open("memory", overrides) || to_come.values().sum::<u64>() <= now.values().sum() {
        return Ok(());
    }
    let mut demand = demand(&to_come, &BTreeMap::new(), &beside(machine)?);
    demand.push(("the releases that run".to_owned(), machine.platform().memory_of_releases()?));
    let Some(why) = lacks_memory("the platform beside what runs", &demand, machine.facts().memory) else {
        return Ok(());
    };
    let message =
        format!("{why}\n  `--override memory=\"reason\"` starts it all the same; the reason is recorded.");
    Err(Failure { exit: Exit::HostUnfit, message }.into())
}

/// Those of the edge.
pub fn check_ports(machine: &Machine, platform: &PlatformWants, demand: Demand) -> Result<()> {
    if platform.edge_runs || machine.environment().is_here() {
        // Here the edge takes the next port that is free.
        return Ok(());
    }
    let ports = demand.ports.map_or_else(|| machine.platform().demand_to_come().map(|it| it.1), Ok)?;
    machine.check_ports(&ports, NOTHING_CHANGED)
}

/// Under the environment's folder, and where the engine has images and volumes.
pub fn check_disk(machine: &Machine) -> Result<()> {
    let (facts, root) = (machine.facts(), machine.root().as_str());
    // An engine on this machine may have them elsewhere.
    let of_engine = facts.engine_disk.filter(|_| !machine.environment().is_here());
    let disks = [(format!("under {root}"), Some(facts.free_disk)), ("of the engine".to_owned(), of_engine)];
    let mib = |bytes: u64| bytes >> 20;
    for (which, free) in disks {
        let Some(free) = free.filter(|free| *free < FREE_DISK) else { continue };
        // Its first step removes what need not be kept: images, which are the engine's.
        let is_engines = of_engine.is_none() || which == "of the engine";
        let goes = if is_engines { prune::could_go(machine)? } else { 0 };
        if free.saturating_add(goes) >= FREE_DISK {
            continue;
        }
        let also =
            if goes == 0 { String::new() } else { format!(", with the {} that need not be kept", mib(goes)) };
        let (free, wanted) = (mib(free + goes), mib(FREE_DISK));
        let message = format!(
            "the disk {which} has {free} MiB free{also}, and a deploy wants {wanted}\n  Free {} MiB more: `cargo xtask prune --env {} --plan` \
             says what need not be kept. {NOTHING_CHANGED}",
            wanted - free,
            machine.environment().name
        );
        return Err(Failure { exit: Exit::HostUnfit, message }.into());
    }
    Ok(())
}

/// What runs there beside the platform, or is asked for.
fn beside(machine: &Machine) -> Result<Vec<(&'static str, u64)>> {
    let supplied = Supplied::of(machine.environment())?;
    let is_asked_for = |name: &str| Ok::<_, anyhow::Error>(supplied.text(name)?.is_some());
    let mut parts = Vec::new();
    for (name, bytes) in BESIDE {
        let is_wanted = match name {
            "sender" => is_asked_for(copies::TO)? || machine.sender().condition()?.is_some(),
            "archiver" => {
                (is_asked_for(copies::TO)? && is_asked_for(ARCHIVE_KEY)?)
                    || machine.archiver().condition()?.is_some()
            }
            "shipper" => is_asked_for(LOGS_TO)? || machine.shipper().condition()?.is_some(),
            _ => true,
        };
        parts.extend(is_wanted.then_some((name, bytes)));
    }
    Ok(parts)
}

/// What each part may take at most, with two releases beside each other.
fn demand(
    platform: &BTreeMap<String, u64>,
    release: &BTreeMap<String, u64>,
    beside: &[(&str, u64)],
) -> Vec<(String, u64)> {
    let platform = platform.iter().map(|(name, bytes)| (name.clone(), *bytes));
    let beside = beside.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes));
    platform
        .chain(beside)
        .chain(release.iter().map(|(name, bytes)| (format!("2 × {name}"), 2 * bytes)))
        .collect()
}

/// Why the host has too little memory for that, when it has.
fn lacks_memory(what: &str, demand: &[(String, u64)], memory: u64) -> Option<String> {
    let mib = |bytes: u64| bytes >> 20;
    let all: u64 = demand.iter().map(|(_, bytes)| bytes).sum();
    let parts: Vec<String> = demand.iter().map(|(what, bytes)| format!("{what} {}", mib(*bytes))).collect();
    (all > memory).then(|| {
        format!(
            "the host has {} MiB of memory, and {what} may take {}: {}\n  Take a \
             bigger host, or lower `mem_limit` in the compose files. {NOTHING_CHANGED}",
            mib(memory),
            mib(all),
            parts.join(", ")
        )
    })
}

/// What does not stop a deploy, and somebody should know.
fn small_things(facts: &HostFacts) -> Vec<String> {
    little_memory(facts).into_iter().chain(wrong_clock(facts)).collect()
}

/// In words, when little is free at this moment.
pub fn little_memory(facts: &HostFacts) -> Option<String> {
    (facts.free_memory < FREE_MEMORY).then(|| {
        let (free, wanted) = (facts.free_memory >> 20, FREE_MEMORY >> 20);
        format!("the host has {free} MiB of memory free; one more release wants {wanted}")
    })
}

/// In words, when the host's clock and the one here differ.
pub fn wrong_clock(facts: &HostFacts) -> Option<String> {
    (facts.clock_ahead.abs() > MAX_CLOCK_SKEW).then(|| {
        let (by, way) = (facts.clock_ahead.abs(), if facts.clock_ahead > 0 { "ahead of" } else { "behind" });
        format!("the host's clock is {by} s {way} the one here: one of them is wrong")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_holds_the_platform_and_two_releases_or_is_told_what_takes_how_much() {
        let of =
            |parts: &[(&str, u64)]| parts.iter().map(|(name, mib)| ((*name).to_owned(), mib << 20)).collect();
        let demand =
            demand(&of(&[("edge", 512), ("database", 1024)]), &of(&[("app", 512), ("page", 256)]), &BESIDE);
        assert_eq!(lacks_memory("it", &demand, 3744 << 20), None);
        let why = lacks_memory("it", &demand, 2048 << 20).unwrap();
        for words in [
            "has 2048 MiB",
            "may take 3744",
            "database 1024",
            "guard 32",
            "watcher 64",
            "sender 128",
            "shipper 64",
            "archiver 384",
            "2 × app 1024",
            "2 × page 512",
        ] {
            assert!(why.contains(words), "{words:?} is not in {why}");
        }
    }
}
