//! A program that goes on running, whose lines are shown as they come.

use std::borrow::Cow;
use std::process::ExitStatus;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::Signal;
use xshell::Cmd;

use crate::terminal::{self, paint};
use crate::tools::http::Client;
use crate::tools::process::{Group, Session, interrupt};

/// How long it gets to end by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it gets to answer for the first time.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// One of them.
pub struct Service {
    name: &'static str,
    group: Group,
    // Some programs end when their input does.
    _input: std::io::PipeWriter,
}

impl Service {
    /// Starts it. Its lines appear with `name` before them.
    pub fn start(name: &'static str, command: Cmd<'_>) -> Result<Service> {
        let Session { group, input, output, errors } = Session::start(command, name)?;
        show(name, output);
        show(name, errors);
        Ok(Service { name, group, _input: input })
    }

    /// Waits until this address answers well.
    pub fn wait_for(&self, url: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            if Client::default().get(url, Duration::from_secs(2)).is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                bail!("the {} has ended ({status}) before it answered; what it said stands above", self.name);
            }
            if began.elapsed() > START_TIMEOUT {
                bail!("the {} does not answer at {url} within {START_TIMEOUT:?}", self.name);
            }
            interrupt::pause(POLL_INTERVAL)?;
        }
    }

    /// How it ended; none while it runs.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        Ok(self.group.try_wait()?)
    }

    /// Ends it, and what it has started.
    pub fn stop(&self) {
        self.group.signal(Signal::TERM);
        let _ = self.group.wait_timeout(STOP_TIMEOUT);
        self.group.signal(Signal::KILL);
        let _ = self.group.wait();
    }
}

/// One that was not stopped is of a start that failed.
impl Drop for Service {
    fn drop(&mut self) {
        self.group.signal(Signal::KILL);
    }
}

/// Shows lines as they come, on a thread that ends with them.
fn show(name: &'static str, lines: Receiver<String>) {
    thread::spawn(move || {
        for line in lines.iter().filter(|line| !line.trim().is_empty()) {
            terminal::say(format_args!("{} {}", paint::dim(format!("{name:>7} │")), shown(line.trim_end())));
        }
    });
}

/// In colours, where there are some.
fn shown(line: &str) -> Cow<'_, str> {
    if terminal::takes_escape_codes() { Cow::Borrowed(line) } else { terminal::without_escape_codes(line) }
}
