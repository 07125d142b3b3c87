//! How long a migration may wait and work.

use anyhow::{Context, bail};
use sqlx::postgres::PgConnectOptions;

/// The limits, in PostgreSQL's own notation: `5s` or `200ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For one lock. Short, since everybody else waits behind it.
    pub lock: String,
    /// For one statement.
    pub statement: String,
    /// How often a lock that was not given is asked for.
    pub tries: u32,
}

/// How a file asks for other limits, in one of the comment lines that it begins with:
/// `-- limits: lock 3s, statement 10min, tries 20`.
const ASKS: &str = "-- limits: ";

impl Limits {
    /// As options of the connection: a `SET` could be undone by a `RESET` in a migration.
    pub fn of_connection(&self, options: &PgConnectOptions) -> PgConnectOptions {
        options.clone().options([("lock_timeout", &self.lock), ("statement_timeout", &self.statement)])
    }

    /// These, but for what the file asks for itself.
    ///
    /// # Errors
    /// When its line of limits is not understood.
    pub fn for_file(&self, sql: &str) -> anyhow::Result<Self> {
        let mut limits = self.clone();
        let head = sql.lines().take_while(|line| line.starts_with("--"));
        let Some(asked) = head.filter_map(|line| line.strip_prefix(ASKS)).next() else { return Ok(limits) };
        for part in asked.split(',') {
            match part.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["lock", time] => limits.lock = is_time(time)?,
                ["statement", time] => limits.statement = is_time(time)?,
                ["tries", number] => limits.tries = number.parse().context("tries wants a number")?,
                _ => bail!("'{ASKS}{asked}' should be like '{ASKS}lock 3s, statement 10min, tries 20'"),
            }
        }
        Ok(limits)
    }
}

fn is_time(text: &str) -> anyhow::Result<String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if unit.len() == text.len() || !["ms", "s", "min"].contains(&unit) {
        bail!("'{text}' is no time such as 500ms, 3s or 10min");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { lock: "1s".into(), statement: "60s".into(), tries: 10 }
    }

    #[test]
    fn a_file_asks_for_limits_of_its_own_in_its_head() {
        let asks = "-- no-transaction\n-- expand\n-- limits: statement 10min, tries 3\nCREATE INDEX;\n";
        let expected = Limits { lock: "1s".into(), statement: "10min".into(), tries: 3 };
        assert_eq!(limits().for_file(asks).unwrap(), expected);
        assert_eq!(limits().for_file("-- expand\nSELECT 1;\n-- limits: lock 9s\n").unwrap(), limits());
    }

    #[test]
    fn what_is_no_limit_is_an_error() {
        for wrong in ["forever", "lock", "lock 3", "lock s", "lock 3h", "lock 1s; DROP", "tries many"] {
            assert!(limits().for_file(&format!("-- expand\n-- limits: {wrong}\n")).is_err(), "{wrong}");
        }
    }
}
