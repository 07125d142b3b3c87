//! npm's packages: what npm moves, without running anything of them.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use xshell::cmd;

use super::narrow::ALL;
use super::{Report, Versions, differing, oldest};
use crate::product::frontend;
use crate::product::sbom::Kind;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

const TIMEOUT: Duration = Duration::from_secs(300);

/// Of this lock file. Ours are named by one exact version each: those move within their major version (of 0.x within x), as `^` says;
/// all others within what they ask of each other, all of them to what is old enough. No script of a package is run.
pub fn apply(of: &'static str, is_held: &dyn Fn(&str) -> bool) -> Result<Report> {
    let (package, lock) = (frontend::package()?, workspace::root().join(of));
    let folder = folder(of);
    let before = read(&lock)?;
    let (sh, npm) = (shell_in(&folder), &package.npm);
    let mut ours = dependencies(&read(&folder.join("package.json"))?)?;
    ours.retain(|(name, _)| !is_held(name));
    let ours = ours.iter().map(|(name, version)| format!("{name}@^{version}"));
    let since = humantime::format_rfc3339_seconds(oldest()).to_string();
    let only = ["--package-lock-only", "--ignore-scripts", "--before", &since];
    let install = cmd!(sh, "{npm} install {only...} --save-exact {ours...}");
    let update = (!is_held(ALL)).then(|| cmd!(sh, "{npm} update {only...}"));
    for command in [Some(install), update].into_iter().flatten() {
        let done = Run::new(command).timeout(TIMEOUT).checked();
        done.with_context(|| {
            format!("npm may take nothing that is newer than {since}, as one that is locked now may be")
        })?;
    }
    let after = read(&lock)?;
    if let Some(line) = after.lines().find(|line| line.contains("\"resolved\": \"http")) {
        bail!("npm has written an address into {of}: {}", line.trim());
    }
    let (before, after) = (versions(&before)?, versions(&after)?);
    for (name, has, comes) in gone_back(&before, &after) {
        // npm goes back to what its makers call the latest, too.
        let told = Run::new(cmd!(sh, "{npm} view {name} time --json")).timeout(TIMEOUT).checked()?.stdout;
        if is_newer(&told, &has, &since)? {
            bail!("npm would take {name} back from {has} to {comes}: it is locked, and newer than {since}");
        }
    }
    let moved = differing(of, &before, &after);
    Ok(Report { moved, ..Report::default() })
}

/// Each version that has gone, and not for a newer one of its series: name, the version, and the older one that is there now.
/// What nobody needs any more has not gone back.
fn gone_back(before: &Versions, after: &Versions) -> Vec<(String, String, String)> {
    let is_less = |one: &str, other: &str| Kind::Npm.compare(one, other) == Ordering::Less;
    let mut back = Vec::new();
    for (name, versions) in before {
        let Some(now) = after.get(name) else { continue };
        for has in versions.difference(now) {
            let of_series = || now.iter().filter(|it| series(it) == series(has));
            // Of a series that is new here: whoever wanted this one has gone back further.
            let come = now.iter().filter(|it| versions.iter().all(|had| series(had) != series(it)));
            let older = of_series().chain(come).filter(|it| is_less(it, has));
            let comes = older.max_by(|one, other| Kind::Npm.compare(one, other));
            if let Some(comes) = comes.filter(|_| !of_series().any(|it| is_less(has, it))) {
                back.push((name.clone(), has.clone(), comes.clone()));
            }
        }
    }
    back
}

/// What `^` takes for compatible: the first number; of 0.x, the first two.
fn series(version: &str) -> Vec<&str> {
    let numbers: Vec<&str> = version.split(['.', '-', '+']).take(2).collect();
    if numbers[0] == "0" { numbers } else { numbers[..1].to_vec() }
}

/// Whether a version was published after that, by what npm says of its package. Times are in UTC, and compared as they are written.
fn is_newer(told: &str, version: &str, since: &str) -> Result<bool> {
    let times: Value = serde_json::from_str(told).context("npm does not say when versions were published")?;
    Ok(times[version].as_str().is_none_or(|at| at.get(..19) > since.get(..19)))
}

fn read(file: &Utf8Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {file}"))
}

/// Where the package is that a lock file belongs to.
fn folder(lock: &str) -> Utf8PathBuf {
    workspace::root().join(lock.trim_end_matches("package-lock.json"))
}

/// The packages that ours names, whose lock file this is.
pub fn named(lock: &str) -> Result<BTreeSet<String>> {
    let file = folder(lock).join("package.json");
    Ok(dependencies(&read(&file)?)?.into_iter().map(|(name, _)| name).collect())
}

/// Name and version of each.
fn dependencies(package: &str) -> Result<Vec<(String, String)>> {
    let package: Value = serde_json::from_str(package).context("reading package.json")?;
    let all = ["dependencies", "devDependencies"]
        .into_iter()
        .filter_map(|kind| package[kind].as_object())
        .flatten();
    Ok(all.map(|(name, version)| (name.clone(), version.as_str().unwrap_or_default().to_owned())).collect())
}

/// Of npm's.
fn versions(text: &str) -> Result<Versions> {
    let lock: Value = serde_json::from_str(text).context("reading package-lock.json")?;
    let mut all = Versions::new();
    for (path, it) in lock["packages"].as_object().into_iter().flatten() {
        if let (Some((_, name)), Some(version)) = (path.rsplit_once("node_modules/"), it["version"].as_str())
        {
            all.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_npm_has_moved_added_and_removed_is_read_from_its_lock_files() {
        let before = r#"{"packages": {"": {"version": "1.0.0"}, "node_modules/a": {"version": "1.0.0"},
            "node_modules/a/node_modules/@b/c": {"version": "2.0.0"}, "node_modules/d": {"version": "1.0.0"}}}"#;
        let after = r#"{"packages": {"": {"version": "1.1.0"}, "node_modules/a": {"version": "1.0.1"},
            "node_modules/@b/c": {"version": "2.0.0"}, "node_modules/e": {"version": "3.0.0"},
            "node_modules/e/node_modules/a": {"version": "1.0.0"}}}"#;
        let moved = differing("it", &versions(before).unwrap(), &versions(after).unwrap());
        let words: Vec<_> = moved.iter().map(|it| format!("{} {} {}", it.name, it.from, it.to)).collect();
        assert_eq!(words, ["a 1.0.0 1.0.0, 1.0.1", "d 1.0.0 none", "e none 3.0.0"]);
        let (before, after) = (versions(before).unwrap(), versions(after).unwrap());
        assert_eq!(gone_back(&before, &after), [], "what nobody needs any more has not gone back");
        let back = ["a", "1.0.1", "1.0.0"].map(str::to_owned);
        assert_eq!(gone_back(&after, &before), [back.into()]);
        let told = r#"{"1.0.0": "2026-11-26T10:00:00.000Z", "1.0.1": "2026-11-28T10:00:00+00:00"}"#;
        let is_newer = |version| is_newer(told, version, "2026-11-27T10:00:00Z").unwrap();
        assert_eq!(
            ["1.0.0", "1.0.1", "1.0.2"].map(is_newer),
            [false, true, true],
            "one that is not known is"
        );
        let package = r#"{"dependencies": {"react": "19.3.1"}, "devDependencies": {"@a/b": "0.1.2"}}"#;
        let named =
            [("react", "19.3.1"), ("@a/b", "0.1.2")].map(|(name, it)| (name.to_owned(), it.to_owned()));
        assert_eq!(dependencies(package).unwrap(), named);
    }

    #[test]
    fn a_version_has_gone_back_when_no_newer_one_of_its_series_has_come() {
        let all = |versions: &[&str]| {
            Versions::from([("a".to_owned(), versions.iter().map(|it| (*it).to_owned()).collect())])
        };
        let back = |before: &[&str], after: &[&str]| {
            let back = gone_back(&all(before), &all(after)).into_iter();
            back.map(|(_, has, comes)| format!("{has} {comes}")).collect::<Vec<_>>()
        };
        let none = Vec::<String>::new();
        assert_eq!(back(&["2.0.1", "3.0.0"], &["2.0.0", "3.0.0"]), ["2.0.1 2.0.0"], "beside a newer series");
        assert_eq!(
            back(&["2.0.0", "2.0.1"], &["2.0.0"]),
            ["2.0.1 2.0.0"],
            "one that was there takes it back"
        );
        assert_eq!(back(&["2.0.9", "3.0.1"], &["2.0.10", "3.0.0"]), ["3.0.1 3.0.0"]);
        assert_eq!(back(&["3.0.0"], &["2.0.0"]), ["3.0.0 2.0.0"], "back to another series");
        assert_eq!(back(&["0.3.1", "0.4.0"], &["0.3.0", "0.4.0"]), ["0.3.1 0.3.0"]);
        assert_eq!(back(&["2.0.1", "2.0.2"], &["2.0.2"]), none, "both are one now");
        assert_eq!(back(&["1.0.0", "2.0.1"], &["1.0.0"]), none, "nobody needs it any more");
        assert_eq!(back(&["1.0.0", "2.0.1"], &["1.0.1"]), none, "nor here");
    }
}
