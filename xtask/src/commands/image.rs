//! `cargo xtask image`: builds the images of this tree, pushes them, names those whose checks have passed, and locks the base
//! images.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use crate::exit::refuse;
use crate::product::checks::{self, Note};
use crate::product::images::{self, BuiltImage, Registry, Tree, build, lock};
use crate::product::outdated::{self, Newer};
use crate::project::CHECKS_KEY;
use crate::terminal::{self, Activity, paint};
use crate::tools::git;
use crate::workspace;

/// Build the images of this tree, push them, lock the base images
#[derive(Debug, Args)]
pub struct Image {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build both images, tagged with the commit, the branch, and `latest` on the default branch
    Build {
        /// Install what is missing without asking
        #[arg(long)]
        yes: bool,
    },
    /// Build both images and push them, under the same tags; gives their names by digest
    Push {
        /// Install what is missing without asking
        #[arg(long)]
        yes: bool,
        /// Under a name that only `publish` looks for, while the checks of the commit still run
        #[arg(long)]
        unchecked: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// The checks of this commit have passed: give its pushed images their names, and sign a note that says so
    ///
    /// The last job of CI calls it. CI_RESULTS says what the jobs before have come to, as a workflow writes it by
    /// toJSON(needs); CHECKS_SIGNING_KEY is the key that signs. The note lies in the registry, beside the images; a deploy to
    /// staging or production looks for it.
    Publish {
        /// Install what is missing without asking
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// What has a newer version: the base images' packages by the distribution's lists, crates, npm's packages
    ///
    /// Security updates come first. What could not be asked is said. `status` warns by the last answer, with its day, when a
    /// platform that runs has packages which a security update mends.
    Outdated {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Write down the digests of the base images that their registries have now, and the packages of those assembled here
    ///
    /// Into tracehub/deploy/images.lock.json and the Dockerfiles. What can't be asked now keeps what it had.
    Lock,
}

impl Image {
    /// Builds, and says what came of it.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Build { yes } => {
                let rows: Vec<Vec<String>> = build(yes)?.images.iter().flat_map(rows).collect();
                terminal::table(&["image", "id", "size", "name"], &rows);
                Ok(())
            }
            Verb::Push { yes, unchecked, output } => push(yes, unchecked, output),
            Verb::Publish { yes, output } => publish(yes, output),
            Verb::Outdated { output } => outdated(output),
            Verb::Lock => {
                lock::say(&lock::write(lock::Rows::All)?);
                Ok(())
            }
        }
    }
}

/// A row a name, the rest beside the first.
fn rows(image: &BuiltImage) -> impl Iterator<Item = Vec<String>> {
    let size = format!("{:.1} MB", image.bytes as f64 / 1e6);
    let first = [image.component.name.to_owned(), image.id[7..19].to_owned(), size];
    image.tags.iter().enumerate().map(move |(number, tag)| {
        let mut row = if number == 0 { first.clone().into() } else { vec![String::new(); 3] };
        row.push(tag.clone());
        row
    })
}

fn push(yes: bool, unchecked: bool, output: OutputArgs) -> Result<()> {
    refuse_changes()?;
    let registry = Registry::choose()?;
    let built = build(yes)?;
    let push = if unchecked { images::push_unchecked } else { images::push_built };
    say(&push(&registry, &built)?, output);
    Ok(())
}

fn publish(yes: bool, output: OutputArgs) -> Result<()> {
    refuse_changes()?;
    let passed = checks::passed_jobs()?;
    let key = checks::key()?;
    if key.is_none() && checks::lists_somebody(&checks::signers()?) {
        return Err(refuse(format!(
            "{CHECKS_KEY} is not set, and {} lists who signs: a deploy would not believe these images. Nothing was changed.",
            checks::signers_path()
        )));
    }
    images::ensure_publisher(yes)?;
    let (registry, tree) = (Registry::choose()?, Tree::look()?);
    let images = images::publish(&registry, &tree, |images| match &key {
        Some(key) => Note::of(&tree.commit, images, passed)
            .sign(key)
            .and_then(|note| checks::put(&note, &registry, &tree.commit)),
        None => {
            terminal::note(format_args!(
                "{} lists nobody, and {CHECKS_KEY} is not set: no note is signed",
                checks::signers_path()
            ));
            Ok(())
        }
    })?;
    say(&images, output);
    Ok(())
}

fn outdated(output: OutputArgs) -> Result<()> {
    let mut report = Activity::of("ask for newer versions", |_| outdated::ask())?;
    report.newer.sort_by(|a, b| b.is_security.cmp(&a.is_security).then_with(|| a.row().cmp(&b.row())));
    output.say(
        || json!(report),
        || {
            let row = |it: &Newer| {
                let kind = if it.is_security { paint::bad("security") } else { String::new() };
                it.row().map(str::to_owned).into_iter().chain([kind]).collect()
            };
            let rows: Vec<Vec<String>> = report.newer.iter().map(row).collect();
            if rows.is_empty() {
                terminal::say(format_args!(
                    "{} nothing of what could be asked has a newer version",
                    paint::good("Current:")
                ));
            } else {
                terminal::table(&["of", "package", "has", "newest", ""], &rows);
            }
            report.not_asked.iter().for_each(|it| terminal::say(paint::dim(format_args!("not asked: {it}"))));
        },
    );
    Ok(())
}

fn refuse_changes() -> Result<()> {
    match git::dirty_hash(workspace::root())? {
        None => Ok(()),
        Some(_) => Err(refuse(
            "this tree holds changes that are in no commit, and only commits are pushed: commit them",
        )),
    }
}

fn say(images: &BTreeMap<String, String>, output: OutputArgs) {
    let row = |(name, image): (&String, &String)| vec![name.clone(), image.clone()];
    output.say(
        || json!(images),
        || terminal::table(&["image", "name by digest"], &images.iter().map(row).collect::<Vec<_>>()),
    );
}
