//! Whether a migration does what it says of itself, and locks nobody out.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;

use crate::pipeline::Context;
use crate::product::ci::files;
use crate::product::migration_rules::violations;
use crate::project::{self, LAST_LENIENT_MIGRATION};
use crate::rollout::state::contract::{Declares, NO_TRANSACTION};
use crate::setup::{self, Tool};
use crate::tools::diagnostics::lint::{self, Exempt, Transaction};
use crate::workspace;

/// The document whose examples are held to the same.
pub const DOCUMENT: &str = "docs/migrations.md";

/// An up-migration: of the repository, or an example of its document.
struct Migration {
    /// Where it is found, for people.
    place: String,
    /// What line of that its first one is.
    line: usize,
    /// The file that squawk reads.
    path: String,
    text: String,
    /// Whether it is held to what it declares. Those from before this lint are applied, and stay as they are.
    is_judged: bool,
}

/// Of each migration, and of each example in the document: it does what its first line says, and squawk finds nothing in it that
/// locks out who is at work.
pub fn lint(task: &Context) -> Result<()> {
    let squawk = setup::require(Tool::Squawk)?;
    let folder = tempfile::tempdir().context("making a folder for the examples")?;
    let folder = Utf8Path::from_path(folder.path())
        .context("the folder for temporary files has a name that is not UTF-8")?;
    let mut all = of_repository()?;
    all.extend(examples(folder)?);
    let mut wrong = Vec::new();
    for migration in all.iter().filter(|it| it.is_judged) {
        let declares = Declares::parse(&migration.text).with_context(|| migration.place.clone())?;
        for found in violations(&squawk, &declares, &migration.text)? {
            wrong.push(format!("{}:{}: {}", migration.place, migration.line + found.line - 1, found.why));
        }
    }
    ensure!(wrong.is_empty(), "{}\nWhat each may do: {DOCUMENT}.", wrong.join("\n"));
    for exempt in [Exempt::Nothing, Exempt::Removals] {
        for transaction in [Transaction::Around, Transaction::None] {
            let kind = (exempt, transaction);
            let files: Vec<String> =
                all.iter().filter(|it| it.kind() == kind).map(|it| it.path.clone()).collect();
            if !files.is_empty() {
                task.run(lint::squawk(
                    &task.sh,
                    &squawk,
                    project::POSTGRES_MAJOR,
                    transaction,
                    exempt,
                    &files,
                ))?;
            }
        }
    }
    Ok(())
}

impl Migration {
    /// What squawk is told of it. sqlx runs each in a transaction, unless its first line says otherwise.
    fn kind(&self) -> (Exempt, Transaction) {
        let takes_away = matches!(Declares::parse(&self.text), Ok(Declares::Contract { .. }));
        let alone = self.text.starts_with(NO_TRANSACTION);
        (
            if takes_away { Exempt::Removals } else { Exempt::Nothing },
            if alone { Transaction::None } else { Transaction::Around },
        )
    }
}

fn of_repository() -> Result<Vec<Migration>> {
    let files = files::some(|path| path.starts_with(project::MIGRATIONS) && path.ends_with(".up.sql"))?;
    let read = |path: String| {
        let text =
            fs::read_to_string(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
        let number =
            Utf8Path::new(&path).file_name().and_then(|name| name.split('_').next()?.parse::<i64>().ok());
        let is_judged = number.is_none_or(|number| number > LAST_LENIENT_MIGRATION);
        Ok(Migration { place: path.clone(), line: 1, path, text, is_judged })
    };
    files.into_iter().map(read).collect()
}

/// The blocks of SQL in the document, as files in this folder.
fn examples(folder: &Utf8Path) -> Result<Vec<Migration>> {
    let document = fs::read_to_string(workspace::root().join(DOCUMENT))
        .with_context(|| format!("reading {DOCUMENT}"))?;
    let write = |(line, text): (usize, String)| {
        let path = folder.join(format!("line-{line}.up.sql"));
        fs::write(&path, &text).with_context(|| format!("writing {path}"))?;
        Ok(Migration { place: DOCUMENT.to_owned(), line, path: path.into_string(), text, is_judged: true })
    };
    let blocks = sql_blocks(&document);
    ensure!(!blocks.is_empty(), "{DOCUMENT} has no example, and it had some");
    blocks.into_iter().map(write).collect()
}

/// The blocks of SQL in a document, each with the number of its first line.
fn sql_blocks(document: &str) -> Vec<(usize, String)> {
    let (mut blocks, mut block) = (Vec::new(), None::<(usize, String)>);
    for (index, line) in document.lines().enumerate() {
        match (&mut block, line) {
            (None, "```sql") => block = Some((index + 2, String::new())),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some((_, text)), line) => text.extend([line, "\n"]),
            (None, _) => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_a_block_of_sql_and_has_its_line() {
        let document = "Text.\n\n```sql\n-- expand\nSELECT;\n```\n\n```sh\nls\n```\n```sql\n-- data\n```\n";
        assert_eq!(
            sql_blocks(document),
            [(4, "-- expand\nSELECT;\n".to_owned()), (12, "-- data\n".to_owned())]
        );
    }
}
