use std::io::Write as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::product::updates::Moved;
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
        ("GET", _) if path.starts_with("/compare/main...") => {
            let (mut commits, mut left) = (Vec::new(), vec![branch(path).replace("main...", "")]);
            while let Some(at) = left.pop() {
                let Some(commit) = state.commits.get(&at).filter(|_| !at.starts_with("head")) else {
                    continue;
                };
                let parents: Vec<&str> =
                    commit["parents"].as_array()?.iter().filter_map(Value::as_str).collect();
                left.extend(parents.iter().map(|it| (*it).to_owned()));
                let parents: Vec<Value> = parents.iter().map(|it| json!({ "sha": it })).collect();
                commits.push(json!({ "sha": at, "commit": commit, "parents": parents }));
            }
            Some(json!({ "total_commits": commits.len(), "commits": commits }))
        }
        ("GET", "/pulls") => Some(json!(state.pulls)),
        ("POST", "/pulls") => {
            let mut pull = body.clone();
            (pull["number"], pull["html_url"]) = (json!(7), json!("https://github.com/ada/engine/pull/7"));
            pull["state"] = json!("open");
            state.pulls.insert(0, pull.clone());
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
        ["Cargo.lock: `serde` `1.0.1` → `1.0.2`", "not moved: `docker/login-action", "have passed: https"]
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
        assert!(body(&state).contains("→ `1.0.3`"));
        assert_eq!(state.labels[0], json!(["dependencies"]));
    }

    // GitHub's button has merged main into it.
    let put = |name: &str, message: &str, parents: &[&str]| {
        let mut state = state.lock().unwrap();
        state.commits.insert(name.to_owned(), json!({ "message": message, "parents": parents }));
        state.refs.insert("updates".to_owned(), name.to_owned());
    };
    put("merge", "Merge branch 'main' into updates", &[&second, "head2"]);
    let third = push("1.0.4");
    publish(&api, &third, None).unwrap();

    // Somebody mends the branch: beside our commit, in its place under the same title, or in a merge of something else.
    for (message, parents) in
        [("Mend a test", vec![third.as_str()]), (TITLE, vec!["head"]), ("Merge", vec![&third, &first])]
    {
        put("theirs", message, &parents);
        let fourth = push("1.0.5");
        let error = publish(&api, &fourth, None).unwrap_err().to_string();
        assert!(error.contains("theirs on the branch updates is somebody's own"), "{message}: {error}");
        assert_eq!(state.lock().unwrap().refs["updates"], "theirs");
    }
    // Closed, with the branch left where it was: there is another pull request.
    state.lock().unwrap().refs.insert("updates".to_owned(), third.clone());
    state.lock().unwrap().pulls[0]["state"] = json!("closed");
    let fourth = push("1.0.6");
    publish(&api, &fourth, None).unwrap();
    assert_eq!(state.lock().unwrap().pulls.len(), 2);
    state.lock().unwrap().commits.insert("theirs".to_owned(), json!({ "message": "Mend a test" }));
    for wrong in ["theirs", "nowhere"] {
        let error = publish(&api, wrong, None).unwrap_err().to_string();
        assert!(error.contains("is no commit of `cargo xtask update --push`"), "{error}");
    }
}

#[test]
fn a_text_is_no_longer_than_github_takes_it_and_what_others_call_theirs_is_quoted() {
    let mut report = report("1.0.2");
    report.failed = vec![format!("it: @ada `<!-- x -->`\n{OURS}00 -->"), "é".repeat(1000)];
    let moved = report.moved[0].clone();
    report.moved.extend((0..20_000).map(|_| moved.clone()));
    let text = message(&report);
    assert!(text.len() < 61_000 && text.ends_with(" more"), "{}", text.len());
    assert!(
        text.contains("- not moved: `it: @ada '<!-- x -->' <!-- cargo xtask update: 00 -->`\n"),
        "{text:.400}"
    );
    assert_eq!(noted(&text), [""; 0]);
    assert_eq!(noted(&format!("{text}\n\n{OURS}aa bb -->\r\n")), ["aa", "bb"]);
}
