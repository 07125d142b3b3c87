//! `docker compose`: projects of services, called as a program of its own, by path.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

/// A project on disk: its file, and the variables that the file names.
#[derive(Debug, Clone)]
pub struct Project<'a> {
    /// The program.
    pub program: &'a Utf8Path,
    /// The project's name, unique on the host.
    pub name: String,
    /// Where relative paths in the file begin.
    pub folder: &'a Utf8Path,
    /// The compose files, later ones over earlier ones.
    pub files: &'a [Utf8PathBuf],
    /// The file with the variables.
    pub variables: &'a Utf8Path,
}

impl Project<'_> {
    fn call<'a>(&self, sh: &'a Shell, arguments: &[&str]) -> Cmd<'a> {
        let Project { program, name, folder, files, variables } = self;
        let files = files.iter().flat_map(|file| ["--file", file.as_str()]);
        cmd!(
            sh,
            "{program} --project-name {name} --project-directory {folder} {files...} --env-file {variables} --ansi never {arguments...}"
        )
    }

    /// Creates and starts what is not running as the file says; comes back when it is started, ready or not.
    pub fn up<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["up", "--detach", "--no-build", "--pull", "never", "--quiet-pull"])
    }

    /// Creates one service anew, whatever depends on it, and starts it in the place of the one that runs. That one gets
    /// `limit` to end; its own grace period when there is none.
    pub fn renew<'a>(&self, sh: &'a Shell, service: &str, limit: Option<Duration>) -> Cmd<'a> {
        let seconds = limit.map(|limit| limit.as_secs().to_string());
        let mut words = vec!["up", "--detach", "--no-deps", "--no-build", "--pull", "never"];
        words.extend(seconds.iter().flat_map(|seconds| ["--timeout", seconds.as_str()]));
        words.push(service);
        self.call(sh, &words)
    }

    /// Stops the services, each within its own grace period, and keeps the containers.
    pub fn stop<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["stop"])
    }

    /// Stops the services and removes containers and networks, never volumes.
    pub fn down<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["down", "--remove-orphans"])
    }

    /// Runs a service once, under a name of its own, with `words` in place of its own command when there are any. The
    /// container stays, so that its exit code can be read later.
    pub fn run_once<'a>(&self, sh: &'a Shell, service: &str, container: &str, words: &[&str]) -> Cmd<'a> {
        let run = ["run", "--no-deps", "--no-TTY", "--name", container, service];
        self.call(sh, &[&run, words].concat())
    }

    /// What the services wrote, on the user's own terminal.
    pub fn logs<'a>(&self, sh: &'a Shell, service: Option<&str>, tail: u32, follow: bool) -> Cmd<'a> {
        let tail = tail.to_string();
        let mut arguments = vec!["logs", "--tail", &tail];
        arguments.extend(follow.then_some("--follow"));
        arguments.extend(service);
        self.call(sh, &arguments)
    }

    /// `service hash` a line: the configuration that each service would be created with.
    pub fn hashes<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["config", "--hash", "*"])
    }

    /// Checks the file and the variables, and prints nothing.
    pub fn check<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["config", "--quiet"])
    }
}
