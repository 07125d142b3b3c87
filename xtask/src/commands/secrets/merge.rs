//! What git calls for two versions of an encrypted file, instead of comparing their lines: value by value.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::Args;

use crate::exit::{Exit, Failure, refuse};
use crate::product::secrets::SecretFile;
use crate::terminal;

/// Merge two versions of an encrypted file. `.gitattributes` names it, and `cargo xtask doctor` says how git is told.
#[derive(Debug, Args)]
pub struct Merge {
    /// The version that both come from
    base: Utf8PathBuf,
    /// Ours, which gets the result
    ours: Utf8PathBuf,
    /// Theirs
    theirs: Utf8PathBuf,
}

impl Merge {
    /// Writes `ours`; when both changed one value, or the recipients differ, nothing is written.
    pub fn run(self) -> Result<()> {
        let [base, ours, theirs] = [&self.base, &self.ours, &self.theirs]
            .map(|path| SecretFile::read(path)?.ok_or_else(|| refuse(format!("{path} is not there"))));
        let (ours, theirs) = (ours?, theirs?);
        let readers = |file: &SecretFile| -> BTreeSet<String> {
            file.sealed.keys().iter().map(|key| key.recipient.clone()).collect()
        };
        if readers(&ours) != readers(&theirs) {
            return Err(conflict(
                "the two can be read by different people: take one of them (`git checkout --ours` or `--theirs`), then set what the other changed",
            ));
        }
        let values = |file: SecretFile| -> Result<BTreeMap<String, String>> {
            Ok(file.open()?.values()?.into_iter().collect())
        };
        let base = match base {
            Ok(file) => values(file)?,
            // Two who began a file each have nothing in common: git gives an empty one.
            Err(_) if std::fs::metadata(&self.base).is_ok_and(|it| it.len() == 0) => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let open = ours.clone().open()?;
        let mine: BTreeMap<String, String> = open.values()?.into_iter().collect();
        let (changes, conflicts) = three_way(&base, &mine, &values(theirs)?);
        if !conflicts.is_empty() {
            return Err(conflict(&format!(
                "both changed {}: choose, and `cargo xtask secrets set` it",
                conflicts.join(", ")
            )));
        }
        let changes: Vec<(&str, Option<&str>)> =
            changes.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        open.change(&changes)?;
        let names: Vec<&str> = changes.iter().map(|(name, _)| *name).collect();
        terminal::note(format_args!(
            "merged secrets: {}",
            if names.is_empty() { "nothing to take over".into() } else { names.join(", ") }
        ));
        Ok(())
    }
}

fn conflict(why: &str) -> anyhow::Error {
    Failure { exit: Exit::Failed, message: why.to_owned() }.into()
}

/// What ours takes over from theirs, and the names that both changed to different values.
fn three_way(
    base: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) -> (Vec<(String, Option<String>)>, Vec<String>) {
    let names: BTreeSet<&String> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    let (mut changes, mut conflicts) = (Vec::new(), Vec::new());
    for name in names {
        let [before, mine, other] = [base, ours, theirs].map(|values| values.get(name));
        if other == mine || other == before {
            continue;
        }
        match mine == before {
            true => changes.push((name.clone(), other.cloned())),
            false => conflicts.push(name.clone()),
        }
    }
    (changes, conflicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_of_two_changed_is_taken_and_what_both_changed_is_a_conflict() {
        let of = |text: &str| -> BTreeMap<String, String> {
            let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        let base = of("A=1 B=1 C=1 D=1 E=1");
        let (changes, conflicts) = three_way(&base, &of("A=1 B=2 C=1 D=2 E=2"), &of("A=2 B=1 D=3 E=2 F=1"));
        let change = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(changes, [change("A", Some("2")), change("C", None), change("F", Some("1"))]);
        assert_eq!(conflicts, ["D"]);
    }
}
