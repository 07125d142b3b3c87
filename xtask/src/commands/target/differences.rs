//! What differs between an environment and the one that must have confirmed what goes there, as far as its ledger may be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use super::gate;
use crate::product::checks::digests;
use crate::project::Environment;
use crate::rollout::observed::Observed;
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::Release;
use crate::tools::git;
use crate::workspace;

/// How many commits are named.
const NAMED: usize = 3;

/// What differs.
#[derive(Debug, Default, Serialize)]
pub struct Differences {
    /// The other environment.
    pub environment: String,
    /// The commits that only what has the traffic there has, newest first; none when they can't be known here.
    pub ahead: Option<Vec<String>>,
    /// The commits that only what has the traffic here has.
    pub behind: Option<Vec<String>>,
    /// The components with another image.
    pub images: BTreeSet<String>,
    /// The settings with another value, or that only one has; none when they can't be known here.
    pub settings: Option<BTreeSet<String>>,
    /// Files and services of the platform that differ; none when one is not recorded.
    pub platform: Option<BTreeSet<String>>,
}

/// Compares with the environment before, where there is one. An error says in one line why it can't be compared.
pub fn with_the_one_before(environment: &Environment, seen: &Observed) -> Option<Result<Differences>> {
    let before = environment.gate()?;
    let compared = gate::read_ledger(&before, environment, "staging")
        .map_err(|error| anyhow!("{}", format!("{error:#}").lines().next().unwrap_or_default().to_owned()))
        .and_then(|ledger| between(&before, environment, &ledger, seen));
    Some(compared)
}

fn between(
    before: &Environment,
    environment: &Environment,
    there: &Ledger,
    here: &Observed,
) -> Result<Differences> {
    let live = here.active_release();
    let live = live.with_context(|| format!("no release has the traffic in {}", environment.name))?;
    let id =
        there.expected_active().with_context(|| format!("no release has the traffic in {}", before.name))?;
    let (commit, images) = there
        .confirmed_as(&id)
        .with_context(|| format!("{} has not written down the commit of {id}", before.name))?;
    let root = workspace::root();
    let is_known = git::full_name(root, commit)?.is_some() && git::full_name(root, &live.commit)?.is_some();
    let commits = |from: &str, to: &str| is_known.then(|| git::commits_between(root, from, to)).transpose();
    let (ahead, behind) = (commits(&live.commit, commit)?, commits(commit, &live.commit)?);
    let platforms = there.platform().zip(here.ledger.platform());
    Ok(Differences {
        environment: before.name.to_string(),
        ahead,
        behind,
        images: differing(&digests(images), &digests(&live.contents.images)),
        settings: settings(before, commit, live),
        platform: platforms.map(|(one, other)| &one.differing_files(other) | &one.differing_images(other)),
    })
}

/// What is said of it.
pub fn in_words(compared: &Result<Differences>) -> String {
    match compared {
        Ok(differences) => format!("{:<9} {differences}", differences.environment),
        Err(why) => format!("compared  with nothing: {why:#}"),
    }
}

/// By name: values may be what strangers should not see side by side.
fn settings(before: &Environment, commit: &str, live: &Release) -> Option<BTreeSet<String>> {
    let theirs = git::show(workspace::root(), commit, &before.settings_path()).ok()?;
    Some(differing(&values(&theirs), &values(&live.contents.configuration)))
}

/// `NAME=value` a line.
fn values(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect()
}

fn differing<S: Ord + AsRef<str>>(some: &BTreeMap<S, S>, others: &BTreeMap<S, S>) -> BTreeSet<String> {
    let names = some.keys().chain(others.keys());
    names.filter(|name| some.get(*name) != others.get(*name)).map(|name| name.as_ref().to_owned()).collect()
}

/// One line, without the environment's name.
impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let words = [
            self.ahead
                .as_ref()
                .map_or("its commit is not in this clone: `git fetch`".to_owned(), |commits| {
                    told(commits, "ahead")
                }),
            self.behind.as_ref().map_or(String::new(), |commits| told(commits, "behind")),
            part("other images", all(&self.images)),
            part("other settings", self.settings.as_ref().map(all).unwrap_or_default()),
            match &self.platform {
                Some(names) => part("another platform", all(names)),
                None => "which platform is not recorded".to_owned(),
            },
        ];
        let words: Vec<String> = words.into_iter().filter(|words| !words.is_empty()).collect();
        if words.is_empty() { f.write_str("has the same") } else { f.write_str(&words.join("; ")) }
    }
}

fn part(what: &str, names: String) -> String {
    if names.is_empty() { String::new() } else { format!("{what}: {names}") }
}

/// '5 commits ahead: a1b2c3d One, …'.
fn told(commits: &[String], way: &str) -> String {
    let named = commits.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match commits.len() {
        0 => String::new(),
        1 => format!("1 commit {way}: {named}"),
        all if all > NAMED => format!("{all} commits {way}: {named}, …"),
        all => format!("{all} commits {way}: {named}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_compared_by_name_and_values_are_not_told() {
        let (one, other) = ("# A=1\nB=1\nC=secret\n", "B=1\nC=other\nD=\n");
        assert_eq!(differing(&values(one), &values(other)), ["C".to_owned(), "D".to_owned()].into());
    }

    #[test]
    fn what_differs_is_one_line_and_what_does_not_is_not_in_it() {
        let named = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let same = Differences {
            ahead: Some(vec![]),
            behind: Some(vec![]),
            platform: Some([].into()),
            ..Differences::default()
        };
        assert_eq!(same.to_string(), "has the same");
        let commits = ["d Four", "c Three", "b Two", "a One"].map(str::to_owned).to_vec();
        let differs = Differences { ahead: Some(commits), images: named(&["api"]), platform: None, ..same };
        assert_eq!(
            differs.to_string(),
            "4 commits ahead: d Four, c Three, b Two, …; other images: api; which platform is not recorded"
        );
        let unknown = Differences { platform: Some(named(&["a-file"])), ..Differences::default() };
        assert_eq!(
            unknown.to_string(),
            "its commit is not in this clone: `git fetch`; another platform: a-file"
        );
    }
}
