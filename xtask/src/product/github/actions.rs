//! What workflows may: read, and call only actions that the table has, by their commits.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Call, Differences, has};
use crate::product::workflows::steps;
use crate::tools::github::{Api, Method};

const PATH: &str = "/actions/permissions";

pub(super) fn look(api: &Api, found: &mut Differences) -> Result<()> {
    let seen = api.get(PATH)?.unwrap_or(Value::Null);
    let wanted = json!({ "enabled": true, "allowed_actions": "selected", "sha_pinning_required": true });
    if !has(&seen, &wanted) {
        let now = format!(
            "{} allowed, by commit: {}",
            seen["allowed_actions"].as_str().unwrap_or("none"),
            seen["sha_pinning_required"].as_bool().unwrap_or(false)
        );
        let call = Call::new(Method::PUT, PATH, wanted);
        found.change("actions", now, "selected allowed, by commit: true", vec![call]);
    }
    selected(api, &seen, found)?;
    let seen = api.get(&format!("{PATH}/workflow"))?.unwrap_or(Value::Null);
    let wanted = json!({ "default_workflow_permissions": "read", "can_approve_pull_request_reviews": false });
    if !has(&seen, &wanted) {
        let now = format!(
            "{}, may approve: {}",
            seen["default_workflow_permissions"], seen["can_approve_pull_request_reviews"]
        );
        let call = Call::new(Method::PUT, format!("{PATH}/workflow"), wanted);
        found.change(
            "a job's permissions by default",
            now.replace('"', ""),
            "read, may approve: false",
            vec![call],
        );
    }
    Ok(())
}

/// GitHub's own, and those of the table.
fn selected(api: &Api, permissions: &Value, found: &mut Differences) -> Result<()> {
    let path = format!("{PATH}/selected-actions");
    // Else there is no such list to look at.
    let seen = match permissions["allowed_actions"] == "selected" {
        true => api.get(&path)?.unwrap_or(Value::Null),
        false => Value::Null,
    };
    let ours: Vec<String> = steps::actions_of_others().map(|name| format!("{name}@*")).collect();
    let listed: Vec<String> = serde_json::from_value(seen["patterns_allowed"].clone()).unwrap_or_default();
    let more: Vec<&String> = listed.iter().filter(|it| !ours.contains(it)).collect();
    found.others.extend(more.iter().map(|it| format!("the allowed action {it}")));
    let is_whole = ours.iter().all(|it| listed.contains(it));
    let wanted = json!({ "github_owned_allowed": true, "verified_allowed": false });
    if is_whole && has(&seen, &wanted) {
        return Ok(());
    }
    let mut body = wanted;
    body["patterns_allowed"] = json!(ours.iter().chain(more).collect::<Vec<_>>());
    let now = if listed.is_empty() { "no list".to_owned() } else { listed.join(", ") };
    found.change("actions of others", now, ours.join(", "), vec![Call::new(Method::PUT, path, body)]);
    Ok(())
}
