//! `cargo xtask dev`: TraceHub from the working tree, as whoever changes it has it.

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::project::Project;
use crate::support::{check, http, wait_until};

/// A word of an answer, and where it is written.
const SOURCE: &str = "tracehub/backend/src/http/health.rs";
/// With the rest of the machine at work.
const COMPILED_WITHIN: Duration = Duration::from_secs(600);

/// All along, requests are sent to the page's server, and none may fail.
pub fn changes_take_over(project: &Project) -> Result<(), Failed> {
    // Of a database that is gone.
    let papers = project.folder().join(".local/development/papers/old");
    fs::create_dir_all(&papers)?;
    project.xtask_verbatim(&["dev", "--detach", "--fresh"]).succeeds()?;
    check(!papers.exists(), || "papers of before are left".to_owned())?;
    let ended = changes_take_over_in(project);
    project.xtask_verbatim(&["dev", "stop"]).succeeds()?;
    project.git(&["checkout", "--quiet", "."]);
    ended
}

fn changes_take_over_in(project: &Project) -> Result<(), Failed> {
    let state = state(project)?;
    let url = state["ready"]["url"].as_str().ok_or("it is not ready")?.trim_end_matches('/').to_owned();
    check(http::get(&url, "/")?.body.contains("<div id=\"root\">"), || "the page is not served".to_owned())?;
    project.xtask_verbatim(&["dev"]).fails_with(3)?;

    let client = Client::start(&url);
    let (source, log) = (project.folder().join(SOURCE), project.folder().join(".local/development/log"));
    let logged = |words: &str| fs::read_to_string(&log).unwrap_or_default().matches(words).count();
    let text = fs::read_to_string(&source)?;
    let broken = format!("{text}\nfn broken( {{\n");
    fs::write(&source, broken)?;
    wait_until("it is said that it does not compile", COMPILED_WITHIN, || logged("does not compile") == 1)?;
    check(text.contains("\"ok\""), || format!("{SOURCE} has no word to change"))?;
    fs::write(&source, text.replace("\"ok\"", "\"well\""))?;
    wait_until("what was changed answers", COMPILED_WITHIN, || {
        http::get(&url, "/health/ready").is_ok_and(|answer| answer.body.contains("well"))
    })?;
    client.stop().has_no_failures()
}

/// Whoever started it is killed: within seconds its port is free, and what it had started is gone.
pub fn nothing_is_left(project: &Project) -> Result<(), Failed> {
    let driver = project.xtask_verbatim(&["dev"]).spawn();
    let ready = || state(project).ok().filter(|state| state["ready"].is_object());
    wait_until("it is ready", COMPILED_WITHIN, || driver.has_exited() || ready().is_some())?;
    let state = ready().ok_or_else(|| format!("it has ended: {}", driver.output()))?;
    let port: u16 = state["ready"]["url"]
        .as_str()
        .and_then(|url| url.trim_end_matches('/').rsplit(':').next()?.parse().ok())
        .ok_or("no port")?;
    driver.kill();
    let data = project.folder().join(".local/development/postgres/data/postmaster.pid");
    wait_until("everything has ended", Duration::from_secs(60), || {
        TcpStream::connect(("127.0.0.1", port)).is_err() && !data.exists()
    })?;
    check(self::state(project)?.is_null(), || "it is still told to run".to_owned())
}

fn state(project: &Project) -> Result<Value, Failed> {
    project.xtask_verbatim(&["dev", "status", "--json"]).json()
}
