//! Crates: what cargo moves within what each `Cargo.toml` allows, as far as it is old enough, without running anything of it.

use std::cmp::Ordering;
use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::cmd;

use super::{Report, Versions, differing, oldest};
use crate::product::sbom::Kind;
use crate::project::UPDATE_AGE;
use crate::tools::cargo::index::{self, Published};
use crate::tools::files::{private, replace};
use crate::tools::git;
use crate::tools::process::{CommandError, Run, shell_in};
use crate::workspace;

/// The file.
pub const FILE: &str = "Cargo.lock";
const TIMEOUT: Duration = Duration::from_secs(300);

/// One that moves, by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub from: String,
    pub to: String,
}

/// Moves all that is old enough, and is not held. What cargo would have is tried in a copy: a process that is killed meanwhile
/// leaves the tree's own lock as it was.
pub fn apply(is_held: &dyn Fn(&str) -> bool) -> Result<Report> {
    let copy = private::Folder::new()?;
    let (tree, root) = (workspace::root(), copy.path());
    copy_manifests(tree, root)?;
    let file = root.join(FILE);
    let before = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let sh = shell_in(root);
    Run::new(cmd!(sh, "cargo update --color never")).timeout(TIMEOUT).checked()?;
    let newest = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let (has, can_have) = (versions(&before), versions(&newest));
    let (home, since) = (index::home()?, oldest());
    let is_welcome = |name: &str, version: &str| match is_held(name) {
        true => Err(format!("{name} stays as it is")),
        false => is_old_enough(&index::published(&home, name), version, since),
    };
    let is_young = |(name, version): (&str, &str)| is_welcome(name, version).is_err();
    let mut report = Report::default();
    if come(&has, &can_have).any(is_young) {
        replace(&file, before.as_bytes())?;
        let mut steps = Vec::new();
        for step in steps_between(&has, &can_have).into_iter().filter(|step| !is_held(&step.name)) {
            match newest_old_enough(&index::published(&home, &step.name), &step, since) {
                Some(to) => steps.push(Step { to, ..step }),
                None => report.left.push(format!("{} {}: {}", step.name, step.from, why(&is_welcome, &step))),
            }
        }
        let stuck = take(root, &steps, &is_welcome)?;
        report
            .left
            .extend(stuck.into_iter().map(|(step, why)| format!("{} {}: {why}", step.name, step.from)));
    }
    let now = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    report.moved = differing(FILE, &has, &versions(&now));
    if now != before {
        replace(&tree.join(FILE), now.as_bytes())?;
    }
    Ok(report)
}

/// All that cargo reads to choose versions: manifests, the lock file, its settings, and which sources there are, without what
/// is in them.
fn copy_manifests(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    for path in git::files(from, ".")? {
        let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
        let is_read =
            ["Cargo.toml", FILE, "rust-toolchain.toml"].contains(&name) || path.starts_with(".cargo/");
        if !(is_read || path.ends_with(".rs")) || !from.join(&path).is_file() {
            continue;
        }
        let file = to.join(&path);
        let content = if is_read { fs::read(from.join(&path)) } else { Ok(Vec::new()) };
        let content = content.with_context(|| format!("reading {path}"))?;
        fs::create_dir_all(file.parent().unwrap_or(to))
            .with_context(|| format!("making the folder of {file}"))?;
        fs::write(&file, content).with_context(|| format!("writing {file}"))?;
    }
    Ok(())
}

fn why(is_welcome: &dyn Fn(&str, &str) -> Result<(), String>, step: &Step) -> String {
    is_welcome(&step.name, &step.to).err().unwrap_or_else(|| "nothing newer is old enough".to_owned())
}

/// Moves each by itself, from what is locked, or with what it can't do without. One that would bring in what is not welcome, or
/// that cargo refuses, stays as it was: those are given with the reason. What waits for another of them has a second turn.
pub fn take(
    root: &Utf8Path,
    steps: &[Step],
    is_welcome: &dyn Fn(&str, &str) -> Result<(), String>,
) -> Result<Vec<(Step, String)>> {
    let mut left: Vec<(Step, String)> = steps.iter().map(|step| (step.clone(), String::new())).collect();
    loop {
        let before = left.len();
        let mut stuck = Vec::new();
        for (step, _) in left {
            if let Err(why) = step.take(root, is_welcome)? {
                stuck.push((step, why));
            }
        }
        left = stuck;
        if left.is_empty() || left.len() == before {
            return Ok(left);
        }
    }
}

impl Step {
    /// Why not, where it stays as it was.
    fn take(
        &self,
        root: &Utf8Path,
        is_welcome: &dyn Fn(&str, &str) -> Result<(), String>,
    ) -> Result<Result<(), String>> {
        let Step { name, from, to } = self;
        let file = root.join(FILE);
        let before = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let has = versions(&before);
        if !has.get(name).is_some_and(|versions| versions.contains(from)) {
            // It came along with another one.
            return Ok(Ok(()));
        }
        let (sh, which) = (shell_in(root), format!("{name}@{from}"));
        let mut whys = Vec::new();
        // Alone; or with what it stands on, as those must whose versions name each other's.
        for how in [["--precise", to, &which].as_slice(), &["--recursive", &which]] {
            match Run::new(cmd!(sh, "cargo update --color never {how...}")).timeout(TIMEOUT).checked() {
                Ok(_) => {
                    let now =
                        versions(&fs::read_to_string(&file).with_context(|| format!("reading {file}"))?);
                    let wrong = come(&has, &now).find_map(|(name, version)| is_welcome(name, version).err());
                    let stays = now.get(name).is_some_and(|versions| versions.contains(from));
                    match wrong {
                        None if !stays => return Ok(Ok(())),
                        None => {}
                        Some(wrong) => whys.push(wrong),
                    }
                }
                Err(error @ CommandError::Interrupted) => return Err(error.into()),
                Err(error) => {
                    let words = error.to_string();
                    let line = words.lines().find(|line| line.contains("error: "));
                    whys.push(line.or(words.lines().last()).unwrap_or_default().trim().to_owned());
                }
            }
            replace(&file, before.as_bytes())?;
        }
        Ok(Err(whys.pop().unwrap_or_default()))
    }
}

/// Each version that one lock file has, and the other has not.
fn come<'a>(before: &'a Versions, after: &'a Versions) -> impl Iterator<Item = (&'a str, &'a str)> {
    let all = after.iter().flat_map(|(name, versions)| versions.iter().map(move |version| (name, version)));
    let is_new =
        |(name, version): &(&String, &String)| !before.get(*name).is_some_and(|has| has.contains(*version));
    all.filter(is_new).map(|(name, version)| (name.as_str(), version.as_str()))
}

/// Each that has another version of the same compatible series.
pub fn steps_between(before: &Versions, after: &Versions) -> Vec<Step> {
    let gone = come(after, before);
    let steps = gone.filter_map(|(name, from)| {
        let now = after.get(name)?.iter().filter(|to| series(to) == series(from));
        let to = now.filter(|to| Kind::Cargo.compare(to, from) == Ordering::Greater);
        let to = to.max_by(|one, other| Kind::Cargo.compare(one, other))?;
        Some(Step { name: name.to_owned(), from: from.to_owned(), to: to.clone() })
    });
    steps.collect()
}

/// What cargo takes for compatible: up to the first number that is not 0.
fn series(version: &str) -> Vec<&str> {
    let numbers: Vec<&str> = version.split(['.', '-', '+']).take(3).collect();
    let first = numbers.iter().position(|number| *number != "0").unwrap_or(numbers.len() - 1);
    numbers[..=first].to_vec()
}

/// Why not, in words.
fn is_old_enough(all: &[Published], version: &str, since: SystemTime) -> Result<(), String> {
    match all.iter().find(|it| it.version == version).map(|it| it.at) {
        Some(Some(at)) if at <= since => Ok(()),
        Some(Some(at)) => Err(format!(
            "{version} was published at {}, less than {} days ago",
            humantime::format_rfc3339_seconds(at),
            UPDATE_AGE.as_secs() / 86_400
        )),
        _ => Err(format!("when {version} was published is not known")),
    }
}

/// The newest that the step may go to.
fn newest_old_enough(all: &[Published], step: &Step, since: SystemTime) -> Option<String> {
    let fits = |it: &&Published| {
        Kind::Cargo.compare(&it.version, &step.from) == Ordering::Greater
            && Kind::Cargo.compare(&it.version, &step.to) != Ordering::Greater
            && series(&it.version) == series(&step.from)
            && (!it.version.contains('-') || it.version == step.to)
            && is_old_enough(all, &it.version, since).is_ok()
    };
    let found = all.iter().filter(fits);
    found.max_by(|one, other| Kind::Cargo.compare(&one.version, &other.version)).map(|it| it.version.clone())
}

/// Of a `Cargo.lock`, whose lines cargo lays out.
pub fn versions(lock: &str) -> Versions {
    let value = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let mut all = Versions::new();
    for package in lock.split("[[package]]") {
        if let (Some(name), Some(version)) = (value(package, "name"), value(package, "version")) {
            all.entry(name).or_default().insert(version);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    /// A package that stands on a and b, in a registry of these: name, version, what it asks of b.
    fn project(all: &[(&str, &str, Option<&str>)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(temporary.path().to_owned()).unwrap();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        };
        write(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\nlocal-registry = \"registry\"\n",
        );
        write("src/lib.rs", "");
        for name in ["aaaa", "bbbb"] {
            let line = |version: &str, of_b: &Option<&str>| {
                let wants = of_b.map(|of_b| {
                    format!(
                        r#"{{"name": "bbbb", "req": "{of_b}", "features": [], "optional": false, "default_features": true,
                            "target": null, "kind": "normal"}}"#
                    )
                });
                let (wants, sum) = (wants.unwrap_or_default(), "0".repeat(64));
                format!(
                    r#"{{"name": "{name}", "vers": "{version}", "deps": [{wants}], "cksum": "{sum}", "features": {{}}, "yanked": false}}"#
                )
                .replace('\n', " ")
            };
            let lines = all.iter().filter(|it| it.0 == name).map(|(_, version, of_b)| line(version, of_b));
            let place = format!("registry/index/{}/{}/{name}", &name[..2], &name[2..]);
            write(&place, &lines.collect::<Vec<_>>().join("\n"));
        }
        let package = "[package]\nname = \"ours\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\naaaa = \"1\"\nbbbb = \"1\"\n";
        write("Cargo.toml", package);
        let sh = shell_in(&root);
        let update = |name: &str| {
            let which = ["--precise", "1.0.0", name];
            Run::new(cmd!(sh, "cargo update {which...}")).timeout(TIMEOUT).checked().unwrap();
        };
        Run::new(cmd!(sh, "cargo generate-lockfile")).timeout(TIMEOUT).checked().unwrap();
        ["aaaa", "bbbb"].into_iter().for_each(update);
        (temporary, root)
    }

    #[test]
    fn what_waits_for_another_has_a_second_turn_and_what_brings_in_what_is_not_welcome_stays() {
        let (_temporary, root) = project(&[
            ("aaaa", "1.0.0", Some("^1.0.0")),
            ("aaaa", "1.0.1", Some("^1.0.1")),
            ("aaaa", "1.0.2", Some("^1.0.2")),
            ("bbbb", "1.0.0", None),
            ("bbbb", "1.0.1", None),
            ("bbbb", "1.0.2", None),
        ]);
        let file = root.join(FILE);
        let words = || {
            let has = versions(&fs::read_to_string(&file).unwrap());
            ["aaaa", "bbbb"].map(|name| has[name].first().unwrap().clone())
        };
        assert_eq!(words(), ["1.0.0", "1.0.0"]);
        let first = fs::read(&file).unwrap();
        let step = |name: &str, to: &str| Step {
            name: name.to_owned(),
            from: "1.0.0".to_owned(),
            to: to.to_owned(),
        };
        let is_old = |name: &str, version: &str| match (name, version) {
            ("bbbb", "1.0.2") => Err("b is young".to_owned()),
            _ => Ok(()),
        };
        let left = take(&root, &[step("aaaa", "1.0.1"), step("bbbb", "1.0.1")], &is_old).unwrap();
        assert_eq!((left, words()), (vec![], ["1.0.1", "1.0.1"].map(str::to_owned)));

        fs::write(&file, &first).unwrap();
        let left = take(&root, &[step("aaaa", "1.0.2"), step("bbbb", "1.0.1")], &is_old).unwrap();
        assert_eq!(left, [(step("aaaa", "1.0.2"), "b is young".to_owned())]);
        assert_eq!(words(), ["1.0.0", "1.0.1"]);

        fs::write(&file, &first).unwrap();
        let left = take(&root, &[step("aaaa", "1.0.2")], &|_, _| Ok(())).unwrap();
        assert_eq!((left, words()), (vec![], ["1.0.2", "1.0.2"].map(str::to_owned)));

        fs::write(&file, &first).unwrap();
        let left = take(&root, &[step("cccc", "1.0.9"), step("aaaa", "0.9.0")], &is_old).unwrap();
        assert!(left.len() == 1 && left[0].1 == "b is young", "{left:?}");
        assert_eq!(fs::read(&file).unwrap(), first);
    }

    #[test]
    fn cargo_chooses_the_same_versions_in_a_copy_without_sources() {
        let copy = private::Folder::new().unwrap();
        copy_manifests(workspace::root(), copy.path()).unwrap();
        let sh = shell_in(copy.path());
        Run::new(cmd!(sh, "cargo update --workspace --offline --locked")).timeout(TIMEOUT).checked().unwrap();
    }

    fn at(version: &str, seconds: u64) -> Published {
        Published {
            version: version.to_owned(),
            at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        }
    }

    #[test]
    fn what_is_too_young_waits_and_an_older_newer_one_is_taken_meanwhile() {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let step =
            |from: &str, to: &str| Step { name: "it".to_owned(), from: from.to_owned(), to: to.to_owned() };
        let all = [
            at("1.0.1", 1),
            at("1.0.9", 50),
            at("1.0.10", 100),
            at("1.0.11-beta", 20),
            at("1.0.11", 101),
            at("1.1.0", 99),
            at("2.0.0", 1),
        ];
        let newest = |from, to| newest_old_enough(&all, &step(from, to), since);
        assert_eq!(newest("1.0.1", "1.0.11").as_deref(), Some("1.0.10"));
        assert_eq!(newest("1.0.10", "1.0.11"), None);
        assert_eq!(newest("1.0.10", "1.1.0").as_deref(), Some("1.1.0"));
        assert_eq!(newest("1.1.0", "2.0.0"), None, "another series");
        let error = is_old_enough(&all, "1.0.11", since).unwrap_err();
        assert_eq!(error, "1.0.11 was published at 1970-01-01T00:01:41Z, less than 3 days ago");
        let unknown = [Published { version: "1.0.0".to_owned(), at: None }];
        for version in ["1.0.0", "3.0.0"] {
            let error = is_old_enough(&unknown, version, since).unwrap_err();
            assert_eq!(error, format!("when {version} was published is not known"));
        }
    }

    #[test]
    fn each_version_moves_within_its_series() {
        let lock = |all: &[(&str, &str)]| {
            let packages = all.iter().map(|(name, version)| {
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
            });
            versions(&format!("version = 4\n\n{}", packages.collect::<String>()))
        };
        let before = lock(&[("a", "1.0.0"), ("a", "0.3.1"), ("b", "0.0.7"), ("c", "1.0.0"), ("d", "1.9.0")]);
        let after = lock(&[("a", "1.2.10"), ("a", "0.3.2"), ("b", "0.0.8"), ("d", "1.10.0"), ("e", "1.0.0")]);
        let steps = steps_between(&before, &after);
        let words: Vec<_> = steps.iter().map(|it| format!("{} {} {}", it.name, it.from, it.to)).collect();
        assert_eq!(words, ["a 0.3.1 0.3.2", "a 1.0.0 1.2.10", "d 1.9.0 1.10.0"]);
        let moved = differing(FILE, &before, &after);
        let words: Vec<_> = moved.iter().map(|it| format!("{} {} {}", it.name, it.from, it.to)).collect();
        assert_eq!(
            words[2..],
            ["c 1.0.0 none", "d 1.9.0 1.10.0", "e none 1.0.0"],
            "what is added or removed is said"
        );
    }
}
