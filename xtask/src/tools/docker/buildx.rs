//! `docker buildx`: images, built by the engine's own BuildKit.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

use crate::tools::locate;
use crate::workspace;

/// Asks a registry for the digest of an image, with the log-ins that docker's client has.
pub fn inspect<'a>(sh: &'a Shell, name: &str) -> anyhow::Result<Cmd<'a>> {
    let (program, format) = (locate::buildx()?, "{{json .Manifest.Digest}}");
    let cmd = cmd!(sh, "{program} imagetools inspect --format {format} {name}");
    Ok(cmd.env("BUILDX_CONFIG", workspace::tools_dir().join("buildx")))
}

/// One image to build.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// The program, called by path.
    pub program: &'a Utf8Path,
    /// The Dockerfile, which need not be in the context.
    pub dockerfile: &'a Utf8Path,
    /// The folder that the Dockerfile may copy from.
    pub context: &'a Utf8Path,
    /// Build arguments.
    pub arguments: Vec<(&'static str, String)>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Names, with their tags.
    pub tags: Vec<String>,
}

impl Build<'_> {
    /// Builds the image into the engine and writes its id to `id_file`. No attestations: the same inputs are to give
    /// the same image.
    pub fn command<'c>(&self, sh: &'c Shell, id_file: &Utf8Path) -> Cmd<'c> {
        let Build { program, dockerfile, context, .. } = self;
        let arguments = self
            .arguments
            .iter()
            .flat_map(|(name, value)| ["--build-arg".to_owned(), format!("{name}={value}")]);
        let labels =
            self.labels.iter().flat_map(|(name, value)| ["--label".to_owned(), format!("{name}={value}")]);
        let tags = self.tags.iter().flat_map(|tag| ["--tag".to_owned(), tag.clone()]);
        cmd!(
            sh,
            "{program} build --load --provenance=false --progress plain --iidfile {id_file} --file {dockerfile} {arguments...} {labels...} {tags...} {context}"
        )
        // What it notes for itself goes there, and not into the user's home.
        .env("BUILDX_CONFIG", workspace::tools_dir().join("buildx"))
    }
}
