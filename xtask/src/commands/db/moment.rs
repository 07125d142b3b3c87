//! A moment of the database, brought back out of the archive of its WAL as a backup like any other.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::exit::refuse;
use crate::host::{Installed, Machine};
use crate::rollout::host::Host;
use crate::rollout::journal::attempt_id;
use crate::rollout::state::backup::Backup;
use crate::terminal::Activity;
use crate::tools::process::driver_id;

/// A moment that the archive has.
pub struct Moment {
    /// RFC 3339 in UTC.
    pub at: String,
    /// What the backup of it will be called.
    name: String,
    /// How many bytes the cluster takes.
    bytes: u64,
    /// The newest migration that it has; none where it is not known.
    schema: i64,
}

/// As it is typed.
pub fn parse(text: &str) -> Result<SystemTime, String> {
    humantime::parse_rfc3339(text)
        .map_err(|_| "a moment is given in UTC, to the second: 2026-01-03T12:00:00Z".to_owned())
}

impl Moment {
    /// An error with what can be restored when this can't be.
    pub fn of(machine: &Machine, at: SystemTime) -> Result<Moment> {
        let stanza = machine.archiver().stanza().context("looking for what the archive has")?;
        check(at, stanza.since(), machine.now()).map_err(refuse)?;
        // A database that is damaged may not say: then it is looked at once it is recovered.
        let schema =
            machine.database().installed().map_or(0, |installed| schema_at(&installed, &written(at)));
        if schema != 0 {
            let what = format!("the database of {}", written(at));
            machine.database().check_schema(&what, schema).map_err(|error| refuse(format!("{error:#}")))?;
        }
        Ok(Moment {
            at: written(at),
            name: format!("{}-moment", attempt_id(at, driver_id())),
            bytes: stanza.bytes(at),
            schema,
        })
    }

    /// What is known of the backup before it is made.
    pub fn to_come(&self) -> Backup {
        Backup { at: self.at.clone(), schema: self.schema, ..Backup::named(&self.name) }
    }

    /// Makes it: the cluster of then is recovered beside the one that is used, and dumped.
    pub fn recover(&self, machine: &Machine) -> Result<Backup> {
        let archiver = machine.archiver();
        Activity::of("have all that was written come into the archive", |_| archiver.flush())?;
        Activity::of(format!("recover {} beside the database, and dump it", self.at), |_| {
            archiver.recover(&self.at, self.bytes, &self.name)
        })
    }
}

/// pgBackRest takes a base backup that was whole before that moment; what comes later than now nobody has written.
fn check(at: SystemTime, since: Option<SystemTime>, now: SystemTime) -> Result<(), String> {
    let Some(since) = since else {
        return Err("the archive has no base backup yet: nothing can be restored from it".to_owned());
    };
    if at > since && at <= now {
        return Ok(());
    }
    let first = since + Duration::from_secs(1);
    Err(format!(
        "{} is not in the archive, which has what was from {} until {}. Older backups: `cargo xtask db list`",
        written(at),
        written(first),
        written(now)
    ))
}

/// The newest migration that was there at that moment; none when there was none yet. RFC 3339 in UTC sorts by time.
fn schema_at(installed: &[Installed], at: &str) -> i64 {
    installed.iter().filter(|it| it.at.as_str() <= at).map(|it| it.version).max().unwrap_or_default()
}

fn written(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_the_migrations_that_were_there_then() {
        let of = |version, at: &str| Installed { version, at: at.to_owned() };
        let installed = [of(1, "2026-01-01T00:00:00Z"), of(2, "2026-01-02T00:00:00Z")];
        for (at, schema) in
            [("2025-12-31T23:59:59Z", 0), ("2026-01-01T23:59:59Z", 1), ("2026-01-02T00:00:00Z", 2)]
        {
            assert_eq!(schema_at(&installed, at), schema, "{at}");
        }
    }

    #[test]
    fn a_moment_that_the_archive_has_not_is_refused_with_what_it_has() {
        let at = |text: &str| parse(text).unwrap();
        let (since, now) = (at("2026-01-03T01:00:00Z"), at("2026-01-04T12:00:00Z"));
        let check = |moment: &str| check(at(moment), Some(since), now);
        assert_eq!(check("2026-01-03T01:00:01Z"), Ok(()));
        assert_eq!(check("2026-01-04T12:00:00Z"), Ok(()));
        for wrong in ["2026-01-03T01:00:00Z", "2026-01-04T12:00:01Z"] {
            let error = check(wrong).unwrap_err();
            assert!(
                error.contains(wrong)
                    && error.contains("from 2026-01-03T01:00:01Z until 2026-01-04T12:00:00Z"),
                "{error}"
            );
        }
        assert!(super::check(now, None, now).unwrap_err().contains("no base backup"));
        for wrong in ["yesterday", "2026-01-03", "2026-01-03T12:00:00+01:00", "2026-01-03 12:00:00Z'; --"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
