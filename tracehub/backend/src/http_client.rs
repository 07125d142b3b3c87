//! A small HTTP client, for images that hold no other: plain HTTP, one connection a request, everything bounded.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::http::Uri;

/// All of it together: connecting, asking, reading.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// What is read of an answer at most: its head, and enough of its body to tell what it is.
const ANSWER_LIMIT: u64 = 16 * 1024;
/// How much of a wrong answer is shown.
const SHOWN: usize = 200;

/// What was answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    head: String,
    /// The body, as far as it was read.
    pub body: String,
}

/// What is asked.
pub struct Request<'a> {
    /// `GET`, `POST`, `OPTIONS`.
    pub method: &'a str,
    /// Where.
    pub url: &'a Uri,
    /// A token of ours, for `authorization`.
    pub token: Option<&'a str>,
    /// What a browser keeps, for `cookie`.
    pub cookie: Option<&'a str>,
    /// JSON.
    pub body: Option<&'a str>,
}

/// A plain GET.
pub fn get(url: &Uri) -> anyhow::Result<Answer> {
    send(&Request { method: "GET", url, token: None, cookie: None, body: None })
}

/// Sends a request, on a connection of its own.
///
/// # Errors
/// When there is no whole answer within three seconds.
pub fn send(request: &Request) -> anyhow::Result<Answer> {
    let url = request.url;
    let began = Instant::now();
    let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else { bail!("not an http:// address") };
    let port = url.port_u16().unwrap_or(80);
    // Brackets around a version 6 address belong to the URL, not to the address.
    let mut addresses = (host.trim_matches(['[', ']']), port).to_socket_addrs()?;
    let address = addresses.next().context("the name has no address")?;

    let mut stream = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map_or(host, |authority| authority.as_str());
    // In one piece: a server may answer, and close, after the first line.
    let mut text = format!(
        "{} {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: healthcheck\r\nconnection: close\r\n",
        request.method
    );
    if let Some(token) = request.token {
        text.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if let Some(cookie) = request.cookie {
        text.push_str(&format!("cookie: {cookie}\r\n"));
    }
    if let Some(body) = request.body {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    text.push_str(&format!("\r\n{}", request.body.unwrap_or_default()));
    stream.write_all(text.as_bytes())?;
    Answer::parse(&read(stream, began)?)
}

/// Reads until the other side closes, which it was asked to. Each read alone may be quick and all of them for ever:
/// the limit is for all.
fn read(mut stream: TcpStream, began: Instant) -> anyhow::Result<Vec<u8>> {
    let (mut answer, mut part) = (Vec::new(), [0; 2048]);
    while (answer.len() as u64) < ANSWER_LIMIT {
        let left = TIME_LIMIT.saturating_sub(began.elapsed());
        if left.is_zero() {
            bail!("no whole answer in {} s", TIME_LIMIT.as_secs());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&part[..read]),
            // The time limit, which the top of the loop has words for.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer)
}

impl Answer {
    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        let status = status.with_context(|| format!("not an HTTP answer: {:?}", shortened(&text)))?;
        Ok(Self { status, head: head.into(), body: body.into() })
    }

    /// The value of a header, in whatever case its name is written.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(location) = self.header("location") {
            write!(f, ", a redirect to {location}")?;
        }
        write!(f, ": {:?}", shortened(&self.body))
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN)]
}
