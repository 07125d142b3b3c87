//! The values of secrets in somebody's `.env`, as compose reads it. They come over ssh into this process, and are never printed.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::exit::refuse;
use crate::host::{Inventory, OtherProject};
use crate::product::secrets::table::{self, Row};
use crate::project::{Environment, LOGS_CA, LOGS_TO, OPERATOR_SECRETS, PROBE_SECRETS, SECRETS, Secret};
use crate::setup::host::Admin;
use crate::tools::sops;

/// The last line of each name counts.
const LINES: &str = r#"file=$1/.env; shift
for name; do grep -E "^[[:space:]]*(export[[:space:]]+)?$name[[:space:]]*=" "$file" | tail -n 1; done"#;

/// Whether adopting takes the variable: a secret of the app, or what alarms, logs and probes are given. Not the passwords of the
/// database's roles, which are ours; nor what leads to a machine or to the store of its copies, which the operator alone knows.
pub fn is_taken(name: &str) -> bool {
    of_app(name).is_some()
        || OPERATOR_SECRETS.contains(&name)
        || PROBE_SECRETS.contains(&name)
        || [LOGS_TO, LOGS_CA].contains(&name)
}

/// The secret of the app that has this variable, if it is one that is taken.
pub fn of_app(name: &str) -> Option<&'static Secret> {
    SECRETS.iter().find(|secret| secret.variable == name && secret.roles.is_none())
}

/// Those that are taken, by the names of their variables. Refused when one has not the form of its row.
pub fn values(
    admin: &Admin,
    environment: &Environment,
    project: &OtherProject,
    inventory: &Inventory,
) -> Result<BTreeMap<String, String>> {
    let rows = table::rows(environment);
    let wanted: Vec<&Row> =
        rows.iter().filter(|row| is_taken(&row.name) && inventory.variables.contains(&row.name)).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let arguments: Vec<&str> =
        [project.folder.as_str()].into_iter().chain(wanted.iter().map(|row| row.name.as_str())).collect();
    let told = admin.script("reading the secrets in .env", LINES, &arguments)?;
    taken(&told, &wanted, &project.folder)
}

fn taken(told: &str, wanted: &[&Row], folder: &str) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for Row { name, form, .. } in wanted {
        let line = told.lines().find(|line| name_of(line) == Some(name)).unwrap_or_default();
        let cant_be = |why: &str| {
            refuse(format!(
                "{name} in {folder}/.env can't be taken: {why}\n  Give it by hand (`cargo xtask secrets set {name}`), and take the \
                 line out there. Nothing was changed."
            ))
        };
        let Some(value) = value_of(line).map_err(cant_be)? else { continue };
        sops::check(name, &value).map_err(|why| cant_be(&format!("{why:#}")))?;
        match form.problem(&value) {
            Some(why) => return Err(cant_be(why)),
            None => values.insert(name.clone(), value),
        };
    }
    Ok(values)
}

fn name_of(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim();
    Some(
        name.strip_prefix("export")
            .filter(|rest| rest.starts_with(char::is_whitespace))
            .unwrap_or(name)
            .trim(),
    )
}

/// None where it is empty. What would take more than one line, or another variable, is an error.
fn value_of(line: &str) -> Result<Option<String>, &'static str> {
    let text = line.split_once('=').map_or("", |(_, value)| value).trim();
    let value = if let Some(rest) = text.strip_prefix('\'') {
        let (value, rest) = rest.split_once('\'').ok_or("its quotes do not end on its line")?;
        nothing_behind(rest)?;
        value.to_owned()
    } else if let Some(rest) = text.strip_prefix('"') {
        quoted(rest)?
    } else {
        let value = text.split(" #").next().unwrap_or_default().trim_end();
        if value.contains('$') {
            return Err("it refers to another variable");
        }
        value.to_owned()
    };
    Ok(Some(value).filter(|value| !value.is_empty()))
}

fn quoted(text: &str) -> Result<String, &'static str> {
    let (mut value, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return nothing_behind(letters.as_str()).map(|()| value),
            '$' => return Err("it refers to another variable"),
            '\\' => match letters.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                _ => return Err("it has an escape that is not known here"),
            },
            other => value.push(other),
        }
    }
    Err("its quotes do not end on its line")
}

fn nothing_behind(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("something stands behind its quotes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_alarms_and_logs_are_given_is_taken_too_and_no_password_of_a_role_nor_the_way_to_a_machine() {
        let staging = Environment::named("staging").unwrap();
        let rows = table::rows(&staging);
        let taken = |name: &str| rows.iter().any(|row| row.name == name) && is_taken(name);
        for name in
            ["JWT_SECRET", "SMTP_URL", "SLACK_WEBHOOK_URL", "ALARM_SMTP", "LOGS_TO", "UPTIMEROBOT_API_KEY"]
        {
            assert!(taken(name), "{name}");
        }
        for name in
            ["DATABASE_APP_PASSWORD", "STAGING_SSH_KEY", "STAGING_HOST", "BACKUP_S3_SECRET", "BACKUP_HOST"]
        {
            assert!(rows.iter().any(|row| row.name == name) && !taken(name), "{name}");
        }
    }

    #[test]
    fn a_value_without_the_form_of_its_row_is_refused_and_never_shown() {
        let rows = table::rows(&Environment::named("staging").unwrap());
        let wanted: Vec<&Row> = rows.iter().filter(|row| is_taken(&row.name)).collect();
        let text = "JWT_SECRET=abc\nSLACK_WEBHOOK_URL=https://hooks.example/x\nSENTRY_DSN=\n";
        let values = taken(text, &wanted, "/opt/x").unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), ["JWT_SECRET", "SLACK_WEBHOOK_URL"]);
        for line in ["SLACK_WEBHOOK_URL=hidden", r#"JWT_SECRET='hid\nden'"#, r#"SMTP_URL="hid\nden""#] {
            let error = taken(line, &wanted, "/opt/x").unwrap_err().to_string();
            let name = line.split_once('=').unwrap().0;
            assert!(error.contains(&format!("{name} in /opt/x/.env")) && !error.contains("hid"), "{error}");
        }
    }

    #[test]
    fn a_value_is_what_compose_makes_of_its_line_or_it_is_refused() {
        for (line, value) in [
            ("A=plain", "plain"),
            ("  export A = spaced # a comment", "spaced"),
            ("A=with#hash=and=equals", "with#hash=and=equals"),
            ("A='si$gle # x'  # comment", "si$gle # x"),
            (r#"A="a \"quote\" and \$ and\nline""#, "a \"quote\" and $ and\nline"),
        ] {
            assert_eq!(value_of(line), Ok(Some(value.to_owned())), "{line}");
            assert_eq!(name_of(line), Some("A"), "{line}");
        }
        assert_eq!(value_of("A="), Ok(None));
        assert_eq!(value_of("A=''"), Ok(None));
        for line in ["A=$B", "A=\"${B}\"", "A='open", "A=\"open", "A='x' y", r#"A="\x""#] {
            assert!(value_of(line).is_err(), "{line}");
        }
    }
}
