//! Whether the API still answers what the previous release's page asks: while a deploy goes on, and in tabs that stay
//! open, the old page speaks with the new backend.

mod compare;

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::pipeline::Context;
use crate::product::ci::merge_base;
use crate::project;
use crate::tools::git;
use crate::workspace;

/// At the end of a commit's message, with the reason, it lets a break pass.
const TRAILER: &str = "Breaks-API";

/// Compares the OpenAPI document with that of the commit before: on a branch, of where it left the default branch.
pub fn still_answers(task: &Context) -> Result<()> {
    let root = workspace::root();
    let path = format!("{}/openapi.json", project::BACKEND.folder);
    let Some(base) = merge_base::of(task)? else { return Ok(()) };
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
    let (breaks, reasons) =
        (breaks.join("\n"), git::history::trailers(root, &base, "HEAD", TRAILER)?.unwrap_or_default());
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
