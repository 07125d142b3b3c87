//! Containers, networks and volumes: questions go to the engine's socket, the rest is `docker`'s.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use super::condition::{Condition, Health};
use super::socket::{self, Question, Socket};
use crate::tools::process::{CommandError, Run};

/// The longest that the engine may take to tell of a container.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that it may take to start one.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest that it may take to remove one.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(120);

/// What `docker inspect` tells of a container, as far as anybody here asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspected {
    /// With a slash in front.
    pub name: String,
    /// Running or not, since when, how it ended.
    pub state: State,
    /// How often the engine has started it again.
    pub restart_count: u32,
    /// Its labels are in here.
    pub config: Config,
    /// What of the host's files, and which volumes, it has.
    pub mounts: Vec<Mount>,
}

/// See [`Inspected`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// A path on the host.
    pub source: String,
}

/// See [`Inspected`].
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
    /// Absent when it has no check.
    pub health: Option<Checks>,
}

/// See [`Inspected`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Checks {
    /// What they come to.
    pub status: Health,
    /// The last checks, oldest first.
    pub log: Option<Vec<HealthCheck>>,
}

/// See [`Inspected`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck {
    /// 0 when it passed.
    pub exit_code: i64,
    /// What it printed.
    pub output: String,
}

/// See [`Inspected`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    /// The name of the image that it was made from.
    pub image: String,
    /// Name to value.
    pub labels: Option<std::collections::BTreeMap<String, String>>,
    /// Absent when it has no check.
    pub healthcheck: Option<Check>,
}

/// See [`Inspected`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Check {
    /// `CMD` and the words of a command, `CMD-SHELL` and a line, or `NONE`.
    pub test: Vec<String>,
}

impl State {
    /// What the checks of its health come to.
    pub fn health(&self) -> Health {
        self.health.as_ref().map(|checks| checks.status).unwrap_or_default()
    }
}

impl Inspected {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// The command by which the engine checks it; empty when it has none, or only a line for a shell.
    pub fn check(&self) -> &[String] {
        let test = self.config.healthcheck.as_ref().map(|check| check.test.as_slice());
        match test {
            Some([kind, words @ ..]) if kind == "CMD" => words,
            _ => &[],
        }
    }

    /// The name, without the slash.
    pub fn plain_name(&self) -> &str {
        self.name.trim_start_matches('/')
    }
}

/// All containers, running or not, that carry all of these labels (`name` or `name=value`).
pub fn labelled(sh: &Shell, labels: &[String]) -> Result<Vec<Inspected>, CommandError> {
    #[derive(Deserialize)]
    struct Listed {
        #[serde(rename = "Id")]
        id: String,
    }
    let socket = Socket::of(sh)?;
    let filters = socket::encoded(&serde_json::json!({ "label": labels }).to_string());
    let answer =
        socket.get(&format!("/containers/json?all=1&filters={filters}"), REQUEST_TIMEOUT)?.answer()?;
    let listed: Vec<Listed> = answer.json(200)?;
    let asked: Result<Vec<_>, _> = listed.iter().map(|listed| inspect(&socket, &listed.id)).collect();
    // One that has been removed in between is not there; the others are told all the same.
    asked?.into_iter().filter_map(|question| inspected(question).transpose()).collect()
}

/// One container by its name; none when there is none.
pub fn named(sh: &Shell, name: &str) -> Result<Option<Inspected>, CommandError> {
    inspected(inspect(&Socket::of(sh)?, name)?)
}

fn inspect(socket: &Socket, name: &str) -> Result<Question, CommandError> {
    socket.get(&format!("/containers/{}/json", socket::encoded(name)), REQUEST_TIMEOUT)
}

fn inspected(question: Question) -> Result<Option<Inspected>, CommandError> {
    let answer = question.answer()?;
    if answer.status == 404 { Ok(None) } else { answer.json(200).map(Some) }
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

/// Removes a container, running or not. One that is not there is what was wanted.
pub fn remove(sh: &Shell, name: &str) -> Result<(), CommandError> {
    let path = format!("/containers/{}?force=1", socket::encoded(name));
    let answer = Socket::of(sh)?.delete(&path, REMOVE_TIMEOUT)?.answer()?;
    match answer.status {
        204 | 404 => Ok(()),
        _ => Err(answer.refused(answer.why())),
    }
}

/// Makes a container of this name, as the engine's interface describes one, and starts it.
pub fn start(sh: &Shell, name: &str, description: &Value) -> Result<(), CommandError> {
    #[derive(Deserialize)]
    struct Made {
        #[serde(rename = "Id")]
        id: String,
    }
    let socket = Socket::of(sh)?;
    let path = format!("/containers/create?name={}", socket::encoded(name));
    let Made { id } = socket.post(&path, Some(description), REQUEST_TIMEOUT)?.answer()?.json(201)?;
    let started = socket.post(&format!("/containers/{id}/start"), None, START_TIMEOUT)?.answer()?;
    started.body(204).map(drop)
}

/// Gives a container another name.
pub fn rename(sh: &Shell, from: &str, to: &str) -> Result<(), CommandError> {
    Run::new(cmd!(sh, "docker rename {from} {to}")).run()
}

/// A command inside a running container, for what streams; see [`exec`](super::exec) for what only answers.
pub fn exec<'a>(sh: &'a Shell, container: &str, user: &str, command: &[&str]) -> Cmd<'a> {
    cmd!(sh, "docker exec --interactive --user {user} {container} {command...}")
}

/// `docker wait`: comes back with the container's exit code when it has ended.
pub fn wait<'a>(sh: &'a Shell, name: &str) -> Cmd<'a> {
    cmd!(sh, "docker wait {name}")
}

/// Creates a named volume with a label. One that is there already is left as it is.
pub fn create_volume(sh: &Shell, name: &str, label: &str) -> Result<(), CommandError> {
    Run::new(cmd!(sh, "docker volume create --label {label} {name}")).run()
}

/// The names of all volumes that carry this label.
pub fn labelled_volumes(sh: &Shell, label: &str) -> Result<Vec<String>, CommandError> {
    let told = Run::new(cmd!(sh, "docker volume ls --quiet --filter label={label}")).text()?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// Whether any container, running or not, is made of this image.
pub fn is_image_in_use(sh: &Shell, image: &str) -> Result<bool, CommandError> {
    Ok(!Run::new(cmd!(sh, "docker ps --all --quiet --filter ancestor={image}")).text()?.is_empty())
}

/// Removes a volume with everything in it.
pub fn remove_volume(sh: &Shell, name: &str) -> Result<(), CommandError> {
    Run::new(cmd!(sh, "docker volume rm --force {name}")).run()
}

/// Whether the engine has an image of this name or id.
pub fn has_image(sh: &Shell, image: &str) -> Result<bool, CommandError> {
    let path = format!("/images/{}/json", socket::encoded(image));
    let answer = Socket::of(sh)?.get(&path, REQUEST_TIMEOUT)?.answer()?;
    Ok(answer.status == 200)
}

/// Begins to bring an image, named by digest, from a registry that asks nobody who they are: `docker pull`, which knows
/// where credentials are, takes as long to start as a small image to come.
pub fn pull(sh: &Shell, image: &str, timeout: Duration) -> Result<Question, CommandError> {
    let (name, digest) = image.split_once('@').unwrap_or((image, "latest"));
    let path = format!("/images/create?fromImage={}&tag={}", socket::encoded(name), socket::encoded(digest));
    Ok(Socket::of(sh)?.post(&path, None, timeout)?.called("docker pull"))
}

/// Waits until the image is there.
pub fn pulled(pull: Question) -> Result<(), CommandError> {
    let answer = pull.answer()?;
    // It says 200 when it begins: what goes wrong after that is told by one of the lines that tell of its progress.
    let lines = String::from_utf8_lossy(answer.body(200)?).into_owned();
    let wrong = lines
        .lines()
        .find_map(|line| serde_json::from_str::<Value>(line).ok()?["error"].as_str().map(str::to_owned));
    wrong.map_or(Ok(()), |why| {
        let (command, ending) = ("docker pull".to_owned(), "failed".to_owned());
        Err(CommandError::Failed { command, ending, code: None, tail: why })
    })
}

/// Removes an image, unless another one or a container needs it.
pub fn remove_image(sh: &Shell, image: &str) -> Result<(), CommandError> {
    Run::new(cmd!(sh, "docker image rm {image}")).run()
}
