//! curl: one request, as a user sends it. It brings TLS, certificates and proxies, which compiled in would cost every
//! newcomer seconds.

use std::time::Duration;

use anyhow::{Context, Result};
use xshell::cmd;

use super::process::{Run, shell};

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
pub fn get(url: &str, timeout: Duration) -> Result<Answer> {
    ask(&["--include"], url, timeout)
}

/// A HEAD, likewise: what a GET that accepts these kinds would be answered, without the body.
pub fn head(url: &str, accept: &str, timeout: Duration) -> Result<Answer> {
    ask(&["--head", "--header", &format!("Accept: {accept}")], url, timeout)
}

fn ask(how: &[&str], url: &str, timeout: Duration) -> Result<Answer> {
    let seconds = timeout.as_secs_f32().to_string();
    let ask = cmd!(
        shell(),
        "curl --silent --show-error {how...} --suppress-connect-headers --max-time {seconds} --noproxy localhost,127.0.0.1 --max-filesize 65536 -- {url}"
    );
    let told = Run::new(ask).timeout(timeout + Duration::from_secs(2)).finish()?;
    if !told.status.success() {
        let why = told.stderr.trim();
        anyhow::bail!("{}", why.split_once(") ").map_or(why, |(_, why)| why));
    }
    parse(&told.stdout).with_context(|| format!("{:?} is not an HTTP answer", told.stdout))
}

/// A POST of JSON. The address, the headers and the body go through curl's standard input: any of them may be a secret.
/// So may be what an error would say, and it says the status or curl's own code alone.
pub fn post(url: &str, headers: &[&str], body: &serde_json::Value) -> Result<()> {
    let mut config = format!("url = {}\ndata-raw = {}\n", quoted(url), quoted(&body.to_string()));
    for header in headers.iter().chain(&["Content-Type: application/json"]) {
        config.push_str(&format!("header = {}\n", quoted(header)));
    }
    let (most, status) = ("10", "%{http_code}");
    let ask =
        cmd!(shell(), "curl --silent --output /dev/null --max-time {most} --write-out {status} --config -");
    let told = Run::new(ask).stdin(config).timeout(Duration::from_secs(12)).finish()?;
    match told.stdout.trim() {
        "000" => anyhow::bail!("no answer (curl's exit code {})", told.status.code().unwrap_or(-1)),
        status if status.starts_with('2') => Ok(()),
        status => anyhow::bail!("it was answered with {status}"),
    }
}

/// A value in curl's configuration.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{}\"", escaped.replace('\t', "\\t"))
}

/// In how many days the certificate ends that a host shows; none without HTTPS, or when it does not say.
pub fn certificate_days(url: &str, now: std::time::SystemTime) -> Option<i64> {
    if !url.starts_with("https://") {
        return None;
    }
    // Whether it is to be trusted is not the question here.
    let ask =
        cmd!(shell(), "curl --silent --verbose --insecure --head --max-time 5 --output /dev/null -- {url}");
    let told = Run::new(ask).finish().ok()?;
    let line = told.stderr.lines().find_map(|line| line.split_once("expire date: "))?.1;
    days_until(line.trim(), now)
}

/// `Mar  1 12:00:00 2027 GMT`, as OpenSSL writes it.
fn days_until(date: &str, now: std::time::SystemTime) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = date.split_whitespace().collect();
    let [month, day, time, year, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let text = format!("{year}-{month:02}-{day:0>2}T{time}Z");
    let ends = humantime::parse_rfc3339(&text).ok()?;
    let seconds = match ends.duration_since(now) {
        Ok(left) => i64::try_from(left.as_secs()).ok()?,
        Err(over) => -i64::try_from(over.duration().as_secs()).ok()?,
    };
    Some(seconds.div_euclid(86_400))
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

    #[test]
    fn a_certificate_s_end_is_read_as_days() {
        let now = humantime::parse_rfc3339("2027-02-01T00:00:00Z").unwrap();
        assert_eq!(days_until("Mar  1 12:00:00 2027 GMT", now), Some(28));
        assert_eq!(days_until("Jan 31 12:00:00 2027 GMT", now), Some(-1));
        assert_eq!(days_until("soon", now), None);
    }
}
