//! What in an environment's database is not as its migrations, and the platform, have made it.

use anyhow::Result;
use serde_json::{Value, json};

use crate::host::Machine;
use crate::product::catalogue;
use crate::project::{DATABASE_RIGHTS, RIGHTS_IN_TURN};
use crate::rollout::observed::Observed;
use crate::rollout::state::catalogue::{Differences, as_migrated, expected, is_of_migrations, sum};
use crate::rollout::state::release::Release;

/// What the comparison came to.
pub enum SchemaDrift {
    /// There is none. What is no drift and worth a word, a line each: columns in another order, what belongs to somebody else.
    None {
        /// The notes.
        notes: Vec<String>,
    },
    /// The lines of a diff.
    Differs(Vec<String>),
    /// Nobody can say what it ought to be, and why not.
    Unknown(String),
}

impl SchemaDrift {
    /// The lines of the diff; null where nobody can say.
    pub fn for_programs(&self) -> Value {
        match self {
            SchemaDrift::None { .. } => json!([]),
            SchemaDrift::Differs(lines) => json!(lines),
            SchemaDrift::Unknown(_) => Value::Null,
        }
    }

    /// Compares what the database told with what the release says that carries exactly its migrations: one that is kept, or the
    /// one that is about to be deployed.
    pub fn of(machine: &Machine, seen: &Observed, deploying: Option<&Release>) -> Result<SchemaDrift> {
        if seen.schema.is_empty() {
            return Ok(SchemaDrift::Unknown(
                "the database has no migrations, or does not tell them".to_owned(),
            ));
        }
        let found = machine.database().catalogue()?;
        if found.is_empty() {
            return Ok(SchemaDrift::Unknown("the database does not tell what it consists of".to_owned()));
        }
        // A run that was killed may have left an index half-made: the migration is pending, and removes it first.
        let is_pending = deploying.is_some_and(|release| !seen.pending(release).is_empty());
        let found = if is_pending { without_half_made(&found) } else { found };
        Ok(compare(&found, expected(&seen.schema, seen.kept.iter().chain(deploying)), catalogue::of_release))
    }
}

fn compare(
    found: &str,
    release: Option<&Release>,
    text_of: impl Fn(&Release) -> Option<String>,
) -> SchemaDrift {
    // Roles that somebody else has there are theirs.
    let in_turn = RIGHTS_IN_TURN.iter().filter(|ours| {
        let role = about(ours).rsplit(' ').next().unwrap_or_default();
        found.lines().any(|line| line.starts_with(&format!("role {role}:")))
    });
    let rights: Vec<&str> = DATABASE_RIGHTS.iter().chain(in_turn).copied().collect();
    let named = |line: &str| rights.iter().any(|ours| about(ours) == about(line));
    let rights = Differences::between(&rights.join("\n"), found, |line| {
        named(line) || line.starts_with("grant on database ")
    });
    let Some(release) = release else {
        return match rights.is_empty() {
            true => {
                SchemaDrift::Unknown("no kept release says what just these migrations come to".to_owned())
            }
            false => SchemaDrift::Differs(rights.lines()),
        };
    };
    let text = text_of(release);
    let found = text.as_ref().map_or(found.to_owned(), |text| as_migrated(found, text));
    let is_equal = release.catalogue.as_deref() == Some(&sum(&found));
    let lines = match &text {
        _ if is_equal => Vec::new(),
        Some(text) => Differences::between(text, &found, is_of_migrations).lines(),
        None => {
            vec![format!("(what differs can be told where the commit {} is: `git fetch`)", release.commit)]
        }
    };
    let all = [rights.lines(), lines].concat();
    if !all.is_empty() {
        return SchemaDrift::Differs(all);
    }
    let order =
        text.map(|text| Differences::between(&text, &found, |line| line.starts_with("note order of ")));
    let order = order.map(|order| order.extra).unwrap_or_default();
    let others =
        found.lines().filter(|line| line.starts_with("note ") && !line.starts_with("note order of "));
    let notes = order.iter().map(String::as_str).chain(others);
    SchemaDrift::None {
        notes: notes.filter_map(|line| line.strip_prefix("note ")).map(str::to_owned).collect(),
    }
}

/// Without indexes that answer no query. One that ought to be there is then missing.
fn without_half_made(found: &str) -> String {
    let is_half_made = |line: &&str| line.starts_with("index ") && line.ends_with(" (invalid)");
    found.lines().filter(|line| !is_half_made(line)).map(|line| format!("{line}\n")).collect()
}

/// What a line is about: what stands before its colon.
fn about(line: &str) -> &str {
    line.split_once(':').map_or(line, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation;

    const OURS: &str = "note order of public.a: b, c\ntable public.a: owner tracehub_owner";

    fn drift(found: &str, text: Option<&str>) -> SchemaDrift {
        let mut release = simulation::release(1, 1);
        release.catalogue = Some(sum(OURS));
        compare(&format!("{}\n{found}", DATABASE_RIGHTS.join("\n")), Some(&release), |_| {
            text.map(str::to_owned)
        })
    }

    fn lines(drift: SchemaDrift) -> Vec<String> {
        match drift {
            SchemaDrift::Differs(lines) => lines,
            SchemaDrift::None { notes } => notes,
            SchemaDrift::Unknown(why) => vec![why],
        }
    }

    #[test]
    fn what_differs_is_told_and_the_order_of_columns_and_other_people_s_things_are_noted() {
        assert!(matches!(drift(OURS, Some(OURS)), SchemaDrift::None { notes } if notes.is_empty()));
        let noted = drift(
            &format!("{}\nnote extension citext\nrole backup: login", OURS.replace("b, c", "c, b")),
            Some(OURS),
        );
        assert!(matches!(&noted, SchemaDrift::None { .. }));
        assert_eq!(lines(noted), ["order of public.a: c, b", "extension citext"]);
        let changed = drift(&OURS.replace("tracehub_owner", "postgres"), Some(OURS));
        assert!(matches!(&changed, SchemaDrift::Differs(_)));
        assert_eq!(
            lines(changed),
            ["- table public.a: owner tracehub_owner", "+ table public.a: owner postgres"]
        );
        let untold = lines(drift("", None));
        assert!(untold.len() == 1 && untold[0].contains("git fetch"), "{untold:?}");
    }

    #[test]
    fn an_index_that_a_killed_migration_left_half_made_is_no_drift_and_one_that_ought_to_be_valid_is() {
        let left =
            format!("{OURS}\nindex public.by_b: CREATE INDEX by_b ON public.a USING btree (b) (invalid)");
        assert!(matches!(drift(&left, Some(OURS)), SchemaDrift::Differs(_)));
        assert!(matches!(drift(&without_half_made(&left), Some(OURS)), SchemaDrift::None { .. }));
        let valid = "index public.by_b: CREATE INDEX by_b ON public.a USING btree (b)";
        let found = without_half_made(&format!("{valid} (invalid)"));
        assert_eq!(Differences::between(valid, &found, is_of_migrations).lines(), [format!("- {valid}")]);
    }

    #[test]
    fn a_role_that_may_more_than_the_platform_gave_it_is_drift_whatever_the_migrations_are() {
        let found = DATABASE_RIGHTS
            .join("\n")
            .replace("role tracehub_app: login", "role tracehub_app: login bypassrls");
        let differs = compare(&format!("{found}\ngrant on database to public: CONNECT"), None, |_| None);
        assert_eq!(
            lines(differs),
            [
                "+ grant on database to public: CONNECT",
                "- role tracehub_app: login",
                "+ role tracehub_app: login bypassrls"
            ]
        );
        let in_turn = RIGHTS_IN_TURN.iter().filter(|line| line.contains("tracehub_app_b")).copied();
        let both = [DATABASE_RIGHTS, &in_turn.collect::<Vec<_>>()].concat().join("\n");
        assert!(
            matches!(compare(&both, None, |_| None), SchemaDrift::Unknown(_)),
            "one has been made, the other not"
        );
        let found = both.replace(", role=tracehub_app", "");
        assert_eq!(
            lines(compare(&found, None, |_| None)),
            [
                "- setting of role tracehub_app_b: idle_in_transaction_session_timeout=30s, role=tracehub_app",
                "+ setting of role tracehub_app_b: idle_in_transaction_session_timeout=30s",
            ]
        );
    }
}
