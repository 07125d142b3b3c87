//! Everything of other people's making that can move, moved: base images, crates and npm's packages within the versions that our
//! manifests allow, GitHub's actions within their major version.

pub mod actions;
pub mod check;
mod crates;
pub mod narrow;
mod npm;
pub mod request;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use camino::Utf8Path;
use serde::Serialize;

use self::narrow::{ALL, Held, Unit};
use crate::exit::refuse;
use crate::product::frontend::LOCKS;
use crate::product::images::lock::{self, Rows};
use crate::project::UPDATE_AGE;
use crate::setup::base_lock::FILE;
use crate::tools::git;
use crate::tools::process::{interrupt, is_interrupt};
use crate::workspace;

/// Something that has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The file that says so.
    pub of: &'static str,
    /// Its name.
    pub name: String,
    /// The version from before.
    pub from: String,
    /// The version now.
    pub to: String,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What has moved.
    pub moved: Vec<Moved>,
    /// What stays for a person, or could not be asked, in words.
    pub left: Vec<String>,
    /// The parts of which nothing moved because of an error, in words.
    pub failed: Vec<String>,
}

/// What moves one part.
type Part<'a> = (&'static str, &'a dyn Fn() -> Result<Report>);

/// Moves all but what is held, in this tree, which must be clean: what is changed afterwards is what has moved. What can't be asked stays
/// as it is.
pub fn apply(held: &Held) -> Result<Report> {
    refuse_dirty()?;
    let is_held =
        |of: &str, name: &str| held.contains_key(&Unit { of: of.to_owned(), name: name.to_owned() });
    let whole = |of: &'static str, part: &dyn Fn() -> Result<Report>| {
        if is_held(of, ALL) { Ok(Report::default()) } else { part() }
    };
    let (base_images, actions) = (|| whole(FILE, &base_images), || whole(actions::FILE, &actions::apply));
    let crates = || crates::apply(&|name| is_held(crates::FILE, name));
    let npm = LOCKS.map(|lock| (lock, move || npm::apply(lock, &|name| is_held(lock, name))));
    let mut parts: Vec<Part> = vec![(FILE, &base_images), (crates::FILE, &crates)];
    parts.extend(npm.iter().map(|(lock, apply)| -> Part { (*lock, apply) }));
    parts.push(("GitHub's actions", &actions));
    let mut report = move_all(workspace::root(), &parts)?;
    let name = |unit: &Unit| if unit.name == ALL { "all else".to_owned() } else { unit.name.clone() };
    report.left.extend(held.iter().map(|(unit, why)| format!("{}: {}: {why}", unit.of, name(unit))));
    Ok(report)
}

fn refuse_dirty() -> Result<()> {
    match git::dirty_hash(workspace::root())? {
        None => Ok(()),
        Some(_) => Err(refuse(
            "this tree holds changes that are in no commit, and nobody could tell them from what has moved: commit them. Nothing \
             was changed.",
        )),
    }
}

/// Each after the other. Of a part that fails nothing stays: half of it would be what nobody has asked for.
fn move_all(root: &Utf8Path, parts: &[Part]) -> Result<Report> {
    let mut report = Report::default();
    for (of, part) in parts {
        let before = git::dirty_paths(root)?;
        match part() {
            Ok(moved) => {
                report.moved.extend(moved.moved);
                report.left.extend(moved.left);
            }
            Err(error) => {
                // Also after Ctrl-C.
                interrupt::shielded(|| {
                    let mut halves = git::dirty_paths(root)?;
                    halves.retain(|path| !before.contains(path));
                    git::put_back(root, &halves)
                })?;
                if is_interrupt(&error) {
                    return Err(error);
                }
                report.failed.push(format!("{of}: {error:#}"));
            }
        }
    }
    Ok(report)
}

/// What is published since is too young. The same all day long, so that what was checked can be made once more.
fn oldest() -> SystemTime {
    let day = Duration::from_secs(86_400);
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
        / day.as_secs();
    SystemTime::UNIX_EPOCH + day * u32::try_from(today).unwrap_or_default() - UPDATE_AGE
}

/// Each package's versions: where npm has put each, and how often, is of no interest.
type Versions = BTreeMap<String, BTreeSet<String>>;

/// The packages that have other versions in one lock file than in another.
fn differing(of: &'static str, before: &Versions, after: &Versions) -> Vec<Moved> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let words = |all: &Versions, name: &String| {
        let versions =
            all.get(name).map(|them| them.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        versions.unwrap_or_else(|| "none".to_owned())
    };
    let moved = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(|name| Moved {
        of,
        name: name.clone(),
        from: words(before, name),
        to: words(after, name),
    });
    moved.collect()
}

fn base_images() -> Result<Report> {
    // Nothing is assembled: that would run what has just come.
    let rows = lock::write(Rows::Public)?;
    let mut report = Report { left: lock::away(&rows), ..Report::default() };
    for row in rows {
        let before = row.before.unwrap_or_default();
        if before == row.now {
            continue;
        }
        let short = |digest: &Option<String>| {
            digest.as_ref().map_or("no digest".to_owned(), |it| it[..19].to_owned())
        };
        report.moved.push(Moved {
            of: FILE,
            name: row.name.to_owned(),
            from: short(&before.digest),
            to: short(&row.now.digest),
        });
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anyhow::bail;
    use camino::Utf8PathBuf;

    use super::*;
    use crate::tools::process::{CommandError, Run, shell_in};

    /// These files, committed, each with a 1.
    fn repository(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(temporary.path().to_owned()).unwrap();
        files.iter().for_each(|file| fs::write(root.join(file), "1").unwrap());
        let sh = shell_in(&root);
        for words in ["init -q", "add .", "-c user.name=A -c user.email=a@example.org commit -qm first"] {
            let words = words.split(' ');
            Run::new(xshell::cmd!(sh, "git {words...}")).run().unwrap();
        }
        (temporary, root)
    }

    #[test]
    fn of_a_part_that_fails_nothing_stays_and_who_is_interrupted_goes_no_further() {
        let (_temporary, root) = repository(&["a", "b", "c"]);
        let write = |name: &str| fs::write(root.join(name), "2").unwrap();
        let moves = |name: &'static str| {
            write(name);
            let moved = Moved { of: "it", name: name.to_owned(), from: "1".to_owned(), to: "2".to_owned() };
            Ok(Report { moved: vec![moved], ..Report::default() })
        };
        let fails = || {
            write("b");
            bail!("its lists are gone")
        };
        let report = move_all(&root, &[("a", &|| moves("a")), ("b", &fails), ("c", &|| moves("c"))]).unwrap();
        assert_eq!(report.failed, ["b: its lists are gone"]);
        assert_eq!(report.moved.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(git::dirty_paths(&root).unwrap(), ["a", "c"]);

        let (_temporary, root) = repository(&["a"]);
        let interrupted = || {
            fs::write(root.join("a"), "2").unwrap();
            Err(CommandError::Interrupted.into())
        };
        let never = || panic!("nobody wants it any more");
        let error = move_all(&root, &[("a", &interrupted), ("b", &never)]).unwrap_err();
        assert!(is_interrupt(&error), "{error:#}");
        assert_eq!(git::dirty_paths(&root).unwrap(), [""; 0]);
    }
}
