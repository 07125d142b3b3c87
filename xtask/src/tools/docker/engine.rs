//! Docker's engine: whether one answers, and how `dockerd` is started where no service manager does it.

use std::fs;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use xshell::cmd;

use crate::tools::process::{self, Run, shell};

/// The versions of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its version.
    pub version: String,
    /// The newest version of its API.
    pub api: String,
}

/// The engine that `docker` reaches (through `DOCKER_HOST` or a context too), if one answers.
pub fn ask() -> Option<Info> {
    let format = "{{.Server.Version}} {{.Server.APIVersion}}";
    let answer =
        Run::new(cmd!(shell(), "docker version --format {format}")).timeout(Duration::from_secs(10)).text();
    let (version, api) = answer.as_deref().ok()?.split_once(' ')?;
    Some(Info { version: version.to_owned(), api: api.to_owned() })
}

/// An engine that is started where no service manager does it.
#[derive(Debug, Clone, Copy)]
pub struct OwnEngine {
    /// Where it leaves its number and its output.
    pub folder: &'static str,
    /// By this label, in its command line, a running `dockerd` is known to be the one.
    pub label: &'static str,
}

impl OwnEngine {
    /// A file in its folder.
    pub fn file(self, name: &str) -> Utf8PathBuf {
        Utf8Path::new(self.folder).join(name)
    }

    /// The file with the engine's output.
    pub fn log_file(self) -> Utf8PathBuf {
        self.file("dockerd.log")
    }

    /// Starts `dockerd` in a session of its own. It takes seconds to answer, or ends early: see
    /// [`started`](OwnEngine::started).
    pub fn start(self) -> anyhow::Result<()> {
        fs::create_dir_all(self.folder)?;
        remove_stale_pid_files();
        let log = fs::File::create(self.log_file())?;
        let sh = shell();
        let (pid_file, label) = (self.file("dockerd.pid"), self.label);
        // The shell executes dockerd, which so has its process id.
        let script = r#"echo $$ >"$0" && exec "$@""#;
        process::daemon(cmd!(sh, "setsid sh -c {script} {pid_file} dockerd --label {label}"), &log)?;
        Ok(())
    }

    /// The number of the `dockerd` that [`start`](OwnEngine::start) started, while it runs.
    pub fn started(self) -> Option<Pid> {
        let number = fs::read_to_string(self.file("dockerd.pid")).ok()?;
        let pid = Pid::from_raw(number.trim().parse().ok()?)?;
        let ours = command_line(pid)?.contains(self.label) && program(pid)? == "dockerd";
        ours.then_some(pid)
    }
}

/// Sends SIGTERM to the `dockerd` that xtask started, as a service manager would.
pub fn ask_to_end(pid: Pid) -> anyhow::Result<()> {
    Ok(kill_process(pid, Signal::TERM)?)
}

/// Whether any `dockerd` runs on this machine, whoever started it.
pub fn any_runs() -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    let pids = processes.flatten().filter_map(|process| process.file_name().to_str()?.parse().ok());
    pids.filter_map(Pid::from_raw).any(|pid| program(pid).is_some_and(|name| name == "dockerd"))
}

/// After a crash the engine finds its own process id, or its containerd's, in a file. If another process has that id by
/// now, it refuses to start or waits for ever.
fn remove_stale_pid_files() {
    for (file, program) in
        [("/var/run/docker.pid", "dockerd"), ("/var/run/docker/containerd/containerd.pid", "containerd")]
    {
        let number = fs::read_to_string(file).ok().and_then(|number| number.trim().parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else { continue };
        if self::program(pid).is_none_or(|name| name != program) {
            let _ = fs::remove_file(file);
        }
    }
}

/// The name of the program that a process runs; none when it has ended.
fn program(pid: Pid) -> Option<String> {
    let line = command_line(pid)?;
    let program = line.split_whitespace().next()?;
    Some(program.rsplit('/').next().unwrap_or(program).to_owned())
}

/// The command line of a process; none when it has ended.
fn command_line(pid: Pid) -> Option<String> {
    let bytes = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
    // That of a zombie is empty.
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).replace('\0', " "))
}
