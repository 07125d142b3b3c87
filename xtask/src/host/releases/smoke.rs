//! Whether a release does for a user what users want of it: asked by a program of its own on the edge's network, and by this
//! machine through the edge, as a browser would.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::LeasedReleases;
use crate::host::monitoring::Credentials;
use crate::project::{self, RELEASE_LABEL, SMOKE_TEST};
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::SmokeTest;
use crate::rollout::state::release::ReleaseId;
use crate::tools::docker::exec;
use crate::tools::docker::socket::Socket;
use crate::tools::http::{Answer, Client};
use crate::tools::process::Finished;

/// The longest that the program may take for all of it.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest while a switch is provisional: a database that falls silent must be noticed long before the guard's deadline.
pub(super) const WATCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that one request through the edge may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests more in each test, whose errors are counted: a share of 5 % of all answers is found by ourselves, where there are
/// few users.
const SAMPLES: usize = 8;
/// With which a program of this kind ends that does not know what it was told to do.
const USAGE: i32 = 2;

impl LeasedReleases<'_> {
    /// As [`LeasedHost::smoke_test`](crate::rollout::host::LeasedHost::smoke_test) has it. A release from before there were
    /// smoke tests is taken at its word.
    pub(in crate::host) fn smoke_test(&self, id: &ReleaseId) -> Result<()> {
        let checks = self.begin_own_checks(id)?;
        let [page, api] = [project::FRONTEND, project::BACKEND]
            .map(|component| format!("http://{}-{id}:{}", component.name, component.port));
        let words = ["smoke", "--release", id.as_str(), "--page", &page, "--api", &api];
        let told = self.in_backend(id, "the smoke test", &words, PROGRAM_TIMEOUT)?;
        for (container, check) in checks {
            let told = check.finish()?.with_context(|| format!("{container} does not run any more"))?;
            let said = format!("{} {}", told.stdout.trim(), told.stderr.trim());
            ensure!(succeeded(&told), "the health check of {container} does not pass: {}", said.trim());
        }
        ensure!(
            succeeded(&told) || is_unknown(&told),
            "{id}, asked on the edge's network: {}",
            told.stderr.trim()
        );
        Ok(())
    }

    /// As [`LeasedHost::smoke_test_through_edge`](crate::rollout::host::LeasedHost::smoke_test_through_edge) has it.
    pub(in crate::host) fn smoke_test_through_edge(&self, id: &ReleaseId) -> Result<SmokeTest> {
        let machine = self.leased.fenced()?;
        let (url, client) = (machine.url()?, machine.client());
        let mut monitoring = self.leased.monitoring.borrow_mut();
        if !matches!(&*monitoring, Some((of, Some(_))) if of == id) {
            *monitoring = Some((id.clone(), None));
            let words = ["monitor", "begin", "--release", id.as_str()];
            let told = self.in_backend(id, "making the user for monitoring", &words, WATCH_TIMEOUT)?;
            if is_unknown(&told) {
                return Ok(SmokeTest::default());
            }
            ensure!(succeeded(&told), "making the user for monitoring: {}", told.stderr.trim());
            let credentials = serde_json::from_str(&told.stdout).ok();
            let credentials = credentials.context("how to log in is not told as it should be")?;
            *monitoring = Some((id.clone(), Some(credentials)));
        }
        let credentials = monitoring.as_ref().and_then(|(_, credentials)| credentials.as_ref());
        let credentials = credentials.context("nobody was made for monitoring")?;
        let mut browser = Browser { url, client, requests: EdgeCounts::default() };
        let failure = browser.use_it(id, credentials).err().map(|error| format!("{error:#}"));
        if failure.is_some() {
            // One that was given up may have gone on, and given the user another password since.
            *monitoring = Some((id.clone(), None));
        }
        Ok(SmokeTest { requests: browser.requests, failure })
    }

    /// Removes the user that was made for it, when one was.
    pub(in crate::host) fn end_smoke_tests(&self, id: &ReleaseId) -> Result<()> {
        if self.leased.monitoring.take().is_some() {
            let words = ["monitor", "end", "--release", id.as_str()];
            let told = self.in_backend(id, "removing the user for monitoring", &words, WATCH_TIMEOUT)?;
            ensure!(succeeded(&told), "removing the user for monitoring: {}", told.stderr.trim());
        }
        Ok(())
    }

    /// Begins the health checks that the parts have: the engine makes its first ones seconds later, and one that can't pass
    /// would then be noticed when the release counts already.
    fn begin_own_checks(&self, id: &ReleaseId) -> Result<Vec<(String, exec::Running)>> {
        let machine = self.leased.fenced()?;
        let socket = Socket::of(machine.docker())?;
        let mut begun = Vec::new();
        for container in machine.releases().containers(&format!("{RELEASE_LABEL}={id}"))? {
            let (name, words) = (container.plain_name(), container.check());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if !words.is_empty() {
                let check = exec::start(&socket, "its health check", name, "", &words, PROGRAM_TIMEOUT)?;
                begun
                    .push((name.to_owned(), check.with_context(|| format!("{name} does not run any more"))?));
            }
        }
        Ok(begun)
    }

    pub(super) fn in_backend(
        &self,
        id: &ReleaseId,
        name: &str,
        words: &[&str],
        timeout: Duration,
    ) -> Result<Finished> {
        let machine = self.leased.fenced()?;
        let (socket, user) = (Socket::of(machine.docker())?, project::APP_UID.to_string());
        let container = machine.releases().backend_container(id);
        let words = [&[project::BACKEND_PROGRAM], words].concat();
        let running = exec::start(&socket, name, &container, &user, &words, timeout)?;
        let told = running.map_or(Ok(None), exec::Running::finish)?;
        told.with_context(|| format!("{container} does not run any more"))
    }
}

pub(super) fn succeeded(told: &Finished) -> bool {
    told.status.success()
}

pub(super) fn is_unknown(told: &Finished) -> bool {
    told.status.code() == Some(USAGE)
}

/// Whether this is what a page of the list looks like, be it empty: `{}` or `null` would leave users before a blank page.
fn is_list(body: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|page| page[SMOKE_TEST.items].is_array())
}

/// Somebody who uses the product at its public address.
struct Browser {
    url: String,
    client: Client,
    requests: EdgeCounts,
}

impl Browser {
    fn use_it(&mut self, id: &ReleaseId, credentials: &Credentials) -> Result<()> {
        let page = self.asked("the page", "text/html", |client, url| {
            client.get(&format!("{url}{}", SMOKE_TEST.page), REQUEST_TIMEOUT)
        })?;
        let of_page = |word: &&str| word.starts_with(SMOKE_TEST.scripts) && word.ends_with(".js");
        let script = page.body.split('"').find(of_page).context("the page names no script of its own")?;
        self.asked(script, "javascript", |client, url| {
            client.head(&format!("{url}{script}"), "*/*", REQUEST_TIMEOUT)
        })?;
        let version = self.asked("the version", "application/json", |client, url| {
            client.get(&format!("{url}{}", SMOKE_TEST.version), REQUEST_TIMEOUT)
        })?;
        ensure!(version.body.contains(id.as_str()), "the version is not {id}: {}", version.body);
        let list = format!("{}{}", self.url, SMOKE_TEST.list);
        let options =
            self.client.options(&list, REQUEST_TIMEOUT).context("asking what may be done with the list")?;
        self.requests = self.requests.and(EdgeCounts::one(options.status));
        let allowed = options.header("allow").unwrap_or_default();
        ensure!(
            options.status == SMOKE_TEST.options_status && allowed.contains("GET"),
            "OPTIONS of the list, through the edge, is answered {} (allowed: {allowed:?})",
            options.status
        );
        let log_in = self.asked("a log-in", "application/json", |client, url| {
            client.post_json(
                &format!("{url}{}", SMOKE_TEST.log_in),
                credentials.cookie.as_deref(),
                &serde_json::to_value(credentials)?,
                REQUEST_TIMEOUT,
            )
        })?;
        let answered: Value =
            serde_json::from_str(&log_in.body).context("a log-in is answered with no JSON")?;
        let token = answered["token"].as_str().context("a log-in gives no token")?;
        let list = self.asked("the list", "application/json", |client, url| {
            client.get_as(&format!("{url}{}", SMOKE_TEST.list), token, REQUEST_TIMEOUT)
        })?;
        ensure!(is_list(&list.body), "the list, through the edge, has no {}", SMOKE_TEST.items);
        for path in [SMOKE_TEST.list, SMOKE_TEST.version].iter().cycle().take(SAMPLES) {
            let answer = self.client.get_as(&format!("{}{path}", self.url), token, REQUEST_TIMEOUT)?;
            self.requests = self.requests.and(EdgeCounts::one(answer.status));
        }
        Ok(())
    }

    /// Asks; an error unless it is answered 200 with such a content.
    fn asked(
        &mut self,
        what: &str,
        kind: &str,
        ask: impl FnOnce(&Client, &str) -> Result<Answer>,
    ) -> Result<Answer> {
        let answer =
            ask(&self.client, &self.url).with_context(|| format!("asking for {what} through the edge"))?;
        self.requests = self.requests.and(EdgeCounts::one(answer.status));
        // Any other body may hold a token.
        let is_problem = answer.header("content-type").is_some_and(|kind| kind.contains("problem"));
        let shown: String = answer.body.chars().take(if is_problem { 200 } else { 0 }).collect();
        ensure!(answer.status == 200, "{what}, through the edge, is answered {} {shown}", answer.status);
        let found = answer.header("content-type").unwrap_or("nothing");
        ensure!(found.contains(kind), "{what}, through the edge, is answered with the content-type {found}");
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_its_items_be_there_none() {
        assert!(is_list(r#"{"items":[],"next":null}"#));
        assert!(is_list(r#"{"items":[{"id":"1"}],"next":"2"}"#));
        for wrong in ["{}", "null", "[]", "", r#"{"items":null}"#, r#"{"items":{}}"#, "<html>"] {
            assert!(!is_list(wrong), "{wrong}");
        }
    }
}
