//! One HTTP request on a connection to the loopback, without retries: every failure is seen as it is.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use libtest_mimic::Failed;

/// The header in which the app names its release.
const RELEASE_HEADER: &str = "x-tracehub-release";

/// A connection, and what was read from it and not looked at yet.
pub type Connection = BufReader<TcpStream>;

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body; empty where only the head was read.
    pub body: String,
}

impl Response {
    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The release that answered, by its header.
    pub fn release(&self) -> Option<String> {
        self.header(RELEASE_HEADER).map(str::to_owned)
    }

    /// Whether the status is 200, and this release has answered.
    pub fn is_ok_from(&self, release: &str) -> bool {
        self.status == 200 && self.header(RELEASE_HEADER) == Some(release)
    }
}

/// A request.
pub struct Request {
    method: &'static str,
    path: String,
    body: &'static str,
}

impl Request {
    /// A GET.
    pub fn get(path: &str) -> Request {
        Request { method: "GET", path: path.to_owned(), body: "" }
    }

    /// A POST of a JSON body.
    pub fn post(path: &str, body: &'static str) -> Request {
        Request { method: "POST", path: path.to_owned(), body }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A GET on a connection of its own.
pub fn get(url: &str, path: &str) -> Result<Response, Failed> {
    let mut connection = connect(url)?;
    Ok(exchange(&mut connection, &Request::get(path), false)?)
}

/// Connects to the URL's port on the loopback.
pub fn connect(url: &str) -> std::io::Result<Connection> {
    let port: u16 = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Sends a request and reads the whole response.
pub fn exchange(
    connection: &mut Connection,
    request: &Request,
    keep_alive: bool,
) -> std::io::Result<Response> {
    send(connection, request, keep_alive)?;
    let head = read_head(connection)?;
    let mut body = Vec::new();
    match head.header("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => {
            body.resize(length, 0);
            connection.read_exact(&mut body)?;
        }
        None => drop(connection.read_to_end(&mut body)?),
    }
    Ok(Response { body: String::from_utf8_lossy(&body).into_owned(), ..head })
}

/// Sends a request.
pub fn send(connection: &mut Connection, request: &Request, keep_alive: bool) -> std::io::Result<()> {
    let Request { method, path, body } = request;
    let keep = if keep_alive { "keep-alive" } else { "close" };
    let about_body = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{about_body}Connection: {keep}\r\n\r\n{body}"
    );
    connection.get_mut().write_all(text.as_bytes())
}

/// Reads a response up to its body.
pub fn read_head(connection: &mut Connection) -> std::io::Result<Response> {
    let mut line = || {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("the connection ended in the middle of a response"));
        }
        std::io::Result::Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no response, but {first:?}")))?;
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        if header.is_empty() {
            return Ok(Response { status, headers, body: String::new() });
        }
        let (name, value) =
            header.split_once(':').ok_or_else(|| std::io::Error::other("a header without a name"))?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
}
