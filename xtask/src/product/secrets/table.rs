//! What an environment may be given: a row each, of the project's tables.

use crate::project::{
    ARCHIVE_KEY, Environment, Form, HOST_VARIABLES, LOGS_CA, LOGS_LOGIN, LOGS_TO, OPERATOR_SECRETS,
    OWN_HOST_VARIABLES, PROBE_SECRETS, SECRETS, STORE_CA, STORE_VARIABLES, Secret, Site, WATCHER_SECRETS,
};

/// One value that somebody gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The variable, and the name in the environment's file.
    pub name: String,
    /// What is done without it.
    pub need: Need,
    /// Who reads it.
    pub reader: &'static str,
    /// What it must look like.
    pub form: Form,
    /// How it gets another value.
    pub rotation: &'static str,
}

/// What is done without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Required,
    /// Everything but what it is for.
    Optional,
    /// One is made on the host, at the first deploy.
    MadeWhenAbsent,
}

impl Need {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Need::Required => "required",
            Need::Optional => "optional",
            Need::MadeWhenAbsent => "made when absent",
        }
    }
}

/// Everything that an environment may be given.
pub fn rows(environment: &Environment) -> Vec<Row> {
    let mut rows: Vec<Row> = SECRETS
        .iter()
        .map(|secret| Row {
            name: secret.variable.to_owned(),
            need: if secret.is_optional { Need::Optional } else { Need::MadeWhenAbsent },
            reader: if secret.roles.is_some() { "platform, backend" } else { "backend" },
            form: secret.form,
            rotation: match secret {
                Secret { is_optional: true, .. } => "where it was made, then a deploy",
                Secret { signs: true, .. } => {
                    "`cargo xtask secrets rotate`: nobody notices; by `set` who has a token logs in again"
                }
                _ => "another value, then a deploy, which nobody notices",
            },
        })
        .collect();
    let machine = "with the machine";
    if let Site::Remote { prefix, .. } = environment.site {
        rows.extend(HOST_VARIABLES.iter().map(|(name, needed)| host(prefix, name, *needed, machine)));
    }
    if let Some(Site::Remote { prefix, .. }) = environment.gate().map(|gate| gate.site) {
        let named = HOST_VARIABLES
            .iter()
            .filter(|(name, _)| *name != "SSH_KEY" && !OWN_HOST_VARIABLES.contains(name));
        rows.extend(named.map(|(name, needed)| host(prefix, name, *needed, machine)));
        rows.push(host(prefix, "LEDGER_KEY", true, "`host setup` of that environment with another key"));
    }
    rows.extend(
        HOST_VARIABLES
            .iter()
            .filter(|(name, _)| !OWN_HOST_VARIABLES.contains(name))
            .map(|(name, _)| host("BACKUP", name, false, machine)),
    );
    for name in STORE_VARIABLES.map(|name| name.trim_start_matches("BACKUP_")) {
        rows.push(Row { reader: "xtask, sender", ..host("BACKUP", name, false, "where it was made") });
    }
    rows.push(Row { form: Form::Line, ..host("BACKUP", "TO", false, "a deploy") });
    for (name, form, rotation) in [
        (ARCHIVE_KEY, Form::Line, "another place in the store, then a deploy"),
        (STORE_CA, Form::Text, "a deploy"),
    ] {
        let name = name.to_owned();
        rows.push(Row { name, need: Need::Optional, reader: "xtask, archiver", form, rotation });
    }
    rows.push(Row { form: Form::Line, ..host("BACKUP", "RECIPIENT", false, "another key in the safe") });
    for (name, form) in [(LOGS_TO, Form::Line), (LOGS_CA, Form::Text)] {
        let name = name.to_owned();
        rows.push(Row { name, need: Need::Optional, reader: "xtask, shipper", form, rotation: "a deploy" });
    }
    rows.extend(OPERATOR_SECRETS.iter().chain(&PROBE_SECRETS).map(|name| Row {
        name: (*name).to_owned(),
        need: Need::Optional,
        reader: match *name {
            LOGS_LOGIN => "xtask, shipper",
            name if WATCHER_SECRETS.contains(&name) => "xtask, watcher",
            _ => "xtask",
        },
        form: if name.ends_with("_URL") { Form::Url } else { Form::Line },
        rotation: "where it was made",
    }));
    rows
}

fn host(prefix: &str, name: &str, needed: bool, rotation: &'static str) -> Row {
    Row {
        name: format!("{prefix}_{name}"),
        need: if needed { Need::Required } else { Need::Optional },
        reader: "xtask",
        form: match name {
            "SSH_KEY" | "LEDGER_KEY" => Form::Pem,
            "URL" | "ACME" | "S3_ENDPOINT" => Form::Url,
            "HOST_KEY" | "ACME_ROOT" => Form::Text,
            _ => Form::Line,
        },
        rotation: if name == "SSH_KEY" { "`cargo xtask host keys rotate deploy`" } else { rotation },
    }
}
