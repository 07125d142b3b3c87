//! Every setting that there is, a row each: what the program reads them by, and what it tells others of them
//! (`tracehub-backend settings --json`), who can then look before they start it.

use serde::Serialize;

/// One setting: a variable of the process's environment.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// The commands that read it.
    pub commands: &'static [&'static str],
    /// What its value is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Whether nothing goes without it.
    pub required: bool,
    /// What it is when nobody says.
    pub default: Option<&'static str>,
    /// Whether its value is a secret: then it may instead be in the file that the variable with `_FILE` behind its name points
    /// to, where an end of line at its end does not count.
    pub secret: bool,
    /// What it is for.
    pub meaning: &'static str,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Any text that is not shorter.
    Text {
        /// In bytes.
        least_bytes: usize,
    },
    /// A whole number.
    Number {
        /// Not below.
        least: u64,
        /// Not above.
        most: u64,
    },
    /// A time as PostgreSQL reads it: a number and `us`, `ms`, `s`, `min`, `h` or `d`; milliseconds without one.
    Duration,
    /// One of some words.
    Choice {
        /// These.
        of: &'static [&'static str],
    },
    /// An IP address and a port.
    Address,
    /// An address of this scheme.
    Url {
        /// Before the colon.
        scheme: &'static str,
    },
    /// A path on the machine that the program runs on.
    Path,
}

const TEXT: Kind = Kind::Text { least_bytes: 0 };
/// How often, and how many: never none.
const COUNT: Kind = Kind::Number { least: 1, most: u32::MAX as u64 };
/// The units of PostgreSQL's times.
const UNITS: [&str; 7] = ["", "us", "ms", "s", "min", "h", "d"];

const SERVE: &[&str] = &["serve"];
/// What makes tokens, or cookies by which a browser is known.
const LOGS_IN: &[&str] = &["serve", "monitor", "smoke", "latency"];
const MIGRATE: &[&str] = &["migrate"];
const DATABASE: &[&str] = &["serve", "migrate", "seed", "user", "monitor", "smoke", "latency"];

/// All of them.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    required("DATABASE_URL", DATABASE, Kind::Url { scheme: "postgres" }, "the database: postgres://user@host:port/database, best without a password"),
    secret(optional("DATABASE_PASSWORD", DATABASE, TEXT, "its password; none when the server trusts the connection")),
    secret(required("JWT_SECRET", LOGS_IN, Kind::Text { least_bytes: 32 }, "what tokens are signed with: a key a line, of which the first signs and all are believed")),
    or("ENVIRONMENT", &["serve", "seed"], TEXT, "local", "the name of the environment"),
    or("RELEASE", SERVE, TEXT, "development", "the release's id, as /api/version says it"),
    optional("RELEASE_COMMIT", SERVE, TEXT, "the commit that it was built from"),
    optional("RELEASE_BUILT_AT", SERVE, TEXT, "when that was made"),
    or("LISTEN_ADDRESS", SERVE, Kind::Address, "0.0.0.0:8000", "where requests come in"),
    or("LISTEN_BACKLOG", SERVE, COUNT, "4096", "how many connections may wait to be accepted; the kernel's net.core.somaxconn bounds it"),
    optional("METRICS_ADDRESS", SERVE, Kind::Address, "where /metrics is answered, for a Prometheus; nowhere unless told"),
    optional("EDGE", SERVE, TEXT, "host name of the reverse proxy that is believed about where requests come from"),
    optional("LIVE_FILE", SERVE, Kind::Path, "the platform's live file; without one, this release has the traffic"),
    optional("PAPERS_FOLDER", SERVE, Kind::Path, "where the files of papers are kept, for all releases; without one, none are taken"),
    secret(optional("SENTRY_DSN", SERVE, TEXT, "the project of a Sentry that errors are told to; nobody is told without")),
    or("SENTRY_TRACES_PERCENT", SERVE, Kind::Number { least: 0, most: 100 }, "10", "of how many requests in a hundred Sentry is told how long they took"),
    optional("SITE_URL", SERVE, TEXT, "where people go: https://tracehub.example, for the links in mails"),
    secret(optional("SMTP_URL", SERVE, TEXT, "the mail server, smtps://USER:PASSWORD@HOST?from=ADDRESS; no mail is sent without")),
    or("SIGN_UP", SERVE, Kind::Choice { of: &["on", "off"] }, "off", "whether anybody may make an organisation, where mail is sent"),
    or("WORK_EVERY", SERVE, COUNT, "60", "seconds between two rounds of work"),
    or("LOG_FORMAT", SERVE, Kind::Choice { of: &["text", "json"] }, "text", "how log lines look"),
    or("RUST_LOG", SERVE, TEXT, "info", "which of them are written, as tracing's filters have it"),
    or("MIGRATE_LOCK_TIMEOUT", MIGRATE, Kind::Duration, "1s", "how long a migration waits for a lock"),
    or("MIGRATE_STATEMENT_TIMEOUT", MIGRATE, Kind::Duration, "60s", "how long one of its statements may take"),
    or("MIGRATE_LOCK_TRIES", MIGRATE, COUNT, "10", "how often a lock is asked for"),
];

const fn optional(
    name: &'static str,
    commands: &'static [&'static str],
    kind: Kind,
    meaning: &'static str,
) -> Setting {
    Setting { name, commands, kind, required: false, default: None, secret: false, meaning }
}

const fn required(
    name: &'static str,
    commands: &'static [&'static str],
    kind: Kind,
    meaning: &'static str,
) -> Setting {
    Setting { required: true, ..optional(name, commands, kind, meaning) }
}

const fn or(
    name: &'static str,
    commands: &'static [&'static str],
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { default: Some(default), ..optional(name, commands, kind, meaning) }
}

const fn secret(setting: Setting) -> Setting {
    Setting { secret: true, ..setting }
}

/// The row of a variable that the program reads.
pub fn row(name: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.name == name).expect("what is read has a row")
}

/// The whole table, for programs.
pub fn as_json() -> serde_json::Result<String> {
    serde_json::to_string_pretty(SETTINGS)
}

impl Kind {
    /// Why this is no such value, when it is none. It does not repeat the value.
    pub fn problem(&self, value: &str) -> Option<String> {
        match self {
            Kind::Text { least_bytes } => {
                (value.len() < *least_bytes).then(|| format!("is shorter than {least_bytes} bytes"))
            }
            Kind::Number { least, most } => {
                let is_within = value.parse::<u64>().is_ok_and(|number| (*least..=*most).contains(&number));
                (!is_within).then(|| format!("is no number from {least} to {most}"))
            }
            Kind::Duration => {
                let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
                let is_one = unit.len() < value.len() && UNITS.contains(&unit.trim_start());
                (!is_one).then(|| "is no time like 500ms or 10s".to_owned())
            }
            Kind::Choice { of } => {
                (!of.contains(&value)).then(|| format!("is none of these: {}", of.join(", ")))
            }
            Kind::Address => value
                .parse::<std::net::SocketAddr>()
                .is_err()
                .then(|| "is no IP address with a port, like 0.0.0.0:8000".to_owned()),
            Kind::Url { scheme } => (!value.starts_with(&format!("{scheme}://")))
                .then(|| format!("is no address that begins with {scheme}://")),
            Kind::Path => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_such_a_value_as_it_stands_for() {
        for setting in SETTINGS {
            let problem = setting.default.and_then(|default| setting.kind.problem(default));
            assert_eq!(problem, None, "{}", setting.name);
            assert!(!setting.required || setting.default.is_none(), "{}", setting.name);
        }
    }

    #[test]
    fn what_is_no_such_value_is_said_without_the_value() {
        let times =
            [("10s", true), ("500", true), ("5 min", true), ("s", false), ("10 weeks", false), ("", false)];
        for (value, is_one) in times {
            assert_eq!(Kind::Duration.problem(value).is_none(), is_one, "{value}");
        }
        assert!(COUNT.problem("0").is_some() && COUNT.problem("1").is_none());
        assert!(Kind::Address.problem("somewhere").is_some());
        let short = Kind::Text { least_bytes: 32 }.problem("hush-hush").unwrap();
        assert_eq!(short, "is shorter than 32 bytes");
    }
}
