//! A registry of our own on this machine's loopback: one instance that is written to, and one that only reads, for hosts
//! that come through their connection, since anybody on a host can come that way.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use super::base_images;
use crate::project::{self, REGISTRY, REGISTRY_LABEL};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::limits::LIMITS;
use crate::tools::docker::{container, volume};
use crate::tools::http;
use crate::tools::process::{Run, interrupt, shell};

/// How long it may take to answer.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// Debian's program and the public image's have two names. What it is told comes as an argument.
const SERVE: &str = r#"printf '%s' "$1" >/tmp/registry.yml
exec "$(command -v registry || command -v docker-registry)" serve /tmp/registry.yml"#;

/// The two instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registry {
    /// Where the one listens that is written to.
    pub port: u16,
    /// Where the one listens that only reads.
    pub read_only_port: u16,
}

/// Has both running and answering, with one volume for what they hold.
pub fn ensure(name: &str, registry: Registry) -> Result<()> {
    let sh = shell();
    for (suffix, port, read_only) in
        [("", registry.port, false), ("-read-only", registry.read_only_port, true)]
    {
        let container = format!("{name}{suffix}");
        match container::named(sh, &container)?.map(|found| found.state.status) {
            Some(Condition::Running) => {}
            Some(_) => Run::new(cmd!(sh, "docker start {container}")).run()?,
            None => start(sh, name, &container, port, read_only)?,
        }
        wait_for(sh, &container, port)?;
    }
    Ok(())
}

fn start(sh: &Shell, name: &str, container: &str, port: u16, read_only: bool) -> Result<()> {
    let image = base_images::one(&REGISTRY)?.reference;
    let (label, volume) = (format!("{REGISTRY_LABEL}={name}"), format!("{name}:/var/lib/registry"));
    let publish = format!("127.0.0.1:{port}:5000");
    let config = configuration(read_only);
    let run = cmd!(
        sh,
        "docker run --detach {LIMITS...} --name {container} --label {label} --restart unless-stopped --publish {publish} --volume {volume} --entrypoint sh {image} -c {SERVE} registry {config}"
    );
    Run::new(run).run().with_context(|| {
        format!("starting the registry {container}: is something else at port {port} of the loopback?")
    })
}

fn configuration(read_only: bool) -> String {
    format!(
        "version: 0.1\nlog: {{ level: warn, accesslog: {{ disabled: true }} }}\nhttp: {{ addr: ':5000' }}\nstorage:\n  \
         filesystem: {{ rootdirectory: /var/lib/registry }}\n  maintenance: {{ readonly: {{ enabled: {read_only} }} }}\n"
    )
}

fn wait_for(sh: &Shell, container: &str, port: u16) -> Result<()> {
    let (began, url) = (Instant::now(), format!("http://localhost:{port}/v2/"));
    while !http::Client::default().get(&url, Duration::from_secs(2)).is_ok_and(|answer| answer.status == 200)
    {
        if began.elapsed() > READY_TIMEOUT {
            bail!("{container} does not answer at {url}:\n    {}", container::last_lines(sh, container, 5)?);
        }
        interrupt::pause(Duration::from_millis(50))?;
    }
    Ok(())
}

/// The containers of a registry that are here, running or not.
pub fn containers(name: &str) -> Result<Vec<String>> {
    let found = container::labelled(shell(), &[format!("{REGISTRY_LABEL}={name}")])?;
    Ok(found.iter().map(|found| found.plain_name().to_owned()).collect())
}

/// Removes both, and everything that they hold.
pub fn remove(name: &str) -> Result<()> {
    let sh = shell();
    containers(name)?.iter().try_for_each(|container| container::remove(sh, container))?;
    Ok(volume::remove(sh, name)?)
}

/// The registry's name when there is no lab: one a machine.
pub fn own_name() -> String {
    format!("{}-registry", project::NAME)
}
