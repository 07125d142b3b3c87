//! The secrets: those that a release or the platform reads, and those that only xtask does.

use std::time::Duration;

use super::{
    APP_ROLE, APP_ROLE_IN_TURN, APP_UID, CHECKS_KEY, GITHUB_TOKENS, OWNER_ROLE, OWNER_ROLE_IN_TURN,
    SETTINGS_TOKEN, UPDATES_TOKEN,
};

/// Secrets of the app, made at an environment's first deploy when the environment is `local` or a test's.
pub const SECRETS: &[Secret] = &[
    Secret { signs: true, ..Secret::new("jwt_secret", "JWT_SECRET") },
    Secret {
        roles: Some([APP_ROLE, APP_ROLE_IN_TURN]),
        ..Secret::new("database_app_password", "DATABASE_APP_PASSWORD")
    },
    Secret {
        roles: Some([OWNER_ROLE, OWNER_ROLE_IN_TURN]),
        ..Secret::new("database_owner_password", "DATABASE_OWNER_PASSWORD")
    },
    Secret { is_optional: true, form: Form::Url, ..Secret::new("sentry_dsn", "SENTRY_DSN") },
    Secret { is_optional: true, form: Form::Line, ..Secret::new("smtp_url", "SMTP_URL") },
];

/// One secret: where it comes from and who reads it.
#[derive(Debug, Clone, Copy)]
pub struct Secret {
    /// The file's name, in the container under `/run/secrets/`.
    pub name: &'static str,
    /// The variable of the operator's environment that gives its value.
    pub variable: &'static str,
    /// The numeric user that reads it.
    pub uid: u32,
    /// A key that signs what users keep: while it is exchanged, it holds two, a line each.
    pub signs: bool,
    /// The database roles whose password it is. Versions take turns among them, so that two are good at once: one that serves,
    /// and the next or the one before.
    pub roles: Option<[&'static str; 2]>,
    /// The app goes without: where nobody gives a value, its file is empty, and none is made up.
    pub is_optional: bool,
    /// What a value of it must look like.
    pub form: Form,
}

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// One line without spaces at its ends.
    Line,
    /// A private key with its first and its last line.
    Pem,
    /// An address with `https://` or `http://`.
    Url,
}

impl Form {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Line => "a line",
            Form::Pem => "private key",
            Form::Url => "address",
        }
    }

    /// What is wrong with a value; never the value.
    pub fn problem(self, value: &str) -> Option<&'static str> {
        let is_line = value.trim() == value && !value.contains('\n');
        match self {
            Form::Text => None,
            Form::Line => (!is_line).then_some("it is not one line without spaces at its ends"),
            Form::Pem => {
                let is_key = value.starts_with("-----BEGIN ") && value.trim_end().ends_with("-----");
                (!is_key).then_some("it is no whole private key: -----BEGIN … to -----END …")
            }
            Form::Url => {
                let is_url = is_line && (value.starts_with("https://") || value.starts_with("http://"));
                (!is_url).then_some("it is no address like https://example.org")
            }
        }
    }
}

impl Secret {
    const fn new(name: &'static str, variable: &'static str) -> Secret {
        Secret {
            name,
            variable,
            uid: APP_UID,
            signs: false,
            roles: None,
            is_optional: false,
            form: Form::Text,
        }
    }

    /// The role whose password this version is.
    pub fn role(&self, version: u32) -> Option<&'static str> {
        self.roles.map(|[first, second]| if version % 2 == 1 { first } else { second })
    }

    /// What the names of its role's variables begin with, in compose files and in `roles.sql`.
    pub fn of_role(&self) -> &'static str {
        self.name.trim_end_matches("_password")
    }
}

/// How long what those sign is believed: a test compares it with the backend's.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Variables whose values are secrets of the operator: xtask reads them, and no release does.
pub const OPERATOR_SECRETS: &[&str] =
    &["SLACK_WEBHOOK_URL", "ALARM_SMTP", "HEARTBEAT_URL", "SENTRY_AUTH_TOKEN", LOGS_LOGIN];
/// Those of them that the watcher on the host is given too: by whom people are told of alarms, and who notices when the watcher
/// is silent. Each is a file of its own there, of this name in lower case.
pub const WATCHER_SECRETS: [&str; 3] = ["SLACK_WEBHOOK_URL", "ALARM_SMTP", "HEARTBEAT_URL"];
/// The keys of the providers that watch from outside: `monitor apply` alone reads them.
pub const PROBE_SECRETS: [&str; 2] = ["UPTIMEROBOT_API_KEY", "HEALTHCHECKS_API_KEY"];
/// Secrets of the operator, by how their names end: one for each host.
pub const OPERATOR_SECRET_ENDINGS: &[&str] = &["_SSH_KEY", "_LEDGER_KEY", "_S3_SECRET", "_CIPHER_KEY"];
/// Who comes to the store of copies, and where it is; the first two may be missing.
pub const STORE_VARIABLES: [&str; 4] =
    ["BACKUP_S3_ENDPOINT", "BACKUP_S3_REGION", "BACKUP_S3_KEY_ID", "BACKUP_S3_SECRET"];
/// What encrypts the database's WAL and base backups on their way to that store: with it, any moment can be restored.
pub const ARCHIVE_KEY: &str = "BACKUP_CIPHER_KEY";
/// The certificate of the authority that signed the store's, where that is one of somebody's own.
pub const STORE_CA: &str = "BACKUP_S3_CA";
/// Who takes the logs of an environment: no secret.
pub const LOGS_TO: &str = "LOGS_TO";
/// The certificate of the authority that signed the receiver's, where that is one of somebody's own.
pub const LOGS_CA: &str = "LOGS_CA";
/// Who sends them: `USER:PASSWORD`.
pub const LOGS_LOGIN: &str = "LOGS_LOGIN";
/// The private key that opens an environment's secrets in the repository, as sops calls it.
pub const IDENTITY: &str = "SOPS_AGE_KEY";
/// Where those are, from the repository's root: `ENVIRONMENT.env`, and beside it who can read it.
pub const SECRETS_FOLDER: &str = "tracehub/deploy/secrets";

/// Whether the value of this variable is a secret, which is never handed to another program.
pub fn is_secret_variable(name: &str) -> bool {
    SECRETS.iter().any(|secret| secret.variable == name)
        || OPERATOR_SECRETS.contains(&name)
        || PROBE_SECRETS.contains(&name)
        || name == IDENTITY
        || [CHECKS_KEY, SETTINGS_TOKEN, UPDATES_TOKEN].contains(&name)
        || GITHUB_TOKENS.contains(&name)
        || OPERATOR_SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_program_that_is_started_is_given_a_token_to_the_repository() {
        for name in ["GITHUB_TOKEN", "GH_TOKEN", "UPDATES_TOKEN", "SETTINGS_TOKEN", "CHECKS_SIGNING_KEY"] {
            assert!(is_secret_variable(name), "{name}");
        }
        assert!(!is_secret_variable("GITHUB_RUN_ID"));
    }
}
