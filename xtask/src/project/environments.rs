//! The environments, one row each. To add one, add a row, the file with its settings and, on GitHub, its variables.

use std::borrow::Cow;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{DEPLOY, MAJORS, Major, NAME};

/// Every environment that a person may name.
pub const ENVIRONMENTS: &[Environment] = &[
    Environment {
        name: Cow::Borrowed("local"),
        site: Site::Here { port: 8080 },
        limits: LIMITS,
        backups: NIGHTLY,
        postgres: 15,
        settings: "local.env",
        confirmed_in: None,
        asks: false,
        reviewers: 0,
        is_for_trying: true,
    },
    Environment {
        name: Cow::Borrowed("staging"),
        site: Site::Remote { prefix: "STAGING", domain: "tracehub-stg.vibotaj.com" },
        limits: Limits { bake: Duration::from_secs(15), ..LIMITS },
        backups: NIGHTLY,
        postgres: 15,
        settings: "staging.env",
        confirmed_in: None,
        asks: false,
        reviewers: 0,
        is_for_trying: false,
    },
    Environment {
        name: Cow::Borrowed("production"),
        site: Site::Remote { prefix: "PRODUCTION", domain: "tracehub.vibotaj.com" },
        limits: Limits { bake: Duration::from_secs(30), ..LIMITS },
        backups: NIGHTLY,
        postgres: 15,
        settings: "production.env",
        confirmed_in: Some("staging"),
        asks: true,
        reviewers: 1,
        is_for_trying: false,
    },
    Environment {
        name: Cow::Borrowed("lab"),
        site: Site::Remote { prefix: "LAB", domain: "localhost" },
        limits: TRIED,
        backups: OF_TRIALS,
        postgres: 15,
        settings: "local.env",
        confirmed_in: None,
        asks: false,
        reviewers: 0,
        is_for_trying: true,
    },
];

/// The environments of tests, on this machine, each with a word of its own behind this name.
const OF_TESTS: Environment = Environment {
    name: Cow::Borrowed("test-"),
    site: Site::Here { port: 9080 },
    limits: TRIED,
    backups: OF_TRIALS,
    postgres: 15,
    settings: "local.env",
    confirmed_in: None,
    asks: false,
    reviewers: 0,
    is_for_trying: true,
};

const LIMITS: Limits = Limits {
    bake: Duration::from_secs(2),
    ready: Duration::from_secs(120),
    drain: Duration::from_secs(30),
    kept_releases: 5,
};
/// Where releases are tried that never get ready, nobody waits two minutes for that.
const TRIED: Limits = Limits { ready: Duration::from_secs(40), ..LIMITS };

const NIGHTLY: BackupSchedule = BackupSchedule { hour: 1, settled: Duration::from_secs(120) };
/// Trials count backups: none is made there by itself unless a trial says that the last migration was long ago.
const OF_TRIALS: BackupSchedule = BackupSchedule { settled: Duration::from_secs(7 * 86_400), ..NIGHTLY };

/// The root folder of an environment on a host of its own.
const REMOTE_ROOT: &str = "/opt/tracehub-app";

/// The variables that tell the way to a host, each behind the environment's prefix, and whether nothing goes without it.
pub const HOST_VARIABLES: [(&str, bool); 8] = [
    ("HOST", true),
    ("PORT", false),
    ("USER", true),
    ("SSH_KEY", true),
    ("HOST_KEY", true),
    ("URL", false),
    ("ACME", false),
    ("ACME_ROOT", false),
];
/// Those of them that only a person's own host has: workflows deploy to the names above, with certificates of the public
/// authority.
pub const OWN_HOST_VARIABLES: [&str; 3] = ["URL", "ACME", "ACME_ROOT"];

/// Where a release runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// What people type behind `--env`.
    pub name: Cow<'static, str>,
    /// The machine that it is on.
    pub site: Site,
    /// How long the parts of a rollout may take here.
    pub limits: Limits,
    /// When its database is backed up without anybody.
    pub backups: BackupSchedule,
    /// The major version of PostgreSQL, one of [`MAJORS`]. A new platform begins with it; one that runs goes there by
    /// `cargo xtask db upgrade`.
    pub postgres: u32,
    /// The file, in the folder `environments` of what is deployed, with what the app is told here and is no secret.
    pub settings: &'static str,
    /// The environment that must have confirmed what goes here. Such a release is also on the default branch, which is
    /// what goes here when no version is named.
    pub confirmed_in: Option<&'static str>,
    /// Whether a person says yes before its users may notice something.
    pub asks: bool,
    /// How many people, none of whom is the one who deploys, must have approved of what goes here, once somebody is listed who
    /// may (`cargo xtask approve`).
    pub reviewers: usize,
    /// Nobody's real data is here: a fresh one is filled with a demo organisation, whose log-in is printed.
    pub is_for_trying: bool,
}

/// The machine that an environment is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// This one. The edge listens on the loopback, at this port or the next free one.
    Here {
        /// The first port to try.
        port: u16,
    },
    /// One behind ssh, that the variables with this prefix name: `STAGING_HOST`, …
    Remote {
        /// In front of the variables' names, without the underscore.
        prefix: &'static str,
        /// The name that users know it by, unless the variable `…_URL` says otherwise.
        domain: &'static str,
    },
}

/// When a database is backed up without anybody: each night, and after each migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupSchedule {
    /// The hour of the night, in UTC.
    pub hour: u8,
    /// How long after a migration at the earliest: until then its deploy may be watched.
    pub settled: Duration,
}

/// How long the parts of a rollout may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a new release is watched after the switch before it is confirmed.
    pub bake: Duration,
    /// How long a release may take to be ready.
    pub ready: Duration,
    /// How long a release that lost the traffic gets to finish what it has.
    pub drain: Duration,
    /// How many releases are kept whole on the host.
    pub kept_releases: usize,
}

impl Environment {
    /// The one of that name: of the table, or `test-` and a short word, which is a test's own.
    pub fn named(name: &str) -> Option<Environment> {
        let is_plain =
            |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if let Some(row) = ENVIRONMENTS.iter().find(|row| row.name == name) {
            return Some(row.clone());
        }
        let word = name.strip_prefix(&*OF_TESTS.name)?;
        let is_fine = !word.is_empty() && word.len() <= 16 && is_plain(word);
        is_fine.then(|| Environment { name: Cow::Owned(name.to_owned()), ..OF_TESTS })
    }

    /// Whether it is on this machine.
    pub fn is_here(&self) -> bool {
        matches!(self.site, Site::Here { .. })
    }

    /// The environment that must have confirmed what goes here.
    pub fn gate(&self) -> Option<Environment> {
        self.confirmed_in.and_then(Environment::named)
    }

    /// Its major version of PostgreSQL.
    pub fn major(&self) -> &'static Major {
        // A test holds that each row has one.
        MAJORS.iter().find(|major| major.number == self.postgres).unwrap_or(&MAJORS[0])
    }

    /// Its root folder on its host; those on this machine lie in `local`.
    pub fn root(&self, local: &Utf8Path) -> Utf8PathBuf {
        match self.site {
            Site::Here { .. } => local.join(&*self.name),
            Site::Remote { .. } => REMOTE_ROOT.into(),
        }
    }

    /// What stands in front of the names of everything that it owns: `tracehub-local`.
    pub fn prefix(&self) -> String {
        format!("{NAME}-{}", self.name)
    }

    /// The file with its settings, from the repository's root.
    pub fn settings_path(&self) -> String {
        format!("{DEPLOY}/environments/{}", self.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_test_s_environment_is_a_short_plain_word() {
        assert_eq!(Environment::named("test-a1").expect("a test's").name, "test-a1");
        for wrong in ["", "é", "-", "prod; reboot", "test-", "test-$(x)", "test-averyveryverylongname"] {
            assert_eq!(Environment::named(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn there_are_images_of_each_major_version_that_an_environment_has() {
        let all = ENVIRONMENTS.iter().chain([&OF_TESTS]);
        assert!(all.into_iter().all(|row| row.major().number == row.postgres));
    }

    #[test]
    fn only_production_is_gated_and_by_staging() {
        let gates = ENVIRONMENTS.iter().filter_map(|row| Some((row.name.as_ref(), row.gate()?.name)));
        assert_eq!(gates.collect::<Vec<_>>(), [("production", Cow::Borrowed("staging"))]);
    }

    #[test]
    fn what_is_gated_is_also_asked_for() {
        assert!(ENVIRONMENTS.iter().all(|row| row.asks || row.confirmed_in.is_none()));
    }
}
