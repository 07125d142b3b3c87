//! `docker buildx`: images, built by the engine's own BuildKit.

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

/// The program, called by path.
#[derive(Debug, Clone)]
pub struct Buildx {
    /// The program.
    pub program: Utf8PathBuf,
    /// Where it keeps what it notes for itself.
    pub config: Utf8PathBuf,
}

impl Buildx {
    /// Asks a registry for the digest of an image, with the log-ins that docker's client has.
    pub fn inspect<'a>(&self, sh: &'a Shell, name: &str) -> Cmd<'a> {
        let (program, format) = (&self.program, "{{json .Manifest.Digest}}");
        let cmd = cmd!(sh, "{program} imagetools inspect --format {format} {name}");
        cmd.env("BUILDX_CONFIG", &self.config)
    }

    /// Asks a registry for the manifest of an image: its digest, and when it is an index, those that are in it.
    pub fn inspect_manifest<'a>(&self, sh: &'a Shell, name: &str) -> Cmd<'a> {
        let (program, format) = (&self.program, "{{json .Manifest}}");
        let cmd = cmd!(sh, "{program} imagetools inspect --format {format} {name}");
        cmd.env("BUILDX_CONFIG", &self.config)
    }

    /// Asks a registry for what an image of one platform says of itself: its labels are in there, below `config`.
    pub fn inspect_config<'a>(&self, sh: &'a Shell, name: &str) -> Cmd<'a> {
        let (program, format) = (&self.program, "{{json .Image}}");
        let cmd = cmd!(sh, "{program} imagetools inspect --format {format} {name}");
        cmd.env("BUILDX_CONFIG", &self.config)
    }

    /// Builds the image into the engine and writes its id to `id_file`. No attestations: the same inputs are to give
    /// the same image.
    pub fn build<'a>(&self, sh: &'a Shell, image: &Build, id_file: &Utf8Path) -> Cmd<'a> {
        let (program, Build { dockerfile, context, .. }) = (&self.program, image);
        let arguments = image
            .arguments
            .iter()
            .flat_map(|(name, value)| ["--build-arg".to_owned(), format!("{name}={value}")]);
        let labels =
            image.labels.iter().flat_map(|(name, value)| ["--label".to_owned(), format!("{name}={value}")]);
        let tags = image.tags.iter().flat_map(|tag| ["--tag".to_owned(), tag.clone()]);
        let build = cmd!(
            sh,
            "{program} build --load --provenance=false --progress plain --iidfile {id_file} --file {dockerfile} {arguments...} {labels...} {tags...} {context}"
        );
        build.env("BUILDX_CONFIG", &self.config).env("SOURCE_DATE_EPOCH", image.time.to_string())
    }
}

/// One image to build.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// The Dockerfile, which need not be in the context.
    pub dockerfile: &'a Utf8Path,
    /// The folder that the Dockerfile may copy from.
    pub context: &'a Utf8Path,
    /// Build arguments.
    pub arguments: Vec<(&'static str, String)>,
    /// When it counts as made, in seconds since 1970: an engine from 23 on writes that into the image, and not its own time.
    pub time: i64,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Names, with their tags.
    pub tags: Vec<String>,
}
