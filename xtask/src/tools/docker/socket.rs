//! The engine's own interface over its socket (Docker Engine API), for what is asked all the time and must be known at
//! once: starting `docker` for it takes ten times as long as the answer.
//!
//! HTTP/1.0, so that an answer ends where its connection does. Several questions may be under way: over a distant link
//! they cost one trip together.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde::Deserialize;
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::tools::process::{CommandError, Run, interrupt, shell};

/// Where engines listen.
pub const USUAL: &str = "/var/run/docker.sock";
/// How often a wait looks whether somebody wants it to end.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The longest that an engine may take to say whether it has an image.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);

/// An engine's socket.
#[derive(Debug, Clone)]
pub struct Socket(Utf8PathBuf);

/// What the engine answered.
#[derive(Debug)]
pub struct Answer {
    /// What was asked.
    what: String,
    /// Of HTTP.
    pub status: u16,
    /// JSON, as a rule.
    body: Vec<u8>,
}

/// A question that is under way.
pub struct Question {
    stream: UnixStream,
    what: String,
    timeout: Duration,
    until: Instant,
}

impl Socket {
    /// At this path.
    pub fn at(path: Utf8PathBuf) -> Socket {
        Socket(path)
    }

    /// Of the engine that `docker`, started from this shell, reaches.
    ///
    /// # Errors
    ///
    /// When that is not a socket of this machine's.
    pub fn of(sh: &Shell) -> Result<Socket, CommandError> {
        let host = sh.var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let host = host.as_deref().unwrap_or(&CONTEXT);
        let path = host.strip_prefix("unix://").ok_or_else(|| CommandError::Io {
            command: "docker".to_owned(),
            source: std::io::Error::other(format!("its engine is at {host}, and not at a socket here")),
        })?;
        Ok(Socket(path.into()))
    }

    /// Begins a GET; the engine has `limit` to answer.
    pub fn get(&self, path: &str, timeout: Duration) -> Result<Question, CommandError> {
        self.ask("GET", path, None, timeout)
    }

    /// Begins a POST, of this JSON if any; the engine has `limit` to answer.
    pub fn post(
        &self,
        path: &str,
        json: Option<&Value>,
        timeout: Duration,
    ) -> Result<Question, CommandError> {
        self.ask("POST", path, json, timeout)
    }

    /// Begins a DELETE; the engine has `limit` to answer.
    pub fn delete(&self, path: &str, timeout: Duration) -> Result<Question, CommandError> {
        self.ask("DELETE", path, None, timeout)
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        json: Option<&Value>,
        timeout: Duration,
    ) -> Result<Question, CommandError> {
        let body = json.map(ToString::to_string).unwrap_or_default();
        let about = json.map_or(String::new(), |_| {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        });
        let asked = format!("{method} {path} HTTP/1.0\r\nHost: engine\r\n{about}\r\n{body}");
        let what = format!("{method} {}", path.split('?').next().unwrap_or(path));
        let begin = || {
            let mut stream = UnixStream::connect(&self.0)?;
            stream.set_read_timeout(Some(POLL_INTERVAL))?;
            stream.set_write_timeout(Some(timeout))?;
            stream.write_all(asked.as_bytes())?;
            Ok(stream)
        };
        let stream = begin().map_err(|source| CommandError::Io { command: what.clone(), source })?;
        Ok(Question { stream, what, timeout, until: Instant::now() + timeout })
    }
}

impl Question {
    /// What an error calls it, when its path says nothing to people.
    pub fn called(self, name: &str) -> Question {
        Question { what: name.to_owned(), ..self }
    }

    /// Waits for the answer.
    pub fn answer(mut self) -> Result<Answer, CommandError> {
        let (mut told, mut chunk) = (Vec::new(), [0; 16 << 10]);
        loop {
            interrupt::check().map_err(|_| CommandError::Interrupted)?;
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    let cut = CommandError::cut_off(&self.what);
                    return parse(&told, self.what).ok_or(cut);
                }
                Ok(read) => told.extend_from_slice(&chunk[..read]),
                Err(error) if is_no_answer_yet(&error) => {}
                Err(_) => return Err(CommandError::cut_off(&self.what)),
            }
            if Instant::now() >= self.until {
                let (command, tail) = (self.what, String::new());
                return Err(CommandError::TimedOut { command, timeout: self.timeout, tail });
            }
        }
    }
}

impl Answer {
    /// What it carries; an error when its status is another than the one hoped for.
    pub fn body(&self, hoped: u16) -> Result<&[u8], CommandError> {
        if self.status == hoped { Ok(&self.body) } else { Err(self.refused(self.why())) }
    }

    /// The same, read as JSON.
    pub fn json<'a, T: Deserialize<'a>>(&'a self, hoped: u16) -> Result<T, CommandError> {
        serde_json::from_slice(self.body(hoped)?).map_err(|error| self.refused(error.to_string()))
    }

    /// The engine's own words for what went wrong.
    pub fn why(&self) -> String {
        let told: Option<Value> = serde_json::from_slice(&self.body).ok();
        let message = told.as_ref().and_then(|told| told["message"].as_str());
        message.map_or_else(|| String::from_utf8_lossy(&self.body).trim().to_owned(), str::to_owned)
    }

    /// The error for an answer that was not hoped for.
    pub fn refused(&self, why: String) -> CommandError {
        let source = std::io::Error::other(format!("the engine answers {}: {why}", self.status));
        CommandError::Io { command: self.what.clone(), source }
    }
}

fn is_no_answer_yet(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// None of an answer that was cut off.
fn parse(told: &[u8], what: String) -> Option<Answer> {
    let end = told.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&told[..end]), &told[end + 4..]);
    // `HTTP/1.0 200 OK`
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let is_whole = length.is_none_or(|length| body.len() >= length);
    is_whole.then(|| Answer { what, status, body: body.to_owned() })
}

/// As it may stand in a path or a query.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// Where docker's client finds its engine when no `DOCKER_HOST` says it: it may be set to a context that leads
/// elsewhere, by its configuration or a variable. Asking it takes a while, so it is asked only then.
static CONTEXT: LazyLock<String> = LazyLock::new(|| {
    let usual = format!("unix://{USUAL}");
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let folder = variable("DOCKER_CONFIG").or_else(|| Some(format!("{}/.docker", variable("HOME")?)));
    let configuration =
        folder.and_then(|folder| std::fs::read_to_string(format!("{folder}/config.json")).ok());
    let is_set = variable("DOCKER_CONTEXT").is_some()
        || configuration.is_some_and(|text| text.contains("\"currentContext\""));
    if !is_set {
        return usual;
    }
    let format = "{{.Endpoints.docker.Host}}";
    Run::new(cmd!(shell(), "docker context inspect --format {format}")).text().unwrap_or(usual)
});

/// Whether the engine has an image of this id; none when no engine answers.
pub fn has_image(id: &str) -> Option<bool> {
    let asked =
        Socket::of(shell()).ok()?.get(&format!("/images/{}/json", encoded(id)), FIRST_BYTE_TIMEOUT).ok()?;
    match asked.answer().ok()?.status {
        200 => Some(true),
        404 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// What is made of this answer, given in two halves.
    fn told(answer: &'static str, timeout: Duration) -> Result<Answer, CommandError> {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join("engine")).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let engine = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = "GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n";
            stream.read_exact(&mut vec![0; asked.len()]).unwrap();
            let (first, second) = answer.split_at(answer.len() / 2);
            stream.write_all(first.as_bytes()).unwrap();
            stream.write_all(second.as_bytes()).unwrap();
            // Silent, until the other side has had enough.
            if answer.is_empty() {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        let answer = Socket::at(path).get("/_ping", timeout).unwrap().answer();
        engine.join().unwrap();
        answer
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_half_of_one_is_none() {
        let minute = Duration::from_secs(60);
        let answer =
            told("HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container: x\"}\n", minute).unwrap();
        assert_eq!((answer.status, answer.why().as_str()), (404, "No such container: x"));
        for cut in ["HTTP/1.0 200", "HTTP/1.0 200 OK\r\nContent-Length: 40\r\n\r\n[{"] {
            let error = told(cut, minute).unwrap_err().to_string();
            assert!(error.contains("`GET /_ping` was cut off"), "{error}");
        }
    }

    #[test]
    fn an_engine_that_says_nothing_is_given_up() {
        let error = told("", Duration::from_millis(120)).unwrap_err();
        assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn names_stand_in_a_path_as_the_engine_takes_them() {
        assert_eq!(encoded("localhost:5000/a@sha256:0f"), "localhost%3A5000/a%40sha256%3A0f");
        assert_eq!(encoded(r#"{"label":["a=b"]}"#), "%7B%22label%22%3A%5B%22a%3Db%22%5D%7D");
    }
}
