//! GitHub's actions: the newest tag of the same major version, at the commit that it stands for now.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use xshell::cmd;

use super::{Moved, Report};
use crate::product::workflows::steps::{Pin, Pins};
use crate::project::ACTIONS_FILE;
use crate::tools::files::replace;
use crate::tools::process::{CommandError, Run, shell};
use crate::workspace;

/// The file.
pub const FILE: &str = "actions.json";
/// For one list of tags.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is pinned.
pub fn pins() -> Result<Pins> {
    let file = workspace::root().join(ACTIONS_FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    serde_json::from_str(&text).with_context(|| format!("reading {file}"))
}

/// A newer pin of the same major version, and the newest tag of another one.
pub type Newest = (Option<Pin>, Option<String>);

/// What is newer than a pin. The inner error says in a line why that
/// can't be known.
pub fn newer_than(name: &str, pin: &Pin) -> Result<Result<Newest, String>> {
    // Tags are public: no log-in, which another account's address in the configuration could be given.
    let (sh, url) = (shell(), format!("https://github.com/{name}"));
    let asked = Run::new(
        cmd!(sh, "git -c credential.helper= ls-remote --tags {url}").env("GIT_TERMINAL_PROMPT", "0"),
    );
    match asked.timeout(TIMEOUT).text() {
        Ok(told) => Ok(Ok(newest(&told, &pin.tag))),
        Err(error @ CommandError::Interrupted) => Err(error.into()),
        Err(error) => {
            let words = error.to_string();
            Ok(Err(format!("{name}: {}", words.lines().last().unwrap_or_default().trim())))
        }
    }
}

/// Writes the pins, and the workflow files with them.
pub fn apply() -> Result<Report> {
    let (file, mut pins) = (workspace::root().join(ACTIONS_FILE), pins()?);
    let (mut report, mut lines) = (Report::default(), Vec::new());
    for (name, pin) in &mut pins {
        let (newest, major) = match newer_than(name, pin)? {
            Ok(newer) => newer,
            Err(why) => {
                report.left.push(why);
                continue;
            }
        };
        report.left.extend(major.map(|tag| format!("{name} {}: {tag} is another major version", pin.tag)));
        let Some(newest) = newest else { continue };
        let line = |pin: &Pin| format!("{name}@{} # {}", pin.commit, pin.tag);
        lines.push((line(pin), line(&newest)));
        report.moved.push(Moved {
            of: FILE,
            name: name.clone(),
            from: pin.tag.clone(),
            to: newest.tag.clone(),
        });
        *pin = newest;
    }
    if report.moved.is_empty() {
        return Ok(report);
    }
    for entry in workspace::root().join(".github/workflows").read_dir_utf8()? {
        let path = entry?.into_path();
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let moved = lines.iter().fold(text, |text, (from, to)| text.replace(from, to));
        replace(&path, moved.as_bytes())?;
    }
    replace(&file, to_text(&pins)?.as_bytes())?;
    Ok(report)
}

/// A pin a line, as the file is laid out.
fn to_text(pins: &Pins) -> Result<String> {
    let row = |(name, pin): (&String, &Pin)| {
        let [name, tag, commit] =
            [name, &pin.tag, &pin.commit].map(|it| serde_json::to_string(it).expect("a text"));
        format!("  {name}: {{ \"tag\": {tag}, \"commit\": {commit} }}")
    };
    Ok(format!("{{\n{}\n}}\n", pins.iter().map(row).collect::<Vec<_>>().join(",\n")))
}

/// Of what `git ls-remote --tags` prints: a newer one of the same major version, and the newest one of another.
fn newest(told: &str, tag: &str) -> Newest {
    let Some(has) = version(tag) else { return (None, None) };
    let (mut same, mut other) = (None, None);
    // Of a tag with a message, the line behind it has the commit, `^{}`.
    for (commit, name) in told.lines().filter_map(|line| line.split_once("\trefs/tags/")) {
        let tag = name.trim_end_matches("^{}");
        let Some(found) = version(tag).filter(|found| *found > has && commit.len() == 40) else { continue };
        let best = if found.0 == has.0 { &mut same } else { &mut other };
        if best.as_ref().is_none_or(|(known, _)| found >= *known) {
            *best = Some((found, Pin { tag: tag.to_owned(), commit: commit.to_owned() }));
        }
    }
    (same.map(|(_, pin)| pin), other.map(|(_, pin): (_, Pin)| pin.tag))
}

/// `v1.2.3`, and nothing else: what moves (`v1`) or is not released (`v1.2.3-beta`) is no pin.
fn version(tag: &str) -> Option<(u64, u64, u64)> {
    let numbers: Option<Vec<u64>> = tag.strip_prefix('v')?.split('.').map(|it| it.parse().ok()).collect();
    match numbers?.as_slice() {
        [major, minor, patch] => Some((*major, *minor, *patch)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ACTIONS;

    #[test]
    fn the_newest_tag_of_the_same_major_version_is_taken_at_the_commit_that_it_stands_for() {
        let id = |digit: &str| digit.repeat(40);
        let told = format!(
            "{}\trefs/tags/v4\n{}\trefs/tags/v4.0.9\n{}\trefs/tags/v4.0.10\n{}\trefs/tags/v4.0.10^{{}}\n{}\trefs/tags/v5.0.0\n\
             {}\trefs/tags/v4.1.0-beta\n",
            id("1"),
            id("2"),
            id("3"),
            id("4"),
            id("5"),
            id("6"),
        );
        let (same, other) = newest(&told, "v4.0.2");
        assert_eq!(same, Some(Pin { tag: "v4.0.10".to_owned(), commit: id("4") }));
        assert_eq!(other.as_deref(), Some("v5.0.0"));
        assert_eq!(newest(&told, "v5.0.0"), (None, None));
        assert_eq!(newest("", "v4.0.2"), (None, None));
    }

    #[test]
    fn the_file_is_laid_out_as_it_is_written() {
        let pins: Pins = serde_json::from_str(ACTIONS).unwrap();
        assert_eq!(to_text(&pins).unwrap(), ACTIONS);
    }
}
