//! What a user does, done against a release before it has users: its page with a file of it, its version, a log-in, the list.
//! That a release calls itself ready says little of any of them.

use anyhow::{Context, bail, ensure};
use axum::http::Uri;
use clap::Args;
use serde_json::Value;

use crate::http_client::{Answer, Request, send};
use crate::monitor;
use crate::settings::Database;

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
    pub async fn run(&self, database: Database) -> anyhow::Result<()> {
        self.page()?;
        self.version()?;
        let mut database = monitor::connect(database).await?;
        let credentials = monitor::begin(&mut database, &self.release).await?;
        let used = self.use_it(&credentials);
        monitor::end(&mut database, &self.release).await?;
        used
    }

    /// The page is our page, and the script that it names is there.
    fn page(&self) -> anyhow::Result<()> {
        let page = ask("GET", &self.page, "/", None, None)?;
        expect("the page", &page, 200, "content-type", "text/html")?;
        let script = page.body.split('"').find(|word| word.starts_with("/assets/") && word.ends_with(".js"));
        let script = script.context("the page names no script of ours: it would stay blank")?;
        let answer = ask("GET", &self.page, script, None, None)?;
        expect(script, &answer, 200, "content-type", "javascript")?;
        ensure!(!answer.body.is_empty(), "{script} is empty");
        Ok(())
    }

    fn version(&self) -> anyhow::Result<()> {
        let answer = ask("GET", &self.api, "/api/version", None, None)?;
        expect("the version", &answer, 200, "content-type", "application/json")?;
        let Self { release, .. } = self;
        ensure!(answer.body.contains(release.as_str()), "the version is not {release}: {}", answer.body);
        Ok(())
    }

    fn use_it(&self, credentials: &monitor::Credentials) -> anyhow::Result<()> {
        let body = serde_json::to_string(credentials)?;
        let log_in = ask("POST", &self.api, "/api/auth/login", None, Some(&body))?;
        expect("a log-in", &log_in, 200, "content-type", "application/json")?;
        let answered: Value =
            serde_json::from_str(&log_in.body).context("a log-in is answered with no JSON")?;
        let token = answered["token"].as_str().context("a log-in gives no token")?;
        let list = ask("GET", &self.api, "/api/shipments", Some(token), None)?;
        expect("the list of shipments", &list, 200, "content-type", "application/json")
    }
}

fn ask(
    method: &str,
    base: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> anyhow::Result<Answer> {
    let url: Uri = format!("{}{path}", base.trim_end_matches('/')).parse().context("the address is none")?;
    send(&Request { method, url: &url, token, body }).with_context(|| format!("asking {url}"))
}

/// An error unless it was answered with this status and a header that says this. A body is shown when it is a problem's: any
/// other one may hold a token.
fn expect(what: &str, answer: &Answer, status: u16, header: &str, word: &str) -> anyhow::Result<()> {
    if answer.status != status {
        match answer.header("content-type") {
            Some(kind) if kind.contains("problem") => bail!("{what} is answered {answer}"),
            _ => bail!("{what} is answered {}", answer.status),
        }
    }
    match answer.header(header) {
        Some(value) if value.contains(word) => Ok(()),
        found => bail!("{what} is answered {status} with the {header} {}", found.unwrap_or("of nothing")),
    }
}
