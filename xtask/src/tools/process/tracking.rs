//! Finding what a piece of work started, and ending it, when it has left its process group or its parents have gone.
//!
//! What a thread starts carries the tracking id of its work in the environment, and so do the children of that. On Linux
//! orphans also become children of xtask: a process that cleared its environment is found as a child that nobody started.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// The environment variable that holds the tracking ids, a colon after each: work within work has several.
pub const IDS_VARIABLE: &str = "XTASK_WORK";
/// How long the processes that are found get to end by themselves.
const GRACE_PERIOD: Duration = Duration::from_millis(300);

thread_local! {
    static SCOPE: RefCell<Scope> = const { RefCell::new(Scope { id: None, variables: Vec::new() }) };
}

/// What the processes that a thread starts are given.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The tracking id, by which they are found again.
    pub id: Option<String>,
    /// Variables of their environment.
    pub variables: Vec<(String, String)>,
}

/// Does `work`, on this thread; the processes that it starts are given what `scope` holds.
pub fn within<T>(scope: Scope, work: impl FnOnce() -> T) -> T {
    let before = SCOPE.replace(scope);
    let result = work();
    SCOPE.set(before);
    result
}

/// Gives a command what the thread's scope holds. Variables that the command sets or removes itself stay as they are.
pub(super) fn apply(command: &mut Command) {
    SCOPE.with_borrow(|scope| {
        let own: HashSet<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
        for (name, value) in &scope.variables {
            if !own.contains(OsStr::new(name)) {
                command.env(name, value);
            }
        }
        if let Some(id) = scope.id.as_ref().filter(|_| !own.contains(OsStr::new(IDS_VARIABLE))) {
            STARTED.lock().expect("no holder panics").insert(id.clone());
            let outer = std::env::var(IDS_VARIABLE).unwrap_or_default();
            command.env(IDS_VARIABLE, format!("{outer}{id}:"));
        }
    });
}

/// The tracking ids under which something was started.
static STARTED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Default::default);

/// Children of this process that are not ended with the orphans.
static EXEMPT: LazyLock<Mutex<HashSet<u32>>> = LazyLock::new(Default::default);

/// This child is meant to outlive the work that starts it.
pub(super) fn exempt(pid: u32) {
    EXEMPT.lock().expect("no holder panics").insert(pid);
}

/// Orphans of this process's children become its own children, so that [`end_orphans`] finds them.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    // Where it is refused, processes are found by their tracking ids alone.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// The children that this process has now, and that carry no tracking id, are left alone from now on: installing a tool
/// starts services.
pub fn exempt_orphans() {
    let own = std::process::id();
    let children = processes().into_iter().filter(|process| process.parent == own && process.ids.is_empty());
    EXEMPT.lock().expect("no holder panics").extend(children.map(|process| process.pid));
}

/// Ends the processes that carry this tracking id, now that its work is over; gives the names of their programs. Looks for
/// none when nothing was started under it.
pub fn end_work(id: &str) -> Vec<String> {
    let started = STARTED.lock().expect("no holder panics").remove(id);
    if started { end_tracked(|found| found == id) } else { Vec::new() }
}

/// Ends the processes that carry a tracking id for which `is_ended` holds; gives the names of their programs.
pub fn end_tracked(is_ended: impl Fn(&str) -> bool) -> Vec<String> {
    end(|process| process.ids.split(':').any(|id| !id.is_empty() && is_ended(id)))
}

/// Ends every child of this process that is not exempt. Only for when all work is over. Gives the names of the programs.
pub fn end_orphans() -> Vec<String> {
    let exempt = EXEMPT.lock().expect("no holder panics").clone();
    let own = std::process::id();
    let is_orphan = |process: &Process| process.parent == own && !exempt.contains(&process.pid);
    let ended = end(is_orphan);
    if !ended.is_empty() {
        // They became children of this process, and nobody else waits for them.
        while matches!(waitpid(None, WaitOptions::NOHANG), Ok(Some(_))) {}
    }
    ended
}

/// SIGTERM, and SIGKILL after the grace period; looks again until no new one is found.
fn end(wanted: impl Fn(&Process) -> bool) -> Vec<String> {
    let mut ended: Vec<(u32, String)> = Vec::new();
    let began = Instant::now();
    loop {
        let found: Vec<Process> =
            processes().into_iter().filter(|process| !process.is_ended && wanted(process)).collect();
        if found.is_empty() {
            return ended.into_iter().map(|(_, program)| program).collect();
        }
        let signal = if began.elapsed() < GRACE_PERIOD { Signal::TERM } else { Signal::KILL };
        for process in found {
            let is_new = !ended.iter().any(|(pid, _)| *pid == process.pid);
            if is_new || signal == Signal::KILL {
                send(process.pid, signal);
            }
            if is_new {
                ended.push((process.pid, process.program));
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile, which is what is wanted.
        let _ = kill_process(pid, signal);
    }
}

struct Process {
    pid: u32,
    parent: u32,
    program: String,
    /// The value of [`IDS_VARIABLE`].
    ids: String,
    /// It is a zombie: it has ended, and its parent has not waited for it yet.
    is_ended: bool,
}

impl Process {
    /// None when it has ended meanwhile.
    fn read(pid: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // `42 (a name) S 1 …`; the name may hold anything, parentheses too.
        let (before, after) = stat.rsplit_once(") ")?;
        let mut facts = after.split(' ');
        let is_ended = facts.next()? == "Z";
        let parent = facts.next()?.parse().ok()?;
        let program = before.split_once('(')?.1.to_owned();
        // The environment of another user's process can't be read; it is none of ours.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let ids = environment.split(|byte| *byte == 0).find_map(|entry| {
            let value = entry.strip_prefix(IDS_VARIABLE.as_bytes())?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned())
        });
        Some(Process { pid, parent, program, ids: ids.unwrap_or_default(), is_ended })
    }
}

/// Every process but this one; none where there is no `/proc`.
fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != std::process::id()).filter_map(Process::read).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell};

    /// Every process of the script holds the pipe open; it is a session of its own, which no signal to a group reaches.
    #[test]
    fn what_left_its_group_is_found_by_its_tracking_id_and_ended() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pipe = folder.path().join("pipe");
        let sh = shell();
        Run::new(cmd!(sh, "mkfifo {pipe}")).run().expect("made");
        let (close, closed) = std::sync::mpsc::channel();
        let reader = pipe.clone();
        thread::spawn(move || {
            let _ = File::open(reader).expect("opened").read_to_end(&mut Vec::new());
            let _ = close.send(());
        });
        // It has left the group before its parent ends, and with its parent the group.
        let script = r#"exec 3> "$0"; setsid sh -c 'exec > /dev/null 2>&1; sleep 300 & echo > "$0.started"; wait' "$0" &
            until [ -e "$0.started" ]; do sleep 0.01; done"#;
        let id = format!("{}-a-test", std::process::id());
        let scope = Scope { id: Some(id.clone()), variables: Vec::new() };
        within(scope, || Run::new(cmd!(sh, "sh -c {script} {pipe}")).run()).expect("it passes");
        let ended = end_tracked(|found| found == id);
        assert!(!ended.is_empty(), "it was there");
        closed.recv_timeout(Duration::from_secs(30)).expect("no process of it is left");
        assert!(end_tracked(|found| found == id).is_empty(), "nothing is left to be ended");
    }

    #[test]
    fn variables_of_the_scope_arrive_and_those_of_the_command_win() {
        let sh = shell();
        let variables = vec![("A".to_owned(), "outer".to_owned()), ("B".to_owned(), "outer".to_owned())];
        let said = within(Scope { id: None, variables }, || {
            let script = "echo $A $B";
            Run::new(cmd!(sh, "sh -c {script}").env("B", "own")).text()
        });
        assert_eq!(said.expect("it passes"), "outer own");
    }
}
