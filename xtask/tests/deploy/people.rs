//! Users of the app, made by who runs the environment.

use std::io::Write;

use libtest_mimic::Failed;

use crate::support::check;
use crate::support::http::{connect, read_head};
use crate::support::project::Project;

const EMAIL: &str = "grace@harbour.example";

/// The status with which a log-in is answered.
fn log_in(project: &Project, password: &str) -> Result<u16, Failed> {
    let body = serde_json::json!({ "email": EMAIL, "password": password }).to_string();
    let mut connection = connect(&project.url())?;
    let request = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.get_mut().write_all(request.as_bytes())?;
    Ok(read_head(&mut connection)?.status)
}

pub fn come_and_go(project: &Project) -> Result<(), Failed> {
    let add = ["user", "add", "--organisation", "Harbour", "--email", EMAIL, "--name", "Grace", "--json"];
    let output = project.xtask(&add).fails_with(1)?;
    check(
        output.contains("there is no organisation Harbour") && output.contains("--new-organisation"),
        || output,
    )?;
    let added = project.xtask(&[&add[..], &["--new-organisation"]].concat()).json()?;
    let password = added["password"].as_str().ok_or("no password is printed")?;
    check(log_in(project, password)? == 200, || format!("nobody can log in with {added}"))?;
    let ledger = std::fs::read_to_string(project.root().join("ledger.jsonl"))?;
    check(ledger.contains(&format!("{EMAIL} of Harbour can log in")) && !ledger.contains(password), || {
        ledger
    })?;
    project.xtask(&["user", "suspend", "--email", EMAIL]).succeeds()?;
    check(log_in(project, password)? == 401, || "somebody who is suspended can log in".into())?;
    let listed = project.xtask(&["user", "list", "--json"]).json()?;
    let is_suspended = |user: &serde_json::Value| user["email"] == EMAIL && user["is_suspended"] == true;
    check(listed.as_array().is_some_and(|users| users.iter().any(is_suspended)), || listed.to_string())
}
