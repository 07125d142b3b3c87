//! Images come to the host by their digest: from a registry that it reaches by itself, or from ours, through the
//! connection.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::{Bases, Leased, Machine};
use crate::project::{DATABASE_SERVICE, EDGE};
use crate::tools::docker::container::{self, Inspected};
use crate::tools::docker::{self};
use crate::tools::process::Run;
use crate::tools::ssh::Traffic;

/// The longest that one image may take.
const PULL_TIMEOUT: Duration = Duration::from_secs(600);

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

    /// The images that the platform runs at this moment; none when it does not run whole.
    pub fn running_bases(&self) -> Result<Option<Bases>> {
        let containers = self.platform_containers()?;
        let image = |service: &str| {
            let of = |found: &&Inspected| found.label("com.docker.compose.service") == Some(service);
            containers.iter().find(of).map(|found| found.config.image.clone())
        };
        Ok(image(EDGE.name)
            .zip(image(DATABASE_SERVICE.name))
            .map(|(caddy, postgres)| Bases { caddy, postgres }))
    }

    /// Ends the connection, when there is one, and says what it carried.
    pub fn close(self) -> Option<Carried> {
        let connection = self.shell.into_connection()?;
        let calls = connection.calls();
        let Traffic { sent, received } = connection.close();
        Some(Carried { calls, sent, received })
    }
}

impl Leased<'_> {
    /// Has the images on the host's engine: they come beside each other.
    pub(super) fn fetch<'a>(&self, images: impl IntoIterator<Item = &'a String>) -> Result<()> {
        let machine = self.fenced()?;
        let docker = machine.shell.docker();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for image in images {
            if container::has_image(docker, image)? {
                continue;
            }
            if machine.environment.is_here() {
                bail!("{image} is not on this machine any more");
            }
            if self.tunnel_for(image)? {
                own.push((image, container::pull(docker, image, PULL_TIMEOUT)?));
            } else {
                others.push((image, Run::new(docker::pull(docker, image)).timeout(PULL_TIMEOUT)));
            }
        }
        let what = |image| format!("pulling {image}");
        thread::scope(|scope| {
            let others: Vec<_> =
                others.into_iter().map(|(image, pull)| (image, scope.spawn(move || pull.run()))).collect();
            for (image, pull) in own {
                container::pulled(pull).with_context(|| what(image))?;
                // An engine that is being stopped ends its answer like one that is done.
                ensure!(
                    container::has_image(docker, image)?,
                    "pulling {image}: it ended before the image was there"
                );
            }
            for (image, pull) in others {
                pull.join().expect("a runner does not panic").with_context(|| what(image))?;
            }
            Ok(())
        })
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
