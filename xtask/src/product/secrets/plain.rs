//! Whether the values of an encrypted file stand in plain text where anybody can read them: in the tree, in git's history, in
//! the logs of CI. Searched for in this process, so that no other program is told them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use camino::{Utf8Path, Utf8PathBuf};

use super::secrets_among;
use crate::project::Environment;
use crate::tools::git::{self, objects};
use crate::tools::sops::Values;
use crate::workspace;

/// Shorter values are not searched for, since they occur everywhere. In bytes.
const MIN_LENGTH: usize = 8;
/// Of a value of several lines, each is searched for that has so many bytes: the lines of keys have.
const MIN_LINE: usize = 32;

/// A search for the values of one environment.
pub struct Search {
    environment: String,
    forms: Vec<Form>,
    /// Whether a form begins with these two bytes: most of a text is passed over by this alone.
    begins: Vec<bool>,
}

/// A value, as it may be written.
struct Form {
    name: String,
    written: &'static str,
    bytes: Vec<u8>,
}

impl Search {
    /// For those of these that are secrets.
    pub fn of(environment: &Environment, values: &Values) -> Search {
        let secrets = secrets_among(values).into_iter();
        let forms: Vec<Form> =
            secrets.flat_map(|(name, value)| parts(value).flat_map(move |part| forms(name, part))).collect();
        let mut begins = vec![false; 1 << 16];
        forms.iter().for_each(|form| begins[pair(&form.bytes, 0)] = true);
        Search { environment: environment.name.to_string(), forms, begins }
    }

    /// What stands in the tree or in the logs that CI has left here, a line each.
    pub fn here(&self) -> Result<Vec<String>> {
        let root = workspace::root();
        let mut found = Vec::new();
        let tracked = if is_repository() { git::files(root, ".")? } else { Vec::new() };
        let mut files: Vec<Utf8PathBuf> = tracked.into_iter().map(|path| root.join(path)).collect();
        logs(&workspace::local_dir().join("ci"), &mut files)?;
        for file in files.iter().filter(|file| file.is_file() && !file.is_symlink()) {
            let content = fs::read(file).with_context(|| format!("reading {file}"))?;
            let place = file.strip_prefix(root).unwrap_or(file);
            let all = self.found_in(&content).into_iter();
            found.extend(all.map(|it| self.words(it, place.as_str(), "take it out there")));
        }
        Ok(found)
    }

    /// What stands in a file of any commit, or in the message of one.
    pub fn in_history(&self) -> Result<Vec<String>> {
        let (root, mut found) = (workspace::root(), Vec::new());
        if self.forms.is_empty() || !is_repository() {
            return Ok(found);
        }
        // A file that kept a value has it in each of its versions: the newest is named.
        let mut named = BTreeSet::new();
        objects::read(root, &objects::all(root, None)?, |object, content| {
            let (place, then) = match object.path.as_str() {
                "" => (format!("the message of commit {}", object.id), "git keeps it".to_owned()),
                path => (
                    format!("git's history of {path}"),
                    format!("`git log --all -- {path}` shows its commits"),
                ),
            };
            let all = self.found_in(content).into_iter();
            let new = all.filter(|(name, _)| named.insert(((*name).to_owned(), place.clone())));
            found.extend(new.map(|it| self.words(it, &place, &then)));
        })?;
        Ok(found)
    }

    fn words(&self, (name, (line, written)): (&str, (usize, &str)), place: &str, then: &str) -> String {
        let environment = &self.environment;
        format!(
            "{name} of {environment} stands in {place}, line {line}{written}, where anybody reads it: {then}, and give it \
             another value (`cargo xtask secrets rotate {name}` says how)"
        )
    }

    /// The names of the values in it, each with the first line that has it, and how it is written there.
    fn found_in(&self, content: &[u8]) -> BTreeMap<&str, (usize, &'static str)> {
        let mut found = BTreeMap::new();
        // No iterator: xtask is not optimised, and this goes over every byte that was ever committed.
        let (mut at, last) = (0, content.len().saturating_sub(MIN_LENGTH - 1));
        while at < last {
            if self.begins[pair(content, at)] {
                for form in self.forms.iter().filter(|form| content[at..].starts_with(&form.bytes)) {
                    let line = || content[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                    found.entry(form.name.as_str()).or_insert_with(|| (line(), form.written));
                }
            }
            at += 1;
        }
        found
    }
}

fn pair(bytes: &[u8], at: usize) -> usize {
    usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1])
}

/// The value; of one with several lines, those that are long enough. The first one of a key is the same in each of its kind.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let value = value.trim();
    let is_one = !value.contains('\n');
    let before = std::iter::once("").chain(value.lines());
    let lines = value.lines().zip(before).filter(move |(line, before)| {
        is_one || (line.len() >= MIN_LINE && ![line, before].iter().any(|it| it.starts_with("-----BEGIN")))
    });
    lines.map(|(line, _)| line.trim()).filter(|part| part.len() >= MIN_LENGTH)
}

/// As it is, as JSON has it, and in base64: alone or behind something, which moves its letters by one or two.
fn forms(name: &str, part: &str) -> Vec<Form> {
    let json = serde_json::Value::from(part).to_string();
    // Without its quotes.
    let json = &json.as_bytes()[1..json.len() - 1];
    let mut all = vec![("", part.as_bytes().to_vec())];
    if json != part.as_bytes() {
        all.push((" (as JSON has it)", json.to_vec()));
    }
    for before in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&b"\0\0"[..before], part.as_bytes()].concat());
        // The letters that depend on nothing else.
        let (from, to) = ((before * 8).div_ceil(6), (before + part.len()) * 8 / 6);
        all.push((" (in base64)", encoded.as_bytes()[from..to].to_vec()));
    }
    all.into_iter().map(|(written, bytes)| Form { name: name.to_owned(), written, bytes }).collect()
}

fn is_repository() -> bool {
    workspace::root().join(".git").exists()
}

fn logs(folder: &Utf8Path, files: &mut Vec<Utf8PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in folder.read_dir_utf8().with_context(|| format!("reading {folder}"))? {
        let path = entry.with_context(|| format!("reading {folder}"))?.into_path();
        match path.is_dir() && !path.is_symlink() {
            true => logs(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn search(values: &[(&str, &str)]) -> Search {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Search::of(&Environment::named("staging").unwrap(), &values)
    }

    #[test]
    fn a_value_is_found_as_it_is_in_json_and_in_base64_wherever_it_begins() {
        let value = "pass \"word\" 1";
        let search = search(&[("JWT_SECRET", value)]);
        let found = |text: &str| search.found_in(text.as_bytes()).get("JWT_SECRET").map(|it| it.0);
        assert_eq!(found(&format!("a\nb {value} c\n{value}")), Some(2));
        assert_eq!(found(value), Some(1), "with nothing around it");
        assert_eq!(found(&serde_json::json!({ "x": value }).to_string()), Some(1));
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "\n", "xy"] {
                let text = STANDARD.encode(format!("{before}{value}{after}"));
                assert_eq!(found(&format!("\nx: {text}")), Some(2), "{before}…{after}");
            }
        }
        assert_eq!(found(&value[..value.len() - 1]), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn lines_of_keys_are_searched_for_and_what_is_no_secret_or_in_every_key_is_not() {
        let [first, second] =
            ["b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ", "QyNTUxOQAAACBk3vC0xJq0l9o3sHkK2v2c1"];
        let key = format!("-----BEGIN X-----\n{first}\n{second}\n-----END X-----\n");
        let signs = format!("{}\n{}\nold signs", "a".repeat(40), "b".repeat(40));
        let search = search(&[
            ("STAGING_SSH_KEY", &key),
            ("STAGING_HOST", "app.example.org"),
            ("JWT_SECRET", &signs),
            ("ALARM_SMTP", "short"),
        ]);
        let found = |text: &str| search.found_in(text.as_bytes()).into_keys().collect::<Vec<_>>().join(" ");
        assert_eq!(found(second), "STAGING_SSH_KEY");
        assert_eq!(found(first), "", "every key of this kind begins like this");
        assert_eq!(found("-----BEGIN X-----  app.example.org  old signs  short"), "");
        assert_eq!(found(&"b".repeat(40)), "JWT_SECRET");
    }
}
