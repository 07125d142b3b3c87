//! What has moved, as one pull request: a commit beside the branch, while its checks run, and the pull request when they have
//! passed. By GitHub's API alone, so that no key to the repository lies on the machine.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Report;
use crate::exit::refuse;
use crate::project::{DEFAULT_BRANCH, UPDATES_BRANCH, UPDATES_UNCHECKED};
use crate::tools::git;
use crate::tools::github::{Api, Method};
use crate::workspace;

/// The commit's first line, and the pull request's title. It tells our commits from those that people add.
const TITLE: &str = "What others make is as new as it may be";
/// As many lines of it are shown; GitHub takes 65,536 characters.
const LINES: usize = 600;

/// Puts what has moved into a commit on top of this one, under a name that nothing looks for; none when nothing has.
pub fn push(api: &Api, report: &Report) -> Result<Option<String>> {
    let root = workspace::root();
    let files = git::dirty_paths(root)?;
    if files.is_empty() {
        return Ok(None);
    }
    let head = git::head(root)?.sha;
    let entry = |path: &String| {
        let content = fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))?;
        anyhow::Ok(json!({ "path": path, "mode": "100644", "type": "blob", "content": content }))
    };
    let entries: Vec<Value> = files.iter().map(entry).collect::<Result<_>>()?;
    commit(api, &head, &entries, &message(report)).map(Some)
}

fn commit(api: &Api, head: &str, entries: &[Value], message: &str) -> Result<String> {
    let parent = api.get(&format!("/git/commits/{head}"))?.with_context(|| {
        format!("GitHub has no commit {head}: what has moved is put on top of one that was pushed")
    })?;
    let tree = json!({ "base_tree": parent["tree"]["sha"], "tree": entries });
    let tree = api.send(&Method::POST, "/git/trees", &tree)?;
    let commit = json!({ "message": message, "tree": tree["sha"], "parents": [head] });
    let commit = sha(&api.send(&Method::POST, "/git/commits", &commit)?)?;
    point(api, UPDATES_UNCHECKED, &commit)?;
    Ok(commit)
}

/// The checks of that commit have passed: the branch is pointed at it, and its pull request opened, or told what has moved now. Gives
/// the pull request's page. A branch with somebody else's commits is left as it is.
pub fn publish(api: &Api, commit: &str, run: Option<&str>) -> Result<String> {
    let text = api
        .get(&format!("/git/commits/{commit}"))?
        .map(|it| it["message"].as_str().unwrap_or_default().to_owned());
    let text = text.filter(|text| is_ours(text)).ok_or_else(|| {
        refuse(format!("{commit} is no commit of `cargo xtask update --push`. Nothing was changed."))
    })?;
    let compared = api.get(&format!("/compare/{DEFAULT_BRANCH}...{UPDATES_BRANCH}"))?.unwrap_or_default();
    let commits = compared["commits"].as_array().into_iter().flatten();
    let others: Vec<&str> = commits
        .filter(|it| !is_ours(it["commit"]["message"].as_str().unwrap_or_default()))
        .filter_map(|it| it["sha"].as_str())
        .collect();
    if let Some(other) = others.first() {
        return Err(refuse(format!(
            "{other} on the branch {UPDATES_BRANCH} is somebody's own, and would be lost: merge or close its pull request, and \
             remove the branch. Nothing was changed."
        )));
    }
    point(api, UPDATES_BRANCH, commit)?;
    let run = run.map_or(String::new(), |run| format!("\n\nThe checks of {commit} have passed: {run}"));
    let body = format!("{}{run}", text.split_once("\n\n").map_or("", |(_, body)| body));
    let owner = api.repository().split('/').next().unwrap_or_default();
    let open =
        api.all(&format!("/pulls?state=open&base={DEFAULT_BRANCH}&head={owner}:{UPDATES_BRANCH}"), None)?;
    let request = match open.first() {
        Some(open) => {
            let path = format!("/pulls/{}", open["number"]);
            api.send(&Method::PATCH, &path, &json!({ "title": TITLE, "body": body }))?
        }
        None => {
            let new = json!({ "title": TITLE, "head": UPDATES_BRANCH, "base": DEFAULT_BRANCH, "body": body });
            api.send(&Method::POST, "/pulls", &new)?
        }
    };
    let labels = json!({ "labels": ["dependencies"] });
    api.send(&Method::POST, &format!("/issues/{}/labels", request["number"]), &labels)?;
    if api.get(&format!("/git/ref/heads/{UPDATES_UNCHECKED}"))?.is_some() {
        api.send(&Method::DELETE, &format!("/git/refs/heads/{UPDATES_UNCHECKED}"), &Value::Null)?;
    }
    Ok(request["html_url"].as_str().unwrap_or_default().to_owned())
}

fn is_ours(message: &str) -> bool {
    message.lines().next() == Some(TITLE)
}

/// Points a branch at a commit, from wherever it is.
fn point(api: &Api, branch: &str, commit: &str) -> Result<()> {
    match api.get(&format!("/git/ref/heads/{branch}"))? {
        Some(there) if there["object"]["sha"] == commit => Ok(()),
        Some(_) => {
            let to = json!({ "sha": commit, "force": true });
            api.send(&Method::PATCH, &format!("/git/refs/heads/{branch}"), &to).map(drop)
        }
        None => {
            let new = json!({ "ref": format!("refs/heads/{branch}"), "sha": commit });
            api.send(&Method::POST, "/git/refs", &new).map(drop)
        }
    }
}

/// A line for each that has moved, and for each that has not.
pub fn message(report: &Report) -> String {
    let moved = report.moved.iter().map(|it| format!("- {}: `{}` {} → {}", it.of, it.name, it.from, it.to));
    let left = report.left.iter().chain(&report.failed).map(|words| format!("- not moved: {words}"));
    let lines: Vec<String> = moved.chain(left).collect();
    let more = lines.len().saturating_sub(LINES);
    let more = if more == 0 { String::new() } else { format!("\n- and {more} more") };
    let shown = lines.iter().take(LINES).map(String::as_str).collect::<Vec<_>>().join("\n");
    format!("{TITLE}\n\n{shown}{more}")
}

fn sha(answer: &Value) -> Result<String> {
    answer["sha"].as_str().map(str::to_owned).context("GitHub's answer has no commit")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::super::Moved;
    use super::*;
    use crate::tools::http::received::Received;

    /// What GitHub has: branches, commits by name, pull requests.
    #[derive(Default)]
    struct State {
        refs: BTreeMap<String, String>,
        commits: BTreeMap<String, Value>,
        pulls: Vec<Value>,
        labels: Vec<Value>,
    }

    fn github() -> (Api, Arc<Mutex<State>>) {
        let state: Arc<Mutex<State>> = Arc::default();
        let (listener, shared) = (TcpListener::bind("127.0.0.1:0").unwrap(), state.clone());
        let address = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let Some(asked) = Received::from(&stream) else { continue };
                let body = serde_json::from_str(&asked.body).unwrap_or_default();
                let (method, path) = asked.line.split_once(" /repos/ada/engine").unwrap();
                let answer = answer(&mut shared.lock().unwrap(), method, path, &body);
                let (status, answer) = answer.map_or((404, String::new()), |it| (200, it.to_string()));
                let length = answer.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
                )
                .unwrap();
            }
        });
        (Api::new(&address, "ada/engine", "word"), state)
    }

    fn answer(state: &mut State, method: &str, path: &str, body: &Value) -> Option<Value> {
        let branch = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let path = path.split('?').next().unwrap();
        match (method, path) {
            ("GET", _) if path.starts_with("/git/commits/") => state.commits.get(&branch(path)).cloned(),
            ("POST", "/git/trees") => {
                Some(json!({ "sha": format!("tree of {}", body["tree"][0]["path"].as_str()?) }))
            }
            ("POST", "/git/commits") => {
                let sha = format!("c{}", state.commits.len());
                state.commits.insert(sha.clone(), body.clone());
                Some(json!({ "sha": sha }))
            }
            ("GET", _) if path.starts_with("/git/ref/heads/") => {
                Some(json!({ "object": { "sha": state.refs.get(&branch(path))? } }))
            }
            ("POST", "/git/refs") => {
                let name = branch(body["ref"].as_str()?);
                assert!(!state.refs.contains_key(&name), "GitHub refuses to make {name} twice");
                state.refs.insert(name, body["sha"].as_str()?.to_owned());
                Some(json!({}))
            }
            ("PATCH", _) if path.starts_with("/git/refs/heads/") => {
                state.refs.insert(branch(path), body["sha"].as_str()?.to_owned())?;
                Some(json!({}))
            }
            ("DELETE", _) => state.refs.remove(&branch(path)).map(|_| json!({})),
            ("GET", "/compare/main...updates") => {
                let sha = state.refs.get("updates")?;
                let commit = json!({ "sha": sha, "commit": state.commits.get(sha)? });
                Some(json!({ "commits": [commit] }))
            }
            ("GET", "/pulls") => Some(json!(state.pulls)),
            ("POST", "/pulls") => {
                let mut pull = body.clone();
                (pull["number"], pull["html_url"]) =
                    (json!(7), json!("https://github.com/ada/engine/pull/7"));
                state.pulls.push(pull.clone());
                Some(pull)
            }
            ("PATCH", "/pulls/7") => {
                state.pulls[0]["body"] = body["body"].clone();
                Some(state.pulls[0].clone())
            }
            ("POST", "/issues/7/labels") => {
                state.labels.push(body["labels"].clone());
                Some(json!([]))
            }
            _ => panic!("{method} {path}"),
        }
    }

    fn report(to: &str) -> Report {
        let (name, from) = ("serde".to_owned(), "1.0.1".to_owned());
        let moved = vec![Moved { of: "Cargo.lock", name, from, to: to.to_owned() }];
        let left = vec!["docker/login-action v4.1.0: v5.0.0 is another major version".to_owned()];
        Report { moved, left, failed: Vec::new() }
    }

    #[test]
    fn there_is_one_pull_request_which_is_told_what_has_moved_since_and_nobody_s_commit_is_lost() {
        let (api, state) = github();
        state
            .lock()
            .unwrap()
            .commits
            .insert("head".to_owned(), json!({ "message": "A change", "tree": { "sha": "t" } }));
        let push = |to: &str| {
            let entry = json!({ "path": "Cargo.lock", "content": to });
            commit(&api, "head", &[entry], &message(&report(to))).unwrap()
        };
        let first = push("1.0.2");
        assert_eq!(state.lock().unwrap().pulls.len(), 0, "its checks run");
        assert_eq!(state.lock().unwrap().commits[&first]["parents"], json!(["head"]));
        let page = publish(&api, &first, Some("https://github.com/ada/engine/actions/runs/1")).unwrap();
        assert_eq!(page, "https://github.com/ada/engine/pull/7");
        let body = |state: &State| state.pulls[0]["body"].as_str().unwrap().to_owned();
        for words in
            ["Cargo.lock: `serde` 1.0.1 → 1.0.2", "not moved: docker/login-action", "have passed: https"]
        {
            let body = body(&state.lock().unwrap());
            assert!(body.contains(words), "{body}");
        }
        assert_eq!(state.lock().unwrap().refs.keys().collect::<Vec<_>>(), ["updates"]);

        let second = push("1.0.3");
        assert_eq!(state.lock().unwrap().refs["updates"], first, "until its checks have passed");
        publish(&api, &second, None).unwrap();
        publish(&api, &second, None).unwrap();
        {
            let state = state.lock().unwrap();
            assert_eq!((state.pulls.len(), &state.refs["updates"]), (1, &second));
            assert!(body(&state).contains("→ 1.0.3"));
            assert_eq!(state.labels[0], json!(["dependencies"]));
        }

        // Somebody mends the branch.
        state.lock().unwrap().commits.insert("theirs".to_owned(), json!({ "message": "Mend a test" }));
        state.lock().unwrap().refs.insert("updates".to_owned(), "theirs".to_owned());
        let third = push("1.0.4");
        let error = publish(&api, &third, None).unwrap_err().to_string();
        assert!(error.contains("theirs on the branch updates is somebody's own"), "{error}");
        assert_eq!(state.lock().unwrap().refs["updates"], "theirs");
        for wrong in ["theirs", "nowhere"] {
            let error = publish(&api, wrong, None).unwrap_err().to_string();
            assert!(error.contains("is no commit of `cargo xtask update --push`"), "{error}");
        }
    }
}
