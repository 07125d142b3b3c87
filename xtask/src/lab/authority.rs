//! An authority that speaks ACME, for the names of a lab's machines: Caddy's own, in a container beside them. It finds the
//! names at the machines, as the public one finds them by DNS, and comes to look before it certifies one.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use crate::project::{CADDY, LAB_LABEL, LAB_ROOT_LABEL};
use crate::setup::base_images;
use crate::tools::docker::limits::{CADDYS_MARK, LIMITS};
use crate::tools::docker::{container, volume};
use crate::tools::process::{Run, interrupt, shell};
use crate::workspace;

/// How long it may take to make its own certificate.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// It is asked by its address, which only its container knows.
const SERVE: &str = r#"printf '%s' "$1" >/tmp/Caddyfile && ADDRESS=$(hostname -i) && export ADDRESS || exit 1
exec caddy run --config /tmp/Caddyfile --adapter caddyfile"#;
const CADDYFILE: &str = "{
	admin off
	skip_install_trust
}
https://{$ADDRESS} {
	tls internal
	acme_server
}
";
/// The certificate by which it is known, in its container.
const ROOT: &str = "/data/caddy/pki/authorities/local/root.crt";

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The container's name.
    pub container: String,
    /// The address of its directory, as machines of the lab reach it.
    pub directory: String,
}

/// Has one running that finds these names, each at a machine, and writes its certificate to the file. It is made anew each
/// time, since addresses may have changed; what it is known by stays.
pub fn ensure(lab: &str, name: &str, names: &[(String, &str)], file: &Utf8Path) -> Result<Authority> {
    let sh = shell();
    container::remove(sh, name)?;
    let image = base_images::one(&CADDY)?.reference;
    let (label, root) = (format!("{LAB_LABEL}={lab}"), format!("{LAB_ROOT_LABEL}={}", workspace::root()));
    volume::create(sh, name, std::slice::from_ref(&label))?;
    let mut hosts = Vec::new();
    for (host, machine) in names {
        hosts.push(format!("--add-host={host}:{}", address(sh, machine)?));
    }
    let volume = format!("{name}:/data");
    let run = cmd!(
        sh,
        "docker run --detach {LIMITS...} {CADDYS_MARK...} --name {name} --label {label} --label {root} {hosts...} --volume {volume} --env XDG_DATA_HOME=/data --env XDG_CONFIG_HOME=/tmp --user 0 --entrypoint sh {image} -c {SERVE} authority {CADDYFILE}"
    );
    Run::new(run).run().with_context(|| format!("starting the authority {name}"))?;
    let began = Instant::now();
    loop {
        let told = Run::new(container::exec(sh, name, "0", &["cat", ROOT])).finish()?;
        if told.status.success() && told.stdout.contains("END CERTIFICATE") {
            fs::write(file, told.stdout).with_context(|| format!("writing {file}"))?;
            let directory = format!("https://{}/acme/local/directory", address(sh, name)?);
            return Ok(Authority { container: name.to_owned(), directory });
        }
        if began.elapsed() > READY_TIMEOUT {
            bail!("{name} has no certificate of its own:\n    {}", container::last_lines(sh, name, 8)?);
        }
        interrupt::pause(Duration::from_millis(50))?;
    }
}

/// On the engine's own network, where machines and the authority see each other.
fn address(sh: &Shell, name: &str) -> Result<String> {
    const ADDRESS: &str = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let told = Run::new(cmd!(sh, "docker inspect --format {ADDRESS} {name}")).text()?;
    let address = told.trim();
    address.parse::<std::net::IpAddr>().with_context(|| format!("{name} has no address: {address:?}"))?;
    Ok(address.to_owned())
}
