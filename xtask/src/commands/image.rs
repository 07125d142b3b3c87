//! `cargo xtask image`: builds the images of this tree, pushes them, and locks the base images.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use crate::exit::refuse;
use crate::product::images::{BuiltImage, Registry, build, find, lock, push_built};
use crate::terminal;
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
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Write down the digests of the base images that their registries have now
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
            Verb::Push { yes, output } => push_tree(yes, output),
            Verb::Lock => lock::write(),
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

fn push_tree(yes: bool, output: OutputArgs) -> Result<()> {
    if git::dirty_hash(workspace::root())?.is_some() {
        return Err(refuse(
            "this tree holds changes that are in no commit, and only commits are pushed: commit them",
        ));
    }
    let registry = Registry::choose()?;
    let built = build(yes)?;
    let commit = git::head(workspace::root())?;
    let images = match find(&registry, &commit)? {
        // What a commit's images are never changes: an environment may have confirmed them by their digests.
        Some(images) => {
            for image in &built.images {
                registry.point_at(&images[image.component.name], image, &commit)?;
            }
            images
        }
        None => push_built(&registry, &built)?,
    };
    let row = |(name, image): (&String, &String)| vec![name.clone(), image.clone()];
    output.say(
        || json!(images),
        || terminal::table(&["image", "name by digest"], &images.iter().map(row).collect::<Vec<_>>()),
    );
    Ok(())
}
