//! Whether the API still answers what the previous release's page asks: while a deploy goes on, and in tabs that stay
//! open, the old page speaks with the new backend.

mod compare;

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::pipeline::{Context, Unavailable};
use crate::project;
use crate::tools::git;
use crate::tools::git::changes::Base;
use crate::workspace;

/// At the end of a commit's message, with the reason, it lets a break pass.
const TRAILER: &str = "Breaks-API";

/// What a branch held before the push that a workflow runs for, which may have brought several commits.
fn before_push() -> Option<String> {
    let is_push = std::env::var("GITHUB_EVENT_NAME").is_ok_and(|name| name == "push");
    let event = is_push.then(|| std::env::var("GITHUB_EVENT_PATH").ok()).flatten()?;
    let event: Value = serde_json::from_str(&fs::read_to_string(event).ok()?).ok()?;
    // A new branch has zeros there.
    event["before"].as_str().filter(|commit| commit.bytes().any(|byte| byte != b'0')).map(str::to_owned)
}

/// Compares the OpenAPI document with that of the commit before: on a branch, of where it left the default branch.
pub fn still_answers(task: &Context) -> Result<()> {
    let root = workspace::root();
    let path = format!("{}/openapi.json", project::BACKEND.folder);
    let before = before_push();
    let base = match git::history::base(root, project::DEFAULT_BRANCH, before.as_deref())? {
        Base::Commit(base) => base,
        Base::Shallow => {
            let why = "what came before was not fetched: `git fetch --unshallow` brings it".to_owned();
            return Err(Unavailable(why).into());
        }
        Base::None => {
            task.line("nothing came before this commit: there is nothing to compare with");
            return Ok(());
        }
    };
    let Some(before) = git::history::show_if_there(root, &base, &path)? else {
        task.line(&format!("{} had no document", &base[..12]));
        return Ok(());
    };
    let parse = |text: &str, whose: &str| -> Result<Value> {
        serde_json::from_str(text).with_context(|| format!("reading the OpenAPI document {whose}"))
    };
    let old = parse(&before, &format!("of {}", &base[..12]))?;
    let new =
        parse(&fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?, "here")?;
    let breaks = compare::breaks(&old, &new);
    if breaks.is_empty() {
        task.line(&format!("what {} answers is answered", &base[..12]));
        return Ok(());
    }
    let (breaks, reasons) = (breaks.join("\n"), git::history::trailers(root, &base, TRAILER)?);
    if !reasons.is_empty() {
        task.line(&format!("{breaks}\naccepted: {}", reasons.join("; ")));
        return Ok(());
    }
    bail!(
        "{breaks}\nThe page of {} still asks this way, in every open tab. Keep the old form beside the new one for a \
         release; or, when nobody can be asking, end a commit's message with `{TRAILER}: the reason`.",
        &base[..12]
    )
}
