//! What has moved and passed its checks, as one pull request. By GitHub's API alone, so that no key to the repository lies on the machine.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Report;
use crate::exit::refuse;
use crate::project::{DEFAULT_BRANCH, UPDATES_BRANCH};
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

/// Puts what has moved into a commit on top of this one, which nothing points at yet: the pull request's, if it is this tree that has
/// passed the checks.
pub fn push(api: &Api, report: &Report, checked: &str) -> Result<String> {
    let root = workspace::root();
    let head = git::head(root)?.sha;
    let entry = |path: &String| {
        let content = fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))?;
        anyhow::Ok(json!({ "path": path, "mode": "100644", "type": "blob", "content": content }))
    };
    let entries: Vec<Value> = git::dirty_paths(root)?.iter().map(entry).collect::<Result<_>>()?;
    commit(api, &head, &entries, &message(report), checked)
}

fn commit(api: &Api, head: &str, entries: &[Value], message: &str, checked: &str) -> Result<String> {
    let parent = api.get(&format!("/git/commits/{head}"))?.with_context(|| {
        format!("GitHub has no commit {head}: what has moved is put on top of one that was pushed")
    })?;
    let tree = json!({ "base_tree": parent["tree"]["sha"], "tree": entries });
    let tree = sha(&api.send(&Method::POST, "/git/trees", &tree)?)?;
    if tree != checked {
        return Err(refuse(format!(
            "what moves now is not what has passed the checks (the tree {checked}, and now it is {tree}): something was published or taken \
             back since. `cargo xtask update --check` tries it anew. No branch was changed."
        )));
    }
    let commit = json!({ "message": message, "tree": tree, "parents": [head] });
    sha(&api.send(&Method::POST, "/git/commits", &commit)?)
}

/// The checks of that commit have passed: the branch is pointed at it, and its pull request opened, or told what has moved now. Gives
/// the pull request's page. A branch with somebody else's commits is left as it is.
pub fn publish(api: &Api, commit: &str, run: Option<&str>) -> Result<String> {
    let text = api
        .get(&format!("/git/commits/{commit}"))?
        .map(|it| it["message"].as_str().unwrap_or_default().to_owned());
    let text = text.filter(|text| text.lines().next() == Some(TITLE)).ok_or_else(|| {
        refuse(format!("{commit} is no commit of `cargo xtask update --publish`. Nothing was changed."))
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
mod tests;
