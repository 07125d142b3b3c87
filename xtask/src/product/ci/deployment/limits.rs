//! What every service of a compose file must say: how much of its machine it may use at most, and that it may do nothing there
//! beyond its work.

use serde_json::Value;

use crate::tools::docker::compose::number;

/// Whether a service, as compose renders it, says something.
type Says = fn(&Value) -> bool;

/// What must be said.
const LIMITS: [(&str, Says); 7] = [
    ("mem_limit", |service| number(&service["mem_limit"]) > 0),
    // Else it would have as much again of the machine's swap.
    ("memswap_limit, the same as mem_limit", |service| service["memswap_limit"] == service["mem_limit"]),
    ("pids_limit", |service| number(&service["pids_limit"]) > 0),
    ("cpu_quota", |service| number(&service["cpu_quota"]) > 0),
    ("cap_drop: [ALL]", |service| holds(&service["cap_drop"], "ALL")),
    ("no-new-privileges", |service| holds(&service["security_opt"], "no-new-privileges:true")),
    ("read_only", |service| service["read_only"] == true),
];

/// What each service of a rendered project does not say, a line each.
pub fn lacking(project: &Value) -> Vec<String> {
    let services = project["services"].as_object().into_iter().flatten();
    let of = |(name, service): (&String, &Value)| -> Vec<String> {
        let missing = LIMITS.iter().filter(|(_, says)| !says(service));
        missing.map(|(what, _)| format!("{name} lacks {what}")).collect()
    };
    services.flat_map(of).collect()
}

fn holds(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|it| it == word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service() -> Value {
        json!({
            "mem_limit": "536870912", "memswap_limit": "536870912", "pids_limit": 256, "cpu_quota": 200_000,
            "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "read_only": true,
        })
    }

    #[test]
    fn a_service_that_lacks_one_limit_is_named_with_it() {
        assert_eq!(lacking(&json!({ "services": { "backend": service() } })), [""; 0]);
        for limit in service().as_object().unwrap().keys() {
            let mut less = service();
            less.as_object_mut().unwrap().remove(limit);
            let found = lacking(&json!({ "services": { "edge": service(), "backend": less } }));
            assert!(
                !found.is_empty() && found.iter().all(|line| line.starts_with("backend lacks ")),
                "{found:?}"
            );
        }
        let mut more_swap = service();
        more_swap["memswap_limit"] = "-1".into();
        let found = lacking(&json!({ "services": { "backend": more_swap } }));
        assert_eq!(found, ["backend lacks memswap_limit, the same as mem_limit"]);
    }
}
