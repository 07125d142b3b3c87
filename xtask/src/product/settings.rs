//! What the app says of its settings, and what an environment gives it: whether that fits, and where each value comes from.
//!
//! The backend prints its table (`settings --json`); a copy of that is committed beside it, which a test holds equal. So a
//! deploy knows what the images of a commit need without starting one.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::project::{BACKEND, SECRETS, SETTINGS_TABLE, Secret};
use crate::tools::git;
use crate::workspace;

/// Where secrets are in a container.
const SECRETS_FOLDER: &str = "/run/secrets/";
/// What the image does when its service gives no command.
const USUAL_COMMAND: &str = "serve";
/// Units of times.
const UNITS: [&str; 7] = ["", "us", "ms", "s", "min", "h", "d"];

/// One setting, as the app describes it. Of a kind that is not known here, every value is taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Setting {
    /// The variable.
    pub name: String,
    /// The app's commands that read it.
    pub commands: Vec<String>,
    kind: String,
    #[serde(default)]
    least_bytes: usize,
    least: Option<u64>,
    most: Option<u64>,
    #[serde(default)]
    of: Vec<String>,
    #[serde(default)]
    scheme: String,
    required: bool,
    /// What it is when nobody says.
    pub default: Option<String>,
    secret: bool,
}

/// All settings of the app of one commit.
#[derive(Debug, Clone)]
pub struct Settings(pub Vec<Setting>);

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// In words.
    Wrong(String),
    /// The app has no setting of this name.
    Unknown(String),
}

/// The value that a setting has, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The environment's file.
    Environment(String),
    /// The release's compose file.
    Compose(String),
    /// The app's own default.
    Default(String),
    /// A secret, by its name.
    Secret(&'static str),
    /// Nobody.
    Unset,
}

impl Settings {
    /// Out of what the app printed.
    pub fn parse(text: &str) -> Result<Settings> {
        Ok(Settings(serde_json::from_str(text).context("reading what the app says of its settings")?))
    }

    /// Those of this tree.
    pub fn of_tree() -> Result<Settings> {
        let path = workspace::root().join(SETTINGS_TABLE);
        Settings::parse(&std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?)
    }

    /// Those of a commit; none when it is from before the app told of them.
    pub fn of_commit(sha: &str) -> Result<Option<Settings>> {
        let text = git::history::show_if_there(workspace::root(), sha, SETTINGS_TABLE)?;
        text.map(|text| Settings::parse(&text)).transpose()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|setting| setting.name.as_str())
    }

    fn get(&self, name: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.name == name)
    }

    /// What does not fit: of an environment's `file`, of a release as compose renders it, and of the values of secrets that are
    /// given.
    pub fn problems(
        &self,
        file: &str,
        rendered: &Value,
        given: &BTreeMap<&'static str, Vec<u8>>,
    ) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            variables_of(file).filter_map(|(name, _)| self.misplaced(name)).collect();
        for (service, variables) in services(rendered) {
            let command = service["command"][0].as_str().unwrap_or(USUAL_COMMAND);
            for setting in self.0.iter().filter(|it| it.commands.iter().any(|of| of == command)) {
                let problem = match secret_of(&variables, setting) {
                    Some(secret) => {
                        given.get(secret.name).and_then(|value| setting.problem_of_secret(secret, value))
                    }
                    None => setting.problem_in(&variables, command),
                };
                problems.extend(problem.map(Problem::Wrong));
            }
        }
        // Services share variables.
        let mut once: Vec<Problem> = Vec::new();
        problems.into_iter().for_each(|problem| {
            if !once.contains(&problem) {
                once.push(problem)
            }
        });
        once
    }

    /// Of a variable in an environment's file: that the app has none of this name, or that it is a secret.
    fn misplaced(&self, name: &str) -> Option<Problem> {
        let stem = name.strip_suffix("_FILE").unwrap_or(name);
        match self.get(name).or_else(|| self.get(stem).filter(|setting| setting.secret)) {
            None => Some(Problem::Unknown(name.to_owned())),
            Some(setting) if setting.secret => Some(Problem::Wrong(format!(
                "{name} is a secret, and has no place in a file of the repository: it is given as `docs/runbook.md` says"
            ))),
            Some(_) => None,
        }
    }

    /// What the serving app is told, setting by setting.
    pub fn effective<'s>(&'s self, file: &str, rendered: &Value) -> Vec<(&'s Setting, Origin)> {
        let in_file: BTreeMap<&str, &str> = variables_of(file).collect();
        let serves = |service: &Value| service["command"].is_null();
        let variables =
            services(rendered).find(|(service, _)| serves(service)).map(|it| it.1).unwrap_or_default();
        let origin = |setting: &Setting| {
            let (name, default) = (setting.name.as_str(), setting.default.clone());
            if let Some(secret) = secret_of(&variables, setting) {
                return Origin::Secret(secret.name);
            }
            match variables.get(name).filter(|value| !value.is_empty()) {
                Some(value) if in_file.get(name) == Some(&value.as_str()) => {
                    Origin::Environment(value.clone())
                }
                Some(value) => Origin::Compose(value.clone()),
                None => default.map_or(Origin::Unset, Origin::Default),
            }
        };
        self.0.iter().map(|setting| (setting, origin(setting))).collect()
    }
}

impl Setting {
    /// Of the variables that a service has: missing, or no such value.
    fn problem_in(&self, variables: &BTreeMap<String, String>, command: &str) -> Option<String> {
        let (name, has) = (&self.name, |name: &str| variables.get(name).filter(|value| !value.is_empty()));
        let Some(value) = has(name) else {
            let is_missing = self.required && has(&format!("{name}_FILE")).is_none();
            return is_missing.then(|| format!("{name} is missing, and `{command}` does not go without it"));
        };
        let why = self.problem(value)?;
        Some(if self.secret { format!("{name} {why}") } else { format!("{name} is {value:?}, which {why}") })
    }

    fn problem_of_secret(&self, secret: &Secret, value: &[u8]) -> Option<String> {
        let variable = secret.variable;
        match std::str::from_utf8(value) {
            Err(_) => Some(format!("{variable} holds bytes that are not UTF-8, and the app reads text")),
            Ok(value) => {
                self.problem(value.trim_end_matches(['\r', '\n'])).map(|why| format!("{variable} {why}"))
            }
        }
    }

    /// Why this is no such value, when it is none. It does not repeat the value.
    fn problem(&self, value: &str) -> Option<String> {
        let (least, most) = (self.least.unwrap_or(0), self.most.unwrap_or(u64::MAX));
        let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
        let (fits, otherwise) = match self.kind.as_str() {
            "text" => {
                (value.len() >= self.least_bytes, format!("is shorter than {} bytes", self.least_bytes))
            }
            "number" => {
                let is_within = value.parse().is_ok_and(|number: u64| (least..=most).contains(&number));
                (is_within, format!("is no number from {least} to {most}"))
            }
            "duration" => (
                unit.len() < value.len() && UNITS.contains(&unit.trim_start()),
                "is no time like 500ms or 10s".to_owned(),
            ),
            "choice" => {
                (self.of.iter().any(|of| of == value), format!("is none of these: {}", self.of.join(", ")))
            }
            "address" => (
                value.parse::<std::net::SocketAddr>().is_ok(),
                "is no IP address with a port, like 0.0.0.0:8000".to_owned(),
            ),
            "url" => (
                value.starts_with(&format!("{}://", self.scheme)),
                format!("is no address that begins with {}://", self.scheme),
            ),
            _ => (true, String::new()),
        };
        (!fits).then_some(otherwise)
    }
}

/// `NAME=value` a line of an environment's file.
fn variables_of(file: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = file.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.trim(), value.trim()))
}

/// The services that run the backend's image, each with its variables.
fn services(rendered: &Value) -> impl Iterator<Item = (&Value, BTreeMap<String, String>)> {
    let services = rendered["services"].as_object().into_iter().flatten();
    // Images are stood in for by the names of their parts.
    let of_backend = services.filter(|(_, service)| service["image"] == BACKEND.name);
    of_backend.map(|(_, service)| {
        let variables = service["environment"].as_object().into_iter().flatten();
        let text = |(name, value): (&String, &Value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), if value == "null" { String::new() } else { value })
        };
        (service, variables.map(text).collect())
    })
}

/// The secret whose file a setting is read from.
fn secret_of(variables: &BTreeMap<String, String>, setting: &Setting) -> Option<&'static Secret> {
    let path = variables.get(&format!("{}_FILE", setting.name)).filter(|_| setting.secret)?;
    let name = path.strip_prefix(SECRETS_FOLDER)?;
    SECRETS.iter().find(|secret| secret.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        Settings::of_tree().unwrap()
    }

    fn rendered(variables: &[(&str, &str)]) -> Value {
        let mut environment = json!({
            "DATABASE_URL": "postgres://app@db/x", "JWT_SECRET_FILE": "/run/secrets/jwt_secret", "LOG_FORMAT": "json",
        });
        for (name, value) in variables {
            environment[*name] = (*value).into();
        }
        json!({ "services": {
            "backend": { "image": "backend", "command": null, "environment": environment },
            "frontend": { "image": "frontend", "environment": { "ANYTHING": "" } },
        } })
    }

    fn said(file: &str, variables: &[(&str, &str)], secret: &[u8]) -> String {
        let given = BTreeMap::from([("jwt_secret", secret.to_vec())]);
        format!("{:?}", settings().problems(file, &rendered(variables), &given))
    }

    const KEY: &[u8] = b"a key that is longer than 32 bytes\n";

    #[test]
    fn what_fits_is_taken() {
        assert_eq!(said("# Told.\nLOG_FORMAT=json\n\nWORK_EVERY=5\n", &[("WORK_EVERY", "5")], KEY), "[]");
        assert_eq!(settings().problems("", &rendered(&[]), &BTreeMap::new()), []);
    }

    #[test]
    fn what_is_unknown_malformed_missing_or_out_of_place_is_named() {
        assert!(said("LOG_FORMATT=json\n", &[], KEY).contains(r#"Unknown("LOG_FORMATT")"#));
        assert!(said("JWT_SECRET=x\n", &[], KEY).contains("JWT_SECRET is a secret"));
        assert!(said("JWT_SECRET_FILE=/x\n", &[], KEY).contains("JWT_SECRET_FILE is a secret"));
        assert!(said("", &[("WORK_EVERY", "0")], KEY).contains("is no number from 1 to"));
        assert!(said("", &[("LOG_FORMAT", "xml")], KEY).contains("none of these: text, json"));
        assert!(said("", &[("DATABASE_URL", "")], KEY).contains("DATABASE_URL is missing"));
        assert!(said("", &[("JWT_SECRET_FILE", "")], KEY).contains("JWT_SECRET is missing"));
    }

    #[test]
    fn a_given_secret_that_the_app_would_not_take_is_named_and_not_repeated() {
        let short = said("", &[], b"hush-hush-hush-hush-hush-hush-h\n");
        assert!(short.contains("JWT_SECRET is shorter than 32 bytes") && !short.contains("hush"), "{short}");
        assert!(said("", &[], &[0xff; 40]).contains("JWT_SECRET holds bytes that are not UTF-8"));
    }

    #[test]
    fn where_each_value_comes_from_is_told() {
        let (all, rendered) = (settings(), rendered(&[("WORK_EVERY", "5"), ("EDGE", "edge")]));
        let effective = all.effective("WORK_EVERY=5\n", &rendered);
        let of = |name: &str| effective.iter().find(|(setting, _)| setting.name == name).unwrap().1.clone();
        assert_eq!(of("WORK_EVERY"), Origin::Environment("5".into()));
        assert_eq!(of("EDGE"), Origin::Compose("edge".into()));
        assert_eq!(of("RUST_LOG"), Origin::Default("info".into()));
        assert_eq!(of("JWT_SECRET"), Origin::Secret("jwt_secret"));
        assert_eq!(of("LIVE_FILE"), Origin::Unset);
    }
}
