//! A command and the processes that it starts, to be waited for and signalled together.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, PipeReader};
use std::os::fd::IntoRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use duct::{Expression, Handle, cmd};
use rustix::process::{Pid, Signal, kill_process_group};

use super::CommandError;
use super::start::{not_started, prepare_environment};

/// The longest that a program is waited for which somebody has open for writing.
const TEXT_BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A command that was started, as the leader of a process group of its own: a signal to the group reaches its children.
#[derive(Debug)]
pub struct Group(Handle);

impl Group {
    /// Starts it; without `stdin` its standard input is empty. A program that was just written, or is being installed, can't
    /// be started while a process has it open for writing. Every child that this process starts meanwhile has, until it
    /// executes its own program, so this tries again for a while.
    pub(super) fn start(
        mut command: Command,
        line: &str,
        stdin: Option<PipeReader>,
        stdout: impl IntoRawFd,
        stderr: impl IntoRawFd,
    ) -> Result<Group, CommandError> {
        prepare_environment(&mut command);
        let expression = expression(&command).stdout_file(stdout).stderr_file(stderr);
        let expression = match stdin {
            Some(reader) => expression.stdin_file(reader),
            None => expression.stdin_null(),
        };
        let began = Instant::now();
        loop {
            match expression.start() {
                Ok(handle) => return Ok(Group(handle)),
                Err(error)
                    if error.kind() == ErrorKind::ExecutableFileBusy
                        && began.elapsed() < TEXT_BUSY_TIMEOUT =>
                {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(source) => return Err(not_started(&command, line, source)),
            }
        }
    }

    /// The process id of its leader, which is the group's id too.
    pub fn id(&self) -> u32 {
        self.0.pids()[0]
    }

    /// How its leader ended; none while it runs.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?.map(|output| output.status))
    }

    /// How its leader ended; none when it still runs after `timeout`.
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        Ok(self.0.wait_timeout(timeout)?.map(|output| output.status))
    }

    /// How its leader ended, however long that takes.
    pub fn wait(&self) -> io::Result<ExitStatus> {
        Ok(self.0.wait()?.status)
    }

    /// Sends a signal to every process of the group, also when its leader has ended.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            // It fails when no process is left in the group.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// The command for duct, which starts it with the whole environment of this process: what the command sets and removes is
/// applied to that. Whether its environment was cleared can't be read from a command, so that is lost.
fn expression(command: &Command) -> Expression {
    let owned = |text: &OsStr| text.to_owned();
    let folder = command.get_current_dir().map(Path::to_owned);
    let own: Vec<_> = command.get_envs().map(|(name, value)| (owned(name), value.map(owned))).collect();
    // The exit code is for the caller to judge.
    cmd(command.get_program(), command.get_args()).unchecked().before_spawn(move |child| {
        child.process_group(0);
        if let Some(folder) = &folder {
            child.current_dir(folder);
        }
        for (name, value) in &own {
            match value {
                Some(value) => child.env(name, value),
                None => child.env_remove(name),
            };
        }
        Ok(())
    })
}
