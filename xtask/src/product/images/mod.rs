//! The images of the two components: how they are built, named, pushed and found. What is slow (compiler, npm, base
//! images) runs beside each other; an image whose inputs have not changed is not built again.

mod inputs;
pub mod lock;
mod push;
mod registry;

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use xshell::Shell;

use self::inputs::Inputs;
use crate::host::Bases;
use crate::product::frontend;
use crate::project::{self, Component};
use crate::setup::base_images::{self, BaseImage};
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity, paint};
use crate::tools::cargo;
use crate::tools::elf::{self, Glibc};
use crate::tools::git::{self, Commit};
use crate::tools::process::{Run, shell};
use crate::workspace;

pub use self::push::{bases_for_host, build_and_push, ensure_client, find, push_built};
pub use self::registry::Registry;

/// What a build calls.
pub const TOOLS: &[Tool] = &[
    Tool::Engine,
    Tool::Docker,
    Tool::Compose,
    Tool::Buildx,
    Tool::Readelf,
    Tool::Node,
    Tool::Npm,
    Tool::Curl,
];

/// What a build leaves.
pub struct Built {
    /// What it was built from.
    pub tree: Tree,
    /// Both images.
    pub images: Vec<BuiltImage>,
    /// The images that the platform runs.
    pub bases: Bases,
}

/// One image, in the engine.
pub struct BuiltImage {
    /// Which half of the app.
    pub component: Component,
    /// Its id.
    pub id: String,
    /// Its names.
    pub tags: Vec<String>,
    /// Its size.
    pub bytes: u64,
}

/// What is built: a commit, and what was changed since.
pub struct Tree {
    /// The commit.
    pub commit: Commit,
    /// 12 hex digits when something differs from the commit.
    pub dirty: Option<String>,
    branch: Option<String>,
    origin: Option<String>,
}

impl Tree {
    /// Looks at the working tree.
    pub fn look() -> Result<Tree> {
        let root = workspace::root();
        Ok(Tree {
            commit: git::head(root)?,
            dirty: git::dirty_hash(root)?,
            branch: git::branch(root)?,
            origin: git::origin_url(root)?,
        })
    }

    /// The commit's time.
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.commit.time.try_into().unwrap_or(0))
    }

    /// The commit, and what differs from it.
    pub fn revision(&self) -> String {
        self.dirty
            .as_ref()
            .map_or(self.commit.sha.clone(), |hash| format!("{}-dirty-{hash}", self.commit.sha))
    }

    /// `sha`, branch, `latest`; of a dirty tree only the first, since no branch holds it.
    fn tags(&self) -> Vec<String> {
        let mut tags = vec![self.revision()];
        if let (None, Some(branch)) = (&self.dirty, &self.branch) {
            tags.push(
                branch
                    .replace(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_', "-")
                    .to_lowercase(),
            );
            tags.extend((branch == project::DEFAULT_BRANCH).then(|| "latest".to_owned()));
        }
        tags
    }

    /// The name, with its most exact tag, that a component's image has when it is built from this tree.
    pub fn name_of(&self, component: Component) -> String {
        format!("{}/{}:{}", self.repository(), component.image, self.revision())
    }

    /// What stands in front of the images' names: GitHub's registry, when that is where the origin is; elsewhere the
    /// project's own name, which no registry has.
    fn repository(&self) -> String {
        let github = self.origin.as_deref().and_then(registry::of_github);
        github.unwrap_or_else(|| project::NAME.to_owned())
    }

    fn labels(&self) -> Vec<(String, String)> {
        let label = |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.to_owned());
        let created = humantime::format_rfc3339_seconds(self.time()).to_string();
        let mut labels = vec![
            label("revision", &self.revision()),
            label("version", env!("CARGO_PKG_VERSION")),
            label("created", &created),
        ];
        labels.extend(self.origin.as_ref().filter(|url| !url.contains('@')).map(|url| label("source", url)));
        labels
    }
}

/// Builds everything that a release of this tree consists of.
pub fn build(yes: bool) -> Result<Built> {
    let tree = Tree::look()?;
    // First, so that the one question comes before the long wait, and what can't be had ends it at once.
    setup::ensure(TOOLS, yes)?;
    let (binary, site, bases) = thread::scope(|scope| {
        let (binary, site) = (scope.spawn(build_binary), scope.spawn(build_site));
        let bases = base_images::ensure(&["runtime", "caddy", "postgres"]);
        let join = "a build does not panic";
        anyhow::Ok((binary.join().expect(join)?, site.join().expect(join)?, bases?))
    })?;
    say_bases(&bases);
    let sh = shell();
    let (binary, files) = backend_files(sh, binary)?;
    let backend = Inputs {
        component: project::BACKEND,
        files,
        arguments: vec![("BINARY", binary.to_owned()), ("RUNTIME_IMAGE", bases["runtime"].reference.clone())],
    };
    let frontend = Inputs {
        component: project::FRONTEND,
        files: vec![
            (site, "dist".to_owned()),
            (folder(project::FRONTEND).join("Caddyfile"), "Caddyfile".to_owned()),
        ],
        arguments: vec![("SITE", "prebuilt".to_owned()), ("CADDY_IMAGE", bases["caddy"].reference.clone())],
    };
    let images =
        [backend, frontend].into_iter().map(|inputs| inputs.build(sh, &tree)).collect::<Result<_>>()?;
    Ok(Built { tree, images, bases: of_platform(&bases) })
}

/// The images that a platform on this machine runs.
pub fn bases_here() -> Result<Bases> {
    base_images::ensure(&["caddy", "postgres"]).map(|bases| of_platform(&bases))
}

fn of_platform(bases: &BTreeMap<&'static str, BaseImage>) -> Bases {
    let base = |name: &str| bases[name].reference.clone();
    Bases { caddy: base("caddy"), postgres: base("postgres") }
}

fn say_bases(bases: &BTreeMap<&'static str, BaseImage>) {
    let of = |origin| bases.iter().filter(move |(_, base)| base.origin == origin).map(|(name, _)| *name);
    let assembled: Vec<&str> = of(base_images::Origin::Assembled).collect();
    if !assembled.is_empty() {
        let names = assembled.join(", ");
        terminal::note(paint::dim(format_args!("  base images assembled from Debian's packages: {names}")));
    }
}

/// Where a component's sources are.
fn folder(component: Component) -> Utf8PathBuf {
    workspace::root().join(component.folder)
}

fn build_binary() -> Result<Utf8PathBuf> {
    let package = project::BACKEND.image;
    Activity::of(format!("compile {package}"), |activity| {
        cargo::build_release(workspace::root(), package, &|line| activity.line(line))
    })
    .with_context(|| format!("compiling {package}"))
}

fn build_site() -> Result<Utf8PathBuf> {
    let built = folder(project::FRONTEND).join("dist");
    let stamp = workspace::local_dir().join("dist-made-from");
    let sources = git::content_hash(workspace::root(), project::FRONTEND.folder)?;
    if built.join("index.html").is_file() && fs::read_to_string(&stamp).is_ok_and(|noted| noted == sources) {
        return Ok(built);
    }
    Activity::of("install the page's packages", |activity| frontend::install(&|line| activity.line(line)))
        .context("installing the frontend's packages")?;
    Activity::of("build the page", |activity| {
        let timeout = Duration::from_secs(300);
        Run::new(frontend::package()?.script(shell(), "build"))
            .timeout(timeout)
            .each_line(&|line| activity.line(line))
            .run()?;
        anyhow::Ok(())
    })
    .context("building the frontend")?;
    fs::create_dir_all(workspace::local_dir())?;
    fs::write(&stamp, sources).context("noting what the page was built from")?;
    Ok(built)
}

/// What the backend's image is made of, and the stage of its Dockerfile that takes it. A binary runs in an image only
/// if the image's C library is as new as the one that it was linked with; otherwise the image's own build makes one.
fn backend_files(sh: &Shell, binary: Utf8PathBuf) -> Result<(&'static str, Vec<(Utf8PathBuf, String)>)> {
    let needed = elf::needed_glibc(sh, &binary)?;
    let images = Glibc::of(project::RUNTIME_GLIBC);
    let Some(needed) = needed.filter(|needed| *needed > images) else {
        return Ok(("prebuilt", vec![(binary, project::BACKEND.image.to_owned())]));
    };
    terminal::note(format_args!(
        "  compiled here, the backend needs glibc {needed}, and its image has {images}: it is compiled in a container, whose \
         image a registry must have"
    ));
    let sources = ["Cargo.toml", "Cargo.lock", "xtask", project::BACKEND.folder];
    Ok(("build", sources.map(|path| (workspace::root().join(path), path.to_owned())).into()))
}
