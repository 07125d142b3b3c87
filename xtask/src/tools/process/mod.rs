//! The one runner: every outside tool is started here, in a process group of its own, with a time
//! limit, and its output captured.
//!
//! `cmd!` spells a command; [`Run`] starts it. Groups matter because tools have children (npm, docker
//! and cargo all do): a signal to the group reaches them, a signal to the leader does not.

mod error;
pub mod interrupt;
pub mod owner;
mod pipe;
mod start;
mod stream;
pub mod tracking;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use xshell::Cmd;

pub use self::error::{CommandError, is_interrupt, tail};
pub use self::start::{DRIVER, driver_mark, prepare_environment};

use self::start::{not_started, spawn};

/// What a group gets between being asked to end and being killed.
const GRACE_PERIOD: Duration = Duration::from_millis(1200);
/// How long the rest of its output is waited for when something that left the group holds the pipe.
const OUTPUT_DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

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
    stdin: Option<Vec<u8>>,
    source: Option<Stdio>,
    each_line: Option<&'a (dyn Fn(&str) + Sync)>,
}

impl<'a> Run<'a> {
    /// Takes what `cmd!` spelled. The default time limit is two minutes.
    pub fn new(cmd: Cmd<'_>) -> Run<'a> {
        let line = cmd.to_string();
        Run {
            command: cmd.into(),
            line,
            timeout: Duration::from_secs(120),
            stdin: None,
            source: None,
            each_line: None,
        }
    }

    /// What errors call it, when its words say less: the text of a script, for one.
    pub fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.line);
        self
    }

    /// After this long the whole process group is killed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What the command reads; without it, its standard input is empty.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Called with each line of output, of either stream, as it comes.
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

    /// Runs it to its end, whatever the exit code.
    pub fn finish(mut self) -> Result<Finished, CommandError> {
        interrupt::check().map_err(|_| CommandError::Interrupted)?;
        prepare_environment(&mut self.command);
        self.command
            .process_group(0)
            .stdin(match self.source.take() {
                Some(source) => source,
                None if self.stdin.is_some() => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(&mut self.command, &self.line)?;
        let group = Group::of(&child);
        let stdout = Arc::new(Mutex::new(String::new()));
        let stderr = Arc::new(Mutex::new(String::new()));

        let over = &AtomicBool::new(false);
        // Scoped threads would wait for a grandchild that holds a pipe open; these are left behind instead.
        let (ended, end) = channel();
        thread::scope(|scope| {
            let each_line = self.each_line;
            let (lines, received) = channel::<String>();
            let readers = [
                read_into(child.stdout.take().expect("piped"), Arc::clone(&stdout), lines.clone()),
                read_into(child.stderr.take().expect("piped"), Arc::clone(&stderr), lines),
            ];
            scope.spawn(move || tell_lines(&received, each_line, over));
            if let Some(bytes) = self.stdin.take() {
                let mut pipe = child.stdin.take().expect("piped");
                // A child that ends before it has read everything is judged by its exit code, not by this.
                thread::spawn(move || drop(pipe.write_all(&bytes)));
            }
            thread::spawn(move || drop(ended.send(child.wait())));
            let outcome = wait_for_end(&end, &group, self.timeout);
            group.kill(Signal::KILL);
            let until = Instant::now()
                + if outcome.is_ok() { OUTPUT_DRAIN_TIMEOUT } else { OUTPUT_DRAIN_TIMEOUT / 5 };
            for reader in readers {
                // Done unless something outside the group still holds the pipe.
                let _ = reader.recv_timeout(until.saturating_duration_since(Instant::now()));
            }
            over.store(true, Ordering::Relaxed);
            outcome
        })
        .map_err(|stop| stop.into_error(&self.line, self.timeout, &stdout, &stderr))
        .map(|status| Finished { status, stdout: take(&stdout), stderr: take(&stderr) })
    }

    /// Runs it on the user's own terminal (psql, logs -f): same group, so that it may read the keyboard.
    pub fn interactive(mut self) -> Result<ExitStatus, CommandError> {
        prepare_environment(&mut self.command);
        self.command.status().map_err(|source| not_started(&self.command, &self.line, source))
    }
}

/// Starts a process that outlives this one (an engine): away from our terminal's signals, output to `log`, and none
/// of the driver's marks, by which it would be found and ended with everything else that a killed driver left.
pub fn daemon(cmd: Cmd<'_>, log: &std::fs::File) -> Result<u32, CommandError> {
    let line = cmd.to_string();
    let io = |source| CommandError::Io { command: line.clone(), source };
    let mut command = Command::from(cmd);
    prepare_environment(&mut command);
    command
        .env_remove(DRIVER)
        .env_remove(tracking::MARK)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(io)?)
        .stderr(log.try_clone().map_err(io)?);
    let child = spawn(&mut command, &line)?;
    tracking::spare(child.id());
    Ok(child.id())
}

enum Stop {
    TimedOut,
    Interrupted,
    Io(std::io::Error),
}

impl Stop {
    fn into_error(
        self,
        line: &str,
        timeout: Duration,
        stdout: &Mutex<String>,
        stderr: &Mutex<String>,
    ) -> CommandError {
        match self {
            Stop::TimedOut => {
                let tail = tail(&format!("{}\n{}", take(stdout), take(stderr)));
                CommandError::TimedOut { command: line.to_owned(), timeout, tail }
            }
            Stop::Interrupted => CommandError::Interrupted,
            Stop::Io(source) => CommandError::Io { command: line.to_owned(), source },
        }
    }
}

type Ended = Receiver<std::io::Result<ExitStatus>>;

fn wait_for_end(end: &Ended, group: &Group, timeout: Duration) -> Result<ExitStatus, Stop> {
    let began = Instant::now();
    let stop = loop {
        // Short turns, so that an interrupt is seen soon; the end of the child itself wakes this at once.
        match end.recv_timeout(Duration::from_millis(50)) {
            Ok(status) if !group.shielded && interrupt::is_set() && status.is_ok() => {
                return Err(Stop::Interrupted);
            }
            Ok(status) => return status.map_err(Stop::Io),
            Err(RecvTimeoutError::Disconnected) => unreachable!("the waiting thread always sends"),
            Err(RecvTimeoutError::Timeout) if !group.shielded && interrupt::is_set() => {
                break Stop::Interrupted;
            }
            Err(RecvTimeoutError::Timeout) if began.elapsed() >= timeout => break Stop::TimedOut,
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    group.kill(Signal::TERM);
    if end.recv_timeout(GRACE_PERIOD).is_err() {
        group.kill(Signal::KILL);
        let _ = end.recv();
    }
    Err(stop)
}

/// A child's process group.
struct Group {
    leader: Option<Pid>,
    shielded: bool,
}

impl Group {
    fn of(child: &Child) -> Group {
        let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Group { leader, shielded: interrupt::is_shielded() }
    }

    fn kill(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // Nobody left in the group is what is hoped for.
            let _ = kill_process_group(leader, signal);
        }
    }
}

/// Hands on each line, until none can come any more or nobody waits for more: what left the group may hold the pipe for
/// as long as it likes.
fn tell_lines(received: &Receiver<String>, each_line: Option<&(dyn Fn(&str) + Sync)>, over: &AtomicBool) {
    loop {
        match received.recv_timeout(Duration::from_millis(20)) {
            Ok(line) => each_line.into_iter().for_each(|call| call(&line)),
            Err(RecvTimeoutError::Timeout) if !over.load(Ordering::Relaxed) => {}
            Err(_) => return,
        }
    }
}

fn read_into(
    pipe: impl Read + Send + 'static,
    into: Arc<Mutex<String>>,
    lines: std::sync::mpsc::Sender<String>,
) -> Receiver<()> {
    let (done, receiver) = channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            into.lock().expect("no holder panics").push_str(&text);
            let _ = lines.send(text.trim_end_matches(['\n', '\r']).to_owned());
            line.clear();
        }
        let _ = done.send(());
    });
    receiver
}

fn take(text: &Mutex<String>) -> String {
    std::mem::take(&mut text.lock().expect("no holder panics"))
}

#[cfg(test)]
mod tests;
