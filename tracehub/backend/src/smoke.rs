//! What a user does, done against a release before it has users: its page with a file of it, its version, a log-in, the list.
//! That a release calls itself ready says little of any of them.

use anyhow::{Context, bail, ensure};
use axum::http::Uri;
use clap::Args;
use serde_json::{Value, json};

use crate::http::Keys;
use crate::http_client::{Answer, Request, send};
use crate::monitor;
use crate::settings::Database;

/// What only a user is shown.
pub const LIST: &str = "/api/shipments";

/// Exit code 0 when everything was answered as it should be, else 1 and what was not.
#[derive(Args)]
pub struct Smoke {
    /// The release that ought to answer
    #[arg(long, value_name = "ID")]
    release: String,
    /// The page's address, without a path; no TLS
    #[arg(long, value_name = "URL")]
    page: String,
    /// The API's address, without a path; no TLS
    #[arg(long, value_name = "URL")]
    api: String,
}

impl Smoke {
    /// Does it all, one after the other, as a user that is removed again.
    pub async fn run(&self, database: Database, keys: &Keys) -> anyhow::Result<()> {
        self.page()?;
        self.version()?;
        self.options()?;
        let mut database = monitor::connect(database).await?;
        let credentials = monitor::begin(&mut database, keys, &self.release).await?;
        let used = self.use_it(&credentials);
        monitor::end(&mut database, &self.release).await?;
        used
    }

    /// The page is our page, and the script that it names is there.
    fn page(&self) -> anyhow::Result<()> {
        let page = asked("the page", &get(&self.page, "/", None)?, "text/html")?;
        let script = page.split('"').find(|word| word.starts_with("/assets/") && word.ends_with(".js"));
        let script = script.context("the page names no script of ours: it would stay blank")?;
        let text = asked(script, &get(&self.page, script, None)?, "javascript")?;
        ensure!(!text.is_empty(), "{script} is empty");
        Ok(())
    }

    fn version(&self) -> anyhow::Result<()> {
        let version = asked("the version", &get(&self.api, "/api/version", None)?, "application/json")?;
        let Self { release, .. } = self;
        ensure!(version.contains(release.as_str()), "the version is not {release}: {version}");
        Ok(())
    }

    /// What may be done with the list, which only a router that knows it can say.
    fn options(&self) -> anyhow::Result<()> {
        let url = address(&self.api, LIST)?;
        let asked = Request { method: "OPTIONS", url: &url, token: None, cookie: None, body: None };
        let answer = send(&asked).with_context(|| format!("asking {url} for its options"))?;
        let allowed = answer.header("allow").unwrap_or_default();
        ensure!(
            answer.status == 405 && allowed.contains("GET"),
            "OPTIONS of the list of shipments is answered {} (allowed: {allowed:?})",
            answer.status
        );
        Ok(())
    }

    fn use_it(&self, credentials: &monitor::Credentials) -> anyhow::Result<()> {
        let token = log_in(&self.api, credentials)?;
        let list = get(&self.api, LIST, Some(&token))?;
        let list = asked("the list of shipments", &list, "application/json")?;
        ensure!(is_list(&list), "the list of shipments has no items");
        Ok(())
    }
}

/// Whether this is what a page of the list looks like, be it empty: `{}` or `null` would leave users before a blank page.
fn is_list(body: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|page| page["items"].is_array())
}

/// Logs in at an API, and gives the token.
pub fn log_in(api: &str, credentials: &monitor::Credentials) -> anyhow::Result<String> {
    let monitor::Credentials { email, password, cookie } = credentials;
    let body = json!({ "email": email, "password": password }).to_string();
    let (url, cookie) = (address(api, "/api/auth/login")?, Some(cookie.as_str()));
    let log_in = send(&Request { method: "POST", url: &url, token: None, cookie, body: Some(&body) });
    let log_in = asked("a log-in", &log_in.context("logging in")?, "application/json")?;
    let answered: Value = serde_json::from_str(&log_in).context("a log-in is answered with no JSON")?;
    Ok(answered["token"].as_str().context("a log-in gives no token")?.to_owned())
}

fn address(base: &str, path: &str) -> anyhow::Result<Uri> {
    format!("{}{path}", base.trim_end_matches('/')).parse().context("the address is none")
}

/// Asks for something at an API or a page.
pub fn get(base: &str, path: &str, token: Option<&str>) -> anyhow::Result<Answer> {
    let url = address(base, path)?;
    send(&Request { method: "GET", url: &url, token, cookie: None, body: None })
        .with_context(|| format!("asking {url}"))
}

/// The body; an error unless it was answered 200 with such a content. A body is shown when it is a problem's: any other one
/// may hold a token.
fn asked(what: &str, answer: &Answer, kind: &str) -> anyhow::Result<String> {
    let found = answer.header("content-type").unwrap_or("nothing");
    match answer.status {
        200 if found.contains(kind) => Ok(answer.body.clone()),
        200 => bail!("{what} is answered with the content-type {found}"),
        _ if found.contains("problem") => bail!("{what} is answered {answer}"),
        status => bail!("{what} is answered {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_list;

    #[test]
    fn a_list_has_its_items_be_there_none() {
        assert!(is_list(r#"{"items":[],"next":null}"#));
        for wrong in ["{}", "null", "[]", "", r#"{"items":null}"#] {
            assert!(!is_list(wrong), "{wrong}");
        }
    }
}
