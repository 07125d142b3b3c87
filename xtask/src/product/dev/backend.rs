//! The backend: compiled from the tree, and replaced by the next one without a request that fails.

use std::cell::Cell;
use std::sync::Mutex;

use anyhow::{Context as _, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use xshell::cmd;

use super::service::Service;
use crate::pipeline::Globs;
use crate::project::{BACKEND, DATABASE};
use crate::terminal::{self, Activity};
use crate::tools::cargo::{self, Profile};
use crate::tools::database::postgres::Server;
use crate::tools::git::tree::Tree;
use crate::tools::process::{Run, shell};
use crate::tools::{files, free_ports};
use crate::workspace;

/// What the program is compiled from.
const SOURCES: &[&str] =
    &["Cargo.toml", "Cargo.lock", ".sqlx/", "tracehub/backend/", "!tracehub/backend/tests/"];
/// No secret: it is good for this machine's demo organisation. A fixed one, so that whoever is logged in stays so.
const JWT_SECRET: &str = "development: a key of 32 bytes or more";

/// Where papers lie.
pub fn papers() -> Utf8PathBuf {
    workspace::local_dir().join("development/papers")
}

/// How to log in to the demo organisation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogIn {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
}

/// What the backend sends mail by, and where the links in it lead.
pub struct Mailing {
    /// The address of what takes it.
    pub smtp: String,
    /// The page's.
    pub site: String,
}

/// A backend that runs.
pub struct Backend {
    service: Service,
    port: u16,
    is_told: Cell<bool>,
}

impl Backend {
    /// Starts it beside whatever else runs, and returns when it is ready.
    pub fn start(program: &Utf8Path, database: &Server, mailing: &Mailing) -> Result<Backend> {
        let [port] = free_ports::find()?;
        let serve = cmd!(shell(), "{program} serve")
            .env("DATABASE_URL", database.user_url(DATABASE))
            .env("JWT_SECRET", JWT_SECRET)
            .env("LISTEN_ADDRESS", format!("127.0.0.1:{port}"))
            .env("SMTP_URL", &mailing.smtp)
            .env("SITE_URL", &mailing.site)
            .env("SIGN_UP", "on")
            .env("PAPERS_FOLDER", papers());
        let backend = Backend { service: Service::start("backend", serve)?, port, is_told: Cell::default() };
        backend.service.wait_for(&format!("{}/health/ready", backend.url()))?;
        Ok(backend)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on it gets the requests: the page's server reads this file on each.
    pub fn take_requests(&self, file: &Utf8Path) -> Result<()> {
        files::replace(file, self.url().as_bytes())
    }

    /// Says so, once, when it has ended by itself.
    pub fn tell_when_ended(&self) -> Result<()> {
        if let Some(status) = self.service.ended()?
            && !self.is_told.replace(true)
        {
            terminal::warn(format_args!("the backend has ended ({status}); the next change starts it again"));
        }
        Ok(())
    }

    /// Requests in flight are finished.
    pub fn stop(self) {
        self.service.stop();
    }
}

/// The content of each of its sources: equal when nothing changed.
pub fn sources() -> Result<Vec<String>> {
    let tree = Tree::look(workspace::root())?;
    let own = Globs::new(SOURCES).select(tree.paths());
    Ok(own.into_iter().map(|at| format!("{} {}", tree.paths()[at], tree.content(at))).collect())
}

/// Compiles it. What the compiler has to say is shown when it fails.
pub fn compile() -> Result<Utf8PathBuf> {
    let said = Mutex::new(Vec::new());
    let each_line = |activity: &Activity, line: &str| {
        activity.line(line);
        said.lock().expect("no holder panics").push(line.to_owned());
    };
    let compiled = Activity::of("compile the backend", |activity| {
        cargo::build(workspace::root(), BACKEND.image, Profile::Dev, &|line| each_line(activity, line))
    });
    compiled.map_err(|_| {
        let progress =
            |line: &&String| ["Compiling", "Blocking"].iter().any(|word| line.trim().starts_with(word));
        said.lock().expect("no holder panics").iter().filter(|line| !progress(line)).for_each(terminal::note);
        anyhow!("the backend does not compile")
    })
}

/// Brings the database to what the program knows.
pub fn migrate(program: &Utf8Path, database: &Server) -> Result<()> {
    let migrate = cmd!(shell(), "{program} migrate");
    Run::new(migrate.env("DATABASE_URL", database.owner_url(DATABASE))).called("its migrations").run().context(
        "the database could not be migrated (a migration that was edited after it had run wants `cargo xtask dev --fresh`, which \
         begins with an empty database)",
    )
}

/// Fills the demo organisation, once. Gives its log-in.
pub fn seed(program: &Utf8Path, database: &Server) -> Result<LogIn> {
    let seed = cmd!(shell(), "{program} seed").env("DATABASE_URL", database.owner_url(DATABASE));
    serde_json::from_str(&Run::new(seed).text()?).context("reading how to log in to the demo organisation")
}
