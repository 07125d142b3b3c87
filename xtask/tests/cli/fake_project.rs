//! A folder that xtask takes for its repository, on a machine where `cargo` and the other programs are scripts.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Far longer than anything in these tests takes.
pub const LONG: Duration = Duration::from_secs(30);
/// Shorter than the time that a cancelled workflow has before what is left is killed.
pub const SOON: Duration = Duration::from_secs(6);
/// A script for `cargo` that counts its calls, and passes.
pub const COUNTING: &str = "echo \"$*\" >> .local/calls";

/// The folder, removed when it is dropped.
pub struct FakeProject(tempfile::TempDir);

impl FakeProject {
    /// With no programs at all.
    pub fn new() -> FakeProject {
        let project = FakeProject(tempfile::tempdir().expect("a temporary folder"));
        for folder in ["xtask", "bin"] {
            fs::create_dir(project.folder().join(folder)).expect("made");
        }
        project.write("xtask/Cargo.toml", "");
        project
    }

    /// With this script for `cargo`.
    pub fn with_cargo(script: &str) -> FakeProject {
        let project = FakeProject::new();
        project.add_program("cargo", script);
        project.add_program("rustc", "echo 'rustc 1.95.0 (59807616e 2026-04-14)'");
        project
    }

    /// With this script for `cargo`, in a git repository that has a source and one commit.
    pub fn with_cargo_and_git(script: &str) -> FakeProject {
        let project = FakeProject::with_cargo(script);
        project.add_git();
        fs::create_dir_all(project.folder().join("xtask/src")).expect("made");
        fs::create_dir_all(project.folder().join(".local")).expect("made");
        project.write("xtask/src/main.rs", "fn main() {}\n");
        project.write("tracehub.rs", "// a source\n");
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project.commit("First");
        project
    }

    /// Adds a program to the PATH, or replaces it.
    pub fn add_program(&self, name: &str, script: &str) {
        let program = self.folder().join("bin").join(name);
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    /// Adds this machine's git to the PATH, and has it ignore the programs and what xtask writes.
    pub fn add_git(&self) {
        let git = which::which("git").expect("git is here");
        std::os::unix::fs::symlink(git, self.folder().join("bin/git")).expect("linked");
        self.write(".gitignore", ".local/\nbin/\n");
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder().join(path), text).expect("written");
    }

    /// Runs git, which must succeed.
    pub fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        let mut git = Command::new("git");
        git.arg("-C").arg(self.folder()).args(identity).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.status().expect("git starts").success(), "{arguments:?}");
    }

    /// Commits everything, or an empty commit where nothing has changed.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// How often a `cargo` that is `COUNTING` was called.
    pub fn calls(&self) -> usize {
        fs::read_to_string(self.folder().join(".local/calls")).unwrap_or_default().lines().count()
    }

    /// `cargo xtask ARGUMENTS` with no programs on the PATH but those of the project.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).current_dir(self.folder()).env("PATH", self.folder().join("bin"));
        // In a workflow it would write to the page of the run that tests it.
        for variable in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CARGO_TARGET_DIR", "XTASK_TOOLS_DIR"]
        {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `cargo xtask ARGUMENTS` to its end.
    pub fn xtask(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::of(&mut self.command(arguments))
    }

    /// A named pipe `pipe` in the folder. The first receiver gets a message when a process has opened it to write, the
    /// second one when no process has it open any more.
    pub fn watch_pipe(&self) -> (Receiver<()>, Receiver<()>) {
        let pipe = self.make_pipe();
        let ((open, opened), (close, closed)) = (channel(), channel());
        thread::spawn(move || {
            let mut reader = fs::File::open(pipe).expect("opened");
            let _ = open.send(());
            let _ = reader.read_to_end(&mut Vec::new());
            let _ = close.send(());
        });
        (opened, closed)
    }

    fn make_pipe(&self) -> PathBuf {
        let pipe = self.folder().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts");
        assert!(made.success());
        pipe
    }
}

/// What a call of xtask printed, and its exit code (none when a signal ended it).
#[derive(Debug)]
pub struct CommandOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// Runs the command to its end.
    pub fn of(command: &mut Command) -> CommandOutput {
        command.output().expect("it starts").into()
    }

    /// Waits until the process has exited.
    pub fn of_child(child: Child) -> CommandOutput {
        child.wait_with_output().expect("it exits").into()
    }

    /// The last line of standard output: how many tasks have passed, failed, and were skipped.
    pub fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    /// Standard output as one JSON document a line.
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> CommandOutput {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        CommandOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Sends a signal to a process.
pub fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, signal).expect("sent");
}
