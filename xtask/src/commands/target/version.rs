//! Which commit goes to an environment with a host of its own.

use anyhow::Result;

use crate::exit::refuse;
use crate::project::{self, Environment};
use crate::tools::git::{self, Commit, Meaning};
use crate::workspace;

/// The commit that `word` means; without one, production takes what is on the default branch, and others what is
/// checked out. It must be one that everybody can get.
pub fn choose(environment: &Environment, word: Option<&str>) -> Result<Commit> {
    let root = workspace::root();
    let changed = if word.is_none() && environment.confirmed_in.is_none() {
        git::dirty_paths(root)?
    } else {
        Vec::new()
    };
    if !changed.is_empty() {
        return Err(refuse(format!(
            "this tree holds changes that are in no commit ({}), and {} takes commits only: commit them, or name a commit \
             with --version",
            first_of(&changed),
            environment.name
        )));
    }
    let word =
        word.unwrap_or(if environment.confirmed_in.is_some() { project::DEFAULT_BRANCH } else { "HEAD" });
    let sha = match git::meaning(root, word)? {
        Meaning::Commit(sha) => sha,
        Meaning::Ambiguous(all) => {
            let all: Vec<String> = all.iter().filter_map(|sha| describe(sha)).collect();
            return Err(refuse(format!(
                "{word:?} is the beginning of more than one commit's name. Write more of one:\n    {}",
                all.join("\n    ")
            )));
        }
        Meaning::Unknown(near) => {
            let near =
                if near.is_empty() { String::new() } else { format!(" Near it: {}.", near.join(", ")) };
            return Err(refuse(format!(
                "{word:?} is not a commit, a branch or a tag here.{near} If it is new, `git fetch` first."
            )));
        }
    };
    let commit = git::commit(root, &sha)?;
    if git::origin_url(root)?.is_some() && !git::is_pushed(root, &sha)? {
        return Err(refuse(format!(
            "the commit {} ({}) is on no branch of the remote: push it first, so that others can see what runs",
            &commit.sha[..12],
            commit.subject
        )));
    }
    Ok(commit)
}

/// Three of them, and how many more there are.
fn first_of(paths: &[String]) -> String {
    let named = paths.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len() {
        0..4 => named,
        all => format!("{named} and {} more", all - 3),
    }
}

/// Of the objects that begin alike, those that are commits.
fn describe(sha: &str) -> Option<String> {
    let commit = git::commit(workspace::root(), sha).ok()?;
    Some(format!("{}  {}", &commit.sha[..16], commit.subject))
}
