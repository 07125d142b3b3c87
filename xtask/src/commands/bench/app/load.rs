//! Many connections that ask for the same, as fast as it is answered, by wrk.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use xshell::cmd;

use crate::setup::{self, Tool};
use crate::tools::files::private;
use crate::tools::locate;
use crate::tools::process::{Run, shell};

/// How long they ask.
pub const SECONDS: u32 = 10;

/// Whom somebody asks who has logged in.
pub struct Asking<'a> {
    /// The server's address.
    pub url: &'a str,
    /// What they prove themselves with.
    pub token: &'a str,
}

/// What came of it, as the script below prints it. Times are in microseconds.
#[derive(Debug, Deserialize)]
pub struct Figures {
    requests: f64,
    took: f64,
    half: f64,
    most: f64,
    /// Those that were answered with an error, or not at all.
    pub failed: u64,
}

impl Figures {
    /// Requests in a second that were answered.
    pub fn a_second(&self) -> f64 {
        self.requests / (self.took / 1e6)
    }

    /// Half of them took no more seconds.
    pub fn half_within(&self) -> f64 {
        self.half / 1e6
    }

    /// 99 of 100 took no more seconds.
    pub fn most_within(&self) -> f64 {
        self.most / 1e6
    }
}

impl Asking<'_> {
    /// `at_once` connections ask for one path, after a second for which nothing is counted.
    pub fn measure(&self, path: &str, at_once: u32) -> Result<Figures> {
        let folder = private::Folder::new()?;
        let script = folder.join("ask.lua");
        fs::write(&script, script_for(self.token)).with_context(|| format!("writing {script}"))?;
        let wrk = setup::require(Tool::Wrk)?;
        let url = format!("{}{path}", self.url);
        let ask = |seconds: u32| {
            let (connections, seconds) = (at_once.to_string(), format!("{seconds}s"));
            let ask = cmd!(shell(), "{wrk} --threads 1 --connections {connections} --duration {seconds}");
            Run::new(locate::with_libraries(ask.args(["--script", script.as_str(), &url]), &wrk)).text()
        };
        ask(1)?;
        let said = ask(SECONDS)?;
        let line = said.lines().last().unwrap_or_default();
        serde_json::from_str(line).with_context(|| format!("wrk did not end with its figures:\n{said}"))
    }
}

/// What wrk sends, and what it prints at the end.
fn script_for(token: &str) -> String {
    format!(
        r#"wrk.headers["Authorization"] = "Bearer {token}"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{{"requests":%d,"took":%d,"half":%d,"most":%d,"failed":%d}}\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"#
    )
}
