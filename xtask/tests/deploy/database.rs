//! The environment's database, by the superuser of its own container.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;

use crate::support::project::Project;
use crate::support::wait_until;

/// By this name the server and the trials know the sessions that are opened here.
const SESSION: &str = "somebody";

/// A session that holds a lock until it is dropped.
pub struct Session<'a> {
    project: &'a Project,
    client: Child,
}

impl Session<'_> {
    /// Opens a session that has run this statement, in a transaction that stays open.
    pub fn holding<'a>(project: &'a Project, statement: &str) -> Result<Session<'a>, Failed> {
        let client = psql(project)
            .args(["--command", "BEGIN", "--command", statement, "--command", "SELECT pg_sleep(600)"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let session = Session { project, client };
        wait_until("the session holds the lock", Duration::from_secs(30), || sleeps(project, SESSION))?;
        Ok(session)
    }
}

impl Drop for Session<'_> {
    /// Ended by the server, which would not notice that the client is gone while it sleeps.
    fn drop(&mut self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity";
        query(self.project, &format!("{end} WHERE application_name = '{SESSION}'"));
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

fn psql(project: &Project) -> Command {
    let mut command = Command::new("docker");
    let postgres = project.platform_container("postgres");
    command.args(["exec", "--user", "999", "--env", &format!("PGAPPNAME={SESSION}"), &postgres]);
    command.args(["psql", "--username=postgres", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
    command.arg("tracehub");
    command
}

/// The rows that a statement gives, one a line. Empty when it fails.
pub fn query(project: &Project, statement: &str) -> String {
    let output = psql(project).args(["--command", statement]).output().expect("docker runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether one session of this name is in `pg_sleep`.
pub fn sleeps(project: &Project, session: &str) -> bool {
    let condition = format!("application_name = '{session}' AND wait_event = 'PgSleep'");
    query(project, &format!("SELECT count(*) FROM pg_stat_activity WHERE {condition}")) == "1"
}
