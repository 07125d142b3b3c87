//! The environments: those of the table with a host, and the one whose key signs that checks have passed. Their address is in the
//! workflow's job, which is where GitHub has it from.

use anyhow::Result;
use serde_json::{Value, json};

use super::account::Account;
use super::{Call, Differences, Keys, has, name};
use crate::product::approvals;
use crate::product::workflows::files::{BRANCHES, CHECKS, hosts};
use crate::project::DEFAULT_BRANCH;
use crate::tools::github::{Api, Method};

/// The most people that GitHub takes.
const MAX_REVIEWERS: usize = 6;

struct Row {
    name: &'static str,
    /// From which branches something may run there.
    branches: &'static [&'static str],
    /// Whether people are asked.
    has_reviewers: bool,
}

/// Gives the names of those that are there.
pub(super) fn look(
    api: &Api,
    account: &Account,
    keys: &Keys,
    found: &mut Differences,
) -> Result<Vec<String>> {
    if !account.has_environments {
        return Ok(Vec::new());
    }
    let seen = api.all("/environments", Some("environments"))?;
    let mut rows: Vec<Row> = hosts()
        .map(|row| Row { name: &row.name, branches: &[DEFAULT_BRANCH], has_reviewers: row.reviewers > 0 })
        .collect();
    rows.push(Row { name: CHECKS, branches: &BRANCHES, has_reviewers: false });
    for row in &rows {
        let reviewers = match row.has_reviewers && account.has_reviewers() {
            true => reviewers(api, &keys.approvers, found)?,
            false => Vec::new(),
        };
        let there = seen.iter().find(|it| name(it).eq_ignore_ascii_case(row.name));
        one(api, row, there, &reviewers, found)?;
    }
    let is_ours = |it: &str| rows.iter().any(|row| row.name.eq_ignore_ascii_case(it));
    found
        .others
        .extend(seen.iter().map(name).filter(|it| !is_ours(it)).map(|it| format!("the environment {it}")));
    Ok(seen.iter().map(|it| name(it).to_lowercase()).collect())
}

fn one(
    api: &Api,
    row: &Row,
    there: Option<&Value>,
    reviewers: &[Value],
    found: &mut Differences,
) -> Result<()> {
    let path = format!("/environments/{}", row.name);
    let what = |what: &str| format!("environment {}: {what}", row.name);
    let kept_to = json!({ "protected_branches": false, "custom_branch_policies": true });
    let policy = |branch: &str| {
        let body = json!({ "name": branch, "type": "branch" });
        Call::new(Method::POST, format!("{path}/deployment-branch-policies"), body)
    };
    let mut body = json!({ "deployment_branch_policy": kept_to });
    if !reviewers.is_empty() {
        body["reviewers"] = json!(reviewers);
        body["prevent_self_review"] = json!(true);
    }
    let Some(there) = there else {
        let mut calls = vec![Call::new(Method::PUT, path.clone(), body)];
        calls.extend(row.branches.iter().map(|branch| policy(branch)));
        found.change(what("branches"), "no such environment", row.branches.join(", "), calls);
        return Ok(());
    };
    let asks = rule(there, "required_reviewers");
    let asked: Vec<Value> = asks["reviewers"].as_array().into_iter().flatten().map(by_id).collect();
    let are_asked = reviewers.iter().all(|wanted| asked.iter().any(|asked| has(asked, wanted)));
    let is_kept = there["deployment_branch_policy"] == kept_to;
    if !is_kept || !are_asked {
        // What is not sent is taken away: what people have set stays.
        let all: Vec<Value> =
            asked.iter().filter(|asked| !reviewers.contains(asked)).chain(reviewers).cloned().collect();
        if !all.is_empty() {
            body["reviewers"] = json!(all);
            body["prevent_self_review"] =
                json!(!reviewers.is_empty() || asks["prevent_self_review"] == json!(true));
        }
        if let Some(timer) = rule(there, "wait_timer")["wait_timer"].as_u64().filter(|timer| *timer > 0) {
            body["wait_timer"] = json!(timer);
        }
        let now = if is_kept { "others are asked" } else { "from anywhere, or from protected branches" };
        let wanted =
            if are_asked { "from named branches" } else { "from named branches, and a person is asked" };
        found.change(what("who may deploy"), now, wanted, vec![Call::new(Method::PUT, path.clone(), body)]);
    }
    let policies = match is_kept {
        true => api.all(&format!("{path}/deployment-branch-policies"), Some("branch_policies"))?,
        false => Vec::new(),
    };
    let names: Vec<&str> = policies.iter().map(name).collect();
    let missing: Vec<&str> = row.branches.iter().copied().filter(|branch| !names.contains(branch)).collect();
    if !missing.is_empty() {
        let now = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let calls = missing.iter().map(|branch| policy(branch)).collect();
        found.change(what("branches"), now, row.branches.join(", "), calls);
    }
    let more = names.iter().filter(|it| !row.branches.contains(it));
    found.others.extend(
        more.map(|it| format!("the branch {it}, from which the environment {} lets deploy", row.name)),
    );
    Ok(())
}

fn rule(environment: &Value, kind: &str) -> Value {
    let rules = environment["protection_rules"].as_array().into_iter().flatten();
    rules.into_iter().find(|rule| rule["type"] == kind).cloned().unwrap_or(Value::Null)
}

/// As a PUT wants a reviewer, of what a GET shows.
fn by_id(shown: &Value) -> Value {
    json!({ "type": shown["type"], "id": shown["reviewer"]["id"] })
}

/// Those who may approve, as far as they are people on GitHub: there, somebody is known by a number.
fn reviewers(api: &Api, approvers: &[String], found: &mut Differences) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for login in approvers.iter().take(MAX_REVIEWERS) {
        match api.get_beside(&format!("/users/{login}"))? {
            Some(user) => all.push(json!({ "type": "User", "id": user["id"] })),
            None => found.by_hand.push(format!("{}: nobody on GitHub is called {login}", approvals::path())),
        }
    }
    Ok(all)
}
