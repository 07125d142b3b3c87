//! The edge's certificate: it has it from an authority by itself, and people are told how that stands.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Platform;
use crate::project::EDGE;
use crate::rollout::host::Host;
use crate::terminal;
use crate::tools::docker::container;
use crate::tools::http::{Shown, Trouble};

/// How long an authority may take to certify a name: it comes and looks first.
const CERTIFIED_TIMEOUT: Duration = Duration::from_secs(90);
/// How long an edge that has just started may take to answer at all.
const ANSWERED_TIMEOUT: Duration = Duration::from_secs(10);
/// How long another one than it began with may take: nobody waits long for one that is its own authority's.
const REPLACED_TIMEOUT: Duration = Duration::from_secs(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How many of the edge's last lines are searched for why there is none.
const LINES: usize = 300;

impl Platform<'_> {
    /// Waits until a browser would take the edge's certificate. One that is there and refused is waited for as well, and is no
    /// error: it is said, and taken from here on.
    pub fn wait_for_certificate(&self, wait: &dyn Fn(&str)) -> Result<()> {
        let Some(site) = self.machine.site.as_ref().filter(|site| site.name().is_some()) else {
            return Ok(());
        };
        let began = Instant::now();
        loop {
            let shown = site.certificate();
            let trouble = match shown {
                // A proxy of the operator's network would show its own.
                None if began.elapsed() > ANSWERED_TIMEOUT => return Ok(()),
                None => {
                    self.machine.pause(LOOK_INTERVAL)?;
                    continue;
                }
                Some(Shown { trouble: None, .. }) => return Ok(()),
                Some(Shown { trouble: Some(trouble), .. }) => trouble,
            };
            // The edge asks again by itself, a minute later at the earliest.
            let why = self.why_no_certificate();
            let timeout = match trouble {
                Trouble::Refused(_) => REPLACED_TIMEOUT,
                Trouble::Absent(_) => CERTIFIED_TIMEOUT,
            };
            if began.elapsed() > timeout || !why.is_empty() {
                match trouble {
                    Trouble::Refused(words) => {
                        terminal::warn(format_args!("{words}{why}"));
                        self.machine.take_any_certificate();
                        return Ok(());
                    }
                    Trouble::Absent(words) => bail!("{words}{why}"),
                }
            }
            wait(&format!("waiting for a certificate of {}", site.name().unwrap_or_default()));
            self.machine.pause(LOOK_INTERVAL)?;
        }
    }

    /// What the authority last had against it, as the edge's log has it.
    pub fn why_no_certificate(&self) -> String {
        let lines = container::last_lines(self.machine.docker(), &self.container(EDGE.name), LINES);
        let why = lines.ok().and_then(|lines| last_refusal(&lines));
        why.map(|why| format!(":\n    {why}")).unwrap_or_default()
    }
}

fn last_refusal(log: &str) -> Option<String> {
    let refusal = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_of_certificates = entry["logger"].as_str()?.starts_with("tls");
        let why = entry["error"].as_str().filter(|_| is_of_certificates && entry["msg"] == "will retry")?;
        Some(why.to_owned())
    };
    log.lines().rev().find_map(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_certificate_is_found_in_the_edge_s_log() {
        let log = "not JSON\n\
            {\"logger\":\"tls.obtain\",\"msg\":\"will retry\",\"error\":\"[a.example] Obtain: first\"}\n\
            {\"logger\":\"tls.obtain\",\"msg\":\"will retry\",\"error\":\"[a.example] Obtain: no such host\"}\n\
            {\"logger\":\"tls.obtain\",\"msg\":\"could not get certificate\",\"error\":\"challenge failed\"}\n\
            {\"logger\":\"http.log\",\"msg\":\"will retry\",\"error\":\"other\"}\n";
        assert_eq!(last_refusal(log).as_deref(), Some("[a.example] Obtain: no such host"));
        assert_eq!(last_refusal("{}"), None);
    }
}
