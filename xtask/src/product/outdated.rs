//! What of all that TraceHub stands on has a newer version: the packages of the base images, by the distribution's lists; crates
//! and npm's packages, by theirs; GitHub's actions, by their tags. What could not be asked is said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xshell::cmd;

use super::sbom::{Kind, Part};
use super::updates::actions;
use super::workflows::steps::Pin;
use super::{frontend, images};
use crate::project::{BASES, Base, FRONTEND, Suite};
use crate::setup::base_images::{self, Origin};
use crate::setup::packages::Lists;
use crate::tools::files::replace;
use crate::tools::process::{Run, shell, shell_in};
use crate::workspace;

const TIMEOUT: Duration = Duration::from_secs(300);

/// Something with a newer version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newer {
    /// The base image that has it, or `Cargo.lock`, `package-lock.json`, `actions.json`.
    pub of: String,
    /// Its name.
    pub name: String,
    /// The version that is used.
    pub has: String,
    /// The newest one.
    pub newest: String,
    /// Whether the newer one is among the distribution's security updates.
    pub is_security: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it was asked: a day, `2026-01-03`.
    pub day: String,
    /// What has a newer version.
    pub newer: Vec<Newer>,
    /// What could not be asked, each with why.
    pub not_asked: Vec<String>,
    /// Of the distribution: package to the version that mends what is known, where a security update does.
    pub mended: BTreeMap<String, String>,
}

/// Asks everybody.
pub fn ask() -> Result<Report> {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let mut report = Report { day: now[..10].to_owned(), ..Report::default() };
    ask_bases(&mut report)?;
    for (of, asked) in [("Cargo.lock", crates()), ("package-lock.json", npm_packages())] {
        match asked {
            Ok(newer) => report.newer.extend(newer),
            Err(error) => report.not_asked.push(format!("{of}: {error:#}")),
        }
    }
    ask_actions(&mut report)?;
    report.not_asked.push("known holes of crates: `cargo xtask ci advisories` asks for them".to_owned());
    report.keep()?;
    Ok(report)
}

/// By their tags, which are public.
fn ask_actions(report: &mut Report) -> Result<()> {
    for (name, pin) in actions::pins()? {
        let asked = actions::newer_than(&name, &pin)?;
        report.add_action(name, pin, asked);
    }
    Ok(())
}

fn ask_bases(report: &mut Report) -> Result<()> {
    let sh = shell();
    let here = base_images::here()?;
    for base in BASES {
        let Some(image) = here.get(base.name) else {
            report.not_asked.push(format!("the base image {} is not on this engine", base.name));
            continue;
        };
        if let Some(public) = base.public.filter(|_| image.origin == Origin::Pulled) {
            report.not_asked.push(format!(
                "{public}: whether its registry has a newer one says `cargo xtask image lock`"
            ));
        }
        let parts = images::packages_of(sh, &image.reference)?;
        match newer_packages(base, &parts) {
            Ok((newer, mended)) => {
                report.newer.extend(newer);
                report.mended.extend(mended);
            }
            Err(error) => report.not_asked.push(format!("the packages of {}: {error:#}", base.name)),
        }
    }
    Ok(())
}

type Mended = BTreeMap<String, String>;

/// By the lists of the suites that the row's packages are from.
fn newer_packages(base: &Base, parts: &BTreeSet<Part>) -> Result<(Vec<Newer>, Mended)> {
    let (mut newer, mut mended) = (Vec::new(), Mended::new());
    let suites: BTreeSet<Suite> = base.packages.iter().map(|row| row.suite).collect();
    for suite in suites {
        let rows = base.packages.iter().filter(|row| row.suite == suite);
        let ours: BTreeSet<&str> = rows.flat_map(|row| row.names).copied().collect();
        // A pulled image may have more: those are of the stable suite, as the image is.
        let is_of_suite = |part: &&Part| match suite {
            Suite::Own(_) => !others_have(base, suite, &part.name),
            Suite::Newest(_) => ours.contains(part.name.as_str()),
        };
        let parts: Vec<&Part> =
            parts.iter().filter(|part| part.kind == Kind::Deb).filter(is_of_suite).collect();
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let lists = Lists::of(suite)?.versions(&names)?;
        for part in parts {
            let of_it = || lists.iter().filter(|it| it.package == part.name);
            let Some(newest) = of_it().max_by(|a, b| Kind::Deb.compare(&a.version, &b.version)) else {
                continue;
            };
            let security =
                of_it().filter(|it| it.is_security).max_by(|a, b| Kind::Deb.compare(&a.version, &b.version));
            mended.extend(security.map(|it| (part.name.clone(), it.version.clone())));
            if Kind::Deb.compare(&part.version, &newest.version).is_lt() {
                newer.push(Newer {
                    of: base.name.to_owned(),
                    name: part.name.clone(),
                    has: part.version.clone(),
                    newest: newest.version.clone(),
                    is_security: security
                        .is_some_and(|it| Kind::Deb.compare(&part.version, &it.version).is_lt()),
                });
            }
        }
    }
    Ok((newer, mended))
}

/// Whether a row of another suite brings this package.
fn others_have(base: &Base, suite: Suite, name: &str) -> bool {
    base.packages.iter().any(|row| row.suite != suite && row.names.contains(&name))
}

/// What `cargo update` would change.
fn crates() -> Result<Vec<Newer>> {
    let sh = shell_in(workspace::root());
    let told = Run::new(cmd!(sh, "cargo update --dry-run --color never")).timeout(TIMEOUT).checked()?;
    Ok(told.stderr.lines().filter_map(newer_crate).collect())
}

/// `    Updating serde v1.0.228 -> v1.0.229`, perhaps with the newest version of all behind it.
fn newer_crate(line: &str) -> Option<Newer> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["Updating", name, has, "->", newest, ..] = words.as_slice() else { return None };
    let version = |it: &str| it.trim_start_matches('v').to_owned();
    Some(Newer {
        of: "Cargo.lock".to_owned(),
        name: (*name).to_owned(),
        has: version(has),
        newest: version(newest),
        is_security: false,
    })
}

/// What npm calls outdated: of the packages that ours names.
fn npm_packages() -> Result<Vec<Newer>> {
    let package = frontend::package()?;
    let (sh, npm) = (shell_in(workspace::root().join(FRONTEND.folder)), &package.npm);
    // It ends with 1 when it has found something.
    let told = Run::new(cmd!(sh, "{npm} outdated --json")).timeout(TIMEOUT).finish()?;
    let found: BTreeMap<String, Value> = serde_json::from_str(&told.stdout).context("npm does not tell")?;
    if let Some(error) = found.get("error") {
        anyhow::bail!("npm says {}", error["summary"].as_str().unwrap_or("that it failed"));
    }
    if found.values().any(|it| it["current"].is_null()) {
        anyhow::bail!("the packages are not installed: `cargo xtask ci npm-ci` first");
    }
    let text = |it: &Value, field: &str| it[field].as_str().unwrap_or_default().to_owned();
    let newer = found.into_iter().map(|(name, it)| Newer {
        of: "package-lock.json".to_owned(),
        name,
        has: text(&it, "current"),
        newest: text(&it, "latest"),
        is_security: false,
    });
    Ok(newer.filter(|it| it.has != it.newest).collect())
}

impl Report {
    /// The last one of this machine, if it was ever asked.
    pub fn last() -> Option<Report> {
        serde_json::from_str(&std::fs::read_to_string(file()).ok()?).ok()
    }

    fn add_action(&mut self, name: String, pin: Pin, asked: Result<actions::Newest, String>) {
        match asked {
            // Another major version is the newest, too: whether it is wanted is for a person to say.
            Ok((same, other)) => {
                let newest = other.or(same.map(|newest| newest.tag));
                let of = actions::FILE.to_owned();
                let newer = newest.map(|newest| Newer { of, name, has: pin.tag, newest, is_security: false });
                self.newer.extend(newer);
            }
            Err(why) => self.not_asked.push(why),
        }
    }

    fn keep(&self) -> Result<()> {
        replace(&file(), &serde_json::to_vec_pretty(self)?)
    }

    /// Those of these packages that a security update of the distribution mends, in words.
    pub fn holes(&self, parts: &BTreeSet<Part>) -> Vec<String> {
        let hole = |part: &Part| {
            let mended = self.mended.get(&part.name).filter(|_| part.kind == Kind::Deb)?;
            let is_older = Kind::Deb.compare(&part.version, mended).is_lt();
            is_older.then(|| format!("{} {} (mended in {mended})", part.name, part.version))
        };
        parts.iter().filter_map(hole).collect()
    }
}

fn file() -> camino::Utf8PathBuf {
    workspace::local_dir().join("outdated.json")
}

impl Newer {
    /// As a row of a table.
    pub fn row(&self) -> [&str; 4] {
        [&self.of, &self.name, &self.has, &self.newest]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_would_update_is_read() {
        let told = "    Updating crates.io index\n     Locking 2 packages to latest compatible versions\n    \
                    Updating serde v1.0.228 -> v1.0.229\n    Updating rand v0.8.5 -> v0.8.6 (available: v0.9.2)\n      \
                    Adding wasip2 v1.0.1\n    Removing wasi v0.11\n";
        let all: Vec<_> = told.lines().filter_map(newer_crate).collect();
        let rows: Vec<_> = all.iter().map(Newer::row).collect();
        assert_eq!(
            rows,
            [["Cargo.lock", "serde", "1.0.228", "1.0.229"], ["Cargo.lock", "rand", "0.8.5", "0.8.6"]]
        );
    }

    #[test]
    fn a_newer_action_is_named_and_one_that_can_not_be_asked_for_too() {
        let pin = |tag: &str| Pin { tag: tag.to_owned(), commit: "a".repeat(40) };
        let mut report = Report::default();
        let mut add = |name: &str, asked| report.add_action(name.to_owned(), pin("v4.0.2"), asked);
        add("a/same", Ok((Some(pin("v4.1.0")), None)));
        add("a/other", Ok((Some(pin("v4.1.0")), Some("v5.0.0".to_owned()))));
        add("a/newest", Ok((None, None)));
        add("a/silent", Err("a/silent: no such host".to_owned()));
        let rows: Vec<_> = report.newer.iter().map(Newer::row).collect();
        let of = "actions.json";
        assert_eq!(rows, [[of, "a/same", "v4.0.2", "v4.1.0"], [of, "a/other", "v4.0.2", "v5.0.0"]]);
        assert_eq!(report.not_asked, ["a/silent: no such host"]);
    }

    #[test]
    fn a_hole_is_a_package_older_than_the_security_update_that_mends_it() {
        let part = |kind, version: &str| Part {
            kind,
            name: "libssl3".to_owned(),
            version: version.to_owned(),
            source: None,
            sha256: None,
        };
        let mended = [("libssl3".to_owned(), "3.0.17-1~deb12u3".to_owned())].into();
        let report = Report { mended, ..Report::default() };
        let holes = |part: Part| report.holes(&[part].into()).len();
        assert_eq!(holes(part(Kind::Deb, "3.0.17-1~deb12u2")), 1);
        assert_eq!(holes(part(Kind::Deb, "3.0.17-1~deb12u3")), 0);
        assert_eq!(holes(part(Kind::Apk, "3.0.1-r0")), 0, "Alpine's are mended by others");
    }
}
