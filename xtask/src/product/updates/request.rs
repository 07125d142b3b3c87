//! What has moved, as one pull request: a commit beside the branch, while its checks run, and the pull request when they have
//! passed. By GitHub's API alone, so that no key to the repository lies on the machine.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Report;
use crate::exit::refuse;
use crate::project::{DEFAULT_BRANCH, UPDATES_BRANCH, UPDATES_UNCHECKED};
use crate::tools::git;
use crate::tools::github::{Api, Method};
use crate::workspace;

/// The commit's first line, and the pull request's title.
const TITLE: &str = "What others make is as new as it may be";
/// What the pull request's last line begins with: our commits that its branch may be at. All else there is somebody's.
const OURS: &str = "<!-- cargo xtask update: ";
/// GitHub takes texts of 65,536 bytes; the run's page and our commits come behind this one.
const LONGEST_TEXT: usize = 60_000;
/// Of one line, such as somebody's error.
const LONGEST_LINE: usize = 500;

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
    let text = text.filter(|text| text.lines().next() == Some(TITLE)).ok_or_else(|| {
        refuse(format!("{commit} is no commit of `cargo xtask update --push`. Nothing was changed."))
    })?;
    let owner = api.repository().split('/').next().unwrap_or_default();
    // The newest first.
    let requests =
        api.all(&format!("/pulls?state=all&base={DEFAULT_BRANCH}&head={owner}:{UPDATES_BRANCH}"), None)?;
    let noted = requests.first().map_or_else(Vec::new, |it| noted(it["body"].as_str().unwrap_or_default()));
    let before = head_of(api, UPDATES_BRANCH)?;
    if let Some(before) = before.as_deref().filter(|before| *before != commit) {
        refuse_others(api, before, &noted)?;
    }
    let run = run.map_or(String::new(), |run| format!("\n\nThe checks of {commit} have passed: {run}"));
    let body = format!(
        "{}{run}\n\n{OURS}{commit} {}-->",
        text.split_once("\n\n").map_or("", |(_, body)| body),
        before.as_deref().map_or(String::new(), |before| format!("{before} "))
    );
    // The text comes first: whoever is killed in between leaves a branch at a commit that is noted.
    let open = requests.iter().find(|it| it["state"] == "open");
    let told = open
        .map(|open| {
            let path = format!("/pulls/{}", open["number"]);
            api.send(&Method::PATCH, &path, &json!({ "title": TITLE, "body": body }))
        })
        .transpose()?;
    if head_of(api, UPDATES_BRANCH)? != before {
        return Err(refuse(format!(
            "somebody has pushed to the branch {UPDATES_BRANCH} at this moment: it stays as it is"
        )));
    }
    point(api, UPDATES_BRANCH, commit)?;
    let request = match told {
        Some(told) => told,
        None => {
            let new = json!({ "title": TITLE, "head": UPDATES_BRANCH, "base": DEFAULT_BRANCH, "body": body });
            api.send(&Method::POST, "/pulls", &new)?
        }
    };
    let labels = json!({ "labels": ["dependencies"] });
    api.send(&Method::POST, &format!("/issues/{}/labels", request["number"]), &labels)?;
    if head_of(api, UPDATES_UNCHECKED)?.is_some() {
        api.send(&Method::DELETE, &format!("/git/refs/heads/{UPDATES_UNCHECKED}"), &Value::Null)?;
    }
    Ok(request["html_url"].as_str().unwrap_or_default().to_owned())
}

/// The commits that a pull request's text calls ours.
fn noted(body: &str) -> Vec<String> {
    let line = body.lines().rev().find_map(|line| line.trim_end().strip_prefix(OURS)?.strip_suffix("-->"));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Follows the branch from where it is to a commit of ours, or to the default branch. On the way may be what GitHub's button
/// "Update branch" makes, merges of the default branch: they hold nothing of anybody.
fn refuse_others(api: &Api, before: &str, ours: &[String]) -> Result<()> {
    let compared = api.get(&format!("/compare/{DEFAULT_BRANCH}...{before}"))?.unwrap_or_default();
    let commits: BTreeMap<&str, &Value> = compared["commits"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| Some((it["sha"].as_str()?, it)))
        .collect();
    let mut at = before;
    while !ours.iter().any(|ours| ours == at) {
        let parents = commits.get(at).map(|it| it["parents"].as_array().map_or(&[][..], Vec::as_slice));
        let is_whole = compared["total_commits"].as_u64() == u64::try_from(commits.len()).ok();
        match parents {
            // It is on the default branch.
            None if is_whole => return Ok(()),
            Some([first, second])
                if second["sha"].as_str().is_some_and(|second| !commits.contains_key(second)) =>
            {
                at = first["sha"].as_str().unwrap_or_default();
            }
            _ => {
                return Err(refuse(format!(
                    "{at} on the branch {UPDATES_BRANCH} is somebody's own, and would be lost: merge or close its pull request, \
                     and remove the branch. Nothing was changed."
                )));
            }
        }
    }
    Ok(())
}

fn head_of(api: &Api, branch: &str) -> Result<Option<String>> {
    let found = api.get(&format!("/git/ref/heads/{branch}"))?;
    found
        .map(|it| it["object"]["sha"].as_str().map(str::to_owned).context("a branch has no commit"))
        .transpose()
}

/// Points a branch at a commit, from wherever it is.
fn point(api: &Api, branch: &str, commit: &str) -> Result<()> {
    match head_of(api, branch)? {
        Some(there) if there == commit => Ok(()),
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
    let moved = report
        .moved
        .iter()
        .map(|it| format!("- {}: {} {} → {}", it.of, quoted(&it.name), quoted(&it.from), quoted(&it.to)));
    let left =
        report.failed.iter().chain(&report.left).map(|words| format!("- not moved: {}", quoted(words)));
    let lines: Vec<String> = left.chain(moved).collect();
    let mut text = format!("{TITLE}\n");
    for (at, line) in lines.iter().enumerate() {
        if text.len() + line.len() > LONGEST_TEXT {
            text += &format!("\n- and {} more", lines.len() - at);
            break;
        }
        text += "\n";
        text += line;
    }
    text
}

/// Words of others, which are neither markup nor anybody's name nor a line of ours.
fn quoted(words: &str) -> String {
    let one = |it: char| match it {
        '`' => '\'',
        it if it.is_control() => ' ',
        it => it,
    };
    let mut words: String = words.chars().map(one).collect();
    if words.len() > LONGEST_LINE {
        words.truncate(words.floor_char_boundary(LONGEST_LINE));
        words.push('…');
    }
    format!("`{}`", words.trim())
}

fn sha(answer: &Value) -> Result<String> {
    answer["sha"].as_str().map(str::to_owned).context("GitHub's answer has no commit")
}

#[cfg(test)]
mod tests {
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
                (pull["number"], pull["html_url"]) =
                    (json!(7), json!("https://github.com/ada/engine/pull/7"));
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
}
