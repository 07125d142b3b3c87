//! A PostgreSQL server that runs as long as a test run, or as a developer's command. It needs PostgreSQL's programs alone: no
//! service, no container, no fixed port.

use std::fs;
use std::net::TcpListener;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

use crate::tools::locate;
use crate::tools::process::owner::{self, Owner};
use crate::tools::process::{Run, interrupt, shell};

/// PostgreSQL's programs, and the roles that a fresh server gets.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// The server's program; PostgreSQL's other programs are in its folder.
    pub program: Utf8PathBuf,
    /// The role that owns databases, and may create them.
    pub owner: &'static str,
    /// The role by which an application uses them.
    pub user: &'static str,
}

/// The role that `initdb` makes.
const SUPERUSER: &str = "postgres";

/// A running server.
#[derive(Debug)]
pub struct Server {
    postgres: Postgres,
    folder: Utf8PathBuf,
    port: u16,
    // Locked while this server runs.
    claim: Option<Owner>,
    kind: Kind,
}

/// What a server is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Tests: it begins empty, does not sync to the disk, and is removed with its data when it is dropped.
    Test,
    /// The developer's data, which are kept. Commands that run at the same time share one server.
    Development,
}

impl Postgres {
    /// Starts a server for tests. It begins empty, does not sync to the disk, and is removed with its data when it is dropped.
    pub fn for_tests(self) -> anyhow::Result<Server> {
        self.start_for_tests().context("starting a PostgreSQL server for tests")
    }

    /// Starts the server with the developer's data, which are kept in `folder`, or uses the one that another command has
    /// started there.
    pub fn for_development(self, folder: Utf8PathBuf) -> anyhow::Result<Server> {
        self.start_for_development(folder).context("starting the PostgreSQL server for development")
    }

    fn start_for_tests(self) -> anyhow::Result<Server> {
        left_by_killed().iter().for_each(|folder| self.clone().discard(folder));
        let temporary = temporary()?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&temporary)?.keep();
        let folder = Utf8PathBuf::try_from(folder)?;
        let claim = owner::own(&folder)?;
        let mut server = Server { postgres: self, folder, port: 0, claim: Some(claim), kind: Kind::Test };
        server.initialise()?;
        server.run()?;
        Ok(server)
    }

    fn start_for_development(self, folder: Utf8PathBuf) -> anyhow::Result<Server> {
        fs::create_dir_all(&folder)?;
        let claim = owner::own(&folder).ok();
        let mut server = Server { postgres: self, folder, port: 0, claim, kind: Kind::Development };
        if server.claim.is_some() && !server.data().join("PG_VERSION").exists() {
            server.initialise()?;
        }
        match server.running_port() {
            // The server of another command, or of one that was killed.
            Some(port) => server.port = port,
            None => server.run()?,
        }
        Ok(server)
    }

    /// Stops the server of a test at once and removes its data.
    pub fn discard(self, folder: &Utf8Path) {
        let server =
            Server { postgres: self, folder: folder.to_owned(), port: 0, claim: None, kind: Kind::Test };
        // It does not run when the command was killed before it had started it.
        let _ = server.pg_ctl(&["stop", "--mode=immediate"]);
        let _ = fs::remove_dir_all(folder);
    }

    /// One of PostgreSQL's programs, as another user than root, which they refuse.
    fn command<'a>(&self, sh: &'a Shell, name: &str) -> Cmd<'a> {
        let program = self.program.with_file_name(name);
        let mut words: Vec<String> = AS_WHOM.iter().map(|word| (*word).to_owned()).collect();
        words.push(program.to_string());
        let (first, rest) = words.split_first().expect("the program itself");
        locate::with_libraries(cmd!(sh, "{first} {rest...}"), &program).env_remove("PGOPTIONS")
    }
}

impl Server {
    /// The server's program; PostgreSQL's other programs are in its folder.
    pub fn program(&self) -> &Utf8Path {
        &self.postgres.program
    }

    /// The URL by which the owner connects to a database.
    pub fn owner_url(&self, database: &str) -> String {
        self.url(self.postgres.owner, database)
    }

    /// The URL by which the role that serves connects to a database.
    pub fn user_url(&self, database: &str) -> String {
        self.url(self.postgres.user, database)
    }

    /// The URL by which the superuser connects to a database.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(SUPERUSER, database)
    }

    /// Creates a database that belongs to the owner, unless it exists.
    pub fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let there = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
        if self.sql(&there)?.is_empty() {
            self.sql(&format!("CREATE DATABASE {name} OWNER {}", self.postgres.owner))?;
        }
        Ok(())
    }

    /// Creates a database that belongs to the owner, as a copy of another one. An error while somebody is connected to that.
    pub fn copy_database(&self, name: &str, of: &str) -> anyhow::Result<()> {
        self.sql(&format!("CREATE DATABASE {name} OWNER {} TEMPLATE {of}", self.postgres.owner)).map(drop)
    }

    /// Creates a role without rights, unless it exists.
    pub fn create_role(&self, name: &str) -> anyhow::Result<()> {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let there = format!("SELECT 1 FROM pg_roles WHERE rolname = '{}'", name.replace('\'', "''"));
        if self.sql(&there)?.is_empty() {
            self.sql(&format!("CREATE ROLE {quoted}"))?;
        }
        Ok(())
    }

    /// Removes a database, if there is one.
    pub fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        self.sql(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).map(drop)
    }

    fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    fn data(&self) -> Utf8PathBuf {
        self.folder.join("data")
    }

    /// Creates an empty cluster with the two roles. Everybody on the loopback address is trusted: nothing in it is secret.
    fn initialise(&self) -> anyhow::Result<()> {
        let sh = shell();
        let data = self.data();
        // An unfinished one of a command that was killed.
        sh.remove_path(&data)?;
        hand_over(&self.folder)?;
        let options =
            ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"];
        let locale = if cfg!(target_os = "macos") { "C" } else { "C.UTF-8" };
        Run::new(
            self.postgres
                .command(sh, "initdb")
                .args(["--pgdata", data.as_str(), "--locale", locale])
                .args(options),
        )
        .run()?;
        // A server in single-user mode has no port, so nobody can connect before it is complete.
        let Postgres { owner, user, .. } = self.postgres;
        let roles = format!("CREATE ROLE {owner} LOGIN CREATEDB;\nCREATE ROLE {user} LOGIN;\n");
        let single =
            self.postgres.command(sh, "postgres").args(["--single", "-D", data.as_str(), "postgres"]);
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
        // Without a Unix socket: its folder may be writable for root alone, or its path too long.
        format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 {durability}",
            self.port
        )
    }

    /// Runs `pg_ctl`, which waits until the server has started or stopped.
    fn pg_ctl(&self, words: &[&str]) -> anyhow::Result<()> {
        let (data, log) = (self.data(), self.folder.join("log"));
        let fixed = ["--wait", "--silent", "--pgdata", data.as_str(), "--log", log.as_str()];
        Ok(Run::new(self.postgres.command(shell(), "pg_ctl").args(words).args(fixed))
            .timeout(Duration::from_secs(90))
            .run()?)
    }

    /// The port of the server that runs on this data; none when none does.
    fn running_port(&self) -> Option<u16> {
        self.pg_ctl(&["status"]).ok()?;
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        file.lines().nth(3)?.parse().ok()
    }

    fn sql(&self, statement: &str) -> anyhow::Result<String> {
        let url = self.superuser_url("postgres");
        let options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"];
        Ok(Run::new(self.postgres.command(shell(), "psql").args(options).args([
            "--command",
            statement,
            &url,
        ]))
        .text()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.claim.is_none() {
            return;
        }
        // After Ctrl-C too.
        interrupt::shielded(|| match self.kind {
            Kind::Test => self.postgres.clone().discard(&self.folder),
            Kind::Development => drop(self.pg_ctl(&["stop", "--mode=fast"])),
        });
    }
}

/// The beginning of the names of folders of test servers.
const PREFIX: &str = "xtask-postgres-";

/// The folders of test servers whose run was killed. [`Postgres::discard`] stops and removes them.
pub fn left_by_killed() -> Vec<Utf8PathBuf> {
    let Ok(temporary) = temporary() else { return Vec::new() };
    let Ok(folders) = temporary.read_dir_utf8() else { return Vec::new() };
    let of_tests = folders.flatten().filter(|folder| folder.file_name().starts_with(PREFIX));
    let left = of_tests.filter(|folder| owner::has_ended(folder.path()) == Some(true));
    left.map(|folder| folder.path().to_owned()).collect()
}

fn temporary() -> anyhow::Result<Utf8PathBuf> {
    Utf8PathBuf::try_from(std::env::temp_dir())
        .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")
}

/// The words before a command by which it runs as another user than root, since PostgreSQL refuses to run as root: in a user
/// namespace where root has another id, which leaves the files to root, or as `nobody` where such namespaces are forbidden.
static AS_WHOM: LazyLock<&'static [&'static str]> = LazyLock::new(|| {
    const NAMESPACE: &[&str] = &["unshare", "--user", "--map-user=1000", "--map-group=1000"];
    const NOBODY: &[&str] = &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !rustix::process::geteuid().is_root() {
        return &[];
    }
    let tried = Run::new(cmd!(shell(), "env {NAMESPACE...} true")).succeeds();
    if tried.unwrap_or(false) { NAMESPACE } else { NOBODY }
});

/// Makes the user that the programs run as the owner of a folder.
fn hand_over(folder: &Utf8Path) -> anyhow::Result<()> {
    if AS_WHOM.first() == Some(&"setpriv") {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534))?;
    }
    Ok(())
}
