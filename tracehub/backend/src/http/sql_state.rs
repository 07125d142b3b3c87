//! What PostgreSQL's codes mean to whoever asked: each class of them, so that nobody's mistake is called somebody else's.

/// Whose matter an error of the database's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// What was sent can't be kept so.
    Refused,
    /// It does not go with what is there.
    Conflict,
    /// The database can't answer now; later it may.
    Later,
    /// A mistake of ours.
    Ours,
}

/// By class, of which the first two characters are; single codes that mean something else stand above their class.
const MEANINGS: &[(&str, Meaning)] = &[
    ("08", Meaning::Later),      // connection
    ("22", Meaning::Refused),    // data
    ("23502", Meaning::Refused), // not null
    ("23514", Meaning::Refused), // check
    ("23", Meaning::Conflict),   // unique, foreign key, exclusion
    ("25006", Meaning::Later),   // read-only: a standby, or a server that is being looked after
    ("25P03", Meaning::Later),   // idle in a transaction for too long
    ("28", Meaning::Later),      // it does not let us in
    ("3D", Meaning::Later),      // the database is not there
    ("40", Meaning::Later),      // rolled back: deadlock, serialization
    ("44", Meaning::Refused),    // check option of a view
    ("53", Meaning::Later),      // out of disk, memory, connections
    ("54000", Meaning::Refused), // larger than an index or a row can be
    ("55", Meaning::Later),      // in use, no lock in time
    ("57", Meaning::Later),      // shutting down, starting up, cancelled
    ("58", Meaning::Later),      // its system fails it
];

/// What a code means; what is not in the table is a mistake of ours.
pub fn meaning(code: &str) -> Meaning {
    let found = MEANINGS.iter().find(|(prefix, _)| code.starts_with(prefix));
    found.map_or(Meaning::Ours, |(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_means_something() {
        for (code, expected) in [
            ("08006", Meaning::Later),
            ("22001", Meaning::Refused),
            ("22008", Meaning::Refused),
            ("22021", Meaning::Refused),
            ("23502", Meaning::Refused),
            ("23503", Meaning::Conflict),
            ("23505", Meaning::Conflict),
            ("23514", Meaning::Refused),
            ("25006", Meaning::Later),
            ("25P02", Meaning::Ours),
            ("28P01", Meaning::Later),
            ("3D000", Meaning::Later),
            ("40001", Meaning::Later),
            ("40P01", Meaning::Later),
            ("42501", Meaning::Ours),
            ("42P01", Meaning::Ours),
            ("53100", Meaning::Later),
            ("53300", Meaning::Later),
            ("54000", Meaning::Refused),
            ("54001", Meaning::Ours),
            ("55P03", Meaning::Later),
            ("57014", Meaning::Later),
            ("57P01", Meaning::Later),
            ("58030", Meaning::Later),
            ("XX000", Meaning::Ours),
        ] {
            assert_eq!(meaning(code), expected, "{code}");
        }
    }
}
