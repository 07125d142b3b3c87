//! Branches, commits and pull requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Schema;

/// What GitHub has of them.
#[derive(Default)]
pub struct Git {
    pub refs: BTreeMap<String, String>,
    /// What each was made of; a parent that is not here is on the default branch.
    pub commits: BTreeMap<String, Value>,
    /// The newest first, each as it was made, with its number and its state.
    pub pulls: Vec<Value>,
    /// What was put on which pull request.
    pub labels: Vec<(String, Value)>,
}

/// A commit's name, as GitHub's are.
pub fn sha(number: usize) -> String {
    format!("{number:040x}")
}

impl Git {
    /// None where something else is asked for.
    pub(super) fn answer(
        &mut self,
        schema: &Schema,
        method: &str,
        parts: &[&str],
        body: Value,
    ) -> Option<(u16, Value)> {
        let not_found = || (404, json!({ "message": "Not Found" }));
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Some(match (method, parts) {
            ("GET", ["git", "commits", sha]) => {
                self.commits.get(*sha).map_or_else(not_found, |it| (200, commit(schema, sha, it)))
            }
            ("POST", ["git", "trees"]) => (201, schema.example("git-tree", json!({ "sha": sha(0x7ee) }))),
            ("POST", ["git", "commits"]) => {
                let sha = sha(0xc0_0000 + self.commits.len());
                self.commits.insert(sha.clone(), body.clone());
                (201, commit(schema, &sha, &body))
            }
            ("GET", ["git", "ref", "heads", branch]) => {
                self.refs.get(*branch).map_or_else(not_found, |at| (200, reference(schema, branch, at)))
            }
            ("POST", ["git", "refs"]) => {
                let (name, at) = (text("ref"), text("sha"));
                let Some(branch) = name.strip_prefix("refs/heads/") else {
                    return Some((422, json!({ "message": "Reference name is not valid" })));
                };
                if self.refs.contains_key(branch) || !self.commits.contains_key(&at) {
                    return Some((422, json!({ "message": "Reference already exists" })));
                }
                self.refs.insert(branch.to_owned(), at.clone());
                (201, reference(schema, branch, &at))
            }
            ("PATCH", ["git", "refs", "heads", branch]) => {
                let at = text("sha");
                if !self.refs.contains_key(*branch) || !self.commits.contains_key(&at) {
                    return Some((422, json!({ "message": "Reference does not exist" })));
                }
                if body["force"] != true && !self.ahead(&at).contains(&self.refs[*branch]) {
                    return Some((422, json!({ "message": "Update is not a fast forward" })));
                }
                self.refs.insert((*branch).to_owned(), at.clone());
                (200, reference(schema, branch, &at))
            }
            ("DELETE", ["git", "refs", "heads", branch]) => match self.refs.remove(*branch) {
                Some(_) => (204, Value::Null),
                None => (422, json!({ "message": "Reference does not exist" })),
            },
            ("GET", ["compare", basehead]) => {
                let (_, head) = basehead.split_once("...").expect("two commits");
                let ahead = self.ahead(head);
                let commits: Vec<Value> =
                    ahead.iter().map(|at| compared(schema, at, &self.commits[at])).collect();
                let told =
                    json!({ "total_commits": commits.len(), "ahead_by": commits.len(), "commits": commits });
                (200, schema.example("commit-comparison", told))
            }
            ("GET", ["pulls"]) => {
                (200, self.pulls.iter().map(|it| pull(schema, "pull-request-simple", it)).collect())
            }
            ("POST", ["pulls"]) => {
                let is_open = |it: &&Value| it["state"] == "open" && it["head"] == body["head"];
                if self.pulls.iter().any(|it| is_open(&it)) || !self.refs.contains_key(&text("head")) {
                    return Some((422, json!({ "message": "Validation Failed" })));
                }
                let mut made = body.clone();
                (made["number"], made["state"]) = (json!(7 + self.pulls.len()), json!("open"));
                self.pulls.insert(0, made.clone());
                (201, pull(schema, "pull-request", &made))
            }
            ("PATCH", ["pulls", number]) => {
                let it = self.pulls.iter_mut().find(|it| it["number"].as_u64() == number.parse().ok())?;
                it.as_object_mut()?.extend(body.as_object()?.clone());
                (200, pull(schema, "pull-request", it))
            }
            ("POST", ["issues", number, "labels"]) => {
                self.labels.push(((*number).to_owned(), body["labels"].clone()));
                (200, json!([]))
            }
            _ => return None,
        })
    }

    /// The commits that lead to this one from the default branch, which has all that are not here, and those of no parent.
    fn ahead(&self, head: &str) -> Vec<String> {
        let (mut found, mut left) = (Vec::new(), vec![head.to_owned()]);
        while let Some(at) = left.pop() {
            let Some(parents) = self.commits.get(&at).and_then(|it| it["parents"].as_array()) else {
                continue;
            };
            left.extend(parents.iter().filter_map(|it| it.as_str().map(str::to_owned)));
            found.push(at);
        }
        found
    }
}

fn reference(schema: &Schema, branch: &str, at: &str) -> Value {
    let object = json!({ "type": "commit", "sha": at, "url": "a" });
    schema.example("git-ref", json!({ "ref": format!("refs/heads/{branch}"), "object": object }))
}

fn commit(schema: &Schema, sha: &str, made: &Value) -> Value {
    let tree = json!({ "sha": made["tree"], "url": "a" });
    schema.example(
        "git-commit",
        json!({ "sha": sha, "message": made["message"], "tree": tree, "parents": parents(made) }),
    )
}

/// As a comparison lists it.
fn compared(schema: &Schema, sha: &str, made: &Value) -> Value {
    schema.example("commit", json!({ "sha": sha, "parents": parents(made) }))
}

fn parents(made: &Value) -> Value {
    let parents = made["parents"].as_array().into_iter().flatten();
    parents.map(|it| json!({ "sha": it, "url": "a", "html_url": "a" })).collect()
}

fn pull(schema: &Schema, name: &str, made: &Value) -> Value {
    let page = format!("https://github.com/ada/engine/pull/{}", made["number"]);
    let shown = ["number", "state", "title", "body"].map(|key| (key.to_owned(), made[key].clone()));
    let mut shown = serde_json::Map::from_iter(shown);
    shown.insert("html_url".to_owned(), json!(page));
    schema.example(name, shown.into())
}
