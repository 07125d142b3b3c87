//! What a database consists of, as it tells it itself, a line each (`catalogue.sql`): compared with what its migrations come to.
//! A release carries the sum of the latter; the text lies in its commit.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::history::Applied;
use super::release::Release;

/// The form of the lines. Sums of another form can't be compared: whoever changes the question counts this up.
const FORMAT: u32 = 1;

/// Lines about what no migration makes: the roles, the database itself, and what is only noted.
const OF_NO_MIGRATION: [&str; 6] =
    ["note ", RESTORED, "role ", "database", "grant on database ", "setting of "];
/// Begins a line that a database has in place of another one, once it was dumped and restored: PostgreSQL then writes some
/// expressions with other brackets.
pub const RESTORED: &str = "restored ";

/// Where two catalogues differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// What there ought to be, and is not.
    pub missing: Vec<String>,
    /// What there is, and ought not to be.
    pub extra: Vec<String>,
}

impl Differences {
    /// Of the lines for which this holds.
    pub fn between(expected: &str, found: &str, counts: impl Fn(&str) -> bool) -> Differences {
        let lines = |text| str::lines(text).filter(|line| counts(line)).collect::<BTreeSet<&str>>();
        let (expected, found) = (lines(expected), lines(found));
        let only = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
            these.difference(those).map(|line| (*line).to_owned()).collect()
        };
        Differences { missing: only(&expected, &found), extra: only(&found, &expected) }
    }

    /// Whether they are the same.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }

    /// As a diff: `-` is missing, `+` is there. What has changed stands together.
    pub fn lines(&self) -> Vec<String> {
        let signed = |sign: &'static str| move |line: &String| (line.clone(), format!("{sign} {line}"));
        let mut all: Vec<(String, String)> =
            self.missing.iter().map(signed("-")).chain(self.extra.iter().map(signed("+"))).collect();
        all.sort_by(|a, b| name(&a.0).cmp(name(&b.0)));
        all.into_iter().map(|(_, line)| line).collect()
    }
}

/// The lines that these databases have in place of each other: of one that was restored, those that differ from the one that it
/// was restored from.
pub fn restored_lines(migrated: &str, restored: &str) -> Vec<String> {
    let there: BTreeSet<&str> = migrated.lines().collect();
    let names: BTreeSet<&str> = migrated.lines().map(name).collect();
    let differs = |line: &&str| is_of_migrations(line) && !there.contains(line) && names.contains(name(line));
    restored.lines().filter(differs).map(|line| format!("{RESTORED}{line}")).collect()
}

/// What a database tells, as it would tell it if it had never been restored.
pub fn as_migrated(found: &str, expected: &str) -> String {
    let restored: BTreeSet<&str> = expected.lines().filter_map(|line| line.strip_prefix(RESTORED)).collect();
    let migrated: BTreeMap<&str, &str> =
        expected.lines().filter(|line| is_of_migrations(line)).map(|line| (name(line), line)).collect();
    let line = |line| match migrated.get(name(line)) {
        Some(migrated) if restored.contains(line) => migrated,
        _ => line,
    };
    found.lines().map(|it| format!("{}\n", line(it))).collect()
}

/// What a line is about: what stands before its colon.
fn name(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(name, _)| name)
}

/// Whether a line is about what migrations make.
pub fn is_of_migrations(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#') && !OF_NO_MIGRATION.iter().any(|start| line.starts_with(start))
}

/// The sum over what migrations make.
pub fn sum(text: &str) -> String {
    let lines: BTreeSet<&str> = text.lines().filter(|line| is_of_migrations(line)).collect();
    let text = lines.into_iter().collect::<Vec<_>>().join("\n");
    format!("{FORMAT}-{:x}", Sha256::digest(text))
}

/// Whether a sum was made of lines of this form.
pub fn is_known(sum: &str) -> bool {
    sum.split_once('-').is_some_and(|(format, _)| format == FORMAT.to_string())
}

/// The newest of these releases that carries exactly what is applied, and tells what it comes to.
pub fn expected<'a>(applied: &Applied, releases: impl Iterator<Item = &'a Release>) -> Option<&'a Release> {
    let carries = |release: &&Release| {
        applied.keys().eq(release.migrations.iter())
            && applied.iter().all(|(version, sum)| release.checksums.get(version) == Some(sum))
            && release.catalogue.as_deref().is_some_and(is_known)
    };
    releases.filter(carries).max_by(|a, b| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation;

    const A: &str =
        "column public.a.b: text\nnote order of public.a: b, c\nrole app: login\ntable public.a: owner o\n";

    #[test]
    fn what_was_changed_stands_together_and_what_is_equal_is_nothing() {
        let b = A.replace("text", "integer").replace("table public.a: owner o", "table public.z: owner o");
        let found = Differences::between(A, &b, is_of_migrations);
        assert_eq!(
            found.lines(),
            [
                "- column public.a.b: text",
                "+ column public.a.b: integer",
                "- table public.a: owner o",
                "+ table public.z: owner o"
            ]
        );
        assert!(Differences::between(A, A, |_| true).is_empty());
    }

    #[test]
    fn a_sum_is_of_what_migrations_make_and_neither_of_roles_nor_of_notes() {
        assert_eq!(sum(A), sum(&A.replace("b, c", "c, b").replace("login", "superuser")));
        assert_ne!(sum(A), sum(&A.replace("owner o", "owner p")));
        assert_eq!(sum(&format!("# A comment.\n\n{A}")), sum(A));
    }

    #[test]
    fn a_line_that_only_a_restore_has_changed_is_no_difference_and_any_other_is_one() {
        let restored = A.replace("text", "(text)");
        let expected = format!("{A}{}\n", restored_lines(A, &restored).join("\n"));
        assert_eq!(restored_lines(A, &restored), ["restored column public.a.b: (text)"]);
        assert_eq!(sum(&expected), sum(A));
        assert_eq!(as_migrated(&restored, &expected), A);
        let changed = A.replace("text", "((text))");
        assert_eq!(as_migrated(&changed, &expected), changed);
    }

    #[test]
    fn expected_is_what_the_release_with_just_these_migrations_says_in_a_form_that_is_known() {
        let mut releases = [simulation::release(1, 1), simulation::release(2, 2), simulation::release(3, 2)];
        for release in &mut releases {
            release.checksums =
                release.migrations.iter().map(|version| (*version, format!("c{version}"))).collect();
            release.catalogue = Some(sum(A));
        }
        let applied =
            |versions: &[i64]| versions.iter().map(|it| (*it, format!("c{it}"))).collect::<Applied>();
        let id = |applied: &Applied, releases: &[Release]| {
            expected(applied, releases.iter()).map(|it| it.id.clone())
        };
        assert_eq!(id(&applied(&[1]), &releases), Some(releases[0].id.clone()));
        assert_eq!(id(&applied(&[1, 2]), &releases), Some(releases[2].id.clone()), "the newest");
        assert_eq!(id(&applied(&[1, 2, 3]), &releases), None);
        assert_eq!(id(&[(1, "other".to_owned())].into(), &releases), None, "another file");
        releases[0].catalogue = Some("0-ab".to_owned());
        assert_eq!(id(&applied(&[1]), &releases), None, "another form");
    }
}
