//! What GitHub watches by itself, and whether it knows those whom CODEOWNERS names.

use anyhow::Result;
use serde_json::{Value, json};

use super::account::Account;
use super::{Call, Differences, switch};
use crate::tools::github::{Api, Method};

pub(super) fn look(api: &Api, account: &Account, found: &mut Differences) -> Result<()> {
    // 404 is how it says that they are off.
    if api.get("/vulnerability-alerts")?.is_none() {
        let call = Call::new(Method::PUT, "/vulnerability-alerts", Value::Null);
        found.change("alerts about dependencies", switch(false), switch(true), vec![call]);
    }
    if account.is_public {
        let path = "/private-vulnerability-reporting";
        let is_on = api.get(path)?.is_some_and(|seen| seen["enabled"] == json!(true));
        if !is_on {
            let call = Call::new(Method::PUT, path, Value::Null);
            found.change("private reports of holes", switch(false), switch(true), vec![call]);
        }
    }
    Ok(())
}

/// A line that GitHub does not understand asks nobody. Without the file there is nothing to ask about.
pub(super) fn code_owners(api: &Api, found: &mut Differences) -> Result<()> {
    let Some(told) = api.get("/codeowners/errors")? else { return Ok(()) };
    let errors = told["errors"].as_array().into_iter().flatten();
    found.by_hand.extend(errors.map(|error| {
        let (path, line) = (error["path"].as_str().unwrap_or("CODEOWNERS"), &error["line"]);
        format!("{path}, line {line}: {}", error["kind"].as_str().unwrap_or("GitHub does not understand it"))
    }));
    Ok(())
}
