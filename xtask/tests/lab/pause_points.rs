//! Pauses a driver at an entry of the ledger: to kill it there, or to change something before it goes on. Nothing in
//! xtask is there for this: the host's own programs, which append an entry to the ledger, wait.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::host::Host;
use crate::support::wait_until;
use crate::support::xtask::Driver;

/// In front of the host's own `sync` and `flock`, both of which `append.sh` calls for each entry. In the folder, `at`
/// says where to pause, `paused` that somebody does, and `discard` that what comes after the pause must not happen.
const PROGRAM: &str = r#"#!/bin/sh
ledger=/opt/tracehub-app/ledger.jsonl folder=/run/pause_point
is_at() { # MOMENT
    [ -e $folder/at ] && read -r moment entry <$folder/at && [ "$moment" = "$1" ] &&
        tail -n 1 $ledger | grep -qF "$entry"
}
pause() {
    : >$folder/paused
    while [ -e $folder/at ]; do sleep 0.02; done
}
case ${0##*/} in
sync)
    /bin/sync "$@" || exit
    if [ "$1" = $ledger ] && is_at written; then pause; fi
    if [ "$1" = warm.next ] && is_at halfway; then
        pause
        [ ! -e $folder/discard ] || kill -9 $PPID
    fi
    ;;
flock)
    if [ "$1" = 8 ] && [ "$(readlink /proc/$$/fd/8)" = $ledger ] && is_at done; then
        pause
        [ ! -e $folder/discard ] || exit 1
    fi
    exec /usr/bin/flock "$@"
    ;;
esac
"#;

/// Where a driver is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PausePoint {
    /// The entry is on the disk; the driver does not know it yet, and nothing of what it announces is done.
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
    /// A part of the entry's JSON by which it is found.
    fn json(self) -> String {
        match self {
            Entry::Event(name) => format!(r#""event":"{name}""#),
            Entry::Begun(step) => format!(r#""step":"{step}","state":"begun""#),
        }
    }
}

impl Host {
    /// The next driver that comes to this point is paused there.
    pub fn pause_at(&self, point: PausePoint) {
        let (moment, entry) = match point {
            PausePoint::Written(entry) => ("written", entry),
            PausePoint::Done(entry) => ("done", entry),
            PausePoint::Halfway(entry) => ("halfway", entry),
        };
        self.write("/usr/local/bin/sync", PROGRAM);
        self.write("/usr/local/bin/flock", PROGRAM);
        self.sh("chmod 755 /usr/local/bin/sync /usr/local/bin/flock; rm -rf /run/pause_point; \
                 mkdir -m 777 /run/pause_point");
        self.write("/run/pause_point/at", &format!("{moment} {}\n", entry.json()));
    }

    /// Waits until the driver is paused. Fails when it exits before.
    pub fn wait_until_paused(&self, driver: &Driver) -> Result<(), Failed> {
        let paused = || !self.sh("ls /run/pause_point/paused 2>/dev/null").is_empty();
        wait_until("the driver is paused", Duration::from_secs(240), || paused() || driver.has_exited())?;
        if paused() { Ok(()) } else { Err(format!("it has exited before:\n{}", driver.output()).into()) }
    }

    /// The paused driver goes on.
    pub fn resume(&self) {
        self.sh("rm -f /run/pause_point/at");
    }

    /// What a dead driver had on its way to the host does not happen: the connection was lost with the driver.
    pub fn discard_and_resume(&self) {
        self.sh(": >/run/pause_point/discard; rm -f /run/pause_point/at");
    }
}
