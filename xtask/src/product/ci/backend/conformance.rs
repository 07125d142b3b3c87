//! Whether the API does what its document says: the real backend, on PostgreSQL, asked by schemathesis.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::Deserialize;
use xshell::{Cmd, cmd};

use super::databases;
use crate::pipeline::Context;
use crate::project;
use crate::setup::{self, Tool};
use crate::tools::cargo::{self, Profile};
use crate::tools::diagnostics::lint;
use crate::tools::process::{Run, Session, lines, shell_in};
use crate::workspace;

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than requests in flight may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Any key will do: its tokens are good for this run alone.
const JWT_SECRET: &str = "api-conformance: a key of 32 bytes or more";

/// How to log in to the demo organisation, as the backend's `seed` prints it.
#[derive(Deserialize)]
struct Demo {
    email: String,
    password: String,
}

/// Asks it everything that its document allows, and what it forbids.
pub fn conforms(task: &Context) -> Result<()> {
    let root = workspace::root();
    let database = databases::migrated(task)?;
    // As it is shipped, which the images need as well: another build would take as long as all of this.
    let backend = cargo::build(root, project::BACKEND.image, Profile::Release, &task.lines())?;
    let demo = Run::new(cmd!(task.sh, "{backend} seed").env("DATABASE_URL", &database.owner)).text()?;
    let demo: Demo = serde_json::from_str(&demo).context("reading how to log in to the demo organisation")?;

    let papers = tempfile::tempdir().context("making a folder for papers")?;
    let serve = cmd!(task.sh, "{backend} serve").env("PAPERS_FOLDER", papers.path());
    let serving = Serving::start(serve.env("DATABASE_URL", &database.user))?;
    let document = root.join(project::BACKEND.folder).join("openapi.json");
    let settings = root.join(lint::SCHEMATHESIS);
    // It leaves files where it runs.
    let folder = tempfile::tempdir().context("making a folder for schemathesis")?;
    let (sh, schemathesis) = (shell_in(folder.path()), setup::require(Tool::Schemathesis)?);
    let ask = lint::schemathesis(&sh, &schemathesis, &settings, &document, &serving.url);
    let asked = task.run(ask.env("EMAIL", demo.email).env("PASSWORD", demo.password));
    for line in serving.stop()? {
        task.line(&line);
    }
    asked
}

/// The backend, on a port that was free.
struct Serving {
    session: Session,
    url: String,
}

impl Serving {
    /// Starts it, and returns when it listens.
    fn start(serve: Cmd<'_>) -> Result<Serving> {
        let serve = serve
            .env("JWT_SECRET", JWT_SECRET)
            .env("LISTEN_ADDRESS", "127.0.0.1:0")
            // schemathesis says for whom it asks.
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

    /// Stops it; gives what it had to warn of.
    fn stop(self) -> Result<Vec<String>> {
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
