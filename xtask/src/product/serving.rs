//! The backend by itself, as it is shipped, on a port that was free: for checks that ask it, and for figures.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::Deserialize;
use xshell::Cmd;

use crate::tools::process::{Session, lines};

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than requests in flight may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Any key will do: its tokens are good for this run alone.
const JWT_SECRET: &str = "for this run alone: a key of 32 bytes or more";

/// How to log in to the demo organisation, as the backend's `seed` prints it.
#[derive(Debug, Deserialize)]
pub struct Demo {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
}

/// It runs until this is dropped.
pub struct Serving {
    session: Session,
    /// Where it listens, without a slash at the end.
    pub url: String,
}

impl Serving {
    /// Starts `serve`, and returns when it listens. It believes what is said of whom a request is from.
    pub fn start(serve: Cmd<'_>) -> Result<Serving> {
        let serve = serve
            .env("JWT_SECRET", JWT_SECRET)
            .env("LISTEN_ADDRESS", "127.0.0.1:0")
            .env("EDGE", "127.0.0.1")
            .env("LOG_FORMAT", "json")
            .env("RUST_LOG", "warn,tracehub_backend::serve=info");
        let mut serving = Serving { session: Session::start(serve, "the backend")?, url: String::new() };
        let Ok(first) = serving.session.output.recv_timeout(START_TIMEOUT) else {
            let errors: String = lines::rest(&serving.session.errors, Duration::from_secs(1)).collect();
            bail!("the backend does not say where it listens: {errors}");
        };
        let first: serde_json::Value =
            serde_json::from_str(&first).context("reading the first line of the backend's log")?;
        let address = first["address"].as_str().context("the backend's first line names no address")?;
        serving.url = format!("http://{address}");
        Ok(serving)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.session.group.id()
    }

    /// Stops it; gives what it had to warn of.
    pub fn stop(self) -> Result<Vec<String>> {
        self.session.group.signal(Signal::TERM);
        if self.session.group.wait_timeout(STOP_TIMEOUT)?.is_none() {
            bail!("the backend did not stop within {STOP_TIMEOUT:?}");
        }
        let logged = lines::rest(&self.session.output, Duration::from_secs(5));
        Ok(logged.map(|line| line.trim_end().to_owned()).collect())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.session.group.signal(Signal::KILL);
    }
}
