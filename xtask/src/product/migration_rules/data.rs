//! What a `-- data` migration may do.

use anyhow::Result;
use camino::Utf8Path;

use super::{Violation, beginning, no_sql, paths};
use crate::project::{BATCH_ROWS, BATCHES_PROCEDURE};
use crate::rollout::state::contract::NO_TRANSACTION;
use crate::tools::diagnostics::syntax::{self, Node, Parsed};

/// The form of a `-- data` migration: one call of the procedure that knows how to go on after a kill, with a change that is
/// bounded and a count of what is left.
pub fn violations(squawk: &Utf8Path, sql: &str, parsed: &Parsed) -> Result<Vec<Violation>> {
    let wrong = |line: usize, why: String| Ok(vec![Violation { line, why }]);
    if !sql.starts_with(NO_TRANSACTION) {
        return wrong(
            1,
            format!("each batch is a transaction of its own: `{NO_TRANSACTION}` must stand above `-- data`"),
        );
    }
    let form = format!(
        "a `-- data` migration is one `CALL {BATCHES_PROCEDURE}($$…$$, $$…$$)`: what to change, and what counts the rest"
    );
    let [call] = parsed.statements.as_slice() else {
        let line = parsed.statements.get(1).map_or(1, |second| syntax::line_of(sql, second.start));
        return wrong(line, form);
    };
    let line = syntax::line_of(sql, call.start);
    let texts: Vec<&Node> = call
        .all(&|_| true)
        .into_iter()
        .filter(|it| matches!(it.kind.as_str(), "DOLLAR_QUOTED_STRING" | "STRING"))
        .collect();
    let [change, remaining] = texts.as_slice() else { return wrong(line, form) };
    let is_call =
        call.kind == "CALL" && paths(call, sql).first().is_some_and(|name| name == BATCHES_PROCEDURE);
    if !is_call {
        return wrong(line, form);
    }
    let mut violations = Vec::new();
    for (text, judge) in
        [(change, of_change as fn(&[Node], &str) -> Option<String>), (remaining, of_remaining)]
    {
        let (line, inner) = (syntax::line_of(sql, text.start), unquoted(text.text(sql)));
        let parsed = syntax::parse(squawk, &inner)?;
        let why = no_sql(&inner, &parsed, line);
        let judged = || judge(&parsed.statements, &inner).map(|why| Violation { line, why });
        violations.extend(why.or_else(judged));
    }
    Ok(violations)
}

fn of_change(statements: &[Node], sql: &str) -> Option<String> {
    let [change] = statements else { return Some("what is done in batches is one statement".to_owned()) };
    if !["DELETE", "INSERT", "UPDATE"].contains(&change.kind.as_str()) {
        return Some(format!(
            "`{}` is no INSERT, UPDATE or DELETE, and those are done in batches",
            beginning(change, sql)
        ));
    }
    // Of what says which rows: a LIMIT in what they are set to bounds nothing.
    let says_which = |part: &&Node| {
        change.kind == "INSERT" || ["WHERE_CLAUSE", "WITH_CLAUSE"].contains(&part.kind.as_str())
    };
    let places = change.parts.iter().filter(says_which);
    let bound = places.flat_map(|it| it.all(&|_| true)).find(|it| it.kind == "LIMIT_CLAUSE");
    let bound = bound.and_then(|it| it.text(sql).split_whitespace().nth(1)?.parse::<u64>().ok());
    match bound {
        Some(rows) if rows <= BATCH_ROWS => None,
        _ => Some(format!(
            "`{}` has no bound: others wait for the rows of a batch, so it takes at most {BATCH_ROWS} of them, as in `WHERE id IN \
             (SELECT id FROM … WHERE … LIMIT 1000)`",
            beginning(change, sql)
        )),
    }
}

fn of_remaining(statements: &[Node], sql: &str) -> Option<String> {
    let is_count = matches!(statements, [one] if one.kind == "SELECT");
    (!is_count).then(|| format!("`{}` is no SELECT that counts what is left to change", sql.trim()))
}

/// What a literal of SQL says.
fn unquoted(literal: &str) -> String {
    let dollars =
        literal.strip_prefix('$').and_then(|rest| rest.split_once('$')).map(|(tag, _)| tag.len() + 2);
    match dollars {
        Some(quote) => literal.get(quote..literal.len().saturating_sub(quote)).unwrap_or_default().to_owned(),
        None => literal.trim_matches('\'').replace("''", "'"),
    }
}
