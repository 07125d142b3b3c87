//! `cargo xtask release exposed 'openssl<3.0.18'`: which kept releases carry a package, those that a rollback can go to
//! included, and whether the platform beneath them does.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::commands::output::OutputArgs;
use crate::commands::target::TargetArgs;
use crate::host::Machine;
use crate::product::sbom::{self, Part, Range, Sbom};
use crate::rollout::observed::Observed;
use crate::rollout::state::release::Release;
use crate::terminal::{self, paint};

/// Which kept releases carry a package: by its name, or that of its source
#[derive(Debug, Args)]
pub struct Exposed {
    /// A name, and perhaps which versions: 'openssl<3.0.18', 'cargo:ring<=0.17.9', 'npm:vite=6.0.0', zlib1g
    #[arg(value_name = "PACKAGE")]
    package: Range,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// A package that was found.
#[derive(Debug, Serialize)]
struct Found {
    /// A release, or `platform`.
    of: String,
    state: &'static str,
    image: String,
    package: String,
    version: String,
}

/// An image of which nobody can say what it is made of.
#[derive(Debug, Serialize)]
struct Unknown {
    of: String,
    image: String,
    why: String,
}

impl Exposed {
    /// Looks into each image once, however many releases have it.
    pub fn run(self) -> Result<()> {
        let machine = self.target.clone().reach()?;
        let seen = Observed::for_looking(&machine, |why| terminal::warn(format_args!("{why:#}")))?;
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        let mut known = BTreeMap::new();
        let missing = machine.missing_images(&seen.kept)?;
        let is_gone = |release: &Release, image: &String| {
            missing.get(&release.id).is_some_and(|images| images.contains(image))
        };
        for release in seen.kept.iter().rev() {
            for (component, image) in &release.contents.images {
                let parts = known.entry(image.clone()).or_insert_with(|| {
                    if is_gone(release, image) {
                        Err("its image is gone".to_owned())
                    } else {
                        parts_of(&machine, release, component, image)
                    }
                });
                let (of, state) = (release.id.to_string(), super::state(&seen, release));
                self.sort_out(of, state, component, parts, &mut found, &mut unknown);
            }
        }
        for (service, image) in seen.ledger.platform().map(|record| &record.images).into_iter().flatten() {
            let parts = packages_of(&machine, image);
            self.sort_out("platform".to_owned(), "running", service, &parts, &mut found, &mut unknown);
        }
        let output = self.output;
        output.say(
            || serde_json::json!({ "package": self.package.to_string(), "found": found, "unknown": unknown }),
            || say(&self.package, &found, &unknown),
        );
        Ok(())
    }

    fn sort_out(
        &self,
        of: String,
        state: &'static str,
        image: &str,
        parts: &Result<Sbom, String>,
        found: &mut Vec<Found>,
        unknown: &mut Vec<Unknown>,
    ) {
        match parts {
            Ok(Sbom(parts)) => {
                found.extend(parts.iter().filter(|part| self.package.has(part)).map(|part| Found {
                    of: of.clone(),
                    state,
                    image: image.to_owned(),
                    package: in_words(part),
                    version: part.version.clone(),
                }))
            }
            Err(why) => unknown.push(Unknown { of, image: image.to_owned(), why: why.clone() }),
        }
    }
}

/// What an image of a release is made of, by the list that lies in it; an error, in words, when that is not to be had, or is
/// not the one that the release was deployed with.
fn parts_of(machine: &Machine, release: &Release, component: &str, image: &str) -> Result<Sbom, String> {
    let text = machine.text_in_image(image, sbom::PATH).map_err(|error| format!("{error:#}"))?;
    let text = text.ok_or_else(|| "its image is from before there was a list in it".to_owned())?;
    match release.sboms.get(component) {
        Some(sum) if *sum != sbom::sum(&text) => {
            Err("the list in its image is not the one that it was deployed with".to_owned())
        }
        _ => Sbom::parse(&text).map_err(|error| format!("{error:#}")),
    }
}

fn packages_of(machine: &Machine, image: &str) -> Result<Sbom, String> {
    sbom::packages_of(image, |paths, into| machine.copy_out_of_image(image, paths, into))
        .map(Sbom)
        .map_err(|error| format!("{error:#}"))
}

fn in_words(part: &Part) -> String {
    let source = part.source.as_ref().map_or(String::new(), |source| format!(" (of {source})"));
    format!("{}:{}{source}", part.kind.name(), part.name)
}

fn say(package: &Range, found: &[Found], unknown: &[Unknown]) {
    let row = |it: &Found| {
        let state =
            if matches!(it.state, "live" | "running") { paint::bad(it.state) } else { paint::warn(it.state) };
        vec![it.of.clone(), state, it.image.clone(), it.package.clone(), it.version.clone()]
    };
    if found.is_empty() && !unknown.is_empty() {
        terminal::say(format_args!("none of those that can be looked into carries {package}"));
    } else if found.is_empty() {
        terminal::say(format_args!(
            "{} neither a kept release nor the platform carries {package}",
            paint::good("Clean:")
        ));
    } else {
        let rows: Vec<_> = found.iter().map(row).collect();
        terminal::table(&["of", "state", "image", "package", "version"], &rows);
    }
    for it in unknown {
        terminal::say(paint::warn(format_args!("not known: {} of {}: {}", it.image, it.of, it.why)));
    }
}
