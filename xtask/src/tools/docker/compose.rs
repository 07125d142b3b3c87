//! Docker Compose: projects of services. It is called as a program of its own, by its path.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

/// A project on disk: its file, and the variables that the file names.
#[derive(Debug, Clone)]
pub struct Project<'a> {
    /// The program.
    pub program: &'a Utf8Path,
    /// The project's name, unique on the host.
    pub name: String,
    /// The folder that relative paths in the files begin at.
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
        let call = cmd!(
            sh,
            "{program} --project-name {name} --project-directory {folder} {files...} --env-file {variables} --ansi never {arguments...}"
        );
        self.shadowing_variables().into_iter().fold(call, Cmd::env_remove)
    }

    /// The variables that are removed from Compose's environment, which would have priority over the file, also when they are
    /// empty: those that the file sets, and Compose's own.
    fn shadowing_variables(&self) -> Vec<OsString> {
        // If it can't be read, Compose says so.
        let text = std::fs::read_to_string(self.variables).unwrap_or_default();
        let set = text.lines().filter_map(|line| Some(line.split_once('=')?.0.into()));
        let composes = std::env::vars_os().map(|(name, _)| name);
        set.chain(composes.filter(|name| name.to_string_lossy().starts_with("COMPOSE_"))).collect()
    }

    /// Creates and starts the services, and replaces containers that are not as the files say. Ends when they are started,
    /// ready or not.
    pub fn up<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["up", "--detach", "--no-build", "--pull", "never", "--quiet-pull"])
    }

    /// Creates the containers of these services that are missing and starts those that do not run. Containers that exist are
    /// not replaced.
    pub fn up_as_made<'a>(&self, sh: &'a Shell, services: &[&str]) -> Cmd<'a> {
        let words = ["up", "--detach", "--no-recreate", "--no-build", "--pull", "never", "--quiet-pull"];
        self.call(sh, &[&words, services].concat())
    }

    /// Replaces the container of one service, whatever depends on it. The old one gets `timeout` to end, or its own grace
    /// period when there is none.
    pub fn renew<'a>(&self, sh: &'a Shell, service: &str, timeout: Option<Duration>) -> Cmd<'a> {
        let seconds = timeout.map(|timeout| timeout.as_secs().to_string());
        let mut words =
            vec!["up", "--detach", "--force-recreate", "--no-deps", "--no-build", "--pull", "never"];
        words.extend(seconds.iter().flat_map(|seconds| ["--timeout", seconds.as_str()]));
        words.push(service);
        self.call(sh, &words)
    }

    /// Stops the services, each within its grace period, and keeps the containers.
    pub fn stop<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["stop"])
    }

    /// Stops the services and removes containers and networks, never volumes.
    pub fn down<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["down", "--remove-orphans"])
    }

    /// Runs a service once, in a container of this name, with `words` in place of its command if there are any. The container
    /// is kept, so that its exit code can be read later.
    pub fn run_once<'a>(&self, sh: &'a Shell, service: &str, container: &str, words: &[&str]) -> Cmd<'a> {
        let run = ["run", "--no-deps", "--no-TTY", "--name", container, service];
        self.call(sh, &[&run, words].concat())
    }

    /// Shows the last lines of the services' logs.
    pub fn logs<'a>(&self, sh: &'a Shell, wanted: &Wanted) -> Cmd<'a> {
        let Wanted { service, tail, since, follow, timestamps } = wanted;
        let tail = tail.to_string();
        let mut arguments = vec!["logs", "--tail", &tail];
        arguments.extend(since.iter().flat_map(|since| ["--since", since]));
        arguments.extend(follow.then_some("--follow"));
        arguments.extend(timestamps.then_some("--timestamps"));
        arguments.extend(service.as_deref());
        self.call(sh, &arguments)
    }

    /// Prints `service hash` a line: the hash of the configuration that each service would be created with.
    pub fn hashes<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["config", "--hash", "*"])
    }

    /// Prints the project as JSON, with every variable replaced by its value: also the services that run only by name.
    pub fn rendered<'a>(&self, sh: &'a Shell) -> Cmd<'a> {
        self.call(sh, &["--profile", "*", "config", "--format", "json"])
    }
}

/// What of a project's logs is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this service alone.
    pub service: Option<String>,
    /// How many lines of the past, of each container.
    pub tail: u32,
    /// None from before this moment (RFC 3339).
    pub since: Option<String>,
    /// Go on as more is written.
    pub follow: bool,
    /// Each line behind its time.
    pub timestamps: bool,
}

/// How many bytes of memory each service of a rendered project may take, when it runs with the others: those that run only by
/// name are left out.
pub fn memory_limits(rendered: &Value) -> BTreeMap<String, u64> {
    let services = rendered["services"].as_object().into_iter().flatten();
    let always = services.filter(|(_, service)| service["profiles"].as_array().is_none_or(Vec::is_empty));
    always.map(|(name, service)| (name.clone(), number(&service["mem_limit"]))).collect()
}

/// The ports of its machine that a rendered project publishes, each once.
pub fn published_ports(rendered: &Value) -> Vec<u16> {
    let services = rendered["services"].as_object().into_iter().flatten();
    let ports = services.flat_map(|(_, service)| service["ports"].as_array().into_iter().flatten());
    let mut ports: Vec<u16> = ports.filter_map(|port| number(&port["published"]).try_into().ok()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Compose renders numbers as texts.
pub fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::process::shell;

    #[test]
    fn what_the_file_sets_is_not_taken_from_the_callers_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "RELEASE=one\nSECRETS=/a=b\n").unwrap();
        let here = Utf8Path::new(".");
        let variables = Utf8Path::from_path(file.path()).unwrap();
        let project = Project { program: here, name: "one".into(), folder: here, files: &[], variables };
        let command = std::process::Command::from(project.up(shell()));
        let removed: Vec<_> =
            command.get_envs().filter(|(_, value)| value.is_none()).map(|it| it.0).collect();
        assert!(
            removed.contains(&"RELEASE".as_ref()) && removed.contains(&"SECRETS".as_ref()),
            "{removed:?}"
        );
    }

    #[test]
    fn what_a_project_takes_of_its_machine_is_read_as_compose_renders_it() {
        let rendered = json!({ "services": {
            "front": { "mem_limit": "536870912", "ports": [{ "published": "443" }, { "published": "80" }] },
            "web": { "mem_limit": 1024 },
            "once": { "mem_limit": "1", "profiles": ["once"] },
        } });
        let limits = memory_limits(&rendered);
        assert_eq!((limits.len(), limits["front"], limits["web"]), (2, 512 << 20, 1024));
        assert_eq!(published_ports(&rendered), [80, 443]);
    }
}
