//! What the Dockerfiles stand on is what the lock file has: `ARG RUST_IMAGE=…` is the image that is called `rust` there, with its
//! digest. So a plain `docker build` takes the same as xtask's, and what looks for newer images (Renovate; Dependabot reads no
//! such argument) reads it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use camino::Utf8PathBuf;

use super::COMPONENTS;
use crate::project;
use crate::setup::base_lock::{self, FILE, LockedImages, pinned};
use crate::workspace;

/// Behind the name of an image, in the name of an argument.
const SUFFIX: &str = "_IMAGE";

/// Those of both components, each with what it ought to say.
pub fn written(lock: &LockedImages) -> Result<Vec<(Utf8PathBuf, String)>> {
    let file = |component: &project::Component| {
        let path = workspace::root().join(component.folder).join("Dockerfile");
        let text = std::fs::read_to_string(&path)?;
        anyhow::Ok((path, with_images(&text, lock)))
    };
    COMPONENTS.iter().map(file).collect()
}

/// Whether lock file and Dockerfiles agree, and nothing else is pulled by them.
pub fn check(files: &[String]) -> Result<()> {
    let lock = base_lock::read()?;
    let mut wrong = base_lock::strange_rows(&lock);
    for file in files {
        let text = std::fs::read_to_string(workspace::root().join(file))?;
        wrong.extend(strange(&text, &lock).into_iter().map(|words| format!("{file}: {words}")));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}\n  `cargo xtask image lock` writes {FILE} and the Dockerfiles.", wrong.join("\n"));
}

/// The same text, with each image as it is locked.
fn with_images(text: &str, lock: &LockedImages) -> String {
    let images: BTreeMap<&str, &str> = base_lock::public_names().collect();
    let line = |line: &str| match argument(line) {
        Some((name, _)) if let Some((row, public)) = row_of(name, &images) => {
            format!("ARG {name}={}\n", pinned(lock, row, public))
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// What of it is not as the lock file has it, in words.
fn strange(text: &str, lock: &LockedImages) -> Vec<String> {
    let images: BTreeMap<&str, &str> = base_lock::public_names().collect();
    let (mut wrong, mut arguments, mut stages) = (Vec::new(), BTreeMap::new(), BTreeSet::from(["scratch"]));
    let mut count = 0;
    for line in text.lines() {
        let is_syntax = line.to_lowercase().replace(' ', "").starts_with("#syntax=");
        if line.trim_start().starts_with('#') && !is_syntax {
            continue;
        }
        if argument(line).is_some() && line.split_whitespace().count() > 2 {
            wrong.push(format!("{line:?} has several arguments: a line each, so that each is looked at"));
        }
        if let Some((name, value)) = argument(line) {
            arguments.insert(name, value);
            match row_of(name, &images) {
                Some((row, public)) if value != pinned(lock, row, public) => {
                    wrong.push(format!("{name} is {value}, and {FILE} has {}", pinned(lock, row, public)));
                }
                None if name.ends_with(SUFFIX) => wrong.push(format!("{FILE} has no image for {name}")),
                _ => {}
            }
        }
        if is_syntax {
            wrong.push(format!("{line:?} pulls an image that {FILE} has not"));
        }
        let mut words = line.split_whitespace().peekable();
        if words.next_if(|word| word.eq_ignore_ascii_case("FROM")).is_none() {
            let from = line.split([' ', ',']).filter_map(|word| Some(word.split_once("from=")?.1));
            let is_stage = |from: &str| {
                stages.contains(from) || from.parse::<usize>().is_ok_and(|number| number < count)
            };
            let images = from.filter(|from| !is_stage(from));
            wrong.extend(images.map(|from| format!("it copies from {from}, which is no stage above")));
            continue;
        }
        let mut words = words.skip_while(|word| word.starts_with("--"));
        let from = words.next().unwrap_or_default();
        let variable = from.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
        let is_known = match variable {
            Some(name) => {
                row_of(name, &images).is_some() && arguments.contains_key(name)
                    || arguments.get(name).is_some_and(|default| stages.contains(default))
            }
            None => stages.contains(from),
        };
        if !is_known {
            wrong.push(format!(
                "FROM {from} is neither a stage nor an image of {FILE}, by an argument with its name"
            ));
        }
        stages.extend(words.nth(1));
        count += 1;
    }
    wrong
}

/// `ARG NAME=value`.
fn argument(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    words.next().filter(|word| word.eq_ignore_ascii_case("ARG"))?;
    words.next()?.split_once('=')
}

/// The image that an argument stands for, and its public name.
fn row_of<'a>(argument: &str, images: &BTreeMap<&'a str, &'a str>) -> Option<(&'a str, &'a str)> {
    let name = argument.strip_suffix(SUFFIX)?.to_lowercase();
    images.get_key_value(name.as_str()).map(|(name, public)| (*name, *public))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::base_lock::Locked;

    fn lock() -> LockedImages {
        let locked = Locked { digest: Some(format!("sha256:{}", "0a".repeat(32))), ..Locked::default() };
        [("caddy".to_owned(), locked)].into()
    }

    #[test]
    fn a_dockerfile_s_images_are_those_of_the_lock_file_and_nothing_else_is_pulled() {
        let text = "ARG CADDY_IMAGE=caddy:2\nARG SITE=build\nARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim\n\
                    FROM --platform=linux/amd64 ${NODE_IMAGE} AS build\nFROM scratch AS prebuilt\nFROM ${SITE} AS site\n\
                    FROM $CADDY_IMAGE\nCOPY --from=site /dist /srv\n";
        let wrong = strange(text, &lock());
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0].starts_with("CADDY_IMAGE is caddy:2, and images.lock.json has docker.io/library/caddy:")
        );
        let mended = with_images(text, &lock());
        assert!(mended.contains("-alpine@sha256:0a0a"), "{mended}");
        assert_eq!(mended.lines().count(), text.lines().count());
        assert_eq!(strange(&mended, &lock()), [""; 0]);
        assert_eq!(with_images(&mended, &lock()), mended);
        for (line, words) in [
            ("FROM nginx:1", "FROM nginx:1 is neither"),
            ("from ${BASE}", "FROM ${BASE} is neither"),
            ("FROM ${RUST_IMAGE}", "FROM ${RUST_IMAGE} is neither"),
            ("ARG NGINX_IMAGE=nginx", "no image for NGINX_IMAGE"),
            ("COPY --from=nginx:1 /a /b", "copies from nginx:1"),
            ("RUN --mount=type=bind,from=nginx,target=/a true", "copies from nginx"),
            ("# syntax=docker/dockerfile:1", "pulls an image"),
            ("COPY --from=4 /a /b", "copies from 4"),
            ("ARG A=1 CADDY_IMAGE=nginx", "several arguments"),
        ] {
            let wrong = strange(&format!("{mended}{line}\n"), &lock());
            assert!(wrong.len() == 1 && wrong[0].contains(words), "{line}: {wrong:?}");
        }
        let right = format!("{mended}# from=nginx\nCOPY --from=0 /a /b\n");
        assert_eq!(strange(&right, &lock()), [""; 0]);
        let base = "ARG BASE=nginx\nFROM ${BASE}\n";
        assert_eq!(strange(base, &lock()).len(), 1, "an argument by another name is one, too");
    }
}
