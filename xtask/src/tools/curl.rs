//! curl: one request, as a user sends it. It brings TLS, certificates and proxies, which compiled in would cost every
//! newcomer seconds.

use std::time::Duration;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::process::Run;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    /// The body, as far as it is text.
    pub body: String,
}

impl Answer {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A GET over a connection of its own. Redirects are answers, and are not followed.
pub fn get(url: &str, limit: Duration) -> Result<Answer> {
    let sh = Shell::new()?;
    let seconds = limit.as_secs_f32().to_string();
    let ask = cmd!(
        sh,
        "curl --silent --show-error --include --max-time {seconds} --noproxy localhost,127.0.0.1 --max-filesize 65536 -- {url}"
    );
    let told = Run::new(ask).limit(limit + Duration::from_secs(2)).finish()?;
    if !told.status.success() {
        let why = told.stderr.trim();
        anyhow::bail!("{}", why.split_once(") ").map_or(why, |(_, why)| why));
    }
    parse(&told.stdout).with_context(|| format!("{:?} is no answer", told.stdout))
}

fn parse(text: &str) -> Option<Answer> {
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Answer { status, headers, body: lines.collect::<Vec<_>>().join("\r\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whatever_version_of_http_it_came_by() {
        for first in ["HTTP/1.1 503 Service Unavailable", "HTTP/2 503 "] {
            let answer =
                parse(&format!("{first}\r\nX-Release: a\r\nretry-after:10\r\n\r\nnobody\r\nhere")).unwrap();
            assert_eq!((answer.status, answer.header("x-release")), (503, Some("a")));
            assert_eq!((answer.header("retry-after"), answer.body.as_str()), (Some("10"), "nobody\r\nhere"));
        }
        assert_eq!(parse("no answer"), None);
    }
}
