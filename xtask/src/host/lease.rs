//! The lease: a lock on the host, held by a process that lives as long as beats come from here.

use std::io::{PipeWriter, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;

use crate::rollout::host::{Holder, Holding, LeaseError};
use crate::tools::process::{self, Group, Session};
use crate::tools::ssh::host_shell::{HostShell, Script};

const SCRIPT: &str = include_str!("scripts/lease.sh");
/// How often a beat is sent: `lease.sh` frees the lease after [`SILENCE`] without one.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(4);
/// The holder lets go after so long without a beat.
const SILENCE: Duration = Duration::from_secs(20);
/// What stands before the holder's line when its driver has died.
const ENDING: &str = "ending: ";

/// The process that holds the lock. It lets go when this is dropped.
pub(super) struct Held {
    number: u64,
    process: Group,
    goodbye: Option<Sender<()>>,
    beats: Option<JoinHandle<()>>,
}

impl Held {
    /// The number of the lease.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// An error when the lease was lost: somebody else may have it.
    pub(super) fn check(&self) -> Result<()> {
        let ended = self.process.try_wait()?;
        ensure!(ended.is_none(), "the process that held the lease has ended");
        Ok(())
    }
}

/// Takes the lease, or says who holds it.
pub(super) fn take(shell: &HostShell, file: &Utf8Path, holder: &Holder) -> Result<Held, LeaseError> {
    let told = format!("{} since {}, for: {}", holder.by, holder.since, holder.doing);
    // Here what a dead driver started is found by its mark; behind ssh it all hangs on the connection.
    let mark = match shell.connection() {
        Some(_) => "connection".to_owned(),
        None => format!("{}={}", process::DRIVER, process::driver_id()),
    };
    let holder = shell.command(&["sh", "-c", SCRIPT, "lease", file.as_str(), &told, &mark]);
    // Not marked as the driver's own: it must outlive it to clear up behind it.
    let holder = Session::start(holder.env_remove(process::DRIVER), "taking the lease");
    let Session { group: process, input, output, .. } =
        holder.context("the lease's process could not be started")?;
    let first = output.recv().unwrap_or_default();
    let Ok(number) = first.trim().parse() else {
        let status = process.wait().context("waiting for the lease's process")?;
        if status.code() == Some(75) {
            return Err(LeaseError::Held(holder_of(shell, file)));
        }
        let why = if status.code() == Some(74) { ": it can't be written; is the disk full?" } else { "" };
        return Err(anyhow::anyhow!("the lease on {file} could not be taken ({status}){why}").into());
    };
    let (goodbye, end) = channel();
    let beats = thread::spawn(move || beat(input, &end));
    Ok(Held { number, process, goodbye: Some(goodbye), beats: Some(beats) })
}

fn beat(mut input: PipeWriter, end: &std::sync::mpsc::Receiver<()>) {
    loop {
        match end.recv_timeout(HEARTBEAT_INTERVAL) {
            Err(RecvTimeoutError::Timeout) if input.write_all(b".").is_ok() => {}
            // Without this word the holder takes the end of its input for the driver's death.
            _ => return drop(input.write_all(b"q")),
        }
    }
}

fn holder_of(shell: &HostShell, file: &Utf8Path) -> Holding {
    const LOOK: Script = Script::new(
        "reading the lease",
        r#"sed -n 2p "$1"; echo $(($(date +%s) - $(stat -c %Y "$1" 2>/dev/null || echo 0)))"#,
    );
    let told = shell.script(LOOK, &[file.as_str()], "");
    told.map_or_else(|_| Holding { by: "somebody".to_owned(), is_ending: false }, |told| holding(&told))
}

/// Reads the holder's line, and for how many seconds it was not heard of. One that is silent for longer than a holder waits is
/// one whose file tells nothing: an older xtask's.
fn holding(told: &str) -> Holding {
    let (line, age) = told.split_once('\n').unwrap_or((told, ""));
    let (line, age) = (line.trim(), age.trim().parse().ok().map(Duration::from_secs));
    if let Some(by) = line.strip_prefix(ENDING) {
        let by = format!("{by}; that command has died, and what it had begun is being ended");
        return Holding { by, is_ending: true };
    }
    match age.filter(|age| *age > 2 * HEARTBEAT_INTERVAL && *age <= SILENCE) {
        Some(age) => Holding {
            by: format!(
                "{line}; that command was not heard of for {} s, and has until {} s to be heard of again",
                age.as_secs(),
                SILENCE.as_secs()
            ),
            is_ending: true,
        },
        None => Holding { by: line.to_owned(), is_ending: false },
    }
}

/// Who has the lease at this moment, when somebody has. Looking takes it from nobody.
pub fn held_by(shell: &HostShell, file: &Utf8Path) -> Result<Option<String>> {
    const LOOK: Script = Script::new(
        "looking at the lease",
        r#"[ -e "$1" ] || exit 0; flock --nonblock --shared "$1" true || { echo held; sed -n 2p "$1"; }"#,
    );
    let told = shell.script(LOOK, &[file.as_str()], "")?;
    let holder = |line: &str| line.trim().trim_start_matches(ENDING).to_owned();
    Ok(told.strip_prefix("held\n").map(holder))
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.goodbye.take());
        if let Some(beats) = self.beats.take() {
            let _ = beats.join();
        }
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell};

    /// The driver's end is the end of the holder's input. What it had begun has begun; a zombie has ended.
    const DIES: &str = r#"export XTASK_LEASE_TEST=$$; sleep 1000 >/dev/null 2>&1 &
begun=$!; mark=XTASK_LEASE_TEST=$$; unset XTASK_LEASE_TEST
until [ "$(cat /proc/$begun/comm)" = sleep ]; do :; done
sh -c "$1" lease "$2" 'ada since now, for: a test' "$mark" </dev/null
sed -n 2p "$2"; while grep -qs '^State:.[^Z]' "/proc/$begun/status"; do :; done; echo ended"#;

    #[test]
    fn what_a_dead_driver_had_started_is_ended_and_its_lease_says_that_it_died() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lease");
        let told = Run::new(cmd!(shell(), "sh -c {DIES} test {SCRIPT} {file}")).text().unwrap();
        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        assert_eq!(lines, ["1", "ending: ada since now, for: a test", "ended"]);
    }

    #[test]
    fn a_dead_holder_is_told_from_a_silent_one_and_from_a_live_one() {
        let told = |text: &str| holding(text);
        assert_eq!(told("ada since now\n3\n"), Holding { by: "ada since now".to_owned(), is_ending: false });
        assert_eq!(told("ada since now\n900\n"), told("ada since now\n3\n"), "an older xtask's");
        assert_eq!(told("ada since now"), told("ada since now\n3\n"));
        let silent = told("ada since now\n12\n");
        assert!(silent.is_ending && silent.by.contains("not heard of for 12 s"), "{silent:?}");
        let dead = told("ending: ada since now\n0\n");
        assert!(dead.is_ending && dead.by.starts_with("ada since now; that command has died"), "{dead:?}");
    }
}
