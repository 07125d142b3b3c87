//! The repository's settings on GitHub, out of the tables that are there already: what they ought to be, what they are, and the
//! requests that make the one the other. Looking sends nothing but GETs; nothing is ever deleted.

mod account;
mod actions;
mod alerts;
pub mod deployments;
mod environments;
mod labels;
pub mod minutes;
pub mod passes;
mod rulesets;
mod seal;
mod secrets;
#[cfg(test)]
pub(super) mod tests;

use anyhow::Result;
use serde_json::Value;

use self::account::Account;
use crate::exit::refuse;
use crate::product::images::github_repository;
use crate::project::GITHUB_TOKENS;
use crate::tools::git;
use crate::tools::github::{Api, Method};
use crate::workspace;

pub use self::secrets::Keys;

/// How GitHub is asked.
pub struct Access {
    /// Where the API is.
    pub address: String,
    /// `owner/name`.
    pub repository: String,
    /// The token.
    pub token: String,
}

/// By the remote and the variables; or why nobody can be asked.
pub fn access() -> Result<Result<Access, &'static str>> {
    let origin = git::origin_url(workspace::root())?;
    let Some(repository) = origin.as_deref().and_then(github_repository) else {
        return Ok(Err("the remote `origin` is not on GitHub, which could be asked"));
    };
    let variable = |name: &&str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let Some(token) = GITHUB_TOKENS.iter().find_map(variable) else {
        return Ok(Err("GITHUB_TOKEN, with which GitHub could be asked, is not set"));
    };
    let address = std::env::var("GITHUB_API_URL").unwrap_or_else(|_| "https://api.github.com".to_owned());
    Ok(Ok(Access { address, repository: repository.to_owned(), token }))
}

/// The repository that this tree is of.
pub fn api() -> Result<Api> {
    let access = access()?.map_err(|why| refuse(format!("{why}. docs/github.md says what the token may")))?;
    Ok(Api::new(&access.address, &access.repository, &access.token))
}

/// What differs, and what is said beside it.
#[derive(Debug, Default)]
pub struct Differences {
    /// What `apply` changes.
    pub changes: Vec<Change>,
    /// What only a person can mend: a key is missing, a name is wrong.
    pub by_hand: Vec<String>,
    /// What is there that no table has: it stays.
    pub others: Vec<String>,
    /// What the account's plan does not have, and what does the same here.
    pub lacking: Vec<&'static str>,
}

/// One difference, and how it goes.
#[derive(Debug)]
pub struct Change {
    /// The setting.
    pub what: String,
    /// What it is.
    pub now: String,
    /// What it ought to be.
    pub wanted: String,
    means: Means,
}

#[derive(Debug)]
enum Means {
    /// These requests, in this order.
    Calls(Vec<Call>),
    Secret(secrets::Exchange),
}

#[derive(Debug)]
struct Call {
    method: Method,
    path: String,
    body: Value,
}

impl Call {
    fn new(method: Method, path: impl Into<String>, body: Value) -> Call {
        Call { method, path: path.into(), body }
    }
}

impl Differences {
    /// Looks at everything. `keys` are the private keys that CI is to have.
    pub fn of(api: &Api, keys: &Keys) -> Result<Differences> {
        let mut found = Differences::default();
        let account = Account::of(api)?;
        found.lacking = account.lacking();
        let environments = environments::look(api, &account, keys, &mut found)?;
        secrets::look(api, &account, keys, &environments, &mut found)?;
        rulesets::look(api, &account, &mut found)?;
        actions::look(api, &mut found)?;
        alerts::look(api, &account, &mut found)?;
        labels::look(api, &mut found)?;
        alerts::code_owners(api, &mut found)?;
        Ok(found)
    }

    /// Whether all is as the tables have it.
    pub fn is_none(&self) -> bool {
        self.changes.is_empty() && self.by_hand.is_empty()
    }

    fn change(
        &mut self,
        what: impl Into<String>,
        now: impl Into<String>,
        wanted: impl Into<String>,
        calls: Vec<Call>,
    ) {
        let (what, now, wanted) = (what.into(), now.into(), wanted.into());
        self.changes.push(Change { what, now, wanted, means: Means::Calls(calls) });
    }
}

impl Change {
    /// Makes it so. Done again, it does the same.
    pub fn apply(&self, api: &Api) -> Result<()> {
        match &self.means {
            Means::Calls(calls) => {
                calls.iter().try_for_each(|call| api.send(&call.method, &call.path, &call.body).map(drop))
            }
            Means::Secret(exchange) => exchange.apply(api),
        }
    }
}

/// Whether `found` has all that `wanted` says, and perhaps more. The order of a list is of no matter.
fn has(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| found.get(key).is_some_and(|found| has(found, wanted)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && wanted.iter().all(|wanted| found.iter().any(|found| has(found, wanted)))
        }
        (found, wanted) => found == wanted,
    }
}

/// The name of something in a list.
fn name(of: &Value) -> &str {
    of["name"].as_str().unwrap_or_default()
}

/// `on`, `off`: as people say it of a switch.
fn switch(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}
