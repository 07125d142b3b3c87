//! Secrets on the host.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;

use libtest_mimic::Failed;

use super::database::query;
use crate::support::check;
use crate::support::http::{Response, connect, read_head};
use crate::support::project::Project;

/// The app's user in its image.
const APP_USER: u32 = 10001;
/// The database's group, which may read the passwords of its roles.
const DATABASE_GROUP: u32 = 999;

pub fn are_files_of_the_app(project: &Project) -> Result<(), Failed> {
    let containers = project.containers();
    check(containers.len() >= 4, || format!("{containers:?}"))?;
    let mut all = Vec::new();
    for name in ["jwt_secret", "database_app_password", "database_owner_password"] {
        let path = project.root().join("secrets").join(name).join("1");
        let file = fs::metadata(&path)?;
        let (mode, uid) = (file.mode(), file.uid());
        let may_read = if name == "jwt_secret" { (0o400, 0) } else { (0o440, DATABASE_GROUP) };
        check((mode & 0o777, file.gid()) == may_read && uid == APP_USER, || {
            format!("{name}: mode {mode:o}, uid {uid}, gid {}", file.gid())
        })?;
        all.push(project.as_root(&["cat", path.as_str()]));
    }
    for container in containers {
        let configuration = project.docker(&["inspect", &container]);
        check(!all.iter().any(|secret| configuration.contains(secret.as_str())), || {
            format!("{container} shows a secret")
        })?;
    }
    Ok(())
}

/// Behind the edge every connection is the edge's: if its word were not taken, or a client's own were, one stranger's failures
/// would count for everybody, or for whom the stranger likes.
/// Where a stranger's request says that it comes from.
const CLAIMED: &str = "203.0.113.9";
/// The log-ins of a stranger that failed.
const FAILURES: &str =
    "FROM log_in_failures WHERE address = sha256(convert_to('nobody@example.org', 'UTF8'))";

/// The response to a stranger's log-in with a wrong password.
fn wrong_log_in(project: &Project) -> Result<Response, Failed> {
    const BODY: &str = r#"{"email":"nobody@example.org","password":"wrong"}"#;
    let (mut connection, length) = (connect(&project.url())?, BODY.len());
    let request = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {CLAIMED}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{BODY}"
    );
    connection.get_mut().write_all(request.as_bytes())?;
    Ok(read_head(&mut connection)?)
}

/// So many have failed, from where this suite's own requests come from, that all must wait who are not known there.
pub fn strangers_fail_to_log_in(project: &Project) -> Result<(), Failed> {
    wrong_log_in(project)?;
    let one = format!("(SELECT address, client {FAILURES} LIMIT 1) AS failed");
    let more = format!("SELECT address, client FROM {one}, generate_series(1, 100)");
    query(project, &format!("INSERT INTO log_in_failures (address, client) {more}"));
    let refused = || wrong_log_in(project).map(|response| response.status);
    let before = refused()?;
    project.commit("A release while somebody guesses passwords");
    let output = project.deploy().succeeds();
    let after = refused()?;
    query(project, "DELETE FROM log_in_failures");
    output?;
    check((before, after) == (429, 429), || format!("a log-in was answered {before}, and then {after}"))?;
    project.last_attempt_is("deploy", "succeeded")
}

pub fn log_ins_are_counted_by_client(project: &Project) -> Result<(), Failed> {
    let response = wrong_log_in(project)?;
    check(response.status == 401, || format!("{response:?}"))?;
    let client = query(project, &format!("SELECT host(client) {FAILURES}"));
    let edge = project.docker(&[
        "inspect",
        "--format",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
        &project.platform_container("edge"),
    ]);
    check(client.parse::<IpAddr>().is_ok(), || format!("counted for no client: {client:?}"))?;
    check(client != CLAIMED && !edge.split(' ').any(|address| address == client), || {
        format!("counted for {client}; the client claimed {CLAIMED}, and the edge is {edge}")
    })
}

/// As in an environment that is older than the secret.
pub fn missing_one_is_made(project: &Project) -> Result<(), Failed> {
    let folder = project.root().join("secrets/jwt_secret");
    project.commit("A release that needs a secret which is not there");
    fs::remove_dir_all(&folder)?;
    project.deploy().succeeds()?;
    let made = project.as_root(&["cat", folder.join("1").as_str()]);
    check(made.len() == 64, || format!("it has {} bytes", made.len()))?;
    project.last_attempt_is("deploy", "succeeded")
}
