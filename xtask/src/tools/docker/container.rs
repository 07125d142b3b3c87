//! Containers: what is asked goes to the engine's socket, the rest is done by `docker`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use super::condition::{Condition, Health};
use super::exec;
use super::socket::{self, REQUEST_TIMEOUT, Request, Socket};
use crate::tools::process::{CommandError, Run};

/// The longest that it may take to start one.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest that it may take to remove one.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(120);

/// A container, as `docker inspect` describes it: the fields that are used here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// With a slash in front.
    pub name: String,
    /// Running or not, since when, how it ended.
    pub state: State,
    /// How often the engine has started it again.
    pub restart_count: u32,
    /// Its labels are in here.
    pub config: Config,
    /// What it may take of its machine.
    #[serde(default)]
    pub host_config: HostConfig,
    /// What of the host's files, and which volumes, it has.
    pub mounts: Vec<Mount>,
}

/// See [`Container`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostConfig {
    /// Bytes; 0 when it may take all that there is.
    pub memory: u64,
    /// By port and protocol inside, as `8000/tcp`: where it is published.
    #[serde(default)]
    pub port_bindings: Option<BTreeMap<String, Option<Vec<Published>>>>,
    /// When the engine starts it again by itself.
    #[serde(default)]
    pub restart_policy: RestartPolicy,
}

/// See [`HostConfig`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Published {
    /// A number; empty where the engine chooses one.
    pub host_port: String,
}

/// See [`HostConfig`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub name: String,
    /// Of `on-failure`: how often at most; 0 where there is no limit.
    #[serde(default)]
    pub maximum_retry_count: u32,
}

/// See [`Container`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// A path on the host.
    pub source: String,
    /// The volume, where it is one.
    #[serde(default)]
    pub name: String,
    /// Where it is in the container.
    #[serde(default)]
    pub destination: String,
}

/// See [`Container`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct State {
    /// What it is doing.
    pub status: Condition,
    /// RFC 3339.
    pub started_at: String,
    /// Of the last end.
    pub exit_code: i64,
    /// Whether the kernel ended it for want of memory.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// None when it has no health check.
    pub health: Option<HealthLog>,
}

/// See [`Container`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthLog {
    /// What the results come to.
    pub status: Health,
    /// The last results, oldest first.
    pub log: Option<Vec<HealthCheckResult>>,
}

/// See [`Container`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheckResult {
    /// 0 when it passed.
    pub exit_code: i64,
    /// What it printed.
    pub output: String,
}

/// See [`Container`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    /// The name of the image that it was made from.
    pub image: String,
    /// Name to value.
    pub labels: Option<BTreeMap<String, String>>,
    /// None when it has no health check.
    pub healthcheck: Option<HealthCheck>,
}

/// See [`Container`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck {
    /// `CMD` and the words of a command, `CMD-SHELL` and a line, or `NONE`.
    pub test: Vec<String>,
}

impl State {
    /// What its health checks come to.
    pub fn health(&self) -> Health {
        self.health.as_ref().map(|log| log.status).unwrap_or_default()
    }
}

impl Container {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// The words of the command by which the engine checks its health; empty when it has none, or only a line for a shell.
    pub fn check(&self) -> &[String] {
        let test = self.config.healthcheck.as_ref().map(|check| check.test.as_slice());
        match test {
            Some([kind, words @ ..]) if kind == "CMD" => words,
            _ => &[],
        }
    }

    /// How it ended, or once ended, for people; empty when it has not. `out_of_memory` is what is known of that.
    pub fn exit_reason(&self, out_of_memory: bool) -> String {
        match (out_of_memory, self.state.status.has_ended()) {
            (true, _) => "out of memory".to_owned(),
            (false, true) => format!("exit code {}", self.state.exit_code),
            (false, false) => String::new(),
        }
    }

    /// The TCP ports of its machine that it publishes, each once.
    pub fn published(&self) -> Vec<u16> {
        let bindings = self.host_config.port_bindings.iter().flatten();
        let of_tcp = bindings.filter(|(port, _)| port.ends_with("/tcp"));
        let published = of_tcp.flat_map(|(_, published)| published.iter().flatten());
        let ports: BTreeSet<u16> = published.filter_map(|it| it.host_port.parse().ok()).collect();
        ports.into_iter().collect()
    }

    /// The name, without the slash.
    pub fn plain_name(&self) -> &str {
        self.name.trim_start_matches('/')
    }
}

/// All containers, running or not, that carry all of these labels (`name` or `name=value`). An error when the engine does
/// not answer.
pub fn labelled(sh: &Shell, labels: &[String]) -> Result<Vec<Container>, CommandError> {
    labelled_within(sh, labels, REQUEST_TIMEOUT)
}

/// Like `labelled`, of an engine that has no longer than this for each of its answers.
pub fn labelled_within(
    sh: &Shell,
    labels: &[String],
    timeout: Duration,
) -> Result<Vec<Container>, CommandError> {
    #[derive(Deserialize)]
    struct Listed {
        #[serde(rename = "Id")]
        id: String,
    }
    let socket = Socket::of(sh)?;
    let filters = socket::percent_encoded(&serde_json::json!({ "label": labels }).to_string());
    let path = format!("/containers/json?all=1&filters={filters}");
    let listed: Vec<Listed> = socket.get(&path, timeout)?.response()?.json(200)?;
    let requests: Result<Vec<_>, _> =
        listed.iter().map(|listed| inspect(&socket, &listed.id, timeout)).collect();
    // One that was removed meanwhile is left out.
    requests?.into_iter().filter_map(|request| inspected(request).transpose()).collect()
}

/// The names of the running containers that publish this port of their machine.
pub fn publishing(sh: &Shell, port: u16) -> Result<Vec<String>, CommandError> {
    #[derive(Deserialize)]
    struct Listed {
        #[serde(rename = "Names")]
        names: Vec<String>,
    }
    let filters = serde_json::json!({ "publish": [port.to_string()] }).to_string();
    let path = format!("/containers/json?filters={}", socket::percent_encoded(&filters));
    let listed: Vec<Listed> = Socket::of(sh)?.get(&path, REQUEST_TIMEOUT)?.response()?.json(200)?;
    let name = |listed: Listed| Some(listed.names.first()?.trim_start_matches('/').to_owned());
    Ok(listed.into_iter().filter_map(name).collect())
}

/// The container of this name; none when there is none. An error when the engine does not answer.
pub fn named(sh: &Shell, name: &str) -> Result<Option<Container>, CommandError> {
    inspected(inspect(&Socket::of(sh)?, name, REQUEST_TIMEOUT)?)
}

fn inspect(socket: &Socket, name: &str, timeout: Duration) -> Result<Request, CommandError> {
    socket.get(&format!("/containers/{}/json", socket::percent_encoded(name)), timeout)
}

fn inspected(request: Request) -> Result<Option<Container>, CommandError> {
    let response = request.response()?;
    if response.status == 404 { Ok(None) } else { response.json(200).map(Some) }
}

/// The names of those containers with this label in which the kernel has ended a process for want of memory. The engine knows
/// only its last 256 events of any kind, those of some minutes; that it has started a container again, it does not forget.
/// `now` is by the engine's clock: an engine that is asked for what is still to come does not answer before that.
pub fn out_of_memory(sh: &Shell, label: &str, now: SystemTime) -> Result<BTreeSet<String>, CommandError> {
    let filters = serde_json::json!({ "type": ["container"], "event": ["oom"], "label": [label] });
    let filters = socket::percent_encoded(&filters.to_string());
    let path = format!("/events?since=0&until={}&filters={filters}", seconds(now));
    let response = Socket::of(sh)?.get(&path, REQUEST_TIMEOUT)?.response()?;
    Ok(names_in_events(response.body(200)?))
}

/// The names of the containers that events are about, a line of JSON each.
fn names_in_events(events: &[u8]) -> BTreeSet<String> {
    let events = serde_json::Deserializer::from_slice(events).into_iter::<Value>();
    let name = |event: Value| event["Actor"]["Attributes"]["name"].as_str().map(str::to_owned);
    events.filter_map(|event| name(event.ok()?)).collect()
}

/// What the processes of a container use of the host's memory, and their limit, in bytes; none of one that does not run.
pub fn memory(socket: &Socket, name: &str) -> Result<Option<(u64, u64)>, CommandError> {
    let path = format!("/containers/{}/stats?stream=false&one-shot=true", socket::percent_encoded(name));
    let response = socket.get(&path, REQUEST_TIMEOUT)?.response()?;
    if response.status == 404 {
        return Ok(None);
    }
    let stats: Value = response.json(200)?;
    Ok(memory_in(&stats["memory_stats"]))
}

/// As `docker stats` counts it: without the files that the kernel keeps at hand, by their names in both versions of control
/// groups.
fn memory_in(stats: &Value) -> Option<(u64, u64)> {
    let files =
        ["total_inactive_file", "inactive_file"].iter().find_map(|name| stats["stats"][name].as_u64());
    Some((stats["usage"].as_u64()?.saturating_sub(files.unwrap_or(0)), stats["limit"].as_u64()?))
}

/// What a container wrote between two times of the engine's clock, at most so many of its last lines, of both streams.
pub fn lines_between(
    socket: &Socket,
    name: &str,
    [since, until]: [SystemTime; 2],
    at_most: usize,
) -> Result<String, CommandError> {
    let [since, until] = [since, until].map(seconds);
    let name = socket::percent_encoded(name);
    let path =
        format!("/containers/{name}/logs?stdout=1&stderr=1&since={since}&until={until}&tail={at_most}");
    let response = socket.get(&path, REQUEST_TIMEOUT)?.response()?;
    let streams = exec::split_streams(response.body(200)?);
    Ok(streams.map(|(stdout, stderr)| format!("{stdout}{stderr}")).unwrap_or_default())
}

/// A time as the engine takes it.
fn seconds(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

/// The last lines that a container wrote, of both streams.
pub fn last_lines(sh: &Shell, name: &str, lines: usize) -> Result<String, CommandError> {
    let lines = lines.to_string();
    let told = Run::new(cmd!(sh, "docker logs --tail {lines} {name}")).finish()?;
    Ok(format!("{}{}", told.stdout, told.stderr).trim_end().to_owned())
}

/// The last lines that a container wrote, of both streams, each behind its time and in the order of those times. An error
/// also when the engine takes longer than `timeout`.
pub fn timed_lines(
    sh: &Shell,
    name: &str,
    lines: usize,
    timeout: Duration,
) -> Result<Vec<String>, CommandError> {
    let lines = lines.to_string();
    let told =
        Run::new(cmd!(sh, "docker logs --timestamps --tail {lines} {name}")).timeout(timeout).checked()?;
    let mut lines: Vec<String> = told.stdout.lines().chain(told.stderr.lines()).map(str::to_owned).collect();
    // The times have nine digits after the point, so the order of the text is the order of the times.
    lines.sort();
    Ok(lines)
}

/// Removes a container, running or not. It is no error when there is none of this name.
pub fn remove(sh: &Shell, name: &str) -> Result<(), CommandError> {
    let path = format!("/containers/{}?force=1", socket::percent_encoded(name));
    let response = Socket::of(sh)?.delete(&path, REMOVE_TIMEOUT)?.response()?;
    match response.status {
        204 | 404 => Ok(()),
        _ => Err(response.error(response.message())),
    }
}

/// Creates a container of this name and starts it. `description` is what the engine's interface takes to create one.
pub fn start(sh: &Shell, name: &str, description: &Value) -> Result<(), CommandError> {
    #[derive(Deserialize)]
    struct CreatedContainer {
        #[serde(rename = "Id")]
        id: String,
    }
    let socket = Socket::of(sh)?;
    let path = format!("/containers/create?name={}", socket::percent_encoded(name));
    let created = socket.post(&path, Some(description), REQUEST_TIMEOUT)?.response()?;
    let CreatedContainer { id } = created.json(201)?;
    let started = socket.post(&format!("/containers/{id}/start"), None, START_TIMEOUT)?.response()?;
    started.body(204).map(drop)
}

/// Gives a container another name.
pub fn rename(sh: &Shell, from: &str, to: &str) -> Result<(), CommandError> {
    Run::new(cmd!(sh, "docker rename {from} {to}")).run()
}

/// A command inside a running container whose streams are used while it runs; [`exec`](mod@exec) is faster for one that
/// only has a result.
pub fn exec<'a>(sh: &'a Shell, container: &str, user: &str, command: &[&str]) -> Cmd<'a> {
    cmd!(sh, "docker exec --interactive --user {user} {container} {command...}")
}

/// Waits until the container has ended, and prints its exit code.
pub fn wait<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    cmd!(sh, "docker wait {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_that_ran_out_of_memory_are_read_from_the_engines_events() {
        let event =
            |name: &str| format!(r#"{{"status":"oom","Actor":{{"Attributes":{{"name":"{name}"}}}}}}"#);
        let events = format!("{}\n{}\n{}\n", event("a"), event("b"), event("a"));
        assert_eq!(names_in_events(events.as_bytes()), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(names_in_events(b""), BTreeSet::new());
    }
}
