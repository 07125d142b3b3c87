//! Has a driver stand still at an entry of the ledger: to be killed there, or to find the world changed when it goes on.
//! No part of xtask knows of it: the host's own programs, which append an entry, take their time.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::call::{Running, wait_until};
use crate::host::Host;

/// In front of the host's own `sync` and `flock`, both of which `append.sh` calls for each entry.
const PROGRAM: &str = r#"#!/bin/sh
ledger=/opt/tracehub-app/ledger.jsonl stand=/run/stand
is_at() { # MOMENT
    [ -e $stand/at ] && read -r moment entry <$stand/at && [ "$moment" = "$1" ] &&
        tail -n 1 $ledger | grep -qF "$entry"
}
stand() {
    : >$stand/stands
    while [ -e $stand/at ]; do sleep 0.02; done
}
case ${0##*/} in
sync)
    /bin/sync "$@" || exit
    if [ "$1" = $ledger ] && is_at written; then stand; fi
    if [ "$1" = warm.next ] && is_at halfway; then
        stand
        [ ! -e $stand/lost ] || kill -9 $PPID
    fi
    ;;
flock)
    if [ "$1" = 8 ] && [ "$(readlink /proc/$$/fd/8)" = $ledger ] && is_at done; then
        stand
        [ ! -e $stand/lost ] || exit 1
    fi
    exec /usr/bin/flock "$@"
    ;;
esac
"#;

/// Where a driver is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The entry is on the disk; its answer is not back, and nothing of what it announces is done.
    Written(Entry),
    /// What the entry announces is done; the entry that would say so is not written.
    Done(Entry),
    /// Of a rollback's switch, which the entry announces, the first of the two renames is done.
    Halfway(Entry),
}

/// An entry of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// An event by its name: began, confirmed, ended.
    Event(&'static str),
    /// A step has begun.
    Begun(&'static str),
}

impl Entry {
    fn text(self) -> String {
        match self {
            Entry::Event(name) => format!(r#""event":"{name}""#),
            Entry::Begun(step) => format!(r#""step":"{step}","state":"begun""#),
        }
    }
}

impl Host {
    /// The next driver that comes to this moment stands there.
    pub fn stand_at(&self, moment: Moment) {
        let (word, entry) = match moment {
            Moment::Written(entry) => ("written", entry),
            Moment::Done(entry) => ("done", entry),
            Moment::Halfway(entry) => ("halfway", entry),
        };
        self.put("/usr/local/bin/sync", PROGRAM);
        self.put("/usr/local/bin/flock", PROGRAM);
        self.sh(
            "chmod 755 /usr/local/bin/sync /usr/local/bin/flock; rm -rf /run/stand; mkdir -m 777 /run/stand",
        );
        self.put("/run/stand/at", &format!("{word} {}\n", entry.text()));
    }

    /// Waits until the driver stands where it is to stand.
    pub fn wait_until_it_stands(&self, driver: &Running) -> Result<(), Failed> {
        let stands = || !self.sh("ls /run/stand/stands 2>/dev/null").is_empty();
        wait_until("it stands", Duration::from_secs(240), || stands() || driver.has_ended())?;
        if stands() { Ok(()) } else { Err(format!("it has ended before:\n{}", driver.told()).into()) }
    }

    /// Whoever stands goes on. What a dead driver had on its way to the host is lost or arrives.
    pub fn let_go(&self, lost: bool) {
        let lose = if lost { ": >/run/stand/lost;" } else { "" };
        self.sh(&format!("{lose} rm -f /run/stand/at"));
    }
}
