//! The rulesets: what may come to a branch that is checked.

use anyhow::Result;
use serde_json::{Value, json};

use super::account::Account;
use super::{Call, Differences, has, name};
use crate::product::workflows::files::TARGETS;
use crate::product::workflows::jobs::JOBS;
use crate::tools::github::{Api, Method};

/// GitHub's own app that runs workflows: nobody else's word for a check is taken.
const ACTIONS_APP: u64 = 15368;

pub(super) fn look(api: &Api, account: &Account, found: &mut Differences) -> Result<()> {
    if !account.has_environments {
        return Ok(());
    }
    for branch in TARGETS {
        let wanted = wanted(branch);
        let what = format!("ruleset of {branch}");
        let Some(listed) = account.rulesets.iter().find(|it| name(it) == name(&wanted)) else {
            let call = Call::new(Method::POST, "/rulesets", wanted);
            found.change(what, "no such ruleset", "pull requests whose checks have passed", vec![call]);
            continue;
        };
        let path = format!("/rulesets/{}", listed["id"]);
        let seen = api.get(&path)?.unwrap_or(Value::Null);
        let words = differing(&seen, &wanted);
        // What somebody has added stays.
        let more = added(&seen, &wanted);
        found
            .others
            .extend(more.iter().map(|rule| format!("the rule {} in the ruleset of {branch}", rule["type"])));
        let bypassing = seen["bypass_actors"].as_array().map_or(0, Vec::len);
        if bypassing > 0 {
            found.others.push(format!("{bypassing} who need not keep to the ruleset of {branch}"));
        }
        if !words.is_empty() {
            let mut body = wanted.clone();
            body["rules"].as_array_mut().expect("it is a list").extend(more);
            let now = words.join(", ");
            found.change(what, now, "as in ci.yml", vec![Call::new(Method::PUT, path, body)]);
        }
    }
    let is_ours = |it: &&str| TARGETS.iter().any(|branch| name(&wanted(branch)) == *it);
    let others = account.rulesets.iter().map(name).filter(|it| !is_ours(it));
    found.others.extend(others.map(|it| format!("the ruleset {it}")));
    Ok(())
}

/// With exactly the names that the jobs of `ci.yml` have.
fn wanted(branch: &str) -> Value {
    let checks: Vec<Value> =
        JOBS.iter().map(|job| json!({ "context": job.name, "integration_id": ACTIONS_APP })).collect();
    json!({
        "name": format!("xtask: {branch}"),
        "target": "branch",
        "enforcement": "active",
        "conditions": { "ref_name": { "include": [format!("refs/heads/{branch}")], "exclude": [] } },
        "rules": [
            { "type": "deletion" },
            { "type": "non_fast_forward" },
            { "type": "pull_request", "parameters": {
                "dismiss_stale_reviews_on_push": true,
                "require_code_owner_review": false,
                "require_last_push_approval": false,
                // A team of one merges, too; who goes to production is another gate.
                "required_approving_review_count": 0,
                "required_review_thread_resolution": true,
            } },
            { "type": "required_status_checks", "parameters": {
                "required_status_checks": checks,
                "strict_required_status_checks_policy": false,
            } },
        ],
    })
}

fn rules(ruleset: &Value) -> impl Iterator<Item = &Value> {
    ruleset["rules"].as_array().into_iter().flatten()
}

/// What is not as it should be, in words.
fn differing(seen: &Value, wanted: &Value) -> Vec<String> {
    let mut words = Vec::new();
    if seen["enforcement"] != wanted["enforcement"] {
        words.push(format!("enforcement {}", seen["enforcement"].as_str().unwrap_or("unknown")));
    }
    if !has(&seen["conditions"], &wanted["conditions"]) {
        words.push("of other branches".to_owned());
    }
    for rule in rules(wanted) {
        let kind = rule["type"].as_str().unwrap_or_default();
        match rules(seen).find(|seen| seen["type"] == rule["type"]) {
            None => words.push(format!("without {kind}")),
            Some(seen) if has(seen, rule) => {}
            Some(seen) if kind == "required_status_checks" => words.extend(checks(seen, rule)),
            Some(_) => words.push(format!("{kind} otherwise")),
        }
    }
    words
}

fn checks(seen: &Value, wanted: &Value) -> Vec<String> {
    let names = |rule: &Value| -> Vec<String> {
        let all = rule["parameters"]["required_status_checks"].as_array().into_iter().flatten();
        all.filter_map(|check| check["context"].as_str().map(str::to_owned)).collect()
    };
    let (seen, wanted) = (names(seen), names(wanted));
    let missing = wanted.iter().filter(|it| !seen.contains(it)).map(|it| format!("does not want '{it}'"));
    let more =
        seen.iter().filter(|it| !wanted.contains(it)).map(|it| format!("wants '{it}', which is no job"));
    let words: Vec<String> = missing.chain(more).collect();
    if words.is_empty() { vec!["checks of anybody, or otherwise".to_owned()] } else { words }
}

/// Rules of kinds that are none of ours.
fn added(seen: &Value, wanted: &Value) -> Vec<Value> {
    rules(seen).filter(|rule| rules(wanted).all(|ours| ours["type"] != rule["type"])).cloned().collect()
}
