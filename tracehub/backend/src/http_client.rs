//! Asking over plain HTTP, for images that hold no other client: one connection a request, everything bounded.

use std::io::Read as _;
use std::time::Duration;

use anyhow::ensure;
use axum::http::{HeaderMap, Request as Asked, Uri, header};
use ureq::Agent;

/// All of it together: connecting, asking, reading.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// What is read of a body at most: enough to tell what it is.
const BODY_LIMIT: u64 = 16 * 1024;
/// How much of a wrong answer is shown.
const SHOWN: usize = 200;

/// What was answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: HeaderMap,
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

/// Sends a request, on a connection of its own. It follows no redirect, and goes through no proxy that a variable names.
///
/// # Errors
/// When there is no whole answer within three seconds.
pub fn send(request: &Request) -> anyhow::Result<Answer> {
    let Request { method, url, token, cookie, body } = *request;
    ensure!(url.scheme_str() == Some("http"), "not an http:// address");
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(TIME_LIMIT))
        .max_redirects(0)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .user_agent("healthcheck")
        .build()
        .into();
    let mut asked = Asked::builder().method(method).uri(url);
    if let Some(token) = token {
        asked = asked.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(cookie) = cookie {
        asked = asked.header(header::COOKIE, cookie);
    }
    let answer = match body {
        Some(body) => agent.run(asked.header(header::CONTENT_TYPE, "application/json").body(body)?)?,
        None => agent.run(asked.body(())?)?,
    };
    let (head, body) = answer.into_parts();
    let mut bytes = Vec::new();
    body.into_reader().take(BODY_LIMIT).read_to_end(&mut bytes)?;
    let body = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

impl Answer {
    /// The value of a header, in whatever case its name is written.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(location) = self.header("location") {
            write!(f, ", a redirect to {location}")?;
        }
        write!(f, ": {:?}", &self.body[..self.body.floor_char_boundary(SHOWN)])
    }
}
