//! Asking a running TraceHub how it is, in images that hold no shell and no other HTTP client.

use anyhow::{Context, bail};
use axum::http::Uri;
use clap::Args;

use crate::http_client::get;

/// Plain GETs: exit code 0 when each answer is 200 (and from the right release), else 1 and what was answered first.
#[derive(Args)]
pub struct Healthcheck {
    /// What to ask, one after the other; no TLS. By address, since `localhost` may mean one where nothing listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000/health/ready")]
    url: Vec<Uri>,
    /// The release that ought to answer
    #[arg(long, value_name = "ID")]
    release: Option<String>,
}

impl Healthcheck {
    /// Asks.
    pub fn run(&self) -> anyhow::Result<()> {
        self.url.iter().try_for_each(|url| self.ask(url))
    }

    fn ask(&self, url: &Uri) -> anyhow::Result<()> {
        let answer = get(url).with_context(|| format!("asking {url}"))?;
        if answer.status != 200 {
            bail!("{url} answered {answer}");
        }
        match (&self.release, answer.header("x-tracehub-release")) {
            (Some(expected), Some(found)) if expected != found => {
                bail!("{url} answered as release {found}, not {expected}")
            }
            (Some(expected), None) => bail!("{url} answered as no release, not {expected}: {answer}"),
            _ => Ok(()),
        }
    }
}
