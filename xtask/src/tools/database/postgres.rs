//! A PostgreSQL server of one's own, from the programs alone: for the length of a test run, or of a command of a
//! developer. No service, no container, no fixed port.

use std::fs;
use std::net::TcpListener;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

use crate::project::{self, APP_ROLE, OWNER_ROLE};
use crate::tools::locate::{self, Tool};
use crate::tools::process::owner::{self, Owner};
use crate::tools::process::{Run, interrupt};
use crate::workspace;

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    folder: Utf8PathBuf,
    port: u16,
    // Held while the server is ours.
    owner: Option<Owner>,
    kind: Kind,
}

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Empty, fast and forgetful: gone with its data when it is dropped.
    Test,
    /// The developer's data: kept, safely. Commands at the same time share one server.
    Development,
}

impl Server {
    /// Starts a server, or joins the development server that another command runs.
    pub fn start(kind: Kind) -> anyhow::Result<Server> {
        let server = match kind {
            Kind::Test => Self::start_for_tests(),
            Kind::Development => Self::start_for_development(),
        };
        server.with_context(|| format!("starting a PostgreSQL server ({kind:?})"))
    }

    /// Where the owner of the schema finds a database.
    pub fn owner_url(&self, database: &str) -> String {
        self.url(OWNER_ROLE, database)
    }

    /// Makes a database that belongs to the owner, unless it is there.
    pub fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let there = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
        if self.sql(&there)?.is_empty() {
            self.sql(&format!("CREATE DATABASE {name} OWNER {OWNER_ROLE}"))?;
        }
        Ok(())
    }

    /// Makes a database that belongs to the owner, as a copy of another one to which nobody is connected.
    pub fn copy_database(&self, name: &str, of: &str) -> anyhow::Result<()> {
        self.sql(&format!("CREATE DATABASE {name} OWNER {OWNER_ROLE} TEMPLATE {of}")).map(drop)
    }

    fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    fn start_for_tests() -> anyhow::Result<Server> {
        let temporary = Utf8PathBuf::try_from(std::env::temp_dir())
            .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")?;
        sweep(&temporary);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&temporary)?.keep();
        let folder = Utf8PathBuf::try_from(folder)?;
        let owner = owner::own(&folder)?;
        let mut server = Server { folder, port: 0, owner: Some(owner), kind: Kind::Test };
        server.initialise()?;
        server.run()?;
        Ok(server)
    }

    fn start_for_development() -> anyhow::Result<Server> {
        let folder = workspace::local_dir().join("development/postgres");
        fs::create_dir_all(&folder)?;
        let owner = owner::own(&folder).ok();
        let mut server = Server { folder, port: 0, owner, kind: Kind::Development };
        if server.owner.is_some() && !server.data().join("PG_VERSION").exists() {
            server.initialise()?;
        }
        match server.running_port() {
            // Another command's, or one whose command was killed.
            Some(port) => server.port = port,
            None => server.run()?,
        }
        server.create_database(project::DATABASE)?;
        Ok(server)
    }

    fn data(&self) -> Utf8PathBuf {
        self.folder.join("data")
    }

    /// Makes an empty cluster with the two roles. Everybody on the loopback address is trusted: there is nothing secret.
    fn initialise(&self) -> anyhow::Result<()> {
        let sh = Shell::new()?;
        let data = self.data();
        // What a killed command left half made.
        sh.remove_path(&data)?;
        hand_over(&self.folder)?;
        let options =
            ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"];
        let locale = if cfg!(target_os = "macos") { "C" } else { "C.UTF-8" };
        Run::new(program(&sh, "initdb")?.args(["--pgdata", data.as_str(), "--locale", locale]).args(options))
            .run()?;
        // A single-user server needs no port, and nobody can meet it half made.
        let roles = format!("CREATE ROLE {OWNER_ROLE} LOGIN CREATEDB;\nCREATE ROLE {APP_ROLE} LOGIN;\n");
        let single = program(&sh, "postgres")?.args(["--single", "-D", data.as_str(), "postgres"]);
        Ok(Run::new(single).stdin(roles).run()?)
    }

    /// Starts the server on a free port, and returns when it accepts connections.
    fn run(&mut self) -> anyhow::Result<()> {
        let mut tries = 0;
        loop {
            self.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            match self.pg_ctl(&["start", "--options", &self.options()]) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tries += 1;
                    let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                    let taken = log.contains("Address already in use");
                    anyhow::ensure!(taken && tries < 5, "{error:#}\n{}", crate::tools::process::tail(&log));
                }
            }
        }
    }

    fn options(&self) -> String {
        let durability = match self.kind {
            Kind::Test => "-c fsync=off -c synchronous_commit=off -c full_page_writes=off",
            Kind::Development => "-c fsync=on",
        };
        // Without a socket of its own in a folder that only root may write, or whose name is too long for one.
        format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 {durability}",
            self.port
        )
    }

    /// `pg_ctl`, which waits until what it was asked for has happened.
    fn pg_ctl(&self, words: &[&str]) -> anyhow::Result<()> {
        let sh = Shell::new()?;
        let (data, log) = (self.data(), self.folder.join("log"));
        let fixed = ["--wait", "--silent", "--pgdata", data.as_str(), "--log", log.as_str()];
        Ok(Run::new(program(&sh, "pg_ctl")?.args(words).args(fixed))
            .timeout(Duration::from_secs(90))
            .run()?)
    }

    /// The port of the server that runs on this data, if one does.
    fn running_port(&self) -> Option<u16> {
        self.pg_ctl(&["status"]).ok()?;
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        file.lines().nth(3)?.parse().ok()
    }

    fn sql(&self, statement: &str) -> anyhow::Result<String> {
        let sh = Shell::new()?;
        let url = self.url("postgres", "postgres");
        let options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"];
        Ok(Run::new(program(&sh, "psql")?.args(options).args(["--command", statement, &url])).text()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.owner.is_none() {
            return;
        }
        // Also after Ctrl-C: that is what it is for.
        interrupt::shielded(|| match self.kind {
            Kind::Test => discard(&self.folder),
            Kind::Development => drop(self.pg_ctl(&["stop", "--mode=fast"])),
        });
    }
}

/// In front of the name of each folder of a test's server.
const PREFIX: &str = "tracehub-postgres-";

/// Ends the servers of tests whose run was killed, and removes what they left.
pub fn sweep_killed() {
    if let Ok(temporary) = Utf8PathBuf::try_from(std::env::temp_dir()) {
        sweep(&temporary);
    }
}

fn sweep(temporary: &Utf8Path) {
    let Ok(folders) = temporary.read_dir_utf8() else { return };
    for folder in folders.flatten().filter(|folder| folder.file_name().starts_with(PREFIX)) {
        if owner::has_ended(folder.path()) == Some(true) {
            discard(folder.path());
        }
    }
}

/// Stops a test's server without any care for its data, and removes it.
fn discard(folder: &Utf8Path) {
    let server = Server { folder: folder.to_owned(), port: 0, owner: None, kind: Kind::Test };
    // None may run, if this was killed early.
    let _ = server.pg_ctl(&["stop", "--mode=immediate"]);
    let _ = fs::remove_dir_all(folder);
}

/// One of PostgreSQL's programs, as a user that it agrees to run as.
fn program<'a>(sh: &'a Shell, name: &str) -> anyhow::Result<Cmd<'a>> {
    let program = locate::require(Tool::Postgres)?.with_file_name(name);
    let mut words: Vec<String> = AS_WHOM.iter().map(|word| (*word).to_owned()).collect();
    words.push(program.to_string());
    let (first, rest) = words.split_first().expect("the program itself");
    Ok(locate::with_libraries(cmd!(sh, "{first} {rest...}"), &program).env_remove("PGOPTIONS"))
}

/// PostgreSQL refuses to run as root. In a user namespace of its own, root is somebody else to it, and its files are
/// still ours; where those are forbidden, it runs as `nobody`.
static AS_WHOM: LazyLock<&'static [&'static str]> = LazyLock::new(|| {
    const NAMESPACE: &[&str] = &["unshare", "--user", "--map-user=1000", "--map-group=1000"];
    const NOBODY: &[&str] = &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !rustix::process::geteuid().is_root() {
        return &[];
    }
    let tried = Shell::new().ok().map(|sh| Run::new(cmd!(sh, "env {NAMESPACE...} true")).succeeds());
    if matches!(tried, Some(Ok(true))) { NAMESPACE } else { NOBODY }
});

/// Gives a folder to the user that the programs run as, where that is another one.
fn hand_over(folder: &Utf8Path) -> anyhow::Result<()> {
    if AS_WHOM.first() == Some(&"setpriv") {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534))?;
    }
    Ok(())
}
