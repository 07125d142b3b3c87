//! The engine's own interface over its socket (Docker Engine API), for what is asked often and must be known at once:
//! starting `docker` for it takes ten times as long as the response.
//!
//! HTTP/1.0, so that a response ends where its connection does. Several requests may be under way: over a distant link
//! they cost one round trip together.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde::Deserialize;
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::tools::process::{CommandError, Run, interrupt, shell};

/// Where engines listen, unless they are told otherwise.
pub const DEFAULT_PATH: &str = "/var/run/docker.sock";
/// How often a wait looks whether somebody wants it to end.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The longest that an engine may take to tell of a container, an image or a volume.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that an engine may take to say whether it has an image.
const IMAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// An engine's socket.
#[derive(Debug, Clone)]
pub struct Socket(Utf8PathBuf);

/// What the engine answered.
#[derive(Debug)]
pub struct Response {
    /// What errors call the request.
    name: String,
    /// The status code of HTTP.
    pub status: u16,
    /// JSON, as a rule.
    body: Vec<u8>,
}

/// A request that was sent, and that the engine may not have answered yet.
pub struct Request {
    stream: UnixStream,
    /// What errors call it.
    name: String,
    timeout: Duration,
    /// When it has taken as long as its timeout.
    deadline: Instant,
}

impl Socket {
    /// At this path.
    pub fn at(path: Utf8PathBuf) -> Socket {
        Socket(path)
    }

    /// The one of the engine that `docker`, started from this shell, reaches. An error when that is no socket of this
    /// machine.
    pub fn of(sh: &Shell) -> Result<Socket, CommandError> {
        let host = sh.var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let host = host.as_deref().unwrap_or(&CONTEXT_HOST);
        let path = host.strip_prefix("unix://").ok_or_else(|| CommandError::Io {
            command: "docker".to_owned(),
            source: std::io::Error::other(format!("its engine is at {host}, and not at a socket here")),
        })?;
        Ok(Socket(path.into()))
    }

    /// Sends a GET; the engine has until `timeout` to answer. An error when the socket can't be reached.
    pub fn get(&self, path: &str, timeout: Duration) -> Result<Request, CommandError> {
        self.send("GET", path, None, timeout)
    }

    /// Sends a POST, of this JSON if any; otherwise like [`Socket::get`].
    pub fn post(&self, path: &str, json: Option<&Value>, timeout: Duration) -> Result<Request, CommandError> {
        self.send("POST", path, json, timeout)
    }

    /// Sends a DELETE; otherwise like [`Socket::get`].
    pub fn delete(&self, path: &str, timeout: Duration) -> Result<Request, CommandError> {
        self.send("DELETE", path, None, timeout)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        json: Option<&Value>,
        timeout: Duration,
    ) -> Result<Request, CommandError> {
        let body = json.map(ToString::to_string).unwrap_or_default();
        let headers = json.map_or(String::new(), |_| {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        });
        let request = format!("{method} {path} HTTP/1.0\r\nHost: engine\r\n{headers}\r\n{body}");
        let name = format!("{method} {}", path.split('?').next().unwrap_or(path));
        let connect = || {
            let mut stream = UnixStream::connect(&self.0)?;
            stream.set_read_timeout(Some(POLL_INTERVAL))?;
            stream.set_write_timeout(Some(timeout))?;
            stream.write_all(request.as_bytes())?;
            Ok(stream)
        };
        let stream = connect().map_err(|source| CommandError::Io { command: name.clone(), source })?;
        Ok(Request { stream, name, timeout, deadline: Instant::now() + timeout })
    }
}

impl Request {
    /// What errors call it, when its path says nothing to people.
    pub fn called(self, name: &str) -> Request {
        Request { name: name.to_owned(), ..self }
    }

    /// Waits for the response, whatever its status. An error when the connection ends before it is whole, it takes longer
    /// than the timeout, or somebody wants this program to end.
    pub fn response(mut self) -> Result<Response, CommandError> {
        let (mut received, mut chunk) = (Vec::new(), [0; 16 << 10]);
        loop {
            interrupt::check().map_err(|_| CommandError::Interrupted)?;
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    let cut_off = CommandError::cut_off(&self.name);
                    return parse(&received, self.name).ok_or(cut_off);
                }
                Ok(read) => received.extend_from_slice(&chunk[..read]),
                Err(error) if is_to_be_repeated(&error) => {}
                Err(_) => return Err(CommandError::cut_off(&self.name)),
            }
            if Instant::now() >= self.deadline {
                let (command, tail) = (self.name, String::new());
                return Err(CommandError::TimedOut { command, timeout: self.timeout, tail });
            }
        }
    }
}

impl Response {
    /// Its body. An error when it has another status than the expected one.
    pub fn body(&self, expected_status: u16) -> Result<&[u8], CommandError> {
        if self.status == expected_status { Ok(&self.body) } else { Err(self.error(self.message())) }
    }

    /// Its body, read as JSON. An error when it has another status than the expected one, or is no such JSON.
    pub fn json<'a, T: Deserialize<'a>>(&'a self, expected_status: u16) -> Result<T, CommandError> {
        serde_json::from_slice(self.body(expected_status)?).map_err(|error| self.error(error.to_string()))
    }

    /// The engine's own message about what went wrong.
    pub fn message(&self) -> String {
        let told: Option<Value> = serde_json::from_slice(&self.body).ok();
        let message = told.as_ref().and_then(|told| told["message"].as_str());
        message.map_or_else(|| String::from_utf8_lossy(&self.body).trim().to_owned(), str::to_owned)
    }

    /// The error for a response that is not the expected one.
    pub fn error(&self, message: String) -> CommandError {
        let source = std::io::Error::other(format!("the engine answers {}: {message}", self.status));
        CommandError::Io { command: self.name.clone(), source }
    }
}

/// Whether there was nothing to read within the poll interval.
fn is_to_be_repeated(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// None of a response that was cut off.
fn parse(received: &[u8], name: String) -> Option<Response> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&received[..end]), &received[end + 4..]);
    // `HTTP/1.0 200 OK`
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (header, value) = line.split_once(':')?;
        header.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let is_whole = length.is_none_or(|length| body.len() >= length);
    is_whole.then(|| Response { name, status, body: body.to_owned() })
}

/// The text as it may stand in a path or a query.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// The address at which docker's client finds its engine when `DOCKER_HOST` is not set: its configuration or a variable may
/// choose a context that leads elsewhere. Only then is the client asked, which takes a while.
static CONTEXT_HOST: LazyLock<String> = LazyLock::new(|| {
    let usual = format!("unix://{DEFAULT_PATH}");
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
    let asked = Socket::of(shell())
        .ok()?
        .get(&format!("/images/{}/json", percent_encoded(id)), IMAGE_TIMEOUT)
        .ok()?;
    match asked.response().ok()?.status {
        200 => Some(true),
        404 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// What is read when the engine sends this in two halves.
    fn received(response: &'static str, timeout: Duration) -> Result<Response, CommandError> {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join("engine")).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let engine = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = "GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n";
            stream.read_exact(&mut vec![0; request.len()]).unwrap();
            let (first, second) = response.split_at(response.len() / 2);
            stream.write_all(first.as_bytes()).unwrap();
            stream.write_all(second.as_bytes()).unwrap();
            // Silent, until the other side has had enough.
            if response.is_empty() {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        let response = Socket::at(path).get("/_ping", timeout).unwrap().response();
        engine.join().unwrap();
        response
    }

    #[test]
    fn a_response_is_read_to_its_end_and_half_of_one_is_none() {
        let minute = Duration::from_secs(60);
        let message = "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container: x\"}\n";
        let response = received(message, minute).unwrap();
        assert_eq!((response.status, response.message().as_str()), (404, "No such container: x"));
        for cut in ["HTTP/1.0 200", "HTTP/1.0 200 OK\r\nContent-Length: 40\r\n\r\n[{"] {
            let error = received(cut, minute).unwrap_err().to_string();
            assert!(error.contains("`GET /_ping` was cut off"), "{error}");
        }
    }

    #[test]
    fn an_engine_that_says_nothing_is_given_up() {
        let error = received("", Duration::from_millis(120)).unwrap_err();
        assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn names_stand_in_a_path_as_the_engine_takes_them() {
        assert_eq!(percent_encoded("localhost:5000/a@sha256:0f"), "localhost%3A5000/a%40sha256%3A0f");
        assert_eq!(percent_encoded(r#"{"label":["a=b"]}"#), "%7B%22label%22%3A%5B%22a%3Db%22%5D%7D");
    }
}
