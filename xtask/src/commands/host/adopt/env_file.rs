//! The values of secrets in somebody's `.env`, as compose reads it. They come over ssh into this process, and are never printed.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::exit::refuse;
use crate::host::{Inventory, OtherProject};
use crate::project::{SECRETS, Secret};
use crate::setup::host::Admin;

/// The last line of each name counts.
const LINES: &str = r#"file=$1/.env; shift
for name; do grep -E "^[[:space:]]*(export[[:space:]]+)?$name[[:space:]]*=" "$file" | tail -n 1; done"#;

/// Whether adopting takes this one: passwords of the database's roles are ours.
pub fn is_taken(secret: &Secret) -> bool {
    secret.roles.is_none()
}

/// Those that have a place among ours, by our names.
pub fn values(
    admin: &Admin,
    project: &OtherProject,
    inventory: &Inventory,
) -> Result<BTreeMap<&'static str, Vec<u8>>> {
    let wanted = SECRETS
        .iter()
        .filter(|it| is_taken(it) && inventory.variables.iter().any(|name| name == it.variable));
    let wanted: Vec<&Secret> = wanted.collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let arguments: Vec<&str> =
        [project.folder.as_str()].into_iter().chain(wanted.iter().map(|secret| secret.variable)).collect();
    let told = admin.script("reading the secrets in .env", LINES, &arguments)?;
    let mut values = BTreeMap::new();
    for secret in wanted {
        let line = told.lines().find(|line| name_of(line) == Some(secret.variable)).unwrap_or_default();
        let value = value_of(line).map_err(|why| {
            let name = secret.variable;
            refuse(format!(
                "{name} in {}/.env can't be taken: {why}\n  Give it by hand (`cargo xtask secrets set {name}`), and take the line out \
                 there. Nothing was changed.",
                project.folder
            ))
        })?;
        values.extend(value.map(|value| (secret.name, value.into_bytes())));
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
