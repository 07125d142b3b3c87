//! The frontend's browser test, against the deployed app.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use libtest_mimic::Failed;

use crate::support::check;
use crate::support::project::Project;

/// E-mail and password of the demo user, with two spaces in between: only the first deploy prints them.
static LOG_IN: OnceLock<String> = OnceLock::new();

/// Keeps the log-in that the first deploy has printed.
pub fn remember_log_in(output: &str) -> Result<(), Failed> {
    let log_in =
        output.split("log in as ").nth(1).ok_or_else(|| format!("no log-in is printed:\n{output}"))?;
    LOG_IN.get_or_init(|| log_in.trim().to_owned());
    Ok(())
}

pub fn test(project: &Project) -> Result<(), Failed> {
    let log_in = LOG_IN.get().ok_or("the first deploy printed no log-in")?;
    let (email, password) = log_in.split_once("  ").ok_or("the log-in has no password")?;
    let chromium =
        ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| which::which(name).ok());
    let output = Command::new("npm")
        .args(["--prefix", "tracehub/frontend", "run", "test:browser"])
        .current_dir(project.folder())
        .env("TRACEHUB_URL", project.url())
        .env("TRACEHUB_EMAIL", email)
        .env("TRACEHUB_PASSWORD", password)
        .env("CHROMIUM", chromium.ok_or("no Chromium is on the PATH")?)
        .stdin(Stdio::null())
        .output()?;
    check(output.status.success(), || {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}
