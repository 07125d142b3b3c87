//! The one runner: every outside tool is started here, in a process group of its own, with a time
//! limit, and its output captured.
//!
//! `cmd!` spells a command; [`Run`] starts it. Groups matter because tools have children (npm, docker
//! and cargo all do): a signal to the group reaches them, a signal to the leader does not.

mod error;
mod group;
pub mod interrupt;
pub mod lines;
pub mod owner;
mod pipe;
mod session;
mod shell;
mod start;
mod stream;
pub mod tracking;

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use xshell::Cmd;

pub use self::error::{CommandError, is_interrupt, tail};
pub use self::group::Group;
pub use self::session::Session;
pub use self::shell::{shell, shell_in};
pub use self::start::{DRIVER, driver_id, withhold};

use self::start::{not_started, prepare_environment};

/// What a group gets between being asked to end and being killed.
const GRACE_PERIOD: Duration = Duration::from_millis(1200);
/// How often a wait looks whether somebody wants it to end.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How a command ended, whatever its exit code.
#[derive(Debug)]
pub struct Finished {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// Everything it wrote to its standard output.
    pub stdout: String,
    /// Everything it wrote to its standard error.
    pub stderr: String,
}

/// A command about to be run.
pub struct Run<'a> {
    command: Command,
    line: String,
    timeout: Duration,
    input: Input,
    each_line: Option<&'a (dyn Fn(&str) + Sync)>,
}

/// What a command reads.
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    /// What another one writes.
    Pipe(PipeReader),
}

impl Input {
    /// The end to read from; none when there is nothing to read.
    fn open(self) -> io::Result<Option<PipeReader>> {
        match self {
            Input::Nothing => Ok(None),
            Input::Pipe(reader) => Ok(Some(reader)),
            // Not duct's `stdin_bytes`: its thread is waited for, and what the command leaves behind may never read.
            Input::Bytes(bytes) => {
                let (reader, mut writer) = io::pipe()?;
                // A child that ends before it has read everything is judged by its exit code, not by this.
                thread::spawn(move || drop(writer.write_all(&bytes)));
                Ok(Some(reader))
            }
        }
    }
}

/// Which of a command's streams a line came from.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

impl<'a> Run<'a> {
    /// A run of this command, with a timeout of two minutes.
    pub fn new(cmd: Cmd<'_>) -> Run<'a> {
        let line = cmd.to_string();
        Run {
            command: cmd.into(),
            line,
            timeout: Duration::from_secs(120),
            input: Input::Nothing,
            each_line: None,
        }
    }

    /// What errors call it, in place of the command line.
    pub fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.line);
        self
    }

    /// How long it may take; then its whole process group is killed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What it reads. Without this, its standard input is empty.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Called with each line of output, of either stream, as it comes, on the thread that waits for the command.
    pub fn each_line(mut self, each_line: &'a (dyn Fn(&str) + Sync)) -> Self {
        self.each_line = Some(each_line);
        self
    }

    /// Runs it and gives its standard output, without the last newline. Another exit code than 0 is an error.
    pub fn text(self) -> Result<String, CommandError> {
        Ok(self.checked()?.stdout.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Runs it for its effect. Another exit code than 0 is an error.
    pub fn run(self) -> Result<(), CommandError> {
        self.checked().map(drop)
    }

    /// Runs it and says whether it ended with 0.
    pub fn succeeds(self) -> Result<bool, CommandError> {
        Ok(self.finish()?.status.success())
    }

    /// Runs it; another exit code than 0 is an error that carries the last lines of output.
    pub fn checked(self) -> Result<Finished, CommandError> {
        let line = self.line.clone();
        let finished = self.finish()?;
        if finished.status.success() {
            return Ok(finished);
        }
        if let Some(code) = finished.status.code() {
            return Err(CommandError::of_exit_code(&line, code, &finished.stdout, &finished.stderr));
        }
        let output = if finished.stderr.trim().is_empty() { &finished.stdout } else { &finished.stderr };
        let ending = match finished.status.signal() {
            Some(signal) => format!("was killed by signal {signal}"),
            None => "ended without an exit code".to_owned(),
        };
        Err(CommandError::Failed { command: line, ending, code: None, tail: tail(output) })
    }

    /// Runs it to its end, whatever the exit code. An error when it could not be started, has not ended in time, or somebody
    /// wants this program to end.
    pub fn finish(self) -> Result<Finished, CommandError> {
        interrupt::check().map_err(|_| CommandError::Interrupted)?;
        let (line, timeout, each_line) = (self.line.clone(), self.timeout, self.each_line);
        let io = |source| CommandError::Io { command: line.clone(), source };
        let (tell, lines) = channel();
        let [stdout, stderr] = [Stream::Stdout, Stream::Stderr].map(|stream| {
            let tell = tell.clone();
            lines::pipe(move |line| drop(tell.send((stream, line))))
        });
        // The channel ends with the two threads that read.
        drop(tell);
        let group = self.start(stdout.map_err(io)?, stderr.map_err(io)?)?;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut take = |(stream, line): (Stream, String)| {
            each_line.into_iter().for_each(|call| call(line.trim_end_matches(['\n', '\r'])));
            match stream {
                Stream::Stdout => stdout.push_str(&line),
                Stream::Stderr => stderr.push_str(&line),
            }
        };
        let ending = wait(&group, &lines, timeout, &mut take);
        group.signal(Signal::KILL);
        let patience =
            if ending.is_ok() { lines::OUTPUT_DRAIN_TIMEOUT } else { lines::OUTPUT_DRAIN_TIMEOUT / 5 };
        lines::rest(&lines, patience).for_each(take);
        match ending {
            Ok(status) => Ok(Finished { status, stdout, stderr }),
            Err(Stop::Interrupted) => Err(CommandError::Interrupted),
            Err(Stop::TimedOut) => Err(CommandError::TimedOut {
                command: line,
                timeout,
                tail: tail(&format!("{stdout}\n{stderr}")),
            }),
            Err(Stop::Io(source)) => Err(io(source)),
        }
    }

    /// Starts it, with its output going there.
    fn start(self, stdout: PipeWriter, stderr: PipeWriter) -> Result<Group, CommandError> {
        let stdin = self.input.open();
        let stdin = stdin.map_err(|source| CommandError::Io { command: self.line.clone(), source })?;
        Group::start(self.command, &self.line, stdin, stdout, stderr)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place of its kind")]
    /// Runs it on the user's terminal, without a timeout (psql, logs -f). It stays in this program's process group, so that
    /// it may read the keyboard.
    pub fn interactive(mut self) -> Result<ExitStatus, CommandError> {
        prepare_environment(&mut self.command);
        self.command.status().map_err(|source| not_started(&self.command, &self.line, source))
    }
}

/// Starts a process that outlives this one (an engine): away from our terminal's signals, output to `log`, and none
/// of the variables by which it would be found and ended with everything else that a killed driver left.
pub fn daemon(cmd: Cmd<'_>, log: &std::fs::File) -> Result<u32, CommandError> {
    let line = cmd.to_string();
    let log = || log.try_clone().map_err(|source| CommandError::Io { command: line.clone(), source });
    let command = Command::from(cmd.env_remove(DRIVER).env_remove(tracking::IDS_VARIABLE));
    let group = Group::start(command, &line, None, log()?, log()?)?;
    tracking::exempt(group.id());
    Ok(group.id())
}

/// Why a command was not waited for any longer.
enum Stop {
    TimedOut,
    Interrupted,
    Io(io::Error),
}

/// Gives each line to `take` until the command has ended. At the timeout, and when somebody wants this program to end, its
/// group gets SIGTERM, and SIGKILL after the grace period.
fn wait<T>(
    group: &Group,
    lines: &Receiver<T>,
    timeout: Duration,
    take: &mut impl FnMut(T),
) -> Result<ExitStatus, Stop> {
    let (began, shielded) = (Instant::now(), interrupt::is_shielded());
    let stop = loop {
        let ended = match lines.recv_timeout(POLL_INTERVAL) {
            // Its output has ended, and it is about to end itself, as a rule.
            Err(RecvTimeoutError::Disconnected) => group.wait_timeout(POLL_INTERVAL),
            received => {
                received.into_iter().for_each(&mut *take);
                group.try_wait()
            }
        };
        match ended.map_err(Stop::Io)? {
            _ if !shielded && interrupt::is_set() => break Stop::Interrupted,
            Some(status) => return Ok(status),
            None if began.elapsed() >= timeout => break Stop::TimedOut,
            None => {}
        }
    };
    group.signal(Signal::TERM);
    if !matches!(group.wait_timeout(GRACE_PERIOD), Ok(Some(_))) {
        group.signal(Signal::KILL);
        let _ = group.wait();
    }
    Err(stop)
}

#[cfg(test)]
mod tests;
