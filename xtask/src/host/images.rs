//! Images come to the host by their digest: from a registry that it reaches by itself, or from ours, through the
//! connection.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8Path;
use serde::Serialize;
use xshell::cmd;

use super::{Leased, Machine};
use crate::rollout::state::release::{Release, ReleaseId};
use crate::tools::docker::copy::{self, Copied};
use crate::tools::docker::{self, image};
use crate::tools::files::private::Folder;
use crate::tools::process::Run;
use crate::tools::ssh::Traffic;

/// The longest that one image may take.
const PULL_TIMEOUT: Duration = Duration::from_secs(600);

/// The images that the platform and the guard run.
#[derive(Debug, Clone)]
pub struct Bases {
    /// The edge; has `sh`, `flock` and `wget` too.
    pub caddy: String,
    /// The database.
    pub postgres: String,
}

/// Our registry, as a host reaches it: under the same name as we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryTunnel {
    /// The port in the images' names: `localhost:PORT/…`.
    pub port: u16,
    /// Where it leads to on our loopback: an instance that only reads, since anyone on the host can reach it.
    pub to: u16,
}

/// What the one connection of a driver carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Commands on the host.
    pub calls: u32,
    /// Bytes from here to the host.
    pub sent: u64,
    /// Bytes from the host to here.
    pub received: u64,
}

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let Carried { calls, sent, received } = self;
        write!(
            f,
            "one ssh connection, {calls} commands, {:.2} MB sent, {:.2} MB received",
            mb(*sent),
            mb(*received)
        )
    }
}

impl Machine {
    /// With a registry of ours that the host may pull from.
    pub fn with_registry_tunnel(self, registry_tunnel: Option<RegistryTunnel>) -> Machine {
        Machine { registry_tunnel, ..self }
    }

    /// With the images that starting a platform or a guard takes. Only a deploy does that.
    pub fn with_bases(self, bases: Bases) -> Machine {
        Machine { bases: Some(bases), ..self }
    }

    /// Ends the connection, when there is one, and says what it carried.
    pub fn close(self) -> Option<Carried> {
        let connection = self.shell.into_connection()?;
        let calls = connection.calls();
        let Traffic { sent, received } = connection.close();
        Some(Carried { calls, sent, received })
    }
}

impl Machine {
    /// A file in an image that the engine has; none when the image has no such file.
    pub fn text_in_image(&self, image: &str, path: &str) -> Result<Option<String>> {
        let folder = Folder::new()?;
        let copied = self.copy_out_of_image(image, &[path], folder.path())?;
        let Some(copied) = copied.first() else { return Ok(None) };
        fs::read_to_string(&copied.file).map(Some).with_context(|| format!("reading {path} of {image}"))
    }

    /// Copies those of these paths that an image has, which the engine has, into a folder of the operator's.
    pub fn copy_out_of_image(&self, image: &str, paths: &[&str], into: &Utf8Path) -> Result<Vec<Copied>> {
        Ok(copy::out_of_image(self.docker(), image, paths, into)?)
    }

    /// What an image takes on the engine's disk, with layers that others may share; nothing when it is gone.
    pub fn image_bytes(&self, image: &str) -> Result<u64> {
        Ok(image::bytes(self.docker(), image)?)
    }

    /// Of each release, the images that the engine has not.
    pub fn missing_images<'a>(
        &self,
        releases: impl IntoIterator<Item = &'a Release>,
    ) -> Result<BTreeMap<ReleaseId, Vec<String>>> {
        let (mut missing, mut known) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        for release in releases {
            for image in release.contents.images.values() {
                let is_there = match known.get(image) {
                    Some(is_there) => *is_there,
                    None => image::is_here(self.docker(), image)?,
                };
                known.insert(image, is_there);
                if !is_there {
                    missing.entry(release.id.clone()).or_default().push(image.clone());
                }
            }
        }
        Ok(missing)
    }
}

/// Where the image of a container beside the platform comes from.
pub enum ToolImage {
    /// It has this name here, or in a registry that the host reaches.
    Named(String),
    /// The host's own engine makes it, of a Dockerfile that takes no files.
    Made {
        /// The name that it gets.
        name: String,
        /// How it is made.
        dockerfile: String,
    },
}

impl ToolImage {
    /// Its name on the host.
    pub fn name(&self) -> &String {
        let (ToolImage::Named(name) | ToolImage::Made { name, .. }) = self;
        name
    }
}

impl Leased<'_> {
    /// Has the images on the host's engine: they come beside each other.
    pub(super) fn fetch_images<'a>(&self, images: impl IntoIterator<Item = &'a String>) -> Result<()> {
        let machine = self.fenced()?;
        let docker = machine.docker();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for image in images {
            if image::is_here(docker, image)? {
                continue;
            }
            if machine.environment.is_here() {
                bail!(
                    "the image {image} is not on this machine any more, and no registry has it: `cargo xtask deploy` of its \
                     commit builds it again"
                );
            }
            if self.tunnel_for(image)? {
                own.push((image, image::start_pull(docker, image, PULL_TIMEOUT)?));
            } else {
                others.push((image, Run::new(docker::pull(docker, image)).timeout(PULL_TIMEOUT)));
            }
        }
        let what = |image| format!("pulling {image}");
        thread::scope(|scope| {
            let others: Vec<_> =
                others.into_iter().map(|(image, pull)| (image, scope.spawn(move || pull.run()))).collect();
            for (image, pull) in own {
                image::finish_pull(pull).with_context(|| what(image))?;
                // An engine that is being stopped ends its answer like one that is done.
                ensure!(
                    image::is_here(docker, image)?,
                    "pulling {image}: it ended before the image was there"
                );
            }
            for (image, pull) in others {
                pull.join().expect("a runner does not panic").with_context(|| what(image))?;
            }
            Ok(())
        })
    }

    /// Has the image on the host.
    pub(super) fn fetch_tool(&self, image: &ToolImage) -> Result<()> {
        match image {
            ToolImage::Named(name) => self.fetch_images([name]),
            ToolImage::Made { name, dockerfile } => self.make_image(name, dockerfile),
        }
    }

    /// Has the host's engine make an image of a Dockerfile that takes no files, unless it has one of this name.
    fn make_image(&self, name: &str, dockerfile: &str) -> Result<()> {
        let docker = self.fenced()?.docker();
        if image::is_here(docker, name)? {
            return Ok(());
        }
        let build = Run::new(cmd!(docker, "docker build --quiet --tag {name} -")).stdin(dockerfile);
        build.timeout(PULL_TIMEOUT).run().with_context(|| format!("having the host's engine make {name}"))
    }

    /// Whether the image is in a registry of ours; then the way back to it is open. A second driver without the lease would
    /// fail on the port, and not on the lease.
    fn tunnel_for(&self, image: &str) -> Result<bool> {
        let machine = self.fenced()?;
        let (Some(way), Some(connection)) = (machine.registry_tunnel, machine.shell.connection()) else {
            return Ok(false);
        };
        if docker::registry(image) != format!("localhost:{}", way.port) {
            return Ok(false);
        }
        if !machine.tunnel_is_open.get() {
            connection.open_reverse_tunnel(way.port, way.to)?;
            machine.tunnel_is_open.set(true);
        }
        Ok(true)
    }
}
