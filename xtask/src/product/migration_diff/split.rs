//! What makes one schema another, in one piece, as migrations that a running release survives: first what only adds, with
//! indexes beside the traffic and rules that are validated afterwards, then what takes away.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::tools::database::pg_delta::Action;
use crate::tools::diagnostics::syntax::{Node, Parsed};

/// What reads SQL: squawk's parser, and which of these statements an `-- expand` may not hold, by their places.
pub trait Reader {
    /// The tree of a statement.
    fn parse(&self, sql: &str) -> Result<Parsed>;
    /// The places of those that do more than add.
    fn refused(&self, statements: &[String]) -> Result<BTreeSet<usize>>;
}

/// An up-migration, and how its way back is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What its name ends with.
    pub suffix: String,
    /// Its text.
    pub up: String,
    /// Its way back.
    pub down: Down,
}

/// How the way back of a migration is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    /// By comparing what is after it with what was before.
    Compared,
    /// It is known.
    Known(String),
}

/// What becomes of a statement.
struct Piece {
    /// What takes part in the transaction of the others.
    now: Option<String>,
    /// An index that is made beside the traffic, before what is `then`: its name, and the statement.
    index: Option<(String, String)>,
    /// What uses that index.
    then: Option<String>,
    /// What comes last, since it looks at each row.
    validate: Option<String>,
}

/// The migrations. `unused_since` is the first line of those that take away; `None` when there is none, which is an error that
/// the caller has spoken of: see [`takes_away`].
pub fn files(actions: &[Action], reader: &dyn Reader, unused_since: &str) -> Result<Vec<File>> {
    let late = late(actions, reader)?;
    let tables = made_tables(actions, &late, reader)?;
    let mut all = Vec::new();
    for (is_late, first_line, suffix) in
        [(false, "-- expand".to_owned(), ""), (true, unused_since.to_owned(), "_contract")]
    {
        let these = actions.iter().enumerate().filter(|(place, _)| late.contains(place) == is_late);
        let pieces: Vec<Piece> =
            these.map(|(_, action)| piece(action, &tables, reader)).collect::<Result<_>>()?;
        let together = |part: &dyn Fn(&Piece) -> Option<&String>| -> String {
            pieces.iter().filter_map(part).map(|sql| format!("{sql};\n")).collect()
        };
        let add = |all: &mut Vec<File>, first_line: &str, suffix: String, body: String, down: Down| {
            if !body.is_empty() {
                all.push(File { suffix, up: format!("{first_line}\n{body}"), down });
            }
        };
        add(&mut all, &first_line, suffix.to_owned(), together(&|it| it.now.as_ref()), Down::Compared);
        for (name, sql) in pieces.iter().filter_map(|it| it.index.as_ref()) {
            let down = format!("-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS {name};\n");
            let first = format!("-- no-transaction\n{first_line}");
            let suffix = format!("{suffix}_{}", plain(name));
            add(&mut all, &first, suffix, format!("{sql};\n"), Down::Known(down));
        }
        add(
            &mut all,
            &first_line,
            format!("{suffix}_uses"),
            together(&|it| it.then.as_ref()),
            Down::Compared,
        );
        let nothing = Down::Known("-- What was found to hold goes on holding.\nSELECT;\n".to_owned());
        add(&mut all, "-- expand", format!("{suffix}_holds"), together(&|it| it.validate.as_ref()), nothing);
    }
    Ok(all)
}

/// Whether some of it takes away, and so needs a commit from which on nothing uses that.
pub fn takes_away(actions: &[Action], reader: &dyn Reader) -> Result<Vec<String>> {
    Ok(late(actions, reader)?.into_iter().map(|place| statement(&actions[place])).collect())
}

/// The places of what can't be done while the release before serves, and of what needs it.
fn late(actions: &[Action], reader: &dyn Reader) -> Result<BTreeSet<usize>> {
    let destroyed: BTreeSet<&String> = actions.iter().flat_map(|it| &it.destroys).collect();
    let replaces = |action: &Action| {
        !action.destroys.is_empty() || action.produces.iter().any(|id| destroyed.contains(id))
    };
    let mut late: BTreeSet<usize> =
        actions.iter().enumerate().filter(|(_, action)| replaces(action)).map(|(place, _)| place).collect();
    loop {
        let before = late.len();
        let made_late: BTreeSet<&String> = late.iter().flat_map(|place| &actions[*place].produces).collect();
        let needs = |action: &Action| action.consumes.iter().any(|id| made_late.contains(id));
        let more: Vec<usize> = (0..actions.len()).filter(|place| needs(&actions[*place])).collect();
        late.extend(more);
        let early: Vec<usize> = (0..actions.len()).filter(|place| !late.contains(place)).collect();
        let statements: Vec<String> = early.iter().map(|place| statement(&actions[*place])).collect();
        late.extend(reader.refused(&statements)?.into_iter().filter_map(|at| early.get(at)));
        if late.len() == before {
            return Ok(late);
        }
    }
}

/// The tables that the plan itself makes before anything is taken away: nobody waits for them.
fn made_tables(actions: &[Action], late: &BTreeSet<usize>, reader: &dyn Reader) -> Result<Vec<String>> {
    let mut tables = Vec::new();
    for (_, action) in actions.iter().enumerate().filter(|(place, _)| !late.contains(place)) {
        let parsed = reader.parse(&action.sql)?;
        let made = parsed
            .statements
            .iter()
            .filter(|it| it.kind == "CREATE_TABLE")
            .filter_map(|it| it.part("TABLE_NAME"));
        tables.extend(made.map(|name| name.text(&action.sql).to_owned()));
    }
    Ok(tables.iter().map(|table| bare(table)).collect())
}

fn piece(action: &Action, tables: &[String], reader: &dyn Reader) -> Result<Piece> {
    let sql = statement(action);
    let whole = Piece { now: Some(sql.clone()), index: None, then: None, validate: None };
    let parsed = reader.parse(&sql)?;
    let [node] = parsed.statements.as_slice() else { return Ok(whole) };
    let Some(table) = node.part("TABLE_RELATION_NAME").map(|it| it.text(&sql).to_owned()) else {
        return Ok(whole);
    };
    if tables.contains(&bare(&table)) {
        return Ok(whole);
    }
    if node.kind == "CREATE_INDEX" {
        return Ok(index(node, &sql).unwrap_or(whole));
    }
    let Some(added) = node.part("ADD_CONSTRAINT") else { return Ok(whole) };
    let name =
        added.all(&|_| true).into_iter().find(|it| it.kind == "CONSTRAINT_NAME").map(|it| it.text(&sql));
    let Some(name) = name else { return Ok(whole) };
    if added.part("CHECK_CONSTRAINT").is_some() || added.part("FOREIGN_KEY_CONSTRAINT").is_some() {
        if added.holds("NOT_VALID") {
            return Ok(whole);
        }
        let validate = format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}");
        return Ok(Piece { now: Some(format!("{sql} NOT VALID")), validate: Some(validate), ..whole });
    }
    let is_unique = added.part("UNIQUE_CONSTRAINT").is_some();
    let columns =
        added.all(&|_| true).into_iter().find(|it| is_unique && it.kind == "CONSTRAINT_COLUMN_REF_LIST");
    let columns = columns.map(|it| it.text(&sql));
    Ok(columns.map_or(whole, |columns| Piece {
        now: None,
        index: Some((
            name.to_owned(),
            format!("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {columns}"),
        )),
        then: Some(format!("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")),
        validate: None,
    }))
}

/// An index of a table that is in use, made beside the traffic.
fn index(node: &Node, sql: &str) -> Option<Piece> {
    let (word, name) = (node.part("INDEX_KW")?, node.part("INDEX")?.text(sql).to_owned());
    let made = format!("{} CONCURRENTLY IF NOT EXISTS{}", sql.get(..word.end)?, sql.get(word.end..)?);
    Some(Piece { now: None, index: Some((name, made)), then: None, validate: None })
}

/// A statement without what stands behind it.
fn statement(action: &Action) -> String {
    action.sql.trim().trim_end_matches(';').to_owned()
}

/// A table's name without its schema and quotes.
fn bare(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).trim_matches('"').to_owned()
}

/// A name as a file's name can hold it.
fn plain(name: &str) -> String {
    bare(name).chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
