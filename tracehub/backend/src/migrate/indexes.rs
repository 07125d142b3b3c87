//! What `CREATE INDEX CONCURRENTLY` leaves when it fails: an index that costs every write and answers no query.

use sqlx::{AssertSqlSafe, PgConnection};

const INVALID: &str = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
     WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace ORDER BY 1";

/// Drops the invalid indexes that this text names.
pub async fn drop_invalid(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    let invalid: Vec<String> = sqlx::query_scalar(INVALID).fetch_all(&mut *connection).await?;
    for name in invalid.iter().filter(|name| names(sql, name)) {
        let quoted = name.replace('"', "\"\"");
        let drop = format!(r#"DROP INDEX CONCURRENTLY IF EXISTS public."{quoted}""#);
        sqlx::query(AssertSqlSafe(drop)).execute(&mut *connection).await?;
        println!("removed the index {name}, which an earlier try had left half-made");
    }
    Ok(())
}

/// Whether the name stands in the text as a word of its own.
fn names(sql: &str, name: &str) -> bool {
    let words = sql.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')));
    words.into_iter().any(|word| word.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_whole_word_only() {
        let sql = "CREATE INDEX CONCURRENTLY shipments_by_port ON shipments (port);";
        assert!(names(sql, "shipments_by_port"));
        assert!(!names(sql, "shipments_by"));
    }
}
