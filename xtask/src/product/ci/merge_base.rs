//! The commit that a change is compared with.

use std::fs;

use anyhow::Result;
use serde_json::Value;

use crate::pipeline::{Context, Unavailable};
use crate::project;
use crate::tools::git;
use crate::tools::git::changes::MergeBase;
use crate::workspace;

/// Where a branch left the default branch; on that one, the commit before. None where nothing came before, which is said.
pub fn of(task: &Context) -> Result<Option<String>> {
    match git::history::base(workspace::root(), project::DEFAULT_BRANCH, before_push().as_deref())? {
        MergeBase::Commit(base) => Ok(Some(base)),
        MergeBase::Shallow => {
            let why = "what came before was not fetched: `git fetch --unshallow` brings it".to_owned();
            Err(Unavailable(why).into())
        }
        MergeBase::None => {
            task.line("nothing came before this commit: there is nothing to compare with");
            Ok(None)
        }
    }
}

/// What a branch held before the push that a workflow runs for, which may have brought several commits.
fn before_push() -> Option<String> {
    let is_push = std::env::var("GITHUB_EVENT_NAME").is_ok_and(|name| name == "push");
    let event = is_push.then(|| std::env::var("GITHUB_EVENT_PATH").ok()).flatten()?;
    let event: Value = serde_json::from_str(&fs::read_to_string(event).ok()?).ok()?;
    // A new branch has zeros there.
    event["before"].as_str().filter(|commit| commit.bytes().any(|byte| byte != b'0')).map(str::to_owned)
}
