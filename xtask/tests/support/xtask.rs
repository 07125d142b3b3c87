//! A call of xtask: how it exits, what it prints, and what may be done to it meanwhile.

use std::cell::RefCell;
use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use super::{run, wait_until};

/// The longest that a call may take: the first one compiles.
const TIMEOUT: Duration = Duration::from_secs(900);

/// A call of xtask that is not started yet.
pub struct XtaskCommand {
    command: Command,
}

impl XtaskCommand {
    /// The command names the program, its arguments, and where it runs.
    pub fn new(command: Command) -> XtaskCommand {
        XtaskCommand { command }
    }

    /// With one more environment variable.
    pub fn env(mut self, name: &str, value: &str) -> XtaskCommand {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end, however it exits.
    pub fn output(mut self) -> std::io::Result<std::process::Output> {
        self.command.output()
    }

    /// It must exit with 0. Gives everything that it printed, standard output and standard error together.
    pub fn succeeds(self) -> Result<String, Failed> {
        self.spawn().succeeds()
    }

    /// It must exit with this code. Gives everything that it printed.
    pub fn fails_with(self, code: i32) -> Result<String, Failed> {
        self.spawn().exits_with(code)
    }

    /// It must exit with 0 and print one JSON document on standard output.
    pub fn json(self) -> Result<Value, Failed> {
        let line = format!("{:?}", self.command);
        let output = self.output()?;
        if !output.status.success() {
            return Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Starts it, and comes back at once.
    pub fn spawn(mut self) -> Driver {
        let output = tempfile::NamedTempFile::new().expect("a file");
        // One offset for both streams, or they would overwrite each other.
        let stream = || output.as_file().try_clone().expect("a file");
        self.command.stdout(stream()).stderr(stream());
        Driver { child: RefCell::new(self.command.spawn().expect("xtask starts")), output }
    }
}

/// A running xtask.
pub struct Driver {
    child: RefCell<Child>,
    output: tempfile::NamedTempFile,
}

impl Driver {
    /// SIGKILL; comes back when it is dead.
    pub fn kill(&self) {
        let mut child = self.child.borrow_mut();
        child.kill().expect("killed");
        child.wait().expect("waited for");
    }

    /// SIGINT, as Ctrl-C sends it.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends a signal, named as `kill` takes it: `-STOP`.
    pub fn signal(&self, signal: &str) {
        run(Command::new("kill").args([signal, &self.id().to_string()]));
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    /// Whether it has exited.
    pub fn has_exited(&self) -> bool {
        self.child.borrow_mut().try_wait().expect("waited for").is_some()
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        fs::read_to_string(self.output.path()).unwrap_or_default()
    }

    /// It must exit with 0. Gives everything that it printed.
    pub fn succeeds(self) -> Result<String, Failed> {
        self.exits_with(0)
    }

    /// It must exit with this code. Gives everything that it printed.
    pub fn exits_with(&self, code: i32) -> Result<String, Failed> {
        match self.wait()? {
            (Some(found), output) if found == code => Ok(output),
            (found, output) => Err(format!("exit code {found:?} instead of {code}:\n{output}").into()),
        }
    }

    /// Waits until it exits. Gives its exit code (none when a signal ended it), and everything that it printed.
    pub fn wait(&self) -> Result<(Option<i32>, String), Failed> {
        let mut status = None;
        wait_until("xtask has exited", TIMEOUT, || {
            status = self.child.borrow_mut().try_wait().expect("waited for");
            status.is_some()
        })?;
        Ok((status.and_then(|status| status.code()), self.output()))
    }
}
