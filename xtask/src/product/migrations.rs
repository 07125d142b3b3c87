//! The migrations of this tree or of a commit, and what each declares.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use crate::exit::refuse;
use crate::project;
use crate::rollout::state::contract::Declares;
use crate::tools::git;
use crate::workspace;

/// What migrations there are, by version.
pub struct Migrations {
    declared: BTreeMap<i64, Declares>,
    /// Those that take something away: the commit, in full, from which on nothing uses it.
    pub contracts: BTreeMap<i64, String>,
}

impl Migrations {
    /// Of this tree, as it lies there.
    pub fn of_tree() -> Result<Migrations> {
        let folder = workspace::root().join(project::MIGRATIONS);
        let mut files = Vec::new();
        for entry in folder.read_dir_utf8().with_context(|| format!("reading {folder}"))? {
            let entry = entry?;
            let text =
                fs::read_to_string(entry.path()).with_context(|| format!("reading {}", entry.path()))?;
            files.push((entry.file_name().to_owned(), text));
        }
        Migrations::of(files)
    }

    /// Of a commit, whatever is checked out.
    pub fn of_commit(sha: &str) -> Result<Migrations> {
        Migrations::of(git::texts_in(workspace::root(), sha, project::MIGRATIONS)?)
    }

    fn of(files: Vec<(String, String)>) -> Result<Migrations> {
        let (mut declared, mut contracts) = (BTreeMap::new(), BTreeMap::new());
        for (name, text) in &files {
            let Some(stem) = name.strip_suffix(".up.sql") else { continue };
            let number = stem.split('_').next().unwrap_or_default();
            let version: i64 =
                number.parse().with_context(|| format!("{name} does not begin with a number"))?;
            let declares = Declares::parse(text).with_context(|| name.clone())?;
            if let Declares::Contract { unused_since } = &declares {
                contracts.insert(version, full_name(name, unused_since)?);
            }
            declared.insert(version, declares);
        }
        Ok(Migrations { declared, contracts })
    }

    /// Their versions, in order.
    pub fn versions(&self) -> Vec<i64> {
        self.declared.keys().copied().collect()
    }
}

fn full_name(migration: &str, commit: &str) -> Result<String> {
    git::full_name(workspace::root(), commit)?.ok_or_else(|| {
        refuse(format!(
            "{migration} says 'unused since {commit}', and there is no such commit here: `git fetch --unshallow` brings \
             what a shallow clone lacks; otherwise mend the line"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kind of declaration each beginning of a file is; the backend's reading of them is held to the same lines.
    const FIRST_LINES: &str = include_str!("../../../tracehub/backend/tests/first_lines.txt");

    #[test]
    fn a_migration_declares_itself_in_its_first_line_and_whatever_else_it_says_is_no_declaration() {
        for line in FIRST_LINES.lines() {
            let (kind, text) = line.split_once('\t').unwrap();
            let text = text.replace("\\r", "\r").replace("\\n", "\n");
            let found = match Declares::parse(&text) {
                Ok(Declares::Expand) => "expand",
                Ok(Declares::Contract { unused_since }) => {
                    assert!(unused_since.starts_with("86e2f91"), "{unused_since:?}");
                    "contract"
                }
                Err(_) => "nothing",
            };
            assert_eq!(found, kind, "{text:?}");
        }
    }
}
