//! The migrations of this tree or of a commit, and what each declares.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha384};

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
    /// Hexadecimal SHA-384 of each file, as sqlx records it.
    pub checksums: BTreeMap<i64, String>,
    /// Their files' names, in the folder of the migrations.
    pub names: BTreeMap<i64, String>,
    /// Their texts.
    pub texts: BTreeMap<i64, String>,
}

impl Migrations {
    /// Of this tree, as it lies there.
    pub fn of_tree() -> Result<Migrations> {
        Migrations::of(texts_here()?)
    }

    /// Of a commit, whatever is checked out.
    pub fn of_commit(sha: &str) -> Result<Migrations> {
        Migrations::of(git::texts_in(workspace::root(), sha, project::MIGRATIONS)?)
    }

    fn of(files: Vec<(String, String)>) -> Result<Migrations> {
        let (mut declared, mut contracts) = (BTreeMap::new(), BTreeMap::new());
        let (mut checksums, mut names, mut texts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
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
            checksums.insert(version, format!("{:x}", Sha384::digest(text)));
            texts.insert(version, text.clone());
            if let Some(other) = names.insert(version, name.clone()) {
                return Err(refuse(format!(
                    "{other} and {name} have one number: a database takes only one of them\n  Give the newer one a number \
                     of its own, behind all others."
                )));
            }
        }
        Ok(Migrations { declared, contracts, checksums, names, texts })
    }

    /// What is wrong with these, `before` being those that somebody may have applied; a sentence each.
    pub fn rewritten(&self, before: &Migrations) -> Vec<String> {
        let newest = before.checksums.keys().next_back();
        let changed = before.names.iter().filter_map(|(version, name)| match self.checksums.get(version) {
            None => Some(format!(
                "{name} is gone: where it was applied it stays, and a new database would lack it. Put it back; what it did is \
                 taken away by a migration of its own"
            )),
            here if here != before.checksums.get(version) => Some(format!(
                "{name} was changed: where it was applied nobody would notice. Put it back as it was, and write what is to \
                 change into a migration of its own: `cargo xtask migrate new NAME`"
            )),
            _ => None,
        });
        let is_new = |version: &i64| !before.names.contains_key(version) && Some(version) < newest;
        let late = self.names.iter().filter(|(version, _)| is_new(version)).map(|(_, name)| {
            let newest = newest.and_then(|version| before.names.get(version)).map_or("", String::as_str);
            format!(
                "{name} comes before {newest}, which others may have applied: a new database runs them the other way round. \
                 Give it, and its way back, a newer number: `git mv`"
            )
        });
        changed.chain(late).collect()
    }

    /// Whether it says of itself that it changes rows.
    pub fn changes_rows(&self, version: i64) -> bool {
        matches!(self.declared.get(&version), Some(Declares::Data))
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

/// The text that takes a migration back: of the commit, or of this tree, whichever has the file that was applied, as its SHA-384
/// says.
pub fn way_back(commit: &str, version: i64, applied: &str) -> Result<Option<String>> {
    let root = workspace::root();
    let of_commit = git::full_name(root, commit)?
        .map(|sha| git::texts_in(root, &sha, project::MIGRATIONS))
        .transpose()?;
    for files in [of_commit.unwrap_or_default(), texts_here()?] {
        let named = |end: &str| {
            let is_it = |(name, _): &&(String, String)| {
                name.starts_with(&format!("{version}_")) && name.ends_with(end)
            };
            files.iter().find(is_it).map(|(_, text)| text)
        };
        if named(".up.sql").is_some_and(|up| format!("{:x}", Sha384::digest(up)) == applied) {
            return Ok(named(".down.sql").cloned());
        }
    }
    Ok(None)
}

fn texts_here() -> Result<Vec<(String, String)>> {
    let folder = workspace::root().join(project::MIGRATIONS);
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8().with_context(|| format!("reading {folder}"))? {
        let entry = entry?;
        let text = fs::read_to_string(entry.path()).with_context(|| format!("reading {}", entry.path()))?;
        files.push((entry.file_name().to_owned(), text));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kind of declaration each beginning of a file is; the backend's reading of them is held to the same lines.
    const FIRST_LINES: &str = include_str!("../../../tracehub/backend/tests/first_lines.txt");

    fn of(files: &[(&str, &str)]) -> Result<Migrations> {
        Migrations::of(
            files.iter().map(|(name, text)| ((*name).to_owned(), format!("-- expand\n{text}"))).collect(),
        )
    }

    #[test]
    fn what_others_may_have_applied_is_neither_changed_nor_removed_nor_preceded() {
        let before = of(&[("1_a.up.sql", "a"), ("3_c.up.sql", "c")]).unwrap();
        let wrong = |files: &[(&str, &str)]| of(files).unwrap().rewritten(&before);
        assert!(wrong(&[("1_a.up.sql", "a"), ("3_c.up.sql", "c"), ("4_d.up.sql", "d")]).is_empty());
        let [changed, gone, late] =
            wrong(&[("1_a.up.sql", "b"), ("2_b.up.sql", "")]).try_into().expect("three sentences");
        assert!(changed.starts_with("1_a.up.sql was changed"), "{changed}");
        assert!(gone.starts_with("3_c.up.sql is gone"), "{gone}");
        assert!(late.starts_with("2_b.up.sql comes before 3_c.up.sql"), "{late}");
    }

    #[test]
    fn two_migrations_of_one_number_are_refused() {
        let why = of(&[("1_a.up.sql", ""), ("1_b.up.sql", "")]).err().expect("refused").to_string();
        assert!(why.starts_with("1_a.up.sql and 1_b.up.sql have one number"), "{why}");
    }

    #[test]
    fn a_checksum_is_the_one_that_sqlx_records() {
        let migrations = of(&[("1_a.up.sql", "")]).unwrap();
        // `printf -- '-- expand\n' | sha384sum`
        let known = "a740d71bd5d3c211ac0a45680f5ecab0328312fdb5d1e0eaaa0bb171144483c87162d8355e56b018205d80c5a7bfd155";
        assert_eq!(migrations.checksums[&1], known);
    }

    #[test]
    fn a_migration_declares_itself_in_its_first_line_and_whatever_else_it_says_is_no_declaration() {
        for line in FIRST_LINES.lines() {
            let (kind, text) = line.split_once('\t').unwrap();
            let text = text.replace("\\r", "\r").replace("\\n", "\n");
            let found = match Declares::parse(&text) {
                Ok(Declares::Expand) => "expand",
                Ok(Declares::Data) => "data",
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
