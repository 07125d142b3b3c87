//! A call of a provider: it is asked again when it says that it is too busy, as late as it says.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools::http::{Client, Method};
use crate::tools::process::interrupt;

const TIMEOUT: Duration = Duration::from_secs(15);
/// How often it is asked at most.
const TRIES: u32 = 4;
/// The longest that somebody who waits at a terminal is made to wait: UptimeRobot's limit is one of a minute.
const LONGEST_WAIT: u64 = 60;

/// A provider's interface.
pub(super) struct Api {
    /// In front of each path.
    pub(super) base: String,
    /// The header that says who asks.
    pub(super) header: (&'static str, String),
    /// What it is called in errors.
    pub(super) name: &'static str,
}

impl Api {
    /// What is answered. Another status than 2xx is an error, which shows neither the key nor the answer; with `gone_is_fine`
    /// that what is to be deleted is not there is none.
    pub(super) fn call(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        gone_is_fine: bool,
    ) -> Result<Value> {
        let (header, key) = &self.header;
        let url = format!("{}{path}", self.base);
        for try_number in 1.. {
            let asked = Client::default().send(method, &url, &[(header, key)], body, TIMEOUT);
            // What was sent may have arrived: only what may be done twice is sent again.
            let answer = match asked {
                Err(error) if *method == Method::POST || try_number == TRIES => {
                    return Err(error).with_context(|| format!("asking {}", self.name));
                }
                Err(_) => {
                    interrupt::pause(Duration::from_secs(1))?;
                    continue;
                }
                Ok(answer) => answer,
            };
            match answer.status {
                200..=299 if answer.body.trim().is_empty() => return Ok(Value::Null),
                200..=299 => {
                    return serde_json::from_str(&answer.body).with_context(|| {
                        format!("{} answered {method} {path} with half an answer", self.name)
                    });
                }
                404 | 410 if gone_is_fine => return Ok(Value::Null),
                401 | 403 => bail!("{} does not take the key", self.name),
                429 if try_number < TRIES => {
                    let wait = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
                    let wait = wait.unwrap_or(10).min(LONGEST_WAIT);
                    crate::terminal::note(format_args!("  {} asks to wait for {wait} s …", self.name));
                    interrupt::pause(Duration::from_secs(wait))?;
                }
                500..=599 if *method != Method::POST && try_number < TRIES => {
                    interrupt::pause(Duration::from_secs(1))?
                }
                status => bail!("{} answered {method} {path} with {status}", self.name),
            }
        }
        unreachable!("the last try ends it")
    }
}
