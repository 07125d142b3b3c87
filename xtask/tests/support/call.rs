//! A call of xtask: how it ends, what it prints, and what may be done to it meanwhile.

use std::cell::RefCell;
use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::Value;

/// The longest that a call may take: the first one compiles.
const LIMIT: Duration = Duration::from_secs(900);

/// A call of xtask that is about to be made.
pub struct Call {
    command: Command,
}

impl Call {
    /// It is made when somebody asks how it ends.
    pub fn of(command: Command) -> Call {
        Call { command }
    }

    /// To its end, whatever that is.
    pub fn output(mut self) -> std::io::Result<std::process::Output> {
        self.command.output()
    }

    /// It must end with 0. Gives everything that it printed.
    pub fn succeeds(self) -> Result<String, Failed> {
        self.starts().succeeds()
    }

    /// With a variable of its own.
    pub fn with(mut self, name: &str, value: &str) -> Call {
        self.command.env(name, value);
        self
    }

    /// What it prints, when it ends with 0: for programs.
    pub fn json(self) -> Result<Value, Failed> {
        let line = format!("{:?}", self.command);
        let told = self.output()?;
        if !told.status.success() {
            return Err(format!("{line}: {}", String::from_utf8_lossy(&told.stderr)).into());
        }
        Ok(serde_json::from_slice(&told.stdout)?)
    }

    /// It must end with this code. Gives everything that it printed.
    pub fn fails_with(self, code: i32) -> Result<String, Failed> {
        self.starts().ends_with(code)
    }

    /// Begins it, and comes back at once.
    pub fn starts(mut self) -> Running {
        let output = tempfile::NamedTempFile::new().expect("a file");
        // One offset for both streams, or they would overwrite each other.
        let stream = || output.as_file().try_clone().expect("a file");
        self.command.stdout(stream()).stderr(stream());
        Running { child: RefCell::new(self.command.spawn().expect("xtask starts")), output }
    }
}

/// A call of xtask under way.
pub struct Running {
    child: RefCell<Child>,
    output: tempfile::NamedTempFile,
}

impl Running {
    /// SIGKILL, and its end.
    pub fn kill(&self) {
        let mut child = self.child.borrow_mut();
        child.kill().expect("killed");
        child.wait().expect("ended");
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Has it stand still, until it may go on.
    pub fn stand_still(&self) {
        self.signal("-STOP");
    }

    /// It may go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.borrow().id().to_string();
        run(Command::new("kill").args([signal, &id]));
    }

    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        self.child.borrow_mut().try_wait().expect("waited for").is_some()
    }

    /// What it has printed so far.
    pub fn told(&self) -> String {
        fs::read_to_string(self.output.path()).unwrap_or_default()
    }

    /// How many processes are left of those that it started.
    pub fn left_behind(&self) -> usize {
        let mark = format!("XTASK_DRIVER={}-", self.child.borrow().id());
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let environments = processes.filter_map(|process| fs::read(process.path().join("environ")).ok());
        let its = |environment: &Vec<u8>| {
            environment.split(|byte| *byte == 0).any(|it| it.starts_with(mark.as_bytes()))
        };
        environments.filter(its).count()
    }

    /// It must end with 0. Gives everything that it printed.
    pub fn succeeds(self) -> Result<String, Failed> {
        self.ends_with(0)
    }

    /// It must end with this code. Gives everything that it printed.
    pub fn ends_with(&self, code: i32) -> Result<String, Failed> {
        match self.ends()? {
            (Some(found), told) if found == code => Ok(told),
            (found, told) => Err(format!("exit code {found:?} instead of {code}:\n{told}").into()),
        }
    }

    /// Waits for its end. Gives its exit code, and everything that it printed.
    pub fn ends(&self) -> Result<(Option<i32>, String), Failed> {
        let mut ended = None;
        wait_until("xtask has ended", LIMIT, || {
            ended = self.child.borrow_mut().try_wait().expect("waited for");
            ended.is_some()
        })?;
        Ok((ended.and_then(|status| status.code()), fs::read_to_string(self.output.path())?))
    }
}

/// Asks again until it holds.
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Result<(), Failed> {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > limit {
            return Err(format!("waited {} s in vain until {what}", limit.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A command that must end well; what it printed.
pub fn run(command: &mut Command) -> String {
    let told = command.output().expect("it starts");
    assert!(told.status.success(), "{command:?}: {}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8_lossy(&told.stdout).into_owned()
}
