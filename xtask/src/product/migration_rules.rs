//! What a migration may do, by what its first line says of it: `-- expand` only adds, `-- contract` takes away what it names,
//! `-- data` changes rows in batches. What is not known to be right is refused: statements are told apart by their trees.

mod data;

use anyhow::Result;
use camino::Utf8Path;

use crate::rollout::state::contract::Declares;
use crate::tools::diagnostics::syntax::{self, Node, Parsed};

/// Something that a migration must not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The line of the statement.
    pub line: usize,
    /// Why, and what to do.
    pub why: String,
}

/// Statements that only add, when what they make was not there before.
const ADDS: &[&str] = &[
    "ANALYZE",
    "COMMENT_ON",
    "CREATE_AGGREGATE",
    "CREATE_COLLATION",
    "CREATE_DOMAIN",
    "CREATE_EXTENSION",
    "CREATE_FUNCTION",
    "CREATE_INDEX",
    "CREATE_POLICY",
    "CREATE_PROCEDURE",
    "CREATE_SCHEMA",
    "CREATE_SEQUENCE",
    "CREATE_STATISTICS",
    "CREATE_TABLE",
    "CREATE_TRIGGER",
    "CREATE_TYPE",
    "CREATE_VIEW",
    "GRANT",
];

/// Parts of `ALTER TABLE` that only add, or change nothing that a release would notice.
const ADDS_TO_TABLE: &[&str] =
    &["ADD_COLUMN", "SET_DEFAULT", "SET_OPTIONS", "SET_STATISTICS", "SET_STORAGE", "VALIDATE_CONSTRAINT"];

/// What the others do to the releases from before; anything else is 'not known to only add'.
const TAKES: &[(&str, &str)] = &[
    ("ADD_CONSTRAINT", "refuses rows that the release before may still write"),
    ("DROP_COLUMN", "takes a column away that the release before may use"),
    ("DROP_CONSTRAINT", "takes a rule away on which the release before may count"),
    ("DROP_DEFAULT", "takes a default away on which the release before may count"),
    ("DROP_NOT_NULL", "lets a column be null, which the release before may not be able to read"),
    ("SET_NOT_NULL", "refuses rows that the release before may still write"),
    ("SET_TYPE", "makes a column another one for the release before, and may write the whole table anew"),
    ("ENABLE_RLS", "hides rows from the release before"),
    ("FORCE_RLS", "hides rows from the release before"),
    ("DISABLE_RLS", "shows rows that were hidden"),
    ("NO_FORCE_RLS", "shows rows that were hidden"),
    ("OWNER_TO", "takes the rights of the owner away"),
    ("RENAME_COLUMN", "takes a name away that the release before may use"),
    ("TABLE_RENAME_TO", "takes a name away that the release before may use"),
    ("RENAME_CONSTRAINT", "takes a name away that the release before may know"),
    ("REVOKE", "takes rights away that the release before may need"),
];

/// Statements that change rows.
const CHANGES_ROWS: &[&str] = &["COPY", "DELETE", "INSERT", "MERGE", "SELECT_INTO", "TRUNCATE", "UPDATE"];
/// Statements of which nobody can see here what they do.
const CALLS: &[&str] = &["CALL", "COMPOUND_SELECT", "DO", "EXECUTE", "PAREN_SELECT", "SELECT", "VALUES"];

const TO_DATA: &str = "rows are changed by a migration of their own, which begins with `-- data`";
const TO_CONTRACT: &str =
    "it goes into a later migration, which begins with `-- contract: unused since COMMIT`";

/// What is wrong with the text of an up-migration that declares this.
pub fn violations(squawk: &Utf8Path, declares: &Declares, sql: &str) -> Result<Vec<Violation>> {
    let parsed = syntax::parse(squawk, sql)?;
    if let Some(unparsed) = no_sql(sql, &parsed, 1) {
        return Ok(vec![unparsed]);
    }
    if matches!(declares, Declares::Data) {
        return data::violations(squawk, sql, &parsed);
    }
    let judge = Judge {
        sql,
        made: parsed.statements.iter().filter_map(|it| made(it, sql)).collect(),
        columns: parsed.statements.iter().flat_map(|it| made_columns(it, sql)).collect(),
    };
    let why = |statement: &Node| match declares {
        Declares::Contract { .. } => judge.of_contract(statement),
        _ => judge.of_expand(statement),
    };
    let violation = |statement: &Node| {
        let line = syntax::line_of(sql, statement.start);
        why(statement).map(|why| Violation { line, why: format!("`{}` {why}", beginning(statement, sql)) })
    };
    Ok(parsed.statements.iter().filter_map(violation).collect())
}

fn no_sql(sql: &str, parsed: &Parsed, first_line: usize) -> Option<Violation> {
    let (at, expected) = parsed.errors.first()?;
    let line = first_line + syntax::line_of(sql, *at) - 1;
    Some(Violation { line, why: format!("this is no SQL that squawk understands: {expected}") })
}

/// The first words of a statement, in one line.
fn beginning(statement: &Node, sql: &str) -> String {
    let text = statement.text(sql).split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = text.trim_end_matches(';').chars().take(60).collect();
    if short.len() < text.trim_end_matches(';').len() { format!("{short}…") } else { short }
}

struct Judge<'a> {
    sql: &'a str,
    /// What the file itself makes: nothing from before can use it.
    made: Vec<String>,
    /// The columns that it adds to tables from before: table and name.
    columns: Vec<(String, String)>,
}

impl Judge<'_> {
    fn of_expand(&self, statement: &Node) -> Option<String> {
        let kind = statement.kind.as_str();
        if CHANGES_ROWS.contains(&kind) {
            return Some(format!("changes rows: {TO_DATA}"));
        }
        if CALLS.contains(&kind) {
            return Some(format!("may do anything, and `-- expand` only adds: {TO_DATA}"));
        }
        if kind == "ALTER_TABLE" {
            return self.of_alter_table(statement);
        }
        let adds = ADDS.contains(&kind) || (kind == "ALTER_TYPE" && statement.holds("ADD_VALUE"));
        let own = kind.starts_with("ALTER_") || kind == "REVOKE";
        match adds {
            false if own && self.is_own(statement) => None,
            false => Some(format!("{}, and `-- expand` only adds: {TO_CONTRACT}", does(kind))),
            true => self.of_addition(statement),
        }
    }

    /// What only adds, unless it takes the place of something, or holds for rows that are there already.
    fn of_addition(&self, statement: &Node) -> Option<String> {
        if statement.part("OR_REPLACE").is_some() {
            return Some(
                "puts something in the place of what the release before calls: make it under another name, and take the old one \
                 away by a contract later"
                    .to_owned(),
            );
        }
        if self.is_own(statement) {
            return None;
        }
        if statement.kind == "CREATE_INDEX" && statement.part("UNIQUE_KW").is_some() {
            return Some(format!("refuses rows that the release before may still write: {TO_CONTRACT}"));
        }
        let restricts = |it: &Node| it.text(self.sql).to_ascii_lowercase().ends_with("restrictive");
        let restricts = statement.part("AS_POLICY_TYPE").is_some_and(restricts);
        restricts.then(|| format!("hides rows from the release before: {TO_CONTRACT}"))
    }

    fn of_alter_table(&self, statement: &Node) -> Option<String> {
        if self.is_own(statement) {
            return None;
        }
        let actions =
            statement.parts.iter().filter(|part| !is_word(part) && part.kind != "TABLE_RELATION_NAME");
        let table = about(statement, "TABLE_RELATION_NAME", self.sql).pop().unwrap_or_default();
        actions.filter_map(|action| self.of_action(&table, action)).next()
    }

    /// A part of an `ALTER TABLE` of a table from before.
    fn of_action(&self, table: &str, action: &Node) -> Option<String> {
        let action = match action.kind.as_str() {
            "ALTER_COLUMN" => {
                action.parts.iter().find(|part| !is_word(part) && part.kind != "COLUMN_NAME_REF")?
            }
            _ => action,
        };
        let kind = action.kind.as_str();
        // Its index refuses already what it would refuse.
        let is_noted_only =
            kind == "ADD_CONSTRAINT" && action.holds("UNIQUE_CONSTRAINT") && action.holds("USING_INDEX_NAME");
        if kind == "ADD_COLUMN" {
            let is_filled =
                ["DEFAULT_CONSTRAINT", "GENERATED_CONSTRAINT"].iter().any(|it| action.part(it).is_some());
            let must_be = action.part("NOT_NULL_CONSTRAINT").is_some() && !is_filled;
            return must_be.then(|| {
                "adds a column that must be written, and the release before does not write it: give it a default, or let it be \
                 null until a later migration"
                    .to_owned()
            });
        }
        let is_own = || kind == "ADD_CONSTRAINT" && self.is_of_own_columns(table, action);
        let adds = ADDS_TO_TABLE.contains(&kind) || is_noted_only || is_own();
        (!adds).then(|| format!("{}, and `-- expand` only adds: {TO_CONTRACT}", does(kind)))
    }

    /// Whether a constraint is about columns alone that the file itself adds: the release before writes none of them.
    fn is_of_own_columns(&self, table: &str, constraint: &Node) -> bool {
        let not_called = |part: &Node| part.kind != "CALL_EXPR" && part.kind != "PATH_TYPE";
        let named: Vec<&Node> = match constraint.part("FOREIGN_KEY_CONSTRAINT") {
            Some(key) => key.part("FOREIGN_KEY_COLUMN_LIST").map(|it| it.all(&|_| true)).unwrap_or_default(),
            // The release before leaves its columns null, and such a rule may not be true of that.
            None if says_of_null(&constraint.text(self.sql).to_ascii_lowercase()) => Vec::new(),
            None if constraint.holds("CHECK_CONSTRAINT") => {
                let calls = constraint.all(&|_| true).into_iter().filter(|it| it.kind == "CALL_EXPR");
                let arguments =
                    calls.flat_map(|call| call.part("ARG_LIST")).flat_map(|it| it.all(&not_called));
                constraint.all(&not_called).into_iter().chain(arguments).collect()
            }
            None => Vec::new(),
        };
        let mut columns =
            named.iter().filter(|it| matches!(it.kind.as_str(), "COLUMN_NAME_REF" | "NAME_REF")).peekable();
        let is_own = |column: &&Node| self.columns.contains(&(table.to_owned(), name(column.text(self.sql))));
        columns.peek().is_some() && columns.all(is_own)
    }

    fn of_contract(&self, statement: &Node) -> Option<String> {
        let kind = statement.kind.as_str();
        if CHANGES_ROWS.contains(&kind) {
            return Some(format!("changes rows: {TO_DATA}"));
        }
        let cascades = |part: &Node| part.part("CASCADE").is_some();
        if cascades(statement)
            || statement.parts.iter().any(|part| part.kind.starts_with("DROP_") && cascades(part))
        {
            return Some(
                "takes away what it does not name, whatever that is by then: without CASCADE, each by its name".to_owned(),
            );
        }
        let names = ADDS.contains(&kind)
            || ["ALTER_", "DROP_"].iter().any(|start| kind.starts_with(start))
            || kind == "REVOKE";
        let too_much =
            ["ALTER_SYSTEM", "DROP_DATABASE", "DROP_OWNED", "DROP_ROLE", "DROP_SCHEMA"].contains(&kind);
        (!names || too_much).then(|| {
            "is not known to take away what it names and nothing else, which is all that a contract may"
                .to_owned()
        })
    }

    /// Whether everything that a statement is about was made by the file itself.
    fn is_own(&self, statement: &Node) -> bool {
        let named = match statement.kind.as_str() {
            "REVOKE" => statement
                .part("ON_PRIVILEGE_OBJECTS_CLAUSE")
                .map(|on| paths(on, self.sql))
                .unwrap_or_default(),
            "CREATE_INDEX" => about(statement, "TABLE_RELATION_NAME", self.sql),
            "CREATE_POLICY" => about(statement, "ON_TABLE", self.sql),
            _ => paths(statement, self.sql).into_iter().take(1).collect(),
        };
        !named.is_empty() && named.iter().all(|name| self.made.contains(name))
    }
}

/// Whether a rule may be false of null, which all others are not.
fn says_of_null(rule: &str) -> bool {
    ["null", "coalesce", "distinct", " is "].iter().any(|it| rule.contains(it))
}

/// What a statement, or a part of one, does to the releases from before.
fn does(kind: &str) -> String {
    let known = TAKES.iter().find(|(it, _)| *it == kind).map(|(_, does)| (*does).to_owned());
    let drops = || kind.starts_with("DROP_").then(|| "takes away what the release before may use".to_owned());
    known.or_else(drops).unwrap_or_else(|| "is not known to only add".to_owned())
}

fn is_word(part: &Node) -> bool {
    part.kind.ends_with("_KW") || matches!(part.kind.as_str(), "COMMA" | "SEMICOLON" | "IF_EXISTS")
}

fn about(statement: &Node, part: &str, sql: &str) -> Vec<String> {
    statement.part(part).map(|part| paths(part, sql)).unwrap_or_default()
}

/// What a statement makes.
fn made(statement: &Node, sql: &str) -> Option<String> {
    let makes = [
        "CREATE_TABLE",
        "CREATE_FUNCTION",
        "CREATE_PROCEDURE",
        "CREATE_SEQUENCE",
        "CREATE_TYPE",
        "CREATE_VIEW",
    ];
    // What may be there already was perhaps made by somebody else.
    let is_new = makes.contains(&statement.kind.as_str())
        && ["OR_REPLACE", "IF_NOT_EXISTS"].iter().all(|part| statement.part(part).is_none());
    if is_new { paths(statement, sql).into_iter().next() } else { None }
}

/// The columns that a statement adds to a table from before: the table's name, and theirs.
fn made_columns(statement: &Node, sql: &str) -> Vec<(String, String)> {
    let table = about(statement, "TABLE_RELATION_NAME", sql).pop().unwrap_or_default();
    let added = statement
        .parts
        .iter()
        .filter(|part| part.kind == "ADD_COLUMN" && part.part("IF_NOT_EXISTS").is_none());
    added
        .filter_map(|added| added.part("COLUMN_NAME"))
        .map(|it| (table.clone(), name(it.text(sql))))
        .collect()
}

/// The names in it, each without its schema; not those of parameters' types.
fn paths(part: &Node, sql: &str) -> Vec<String> {
    let is_path = |part: &Node| matches!(part.kind.as_str(), "PATH" | "PATH_REF");
    let nodes = part.all(&|part| part.kind != "PARAM_LIST");
    // A path holds that of its schema.
    let inner: Vec<&Node> = nodes.iter().filter(|it| is_path(it)).flat_map(|it| &it.parts).collect();
    let outer = nodes.iter().filter(|it| is_path(it) && !inner.contains(*it));
    outer.filter_map(|path| path.parts.last()).map(|last| name(last.text(sql))).collect()
}

/// As PostgreSQL reads a name.
fn name(text: &str) -> String {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => text.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{self, Tool};

    /// What each declaration says of each statement: 'kind | statement | what is said', nothing where it is fine.
    const CASES: &str = include_str!("migration_rules/cases.txt");

    fn squawk() -> camino::Utf8PathBuf {
        setup::require(Tool::Squawk).expect("`cargo xtask ci migration-lint` installs squawk")
    }

    #[test]
    fn a_migration_does_what_its_first_line_says_and_nothing_else() {
        let squawk = squawk();
        for case in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let [kind, sql, said] =
                case.split(" | ").map(str::trim).collect::<Vec<_>>().try_into().expect(case);
            let (declares, head) = match kind {
                "expand" => (Declares::Expand, "-- expand\n"),
                "contract" => (
                    Declares::Contract { unused_since: "86e2f91".to_owned() },
                    "-- contract: unused since 86e2f91\n",
                ),
                _ => (Declares::Data, "-- no-transaction\n-- data\n"),
            };
            let found = violations(&squawk, &declares, &format!("{head}{sql}")).expect(case);
            let found: Vec<String> = found.into_iter().map(|it| it.why).collect();
            match said {
                "fine" => assert_eq!(found, Vec::<String>::new(), "{case}"),
                said => assert!(found.len() == 1 && found[0].contains(said), "{case}\n{found:?}"),
            }
        }
    }

    #[test]
    fn a_violation_has_the_line_of_its_statement_and_so_has_what_is_no_sql() {
        let lines = |declares: &Declares, sql: &str| -> Vec<usize> {
            violations(&squawk(), declares, sql).unwrap().iter().map(|it| it.line).collect()
        };
        let sql = "-- expand\nCREATE TABLE a ();\n\n-- Why.\nDELETE FROM b;\nDROP TABLE\n c;\n";
        assert_eq!(lines(&Declares::Expand, sql), [5, 6]);
        assert_eq!(lines(&Declares::Expand, "-- expand\nSELECT 1;\nFROB a;\n"), [3]);
        let data = "-- no-transaction\n-- data\nCALL in_batches(\n$$DELETE FROM a$$,\n$$SELECT\nFROB ($$);\n";
        assert_eq!(lines(&Declares::Data, data), [4, 6]);
    }

    #[test]
    fn words_in_comments_names_and_literals_are_no_statements() {
        let sql = "-- expand\n-- DROP TABLE a;\nCREATE TABLE \"drop table\" (b text DEFAULT 'DELETE FROM c;');\n\
                   CREATE FUNCTION d() RETURNS void LANGUAGE sql AS $$ DELETE FROM e; $$;\n";
        assert_eq!(violations(&squawk(), &Declares::Expand, sql).unwrap(), []);
    }
}
