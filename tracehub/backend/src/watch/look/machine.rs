//! The looks at the machine itself: its memory, what its cores are asked for, its clock.

use std::fs;

use crate::watch::alarms::Finding;
use crate::watch::tell;

pub fn memory(percent: u64) -> Finding {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else { return Finding::Unknown };
    memory_in(&text, percent)
}

pub(super) fn memory_in(text: &str, percent: u64) -> Finding {
    let kib = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
    };
    let (Some(total), Some(free)) = (kib("MemTotal:"), kib("MemAvailable:")) else { return Finding::Unknown };
    if free * 100 >= total * percent {
        return Finding::Right;
    }
    Finding::Wrong(format!("{} MiB of {} MiB of memory are left", free >> 10, total >> 10))
}

pub fn load(per_core: f64) -> Finding {
    let (Ok(load), Ok(stat)) = (fs::read_to_string("/proc/loadavg"), fs::read_to_string("/proc/stat")) else {
        return Finding::Unknown;
    };
    load_in(&load, &stat, per_core)
}

pub(super) fn load_in(load: &str, stat: &str, per_core: f64) -> Finding {
    let is_core = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    let cores = stat.lines().filter(is_core).count();
    let Some(load) = load.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok()) else {
        return Finding::Unknown;
    };
    if cores == 0 || load < per_core * cores as f64 {
        return Finding::Right;
    }
    Finding::Wrong(format!("for 5 minutes, {load} processes have wanted {cores} cores"))
}

/// By the first that answers with a date. The half second by which a date is cut off, and how long the answer took, are no fault.
pub fn clock(clocks: &[String], seconds: i64) -> Finding {
    for url in clocks {
        let before = crate::watch::now();
        let Ok(answer) = tell::agent().head(url).call() else { continue };
        let after = crate::watch::now();
        let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
        let Some(theirs) = date.and_then(|text| chrono::DateTime::parse_from_rfc2822(text).ok()) else {
            continue;
        };
        return clock_at(theirs.timestamp(), before, after, seconds);
    }
    Finding::Unknown
}

/// Their clock was asked between these two moments of ours.
pub(super) fn clock_at(theirs: i64, before: i64, after: i64, seconds: i64) -> Finding {
    let (wrong, way) = match (before - theirs, theirs - after) {
        (ahead, _) if ahead > seconds => (ahead, "ahead of"),
        (_, behind) if behind > seconds => (behind, "behind"),
        _ => return Finding::Right,
    };
    Finding::Wrong(format!("the host's clock is {wrong} s {way} that of who is told of alarms"))
}
