//! GitHub's REST API, of one repository: a request and its answer, pages, limits, and refusals in words.
//!
//! A version of the API is named in each request, so that what is answered does not change by itself.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http::{Answer, Client};
use super::process::interrupt;

pub use super::http::Method;

/// The version of the API that is spoken.
pub const VERSION: &str = "2026-03-10";
/// What is asked for on a page: an answer stays short enough to be read.
pub const PER_PAGE: usize = 30;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request is sent that is told to come again later.
const ATTEMPTS: usize = 4;
/// The longest that is waited for a limit before somebody is told to come again.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// One repository, asked by who has a token.
pub struct Api {
    /// Where the API is: `https://api.github.com`.
    address: String,
    /// `owner/name`.
    repository: String,
    token: String,
    /// How long is waited before something is looked at again that ought to have changed.
    pub pause: Duration,
    longest_wait: Duration,
    sent: Cell<usize>,
}

/// A refusal, as GitHub words it.
#[derive(Debug, thiserror::Error)]
#[error("GitHub answers {status} to {method} {path}: {message}{}", self.todo())]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// Its own words.
    pub message: String,
    method: Method,
    path: String,
    /// Which permissions of a token would do, as GitHub says it.
    permissions: Option<String>,
}

impl Refused {
    fn todo(&self) -> String {
        match (&self.permissions, self.status) {
            (Some(permissions), 401 | 403 | 404) => format!("\n  The token needs one of: {permissions}."),
            (None, 401) => "\n  Is the token whole, and not expired?".to_owned(),
            (None, 403 | 404) => {
                "\n  What a token may not see is answered like what is not there: has it the permissions that docs/github.md \
                 lists, for this repository?"
                    .to_owned()
            }
            _ => String::new(),
        }
    }
}

impl Api {
    /// The repository `owner/name` at this address; no error shows the token.
    pub fn new(address: &str, repository: &str, token: &str) -> Api {
        Api {
            address: address.trim_end_matches('/').to_owned(),
            repository: repository.to_owned(),
            token: token.trim().to_owned(),
            pause: Duration::from_secs(1),
            longest_wait: LONGEST_WAIT,
            sent: Cell::new(0),
        }
    }

    /// A limit is an error at once.
    pub fn without_waiting(self) -> Api {
        Api { longest_wait: Duration::ZERO, ..self }
    }

    /// `owner/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// How many requests were sent.
    pub fn sent(&self) -> usize {
        self.sent.get()
    }

    /// What is there; none when nothing is, or the token may not see it.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        self.get_beside(&self.of_repository(path))
    }

    /// Like `get`, beside the repository: `/users/ada`.
    pub fn get_beside(&self, path: &str) -> Result<Option<Value>> {
        match self.call(&Method::GET, path, None) {
            Ok((body, _)) => Ok(Some(body)),
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|it| it.status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All of a list, page by page; `key` is where an answer has it, when it is not the answer itself.
    pub fn all(&self, path: &str, key: Option<&str>) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mark = if path.contains('?') { '&' } else { '?' };
        for page in 1.. {
            let path = self.of_repository(&format!("{path}{mark}per_page={PER_PAGE}&page={page}"));
            let (body, has_more) = self.call(&Method::GET, &path, None)?;
            let list = key.map_or(&body, |key| &body[key]);
            all.extend(
                list.as_array().with_context(|| format!("GitHub's answer to {path} has no list"))?.clone(),
            );
            if !has_more {
                break;
            }
        }
        Ok(all)
    }

    /// Changes something; null is no body.
    pub fn send(&self, method: &Method, path: &str, body: &Value) -> Result<Value> {
        let body = (!body.is_null()).then_some(body);
        self.call(method, &self.of_repository(path), body).map(|(body, _)| body)
    }

    fn of_repository(&self, path: &str) -> String {
        format!("/repos/{}{path}", self.repository)
    }

    /// Gives the answer's body, null where it has none, and whether there is another page.
    fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<(Value, bool)> {
        let url = format!("{}{path}", self.address);
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", VERSION),
            ("user-agent", "xtask"),
        ];
        for attempt in 1.. {
            self.sent.set(self.sent.get() + 1);
            let answer = Client::default().send(method, &url, &headers, body, TIMEOUT)?;
            match self.later(method, &answer)? {
                Some(wait) if attempt < ATTEMPTS => interrupt::pause(wait)?,
                _ => return read(method, path, &answer),
            }
        }
        unreachable!("the last attempt gives an answer")
    }

    /// How long to wait before the same request is sent again, where that was asked for; an error when it is too long.
    fn later(&self, method: &Method, answer: &Answer) -> Result<Option<Duration>> {
        let number = |name: &str| answer.header(name).and_then(|value| value.trim().parse::<u64>().ok());
        match answer.status {
            // What was read can be read again.
            500 | 502..=504 if *method == Method::GET => Ok(Some(self.pause)),
            403 | 429 => match number("retry-after").map(Duration::from_secs) {
                Some(wait) if wait <= self.longest_wait => Ok(Some(wait)),
                Some(wait) => bail!(
                    "GitHub wants no more requests for {}: come again then; what was done stays",
                    humantime::format_duration(wait)
                ),
                None if number("x-ratelimit-remaining") == Some(0) => {
                    bail!(
                        "the token's requests of this hour are used up: come again in the next one; what was done stays"
                    )
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

fn read(method: &Method, path: &str, answer: &Answer) -> Result<(Value, bool)> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    // 303: what was to be made is there already.
    if matches!(answer.status, 200..=299 | 303) {
        if !answer.body.trim().is_empty() && body.is_null() && answer.status == 200 {
            bail!("{path} is answered by something that is no JSON: is GITHUB_API_URL GitHub's API?");
        }
        let has_more = answer.header("link").is_some_and(|link| link.contains("rel=\"next\""));
        return Ok((body, has_more));
    }
    let told = body["message"].as_str().unwrap_or("no words").to_owned();
    let details = body["errors"].as_array().into_iter().flatten();
    let details = details.filter_map(|it| it.as_str().or(it["message"].as_str()));
    let message = [told.as_str()].into_iter().chain(details).collect::<Vec<_>>().join("; ");
    Err(Refused {
        status: answer.status,
        message,
        method: method.clone(),
        path: path.split('?').next().unwrap_or(path).to_owned(),
        permissions: answer.header("x-accepted-github-permissions").map(str::to_owned),
    }
    .into())
}
