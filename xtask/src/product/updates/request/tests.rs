use super::*;
use crate::product::github::tests::server::git::sha;
use crate::product::github::tests::server::{Plan, Server};
use crate::product::updates::Moved;

fn report(to: &str) -> Report {
    let (name, from) = ("serde".to_owned(), "1.0.1".to_owned());
    let moved = vec![Moved { of: "Cargo.lock", name, from, to: to.to_owned() }];
    let left = vec!["docker/login-action v4.1.0: v5.0.0 is another major version".to_owned()];
    Report { moved, left, failed: Vec::new() }
}

fn of_push(api: &Api, to: &str) -> String {
    let entry = json!({ "path": "Cargo.lock", "mode": "100644", "type": "blob", "content": to });
    commit(api, &sha(1), &[entry], &message(&report(to)), &sha(0x7ee)).unwrap()
}

/// The default branch is at a commit, whose descendants alone are ahead of it.
fn github() -> Server {
    let server = Server::start(Plan::Public);
    server.state().git.commits.insert(sha(1), json!({ "message": "A change", "tree": "t" }));
    server
}

fn is_as_described(server: &Server) {
    assert_eq!(server.state().wrong, Vec::<String>::new());
}

#[test]
fn there_is_one_pull_request_which_is_told_what_has_moved_since_and_nobody_s_commit_is_lost() {
    let server = github();
    let (api, git) = (server.api(), || server.state());
    let push = |to: &str| of_push(&api, to);
    let first = push("1.0.2");
    assert_eq!(git().git.pulls.len(), 0, "its checks run");
    assert_eq!(git().git.commits[&first]["parents"], json!([sha(1)]));
    let page = publish(&api, &first, Some("https://github.com/ada/engine/actions/runs/1")).unwrap();
    assert_eq!(page, "https://github.com/ada/engine/pull/7");
    let body = || git().git.pulls[0]["body"].as_str().unwrap().to_owned();
    for words in
        ["Cargo.lock: `serde` `1.0.1` → `1.0.2`", "not moved: `docker/login-action", "have passed: https"]
    {
        assert!(body().contains(words), "{}", body());
    }
    assert_eq!(git().git.refs.keys().collect::<Vec<_>>(), [UPDATES_BRANCH]);

    let second = push("1.0.3");
    assert_eq!(git().git.refs[UPDATES_BRANCH], first, "until its checks have passed");
    publish(&api, &second, None).unwrap();
    publish(&api, &second, None).unwrap();
    assert_eq!(git().git.pulls.len(), 1);
    assert_eq!(git().git.refs[UPDATES_BRANCH], second);
    assert!(body().contains("→ `1.0.3`"));
    assert_eq!(git().git.labels[0], ("7".to_owned(), json!(["dependencies"])));

    // GitHub's button has merged main into it.
    let put = |name: &str, message: &str, parents: &[&str]| {
        let mut state = server.state();
        state
            .git
            .commits
            .insert(name.to_owned(), json!({ "message": message, "tree": "t", "parents": parents }));
        state.git.refs.insert(UPDATES_BRANCH.to_owned(), name.to_owned());
    };
    put(&sha(2), "Merge branch 'main' into updates", &[&second, &sha(0xbeef)]);
    let third = push("1.0.4");
    publish(&api, &third, None).unwrap();

    // Somebody mends the branch: beside our commit, in its place under the same title, or in a merge of something else.
    let theirs = sha(3);
    for (message, parents) in
        [("Mend a test", vec![third.as_str()]), (TITLE, vec![&sha(0xbeef)]), ("Merge", vec![&third, &first])]
    {
        put(&theirs, message, &parents);
        let fourth = push("1.0.5");
        let error = publish(&api, &fourth, None).unwrap_err().to_string();
        assert!(
            error.contains(&format!("{theirs} on the branch updates is somebody's own")),
            "{message}: {error}"
        );
        assert_eq!(git().git.refs[UPDATES_BRANCH], theirs);
    }
    // Closed, with the branch left where it was: there is another pull request.
    server.state().git.refs.insert(UPDATES_BRANCH.to_owned(), third.clone());
    server.state().git.pulls[0]["state"] = json!("closed");
    let fourth = push("1.0.6");
    publish(&api, &fourth, None).unwrap();
    assert_eq!(git().git.pulls.len(), 2);
    is_as_described(&server);
    for wrong in [theirs, sha(4)] {
        let error = publish(&api, &wrong, None).unwrap_err().to_string();
        assert!(error.contains("is no commit of `cargo xtask update --publish`"), "{error}");
    }
    is_as_described(&server);
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
