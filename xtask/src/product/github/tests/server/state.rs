//! What GitHub has, and how it answers for it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crypto_box::SecretKey;
use crypto_box::aead::OsRng;
use serde_json::{Value, json};

use super::Schema;
use super::git::Git;

/// What the account pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    Public,
    PrivateFree,
    PrivatePro,
}

/// What GitHub has.
pub struct State {
    pub plan: Plan,
    pub environments: Vec<Value>,
    /// By environment.
    pub policies: BTreeMap<String, Vec<Value>>,
    /// By place (`staging`, `` for the repository) and name: value and time.
    pub secrets: BTreeMap<(String, String), (String, String)>,
    pub variables: BTreeMap<(String, String), String>,
    pub rulesets: Vec<Value>,
    pub permissions: Value,
    pub selected: Value,
    pub workflow: Value,
    pub alerts: bool,
    pub private_reports: bool,
    pub labels: Vec<Value>,
    pub code_owners: Option<Value>,
    /// Deployments, each with its statuses.
    pub deployments: Vec<(Value, Vec<Value>)>,
    pub git: Git,
    /// The next requests that are told to come again, and in how many seconds.
    pub limited: (usize, u64),
    /// Requests for which the token has no permission, by how they begin.
    pub forbidden: Vec<&'static str>,
    /// For how many looks a secret is shown as it was.
    pub late: usize,
    /// Every request that came: method and path.
    pub log: Vec<(String, String)>,
    /// What was against the description, in either direction.
    pub wrong: Vec<String>,
    clock: u32,
    key: SecretKey,
    shown: BTreeMap<(String, String), (String, usize)>,
}

impl State {
    pub(super) fn new(plan: Plan) -> State {
        State {
            plan,
            environments: Vec::new(),
            policies: BTreeMap::new(),
            secrets: BTreeMap::new(),
            variables: BTreeMap::new(),
            rulesets: Vec::new(),
            permissions: json!({ "enabled": true, "allowed_actions": "all" }),
            selected: json!({}),
            workflow: json!({ "default_workflow_permissions": "write", "can_approve_pull_request_reviews": false }),
            alerts: false,
            private_reports: false,
            labels: Vec::new(),
            code_owners: None,
            deployments: Vec::new(),
            git: Git::default(),
            limited: (0, 0),
            forbidden: Vec::new(),
            late: 0,
            log: Vec::new(),
            wrong: Vec::new(),
            clock: 0,
            key: SecretKey::generate(&mut OsRng),
            shown: BTreeMap::new(),
        }
    }

    fn now(&mut self) -> String {
        self.clock += 1;
        format!("2026-11-30T10:{:02}:{:02}Z", self.clock / 60, self.clock % 60)
    }

    /// What somebody does on the page.
    pub fn set_secret(&mut self, place: &str, name: &str, value: &str) {
        let at = self.now();
        self.secrets.insert((place.to_owned(), name.to_owned()), (value.to_owned(), at));
    }

    pub(super) fn answer(
        &mut self,
        schema: &Schema,
        method: &str,
        path: &str,
        names: &BTreeMap<String, String>,
        body: Value,
    ) -> (u16, Value) {
        let rest = path.strip_prefix("/repos/ada/engine").unwrap_or(path);
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        let is_free = self.plan == Plan::PrivateFree;
        if let Some(answer) = self.git.answer(schema, method, &parts, body.clone()) {
            return answer;
        }
        match (method, parts.as_slice()) {
            ("GET", ["users", login]) if *login == "ada" => {
                (200, schema.example("public-user", json!({ "id": 7, "login": login })))
            }
            ("GET", ["users", _]) => (404, json!({ "message": "Not Found" })),
            ("GET", []) => {
                (200, schema.example("full-repository", json!({ "private": self.plan != Plan::Public })))
            }
            (_, ["rulesets", ..]) if is_free => (
                403,
                json!({ "message": "Upgrade to GitHub Pro or make this repository public to enable this feature." }),
            ),
            (_, ["rulesets", rest @ ..]) => self.ruleset(schema, method, rest, body),
            (_, ["environments", ..]) if is_free => {
                (422, json!({ "message": "Failed to create the environment protection rule" }))
            }
            (_, ["environments", _, "secrets" | "variables", rest @ ..])
            | (_, ["actions", "secrets" | "variables", rest @ ..]) => {
                let place = names.get("environment_name").cloned().unwrap_or_default();
                let is_secret = parts.contains(&"secrets");
                if is_secret {
                    self.secret(schema, method, &place, rest, body)
                } else {
                    self.variable(schema, method, &place, rest, body)
                }
            }
            (_, ["environments", rest @ ..]) => self.environment(schema, method, rest, body),
            (_, ["actions", "permissions", rest @ ..]) => {
                self.permission(method, rest.first().copied(), body)
            }
            ("GET", ["vulnerability-alerts"]) => (if self.alerts { 204 } else { 404 }, Value::Null),
            ("PUT", ["vulnerability-alerts"]) => {
                self.alerts = true;
                (204, Value::Null)
            }
            (_, ["private-vulnerability-reporting"]) if self.plan != Plan::Public => {
                (422, json!({ "message": "not public" }))
            }
            ("GET", ["private-vulnerability-reporting"]) => (200, json!({ "enabled": self.private_reports })),
            ("PUT", ["private-vulnerability-reporting"]) => {
                self.private_reports = true;
                (204, Value::Null)
            }
            ("GET", ["labels"]) => (200, json!(self.labels)),
            ("POST", ["labels"]) => {
                let label = schema.example("label", body);
                self.labels.push(label.clone());
                (201, label)
            }
            ("PATCH", ["labels", name]) => {
                let label = self.labels.iter_mut().find(|it| it["name"] == *name).expect("it is there");
                for key in ["color", "description"] {
                    label[key] = body[key].clone();
                }
                (200, label.clone())
            }
            ("POST", ["deployments"]) => {
                let id = self.deployments.len() + 1;
                let made = as_described(schema, id, &body);
                self.deployments.push((body, Vec::new()));
                (201, made)
            }
            // The newest first.
            ("GET", ["deployments"]) => {
                let all = self.deployments.iter().enumerate().rev();
                let all: Vec<_> = all.map(|(at, (body, _))| as_described(schema, at + 1, body)).collect();
                (200, all.into())
            }
            ("GET", ["deployments", id, "statuses"]) => {
                let told = &self.deployments[id.parse::<usize>().expect("a number") - 1].1;
                let told = told.iter().rev().map(|it| json!({ "state": it["state"] }));
                (200, told.map(|it| schema.example("deployment-status", it)).collect())
            }
            ("POST", ["deployments", id, "statuses"]) => {
                let told = json!({ "state": body["state"] });
                let at = id.parse::<usize>().expect("a number") - 1;
                self.deployments[at].1.push(body);
                (201, schema.example("deployment-status", told))
            }
            ("GET", ["codeowners", "errors"]) => {
                self.code_owners.clone().map_or((404, Value::Null), |told| (200, told))
            }
            _ => panic!("{method} {path}"),
        }
    }

    fn ruleset(&mut self, schema: &Schema, method: &str, rest: &[&str], body: Value) -> (u16, Value) {
        let at = rest
            .first()
            .and_then(|id| self.rulesets.iter().position(|it| it["id"].as_u64() == id.parse().ok()));
        match (method, at) {
            ("GET", None) => {
                let mut listed = self.rulesets.clone();
                for it in &mut listed {
                    it.as_object_mut()
                        .expect("an object")
                        .retain(|key, _| !["rules", "conditions"].contains(&key.as_str()));
                }
                (200, json!(listed))
            }
            ("GET", Some(at)) => (200, self.rulesets[at].clone()),
            ("POST", _) => {
                let id = self.rulesets.len() + 40;
                let mut made = schema.example("repository-ruleset", body);
                made["id"] = json!(id);
                self.rulesets.push(made.clone());
                (201, made)
            }
            (_, Some(at)) => {
                for (key, value) in body.as_object().expect("an object") {
                    self.rulesets[at][key] = value.clone();
                }
                (200, self.rulesets[at].clone())
            }
            _ => (404, json!({ "message": "Not Found" })),
        }
    }

    fn environment(&mut self, schema: &Schema, method: &str, rest: &[&str], body: Value) -> (u16, Value) {
        match (method, rest) {
            ("GET", []) => {
                (200, json!({ "total_count": self.environments.len(), "environments": self.environments }))
            }
            ("PUT", [name]) => {
                let has_rules = body.get("reviewers").is_some() || body.get("wait_timer").is_some();
                if self.plan == Plan::PrivatePro && has_rules {
                    return (
                        422,
                        json!({ "message": "Failed to create the environment protection rule, please ensure the billing plan supports the required reviewers protection rule" }),
                    );
                }
                // A whole one: what is not sent is gone.
                let mut rules = Vec::new();
                if let Some(reviewers) = body["reviewers"].as_array() {
                    let users = reviewers.iter().map(|it| json!({ "type": it["type"], "reviewer": schema.example("simple-user", json!({ "id": it["id"] })) }));
                    rules.push(json!({ "id": 1, "node_id": "a", "type": "required_reviewers", "prevent_self_review": body["prevent_self_review"], "reviewers": users.collect::<Vec<_>>() }));
                }
                if let Some(timer) = body["wait_timer"].as_u64() {
                    rules.push(json!({ "id": 2, "node_id": "a", "type": "wait_timer", "wait_timer": timer }));
                }
                let made = schema.example("environment", json!({ "name": name, "protection_rules": rules, "deployment_branch_policy": body["deployment_branch_policy"] }));
                self.environments.retain(|it| it["name"] != *name);
                self.environments.push(made.clone());
                (200, made)
            }
            ("GET", [name, "deployment-branch-policies"]) => {
                let policies = self.policies.get(*name).cloned().unwrap_or_default();
                (200, json!({ "total_count": policies.len(), "branch_policies": policies }))
            }
            ("POST", [name, "deployment-branch-policies"]) => {
                let environment = self.environments.iter().find(|it| it["name"] == *name);
                if environment
                    .is_none_or(|it| it["deployment_branch_policy"]["custom_branch_policies"] != true)
                {
                    return (404, Value::Null);
                }
                let policies = self.policies.entry((*name).to_owned()).or_default();
                if policies.iter().any(|it| it["name"] == body["name"]) {
                    return (303, Value::Null);
                }
                policies.push(schema.example(
                    "deployment-branch-policy",
                    json!({ "name": body["name"], "type": body["type"] }),
                ));
                (200, policies.last().expect("pushed").clone())
            }
            _ => panic!("{method} environments {rest:?}"),
        }
    }

    fn secret(
        &mut self,
        schema: &Schema,
        method: &str,
        place: &str,
        rest: &[&str],
        body: Value,
    ) -> (u16, Value) {
        match (method, rest) {
            ("GET", []) => {
                let keys: Vec<_> = self.secrets.keys().filter(|(it, _)| it == place).cloned().collect();
                let secrets: Vec<Value> =
                    keys.iter().map(|key| shown(schema, &key.1, &self.secrets[key].1)).collect();
                (200, json!({ "total_count": secrets.len(), "secrets": secrets }))
            }
            ("GET", ["public-key"]) => (
                200,
                json!({ "key_id": "1", "key": BASE64_STANDARD.encode(self.key.public_key().as_bytes()) }),
            ),
            ("GET", [name]) => {
                let key = (place.to_owned(), (*name).to_owned());
                let Some((_, at)) = self.secrets.get(&key) else {
                    return (404, json!({ "message": "Not Found" }));
                };
                // As it was, for some looks more.
                if let Some((before, left)) = self.shown.get_mut(&key).filter(|(_, left)| *left > 0) {
                    *left -= 1;
                    return (200, shown(schema, name, before));
                }
                (200, shown(schema, name, at))
            }
            ("PUT", [name]) => {
                let key = (place.to_owned(), (*name).to_owned());
                let sealed =
                    BASE64_STANDARD.decode(body["encrypted_value"].as_str().expect("a box")).expect("base64");
                let value = String::from_utf8(self.key.unseal(&sealed).expect("the box is for this key"))
                    .expect("text");
                let before = self.secrets.get(&key).map(|(_, at)| at.clone());
                if let Some(before) = before.clone() {
                    self.shown.insert(key, (before, self.late));
                }
                self.set_secret(place, name, &value);
                if before.is_some() { (204, Value::Null) } else { (201, json!({})) }
            }
            _ => panic!("{method} secrets {rest:?}"),
        }
    }

    fn variable(
        &mut self,
        schema: &Schema,
        method: &str,
        place: &str,
        rest: &[&str],
        body: Value,
    ) -> (u16, Value) {
        let name = rest
            .first()
            .map_or_else(|| body["name"].as_str().unwrap_or_default().to_owned(), |it| (*it).to_owned());
        let key = (place.to_owned(), name);
        let there = self.variables.get(&key).cloned();
        let value = || body["value"].as_str().expect("a value").to_owned();
        match (method, there) {
            ("GET", Some(value)) => {
                (200, schema.example("actions-variable", json!({ "name": key.1, "value": value })))
            }
            ("POST", None) => {
                self.variables.insert(key, value());
                (201, json!({}))
            }
            ("PATCH", Some(_)) => {
                self.variables.insert(key, value());
                (204, Value::Null)
            }
            _ => (404, json!({ "message": "Not Found" })),
        }
    }

    fn permission(&mut self, method: &str, what: Option<&str>, body: Value) -> (u16, Value) {
        let setting = match what {
            None => &mut self.permissions,
            Some("workflow") => &mut self.workflow,
            _ => &mut self.selected,
        };
        if method == "GET" {
            return (200, setting.clone());
        }
        *setting = body;
        (204, Value::Null)
    }
}

fn shown(schema: &Schema, name: &str, at: &str) -> Value {
    schema.example("actions-secret", json!({ "name": name, "updated_at": at }))
}

/// A deployment as GitHub answers it.
fn as_described(schema: &Schema, id: usize, made: &Value) -> Value {
    let named = ["ref", "environment", "description"].map(|name| (name.to_owned(), made[name].clone()));
    let mut known = serde_json::Map::from_iter(named);
    known.insert("id".to_owned(), json!(id));
    schema.example("deployment", known.into())
}
