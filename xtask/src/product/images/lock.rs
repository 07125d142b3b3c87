//! Writes the lock file of the images that ours stand on, and the Dockerfiles with what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::dockerfiles;
use super::parts::packages_of;
use crate::exit::refuse;
use crate::product::sbom::Part;
use crate::project::{BASES, BUILD_IMAGES, PLATFORMS};
use crate::setup::base_images::{self, Origin};
use crate::setup::base_lock::{self, FILE, Locked, LockedImages};
use crate::setup::{self, Tool};
use crate::terminal::{self, paint};
use crate::tools::docker;
use crate::tools::files::replace;
use crate::tools::process::{CommandError, Run, is_interrupt, shell};

/// The longest that a registry may take to say what it has.
const ASK_TIMEOUT: Duration = Duration::from_secs(60);

/// A row that was asked for.
#[derive(Debug)]
pub struct Asked {
    /// The image.
    pub name: &'static str,
    /// What it was locked to, if it was.
    pub before: Option<Locked>,
    /// What it is locked to.
    pub now: Locked,
    /// Why its registry could not be asked, if so: then the digest is the one from before.
    pub away: Option<String>,
}

/// Which rows are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All of them: where no registry answers an image is assembled, which runs programs of it.
    All,
    /// Those with a public name, by their registries alone. Nothing is run.
    Public,
}

/// Asks each registry, looks into each image that is assembled here, and writes lock file and Dockerfiles. A row that can't be
/// asked now keeps what it had; when a registry has no such image, or lacks a platform, nothing is written.
pub fn write(which: Rows) -> Result<Vec<Asked>> {
    setup::ensure(&[Tool::Docker, Tool::Engine, Tool::Buildx], false)?;
    let before = base_lock::read()?;
    let bases = BASES.iter().map(|base| (base.name, base.public, Some(base)));
    let others = BUILD_IMAGES.iter().map(|(name, public)| (*name, Some(*public), None));
    let (mut rows, mut silent) = (Vec::new(), BTreeMap::new());
    for (name, public, base) in bases.chain(others) {
        let mut row = Asked { name, before: before.get(name).cloned(), now: Locked::default(), away: None };
        row.now = row.before.clone().unwrap_or_default();
        let answer = public.map(|public| ask(public, &mut silent)).transpose()?;
        match answer {
            Some(Ok(found)) => (row.now.digest, row.now.platforms) = (Some(found.digest), found.platforms),
            Some(Err(words)) => row.away = Some(words),
            None => {}
        }
        if let Some(base) = base.filter(|_| which == Rows::All && (public.is_none() || row.away.is_some())) {
            match base_images::one(base) {
                Ok(image) if image.origin == Origin::Assembled => {
                    row.now.packages = versions(&packages_of(shell(), &image.reference)?);
                }
                Ok(_) => {}
                Err(error) if is_interrupt(&error) => return Err(error),
                // On a machine without Debian's packages.
                Err(error) => row.away = Some(format!("{error:#}").replace('\n', " ")),
            }
        }
        rows.push(row);
    }
    let lock: LockedImages = rows.iter().map(|row| (row.name.to_owned(), row.now.clone())).collect();
    let dockerfiles = dockerfiles::written(&lock)?;
    replace(&base_lock::path(), format!("{}\n", serde_json::to_string_pretty(&lock)?).as_bytes())?;
    for (path, text) in dockerfiles {
        replace(&path, text.as_bytes())?;
    }
    Ok(rows)
}

/// For people.
pub fn say(rows: &[Asked]) {
    let row = |row: &Asked| {
        let is_as_before = row.before.as_ref() == Some(&row.now);
        let state = if is_as_before { paint::dim("as before") } else { paint::warn("changed") };
        let digest = row.now.digest.clone().unwrap_or_else(|| paint::dim("none"));
        vec![row.name.to_owned(), state, format!("{} packages", row.now.packages.len()), digest]
    };
    terminal::table(&["image", "state", "assembled of", "digest"], &rows.iter().map(row).collect::<Vec<_>>());
    away(rows).iter().for_each(terminal::note);
}

/// Which rows could not be asked, and why, a sentence for each reason.
pub fn away(rows: &[Asked]) -> Vec<String> {
    let mut away: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, words) in rows.iter().filter_map(|row| Some((row.name, row.away.as_deref()?))) {
        away.entry(words).or_default().push(name);
    }
    away.iter().map(|(words, names)| format!("{} stay as they are: {words}", names.join(", "))).collect()
}

/// What a registry has under a name.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    digest: String,
    platforms: BTreeMap<String, String>,
}

/// What a public name stands for now, or why that can't be asked. A registry that did not answer is not asked again.
fn ask(public: &str, silent: &mut BTreeMap<String, String>) -> Result<Result<Found, String>> {
    let registry = docker::registry(public);
    if let Some(words) = silent.get(registry) {
        return Ok(Err(words.clone()));
    }
    let asked = Run::new(setup::buildx()?.inspect_manifest(shell(), public)).timeout(ASK_TIMEOUT).finish();
    let words = match asked {
        Ok(told) if told.status.success() => {
            return found(public, &serde_json::from_str(&told.stdout).context("reading buildx's answer")?)
                .map(Ok);
        }
        Ok(told) if told.stderr.trim_end().ends_with("not found") => {
            return Err(refuse(format!(
                "{registry} has no {public}: has the tag been withdrawn? xtask/src/project/bases.rs names it. Nothing was written."
            )));
        }
        Ok(told) => told.stderr.lines().last().unwrap_or_default().trim_start_matches("ERROR: ").to_owned(),
        Err(error @ CommandError::Interrupted) => return Err(error.into()),
        Err(error) => error.to_string(),
    };
    let words = format!("{registry} can't be asked: {words}");
    silent.insert(registry.to_owned(), words.clone());
    Ok(Err(words))
}

/// By the manifest of an image: an index, or of one platform alone, which its configuration names.
fn found(public: &str, manifest: &Value) -> Result<Found> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let platform = |it: &Value| Some(format!("{}/{}", it["os"].as_str()?, it["architecture"].as_str()?));
    let digest = text(&manifest["digest"])
        .filter(|digest| base_lock::is_digest(digest))
        .with_context(|| format!("buildx tells no digest of {public}"))?;
    let mut platforms = BTreeMap::new();
    match manifest["manifests"].as_array() {
        // Of several variants of one processor the first is what an engine takes. Attestations have the platform `unknown`.
        Some(all) => {
            for one in all {
                if let (Some(platform), Some(digest)) = (platform(&one["platform"]), text(&one["digest"])) {
                    platforms.entry(platform).or_insert(digest);
                }
            }
        }
        None => {
            let told =
                Run::new(setup::buildx()?.inspect_config(shell(), public)).timeout(ASK_TIMEOUT).text()?;
            let image: Value = serde_json::from_str(&told).context("reading buildx's answer")?;
            platforms.extend(platform(&image).map(|platform| (platform, digest.clone())));
        }
    }
    platforms.remove("unknown/unknown");
    let lacking: Vec<&str> = PLATFORMS.iter().copied().filter(|it| !platforms.contains_key(*it)).collect();
    if !lacking.is_empty() {
        let has = platforms.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let lacking = lacking.join(" and ");
        return Err(refuse(format!(
            "{public} has no image for {lacking}, it has {has}: what runs there could not be built. Nothing was written."
        )));
    }
    Ok(Found { digest, platforms })
}

/// What an image that was assembled here has otherwise than it is locked to, in words; nothing when it is not locked.
pub fn differing(name: &str, locked: &Locked, parts: &BTreeSet<Part>) -> Option<String> {
    let now = versions(parts);
    if locked.packages.is_empty() || locked.packages == now {
        return None;
    }
    let version = |all: &BTreeMap<String, String>, name: &str| {
        all.get(name).map_or("none".to_owned(), |it| it.split(' ').next().unwrap_or_default().to_owned())
    };
    let names: BTreeSet<&String> = locked.packages.keys().chain(now.keys()).collect();
    let others = names.into_iter().filter(|name| locked.packages.get(*name) != now.get(*name));
    let words = |package: &String| {
        let (was, is) = (version(&locked.packages, package), version(&now, package));
        if was == is {
            format!("{package} {is} with another sum")
        } else {
            format!("{package} {is} for {was}")
        }
    };
    let others: Vec<String> = others.map(words).collect();
    Some(format!("the base image {name} is not what {FILE} has: {}", others.join(", ")))
}

fn versions(parts: &BTreeSet<Part>) -> BTreeMap<String, String> {
    let version = |part: &Part| format!("{} {}", part.version, part.sha256.as_deref().unwrap_or_default());
    parts.iter().map(|part| (part.name.clone(), version(part).trim_end().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::sbom::Kind;
    use crate::setup::registry;

    #[test]
    fn a_base_that_comes_to_other_packages_than_it_is_locked_to_is_told_by_each_of_them() {
        let part = |name: &str, version: &str, sum: &str| Part {
            kind: Kind::Deb,
            name: name.to_owned(),
            version: version.to_owned(),
            source: None,
            sha256: Some(sum.to_owned()),
        };
        let parts = |all: &[Part]| -> BTreeSet<Part> { all.iter().cloned().collect() };
        let first = parts(&[part("libc6", "2.36-9", "aa"), part("tzdata", "2026a", "bb")]);
        let locked = Locked { packages: versions(&first), ..Locked::default() };
        assert_eq!(differing("runtime", &locked, &first), None);
        assert_eq!(differing("runtime", &Locked::default(), &first), None, "it is not locked");
        let others = parts(&[
            part("libc6", "2.36-10", "cc"),
            part("tzdata", "2026a", "dd"),
            part("zlib1g", "1", "ee"),
        ]);
        let words = differing("runtime", &locked, &others).expect("it differs");
        for expected in ["libc6 2.36-10 for 2.36-9", "tzdata 2026a with another sum", "zlib1g 1 for none"] {
            assert!(words.contains(expected), "{words}");
        }
        let text = serde_json::to_string(&locked).expect("written");
        assert_eq!(serde_json::from_str::<Locked>(&text).expect("read"), locked);
    }

    /// Of a registry on the loopback, each platform a tag.
    fn push(registry: &str, platforms: &[&str]) {
        let sh = shell();
        let temporary = tempfile::tempdir().unwrap();
        let folder = camino::Utf8Path::from_path(temporary.path()).unwrap();
        let (archive, mut files) = (folder.join("nothing.tar"), Vec::new());
        // An archive ends with two blocks of zeros.
        std::fs::write(&archive, [0; 1024]).unwrap();
        for platform in platforms {
            let name = format!("{registry}/caddy:{platform}");
            Run::new(docker::import(sh, &archive, &name, &[format!("LABEL platform={platform}")]))
                .run()
                .unwrap();
            Run::new(docker::push(sh, &name)).run().unwrap();
            let asked = Run::new(setup::buildx().unwrap().inspect_manifest(sh, &name)).text().unwrap();
            let mut one: Value = serde_json::from_str(&asked).unwrap();
            one["platform"] = serde_json::json!({ "os": "linux", "architecture": platform });
            let file = folder.join(format!("{platform}.json"));
            std::fs::write(&file, one.to_string()).unwrap();
            files.extend(["--file".to_owned(), file.into_string()]);
        }
        let buildx = setup::buildx().unwrap();
        let (program, name) = (&buildx.program, format!("{registry}/caddy:2"));
        let index = xshell::cmd!(sh, "{program} imagetools create --tag {name} {files...}");
        Run::new(index.env("BUILDX_CONFIG", &buildx.config)).run().unwrap();
    }

    #[test]
    #[ignore = "wants an engine"]
    fn what_a_registry_has_is_locked_by_platform_and_pulled_by_that_digest_alone() {
        // A registry of this test alone; its images go with it.
        struct Own(String, String);
        impl Drop for Own {
            fn drop(&mut self) {
                let _ = registry::remove(&self.0);
                let sh = shell();
                let listed = Run::new(docker::images(sh)).text().unwrap_or_default();
                for line in listed.lines().filter(|line| line.starts_with(&self.1)) {
                    let (tagged, digest) = line.split_once('@').unwrap_or((line, ""));
                    let (repository, _) = tagged.rsplit_once(':').unwrap_or((tagged, ""));
                    for name in [tagged.to_owned(), format!("{repository}@{digest}")] {
                        let _ = Run::new(docker::remove_image(sh, &name)).run();
                    }
                }
            }
        }
        std::env::set_current_dir(crate::workspace::root()).expect("the repository's root");
        let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, other) = (listener(), listener());
        let [port, read_only_port] = [&one, &other].map(|it| it.local_addr().unwrap().port());
        drop((one, other));
        let name = format!("{}-test-lock-{}", crate::project::NAME, std::process::id());
        let host = format!("localhost:{port}");
        let own = Own(name.clone(), host.clone());
        registry::ensure(&name, registry::Registry { port, read_only_port }).unwrap();
        push(&host, &["amd64", "arm64"]);
        let public = format!("{host}/caddy:2");

        let Found { digest, platforms } = ask(&public, &mut BTreeMap::new()).unwrap().unwrap();
        assert_eq!(platforms.keys().collect::<Vec<_>>(), PLATFORMS);
        let digests: BTreeSet<&String> = platforms.values().chain([&digest]).collect();
        assert_eq!(digests.len(), 3, "the index, and each platform, has its own: {digests:?}");
        let locked = Locked { digest: Some(digest.clone()), platforms, ..Locked::default() };
        let pinned = base_lock::pinned(&[("caddy".to_owned(), locked)].into(), "caddy", &public);
        assert_eq!(base_images::pull("caddy", &pinned).unwrap(), None);
        let is_here = |name: &str| docker::image::is_here(shell(), name).unwrap();
        assert!(is_here(&pinned) && !is_here(&format!("{public}@sha256:{}", "0a".repeat(32))));

        // The tag moves on, and what is locked stays what is pulled.
        push(&host, &["arm64", "amd64", "s390x"]);
        let moved = ask(&public, &mut BTreeMap::new()).unwrap().unwrap();
        assert_ne!(moved.digest, digest);
        let id = |name: &str| Run::new(docker::inspect(shell(), name, "{{.Id}}")).text().unwrap();
        let before = id(&pinned);
        assert_eq!(base_images::pull("caddy", &pinned).unwrap(), None);
        assert_eq!(id(&pinned), before);

        let gone = format!("{public}@sha256:{}", "0a".repeat(32));
        let refusal = base_images::pull("caddy", &gone).unwrap().expect("it is not there");
        assert!(base_images::is_gone(&refusal), "{refusal}");
        let refused = |name: &str, words: &str| {
            let error = ask(&format!("{host}/{name}"), &mut BTreeMap::new()).unwrap_err().to_string();
            assert!(error.contains(words) && error.ends_with("Nothing was written."), "{error}");
        };
        refused("caddy:amd64", "has no image for linux/arm64, it has linux/amd64");
        refused("caddy:3", "has no localhost:");
        push(&host, &["arm64"]);
        refused("caddy:2", "has no image for linux/amd64");
        let refusal = base_images::pull("caddy", &public).unwrap().expect("this machine's platform lacks");
        assert!(base_images::is_gone(&refusal), "{refusal}");

        drop(own);
        let mut silent = BTreeMap::new();
        let words = ask(&public, &mut silent).unwrap().unwrap_err();
        assert!(words.contains("connection refused"), "{words}");
        assert_eq!(silent.keys().collect::<Vec<_>>(), [&host], "it is not asked again");
        let refusal = base_images::pull("caddy", &gone).unwrap().expect("nobody answers");
        assert!(base_images::is_silent(&refusal), "{refusal}");
    }
}
