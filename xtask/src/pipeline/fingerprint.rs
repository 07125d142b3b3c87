//! Fingerprints: everything on which a task's outcome depends, as a list that people can compare (the manifest), and as one
//! hash.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::globs::Globs;
use super::graph::Graph;
use super::task::Task;
use crate::setup::{self, Tool};
use crate::tools::files::hex::hex;
use crate::tools::git::tree::Tree;

/// The fingerprints of some tasks of a graph, for the tree as it was when it was read.
#[derive(Debug)]
pub struct Fingerprints {
    tree: Tree,
    /// Where xtask's own sources are in the tree, which are part of every task.
    own: Vec<usize>,
    own_hash: String,
    of: HashMap<usize, Manifest>,
}

/// What a task's outcome depends on.
#[derive(Debug)]
struct Manifest {
    fingerprint: String,
    /// Where they are in the tree.
    files: Vec<usize>,
    /// Everything else, by name and value: `tool node` and `20.19.2`.
    facts: Vec<(String, String)>,
}

impl Fingerprints {
    /// Computes those of these tasks; `own` are the patterns of xtask's own sources.
    pub fn new(graph: &Graph, tasks: &[usize], own: &[&str], tree: Tree) -> Fingerprints {
        let own = Globs::new(own).select(tree.paths());
        let own_hash = hash_files(&tree, &own, Sha256::new());
        let mut all = Fingerprints { tree, own, own_hash, of: HashMap::new() };
        all.refresh(graph, tasks);
        all
    }

    /// Computes them again, because a tool was installed. The files are not read again.
    pub fn refresh(&mut self, graph: &Graph, tasks: &[usize]) {
        let mut wanted: BTreeSet<usize> = tasks.iter().copied().collect();
        // From the end: producers come before the tasks that read from them, and may have producers themselves.
        for at in (0..graph.tasks().len()).rev() {
            if wanted.contains(&at) {
                wanted.extend(graph.producers(at));
            }
        }
        let versions = versions(wanted.iter().flat_map(|&at| &graph.tasks()[at].tools));
        for at in wanted {
            let task = &graph.tasks()[at];
            let files = match self.of.remove(&at) {
                Some(before) => before.files,
                None if task.reads.is_empty() => (0..self.tree.paths().len()).collect(),
                None => Globs::new(&task.reads).select(self.tree.paths()),
            };
            let mut facts = self.facts_of(task, &versions);
            for &producer in graph.producers(at) {
                let fingerprint = self.of.get(&producer).map_or("?", |made| &made.fingerprint);
                facts.push((format!("producer {}", graph.tasks()[producer].name), fingerprint.to_owned()));
            }
            let fingerprint = self.hash(&files, &facts);
            self.of.insert(at, Manifest { fingerprint, files, facts });
        }
    }

    /// The hash: 64 hex digits.
    pub fn of(&self, at: usize) -> &str {
        &self.of[&at].fingerprint
    }

    /// The list of what it depends on, a line each: name, tab, value. It holds no secret, since values of variables are hashed.
    pub fn manifest(&self, at: usize) -> String {
        let Manifest { files, facts, .. } = &self.of[&at];
        let mut text = String::new();
        let mut list = |kind: &str, files: &[usize]| {
            for &file in files {
                let _ = writeln!(text, "{kind} {}\t{}", self.tree.paths()[file], self.tree.content(file));
            }
        };
        list("file", files);
        list("own", &self.own);
        for (name, value) in facts {
            let _ = writeln!(text, "{name}\t{value}");
        }
        text
    }

    /// The files that the task reads, or that are part of every task, whose content has changed since the tree was read.
    pub fn changed_since(&self, at: usize) -> anyhow::Result<Vec<&str>> {
        let all: Vec<usize> = self.of[&at].files.iter().chain(&self.own).copied().collect();
        self.tree.changed(&all)
    }

    /// The paths of the files that the task reads, and of xtask's own.
    pub fn files(&self, at: usize) -> impl Iterator<Item = &str> {
        let files = self.of[&at].files.iter().chain(&self.own);
        files.map(|&file| self.tree.paths()[file].as_str())
    }

    /// The paths of all files.
    pub fn all_files(&self) -> &[String] {
        self.tree.paths()
    }

    /// The first of these changed paths that the task reads, and whether it is one of xtask's own sources.
    pub fn first_read<'a>(task: &Task, own: &Globs, changed: &'a [String]) -> Option<(&'a str, bool)> {
        let reads = Globs::new(&task.reads);
        let read = |path: &&String| task.reads.is_empty() || reads.matches(path);
        let first = |path: &'a String, is_own| (path.as_str(), is_own);
        let of_own = changed.iter().find(|path| own.matches(path)).map(|path| first(path, true));
        of_own.or_else(|| changed.iter().find(read).map(|path| first(path, false)))
    }

    fn facts_of(&self, task: &Task, versions: &HashMap<Tool, String>) -> Vec<(String, String)> {
        let mut facts: Vec<(String, String)> = row(task);
        let absent = || "absent".to_owned();
        for tool in &task.tools {
            facts.extend(
                versions.get(tool).map(|version| (format!("tool {tool}"), version.clone())).or_else(|| {
                    // The engine runs containers, and has no influence on what is in them.
                    (*tool != Tool::Engine).then(|| (format!("tool {tool}"), absent()))
                }),
            );
        }
        for name in &task.variables {
            let value = std::env::var(name).map_or_else(|_| "unset".to_owned(), |value| short(&value));
            facts.push((format!("variable {name}"), value));
        }
        if task.history {
            facts.push(("history".to_owned(), self.tree.commit().map_or_else(absent, str::to_owned)));
        }
        // A path without wildcards is read even where git ignores it.
        let known = |path: &&str| {
            self.tree.paths().binary_search_by(|other| other.as_str().cmp(path)).is_ok()
                || path.ends_with('/')
        };
        for path in Globs::new(&task.reads).literals().filter(|path| !known(path)) {
            facts.push((format!("file {path}"), self.tree.content_of(path).unwrap_or_else(absent)));
        }
        facts
    }

    fn hash(&self, files: &[usize], facts: &[(String, String)]) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.own_hash);
        for (name, value) in facts {
            hash.update(format!("{name}\t{value}\n"));
        }
        hash_files(&self.tree, files, hash)
    }
}

fn hash_files(tree: &Tree, files: &[usize], mut hash: Sha256) -> String {
    let mut text = String::new();
    for &file in files {
        text.push_str(&tree.paths()[file]);
        text.push('\t');
        text.push_str(tree.content(file));
        text.push('\n');
    }
    hash.update(&text);
    hex(&hash.finalize())
}

/// The fields of the row that decide what the task does.
fn row(task: &Task) -> Vec<(String, String)> {
    let lanes: Vec<&str> = task.lanes.iter().map(|lane| lane.name).collect();
    let fact = |name: &str, value: String| (format!("row {name}"), value);
    vec![
        fact("name", task.name.to_owned()),
        fact("needs", task.needs.join(" ")),
        fact("lanes", lanes.join(" ")),
        fact("reads", task.reads.join(" ")),
        fact("writes", task.writes.join(" ")),
        fact("unstored_outputs", task.unstored_outputs.join(" ")),
        fact("service", task.service.map_or_else(String::new, |service| service.name.to_owned())),
        fact("network", task.network.to_string()),
        fact("kills", task.kills.to_string()),
        fact("max_age", task.max_age.map_or_else(String::new, |time| format!("{time:?}"))),
        fact("timeout", humantime::format_duration(task.timeout).to_string()),
    ]
}

fn versions<'a>(tools: impl Iterator<Item = &'a Tool>) -> HashMap<Tool, String> {
    let mut tools: Vec<Tool> = tools.copied().filter(|tool| *tool != Tool::Engine).collect();
    tools.sort_unstable();
    tools.dedup();
    let found = setup::survey(&tools).into_iter();
    found.filter_map(|(tool, found)| Some((tool, found?.version.to_string()))).collect()
}

fn short(value: &str) -> String {
    hex(&Sha256::digest(value.as_bytes()))[..16].to_owned()
}

/// The differences between two manifests, as sentences; files first.
pub fn differences(before: &str, now: &str) -> Vec<String> {
    let parse = |text: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let (before, now) = (parse(before), parse(now));
    let mut differences: Vec<(u8, String)> = Vec::new();
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), now.get(name));
        if old != new {
            differences.push(difference(name, old.map(String::as_str), new.map(String::as_str)));
        }
    }
    differences.sort();
    differences.into_iter().map(|(_, words)| words).collect()
}

fn difference(name: &str, old: Option<&str>, new: Option<&str>) -> (u8, String) {
    let (kind, what) = name.split_once(' ').unwrap_or((name, ""));
    let gone = |value: Option<&str>| value.is_none_or(|value| value == "absent");
    let change = match (gone(old), gone(new)) {
        (true, false) => "is new",
        (false, true) => "is gone",
        _ => "changed",
    };
    let from_to = || {
        let word = |value: Option<&str>| value.filter(|value| !value.is_empty()).unwrap_or("none").to_owned();
        format!("{} → {}", word(old), word(new))
    };
    match kind {
        "file" => (0, format!("{what} {change}")),
        "own" => (1, format!("{what}, a part of every task, {change}")),
        "tool" => (2, format!("{what} {}", from_to())),
        "variable" => (3, format!("the variable {what} {change}")),
        "history" => (3, "other commits are before this tree".to_owned()),
        "row" => (4, format!("its row: {what} {}", from_to())),
        "producer" => (5, format!("{what}, whose output it reads, {change}")),
        _ => (6, format!("{name} {change}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_said_in_words_files_first() {
        let before = "tool node\t20.1.0\nfile a\t100644 1\nfile gone\t100644 2\nrow timeout\t10m\nproducer npm-ci\t1\n";
        let now = "tool node\t20.2.0\nfile a\t100644 3\nfile new\t100644 4\nrow timeout\t20m\nproducer npm-ci\t2\nown x.rs\t1\n";
        assert_eq!(
            differences(before, now),
            [
                "a changed",
                "gone is gone",
                "new is new",
                "x.rs, a part of every task, is new",
                "node 20.1.0 → 20.2.0",
                "its row: timeout 10m → 20m",
                "npm-ci, whose output it reads, changed",
            ]
        );
        assert_eq!(differences(now, now), Vec::<String>::new());
    }
}
