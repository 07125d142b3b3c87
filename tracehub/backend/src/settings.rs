//! What the program is told by its environment: parsed once, here, and trusted everywhere else.
//!
//! The rows of [`table::SETTINGS`] are all that there is; `tracehub-backend settings` prints them.
//!
//! A secret's value may instead be in the file that its name with `_FILE` behind it points to.

pub mod table;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::mail::Server;
use crate::migrate::Limits;
use crate::outbox;
use crate::reports::{self, Target};

/// Everything that is wrong with the settings, at once.
#[derive(Debug, thiserror::Error)]
#[error("the settings are not right:\n  {}", .0.join("\n  "))]
pub struct Wrong(Vec<String>);

/// What `serve` needs.
#[derive(Debug)]
pub struct Settings {
    /// Where requests come in.
    pub listen: SocketAddr,
    /// How many connections may wait there.
    pub backlog: NonZeroU32,
    /// The database, as the role that owns nothing.
    pub database: Database,
    /// What tokens are signed with.
    pub jwt_secret: SecretString,
    /// What runs here.
    pub release: Release,
    /// The reverse proxy that says where requests come from.
    pub edge: Option<String>,
    /// Where the platform says which release has the traffic.
    pub live_file: Option<PathBuf>,
    /// Where the files of papers are kept.
    pub papers: Option<PathBuf>,
    /// Where figures are answered, when somebody wants them.
    pub metrics: Option<SocketAddr>,
    /// The time between two rounds of work.
    pub work_every: Duration,
    /// Where errors are told, when somebody wants to know.
    pub errors: Option<Target>,
    /// What mail is sent by, where it is.
    pub mail: Option<outbox::Settings>,
}

/// How to connect to the database. It holds the password, so it prints as nothing.
pub struct Database(pub PgConnectOptions);

/// What `/api/version` says.
#[derive(Debug, Clone)]
pub struct Release {
    /// The release's id: also a header of every answer.
    pub id: String,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// When that was.
    pub built_at: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Settings {
    /// Reads them from the process's environment.
    pub fn from_environment() -> Result<Self, Wrong> {
        Self::read(&variable)
    }

    /// Reads them from wherever `lookup` finds a variable.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let mut reader = Reader { lookup, wrong: Vec::new() };
        let listen = reader.parsed("LISTEN_ADDRESS");
        let backlog = reader.parsed("LISTEN_BACKLOG");
        let database = reader.database();
        let jwt_secret = reader.required_secret("JWT_SECRET");
        let release = reader.release();
        let metrics = reader.optional("METRICS_ADDRESS").and_then(|_| reader.parsed("METRICS_ADDRESS"));
        let edge = reader.optional("EDGE");
        let live_file = reader.optional("LIVE_FILE").map(PathBuf::from);
        let papers = reader.optional("PAPERS_FOLDER").map(PathBuf::from);
        let (errors, mail) = (reader.errors(), reader.mail());
        let work_every = reader.parsed("WORK_EVERY").map(NonZeroU32::get);
        match (listen, backlog, database, jwt_secret, release, work_every) {
            (Some(listen), Some(backlog), Some(database), Some(jwt_secret), Some(release), Some(seconds))
                if reader.wrong.is_empty() =>
            {
                let work_every = Duration::from_secs(seconds.into());
                Ok(Self {
                    listen,
                    backlog,
                    metrics,
                    database,
                    jwt_secret,
                    release,
                    edge,
                    live_file,
                    papers,
                    work_every,
                    errors,
                    mail,
                })
            }
            _ => Err(Wrong(reader.wrong)),
        }
    }
}

/// The database that `migrate` and `seed` work on.
pub fn database() -> Result<Database, Wrong> {
    Reader::of_process(|reader| reader.database())
}

/// What tokens and devices are signed with.
pub fn jwt_secret() -> Result<SecretString, Wrong> {
    Reader::of_process(|reader| reader.required_secret("JWT_SECRET"))
}

/// The limits of `migrate`.
pub fn migration_limits() -> Result<Limits, Wrong> {
    Reader::of_process(|reader| {
        Some(Limits {
            lock: reader.or("MIGRATE_LOCK_TIMEOUT"),
            statement: reader.or("MIGRATE_STATEMENT_TIMEOUT"),
            tries: reader.parsed("MIGRATE_LOCK_TRIES")?,
        })
    })
}

/// The name of the environment.
pub fn environment() -> Result<String, Wrong> {
    Reader::of_process(|reader| Some(reader.or("ENVIRONMENT")))
}

/// How to log: read by itself, so that what is wrong with the other settings can already be logged.
pub fn log_format() -> Result<LogFormat, Wrong> {
    Reader::of_process(|reader| reader.parsed("LOG_FORMAT"))
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database(..)")
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("neither json nor text"),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads one variable after the other and remembers what was wrong, so that all of it is said at once.
struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn of_process<T>(read: impl FnOnce(&mut Reader) -> Option<T>) -> Result<T, Wrong> {
        let mut reader = Reader { lookup: &variable, wrong: Vec::new() };
        let value = read(&mut reader);
        value.filter(|_| reader.wrong.is_empty()).ok_or(Wrong(reader.wrong))
    }

    /// An empty variable counts as none: compose files have no other way to leave one out.
    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// What is told, or the default of its row.
    fn or(&mut self, name: &str) -> String {
        let row = table::row(name);
        let value = self.optional(name).unwrap_or_else(|| row.default.unwrap_or_default().to_owned());
        if let Some(why) = row.kind.problem(&value) {
            self.wrong.push(format!("{name} is {value:?}, which {why}"));
        }
        value
    }

    fn required(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.wrong.push(format!("{name} is missing"));
        }
        value
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let wrong_before = self.wrong.len();
        let value = self.or(name);
        let parsed = value.parse().map_err(|error| format!("{name} is {value:?}: {error}"));
        // Its row has said what is wrong.
        parsed
            .map_err(|error| {
                if self.wrong.len() == wrong_before {
                    self.wrong.push(error)
                }
            })
            .ok()
    }

    fn required_secret(&mut self, name: &str) -> Option<SecretString> {
        let wrong_before = self.wrong.len();
        let secret = self.secret(name);
        if secret.is_none() && self.wrong.len() == wrong_before {
            self.wrong.push(format!("{name} (or {name}_FILE) is missing"));
        }
        let problem = secret.as_ref().and_then(|it| table::row(name).kind.problem(it.expose_secret()));
        self.wrong.extend(problem.map(|why| format!("{name} {why}")));
        secret
    }

    fn secret(&mut self, name: &str) -> Option<SecretString> {
        let file_name = format!("{name}_FILE");
        match (self.optional(name), self.optional(&file_name)) {
            (Some(_), Some(_)) => {
                self.wrong.push(format!("{name} and {file_name} are both set: which one is meant?"));
                None
            }
            (Some(value), None) => Some(value.into()),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).into()),
                Err(error) => {
                    self.wrong.push(format!("{file_name} is {path:?}: {error}"));
                    None
                }
            },
            (None, None) => None,
        }
    }

    fn database(&mut self) -> Option<Database> {
        let password = self.secret("DATABASE_PASSWORD");
        let url = self.required("DATABASE_URL")?;
        let Ok(options) = url.parse::<PgConnectOptions>() else {
            // Without the value: it may hold a password.
            self.wrong.push("DATABASE_URL is not of the form postgres://user@host:port/database".into());
            return None;
        };
        Some(Database(match password {
            Some(password) => options.password(password.expose_secret()),
            None => options,
        }))
    }

    /// An empty file of an optional secret is none: whoever mounts it always has one.
    fn errors(&mut self) -> Option<Target> {
        let dsn = self.secret("SENTRY_DSN").filter(|dsn| !dsn.expose_secret().is_empty())?;
        if reports::dsn(dsn.expose_secret()).is_none() {
            self.wrong.push("SENTRY_DSN is not of the form https://KEY@HOST/PROJECT".into());
        }
        Some(Target {
            dsn,
            environment: self.or("ENVIRONMENT"),
            traces_percent: self.parsed("SENTRY_TRACES_PERCENT")?,
        })
    }

    fn mail(&mut self) -> Option<outbox::Settings> {
        let site = self.optional("SITE_URL").unwrap_or_default();
        let url = self.secret("SMTP_URL").filter(|url| !url.expose_secret().is_empty())?;
        let is_address = url::Url::parse(&site).is_ok_and(|site| {
            matches!(site.scheme(), "http" | "https")
                && site.has_host()
                && site.path() == "/"
                && site.query().is_none()
        });
        if !is_address {
            self.wrong.push(format!(
                "SITE_URL is {site:?}, and must be like https://tracehub.example: mails have links"
            ));
        }
        let server =
            Server::parse(url.expose_secret()).map_err(|why| self.wrong.push(format!("SMTP_URL: {why}")));
        if server.as_ref().is_ok_and(Server::is_in_the_open) {
            self.wrong.push("SMTP_URL: it would send links, which are secrets, in the open: smtps://, or smtp:// with tls=required".into());
        }
        let is_open = self.or("SIGN_UP") == "on";
        Some(outbox::Settings { server: server.ok()?, site: site.trim_end_matches('/').to_owned(), is_open })
    }

    fn release(&mut self) -> Option<Release> {
        let id = self.or("RELEASE");
        if HeaderValue::from_str(&id).is_err() {
            self.wrong.push(format!("RELEASE is {id:?}, which cannot be sent in a header"));
            return None;
        }
        let (commit, built_at) = (self.optional("RELEASE_COMMIT"), self.optional("RELEASE_BUILT_AT"));
        Some(Release { id, commit, built_at })
    }
}

#[cfg(test)]
mod tests;
