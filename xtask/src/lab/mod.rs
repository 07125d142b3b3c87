//! A throw-away VPS, or several, on this machine, to deploy to: with an sshd, an engine and an address of their own, and
//! a registry beside them. Everything is published on the loopback and nowhere else.

mod authority;
pub mod expired;
pub mod inbox;
pub mod load;
mod packages;
mod seaweedfs;
pub mod store;
#[cfg(test)]
mod tests;
mod vps;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use self::authority::Authority;
use crate::exit::refuse;
use crate::project::{self, ENVIRONMENTS, LAB_LABEL, LAB_ROOT_LABEL, Site};
use crate::setup::registry::{self, Registry};
use crate::setup::{self, Tool};
use crate::terminal::Activity;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::{container, engine, volume};
use crate::tools::files;
use crate::tools::files::hex::hex;
use crate::tools::free_ports;
use crate::tools::process::{Run, shell};
use crate::tools::ssh::keys::Key;
use crate::workspace;

/// The user that deploys to a lab's host.
const USER: &str = "deploy";

/// A lab, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// One a copy of the repository: `<project>-lab-1a2b3c`.
    pub name: String,
    /// Where its registry is written to.
    pub registry: u16,
    /// Where its registry only reads.
    pub registry_read_only: u16,
    /// Its machines.
    pub hosts: Vec<Vps>,
    /// The authority from which its machines have certificates; without one, users come by plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
}

/// One machine, with the ports of the loopback that lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vps {
    /// The container's name.
    pub container: String,
    /// To its sshd.
    pub ssh: u16,
    /// To its port 80.
    pub http: u16,
    /// To its port 443.
    pub https: u16,
    /// The key that its sshd shows.
    pub host_key: String,
}

impl Vps {
    /// The name under which its authority knows it. Nobody else does: `test` is nobody's domain.
    pub fn name(&self) -> String {
        format!("{}.test", self.container)
    }
}

/// What is seen of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// running, exited, gone.
    pub state: String,
    /// Whether its sshd answers.
    pub ssh: bool,
    /// Whether its engine answers.
    pub engine: bool,
}

/// One a copy of the repository, whose folder this is, with no link in its path.
fn name_of(root: &Utf8Path) -> String {
    let hash = hex(&Sha256::digest(root.as_str()));
    format!("{}-lab-{}", project::NAME, &hash[..6])
}

fn name() -> Result<String> {
    Ok(name_of(&workspace::root().canonicalize_utf8()?))
}

/// Its machines and its registry's two, as far as they are here.
fn containers(name: &str) -> Result<Vec<String>> {
    let machines = container::labelled(shell(), &[format!("{LAB_LABEL}={name}")])?;
    let machines = machines.iter().map(|machine| machine.plain_name().to_owned());
    Ok(machines.chain(registry::containers(name)?).collect())
}

fn authority_name(lab: &str) -> String {
    format!("{lab}-authority")
}

fn folder() -> Utf8PathBuf {
    workspace::local_dir().join("lab")
}

fn state_file() -> Utf8PathBuf {
    folder().join("lab.json")
}

fn key_file(name: &str) -> Utf8PathBuf {
    folder().join(name)
}

impl Lab {
    /// The lab of this copy of the repository, if it was brought up.
    pub fn load() -> Result<Option<Lab>> {
        let path = state_file();
        match fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).map(Some).with_context(|| format!("{path} can't be read"))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {path}")),
        }
    }

    /// Its first machine.
    pub fn first(&self) -> Result<&Vps> {
        self.hosts.first().with_context(|| {
            format!(
                "the lab in {} has no machine: `cargo xtask lab down`, then `cargo xtask lab up`, makes another one",
                state_file()
            )
        })
    }

    fn save(&self) -> Result<()> {
        files::replace(&state_file(), serde_json::to_string_pretty(self)?.as_bytes())
    }

    /// Has a lab of at least so many machines running; with `https`, also an authority for them.
    pub fn up(hosts: usize, https: bool, yes: bool) -> Result<Lab> {
        setup::ensure(&[Tool::Docker, Tool::Engine, Tool::Ssh], yes)?;
        sweep()?;
        let mut lab = match Lab::load()? {
            Some(lab) => lab,
            None => Lab::new()?,
        };
        fs::create_dir_all(folder())?;
        fs::set_permissions(folder(), fs::Permissions::from_mode(0o700))?;
        ["deploy", "ledger"].iter().try_for_each(|name| make_key(&key_file(name)))?;
        while lab.hosts.len() < hosts {
            lab.add_host()?;
        }
        // Before anything of it runs, so that a lab that was cut off can be taken down.
        lab.save()?;
        Activity::of("a registry", |_| {
            let Lab { registry: port, registry_read_only: read_only_port, .. } = lab;
            registry::ensure(&lab.name, Registry { port, read_only_port })
        })?;
        let image = vps::image(yes)?;
        let key = Key::File(key_file("deploy")).public()?;
        for host in &mut lab.hosts {
            let name = host.container.clone();
            host.host_key =
                Activity::of(format!("machine {name}"), |_| vps::ensure(&lab.name, host, &image, &key))?;
        }
        if https || lab.authority.is_some() {
            let names =
                lab.hosts.iter().map(Vps::name).zip(lab.hosts.iter().map(|host| host.container.as_str()));
            let names: Vec<_> = names.collect();
            let (name, file) = (authority_name(&lab.name), key_file("authority.pem"));
            lab.authority = Some(Activity::of("an authority for certificates", |_| {
                authority::ensure(&lab.name, &name, &names, &file)
            })?);
        }
        lab.save()?;
        Ok(lab)
    }

    fn new() -> Result<Lab> {
        let name = name()?;
        let forgotten = containers(&name)?;
        if !forgotten.is_empty() {
            return Err(refuse(format!(
                "a lab of this copy of the repository is here ({}), and {}, which remembers its ports, is not: \
                 `cargo xtask lab down` removes it, then `cargo xtask lab up` makes another",
                forgotten.join(", "),
                state_file()
            )));
        }
        let [registry, registry_read_only] = free_ports::find()?;
        Ok(Lab { name, registry, registry_read_only, hosts: Vec::new(), authority: None })
    }

    fn add_host(&mut self) -> Result<()> {
        let [ssh, http, https] = free_ports::find()?;
        let container = format!("{}-{}", self.name, self.hosts.len() + 1);
        self.hosts.push(Vps { container, ssh, http, https, host_key: String::new() });
        Ok(())
    }

    /// What is seen of each machine.
    pub fn look(&self) -> Result<Vec<Seen>> {
        let look = |host: &Vps| {
            let state = container::named(shell(), &host.container)?.map(|found| found.state.status);
            let (ssh, engine) =
                if state == Some(Condition::Running) { vps::answers(host)? } else { (false, false) };
            Ok(Seen { state: state.map_or("gone".to_owned(), |state| state.to_string()), ssh, engine })
        };
        self.hosts.iter().map(look).collect()
    }

    /// Takes it down, with everything that its machines and its registry hold, also what is left of one whose file is
    /// lost. Packages that were fetched stay. Gives whether there was one.
    pub fn down(keep_image: bool) -> Result<bool> {
        let lab = Lab::load()?;
        if lab.is_none() && engine::ask().is_none() {
            return Ok(false);
        }
        let machines = lab.iter().flat_map(|lab| &lab.hosts).map(|host| host.container.clone()).collect();
        let is_removed = remove(&name()?, machines)?;
        if !keep_image {
            vps::remove_image()?;
        }
        match fs::remove_dir_all(folder()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("forgetting the lab's keys")
            }
            _ => Ok(lab.is_some() || is_removed),
        }
    }

    /// Like `down`, of the copy of the repository that is in this folder, or was: what bears its name goes, and nothing else. What
    /// is remembered of it goes with the folder.
    pub fn down_of(root: &Utf8Path) -> Result<bool> {
        remove(&name_of(root), Vec::new())
    }

    /// The variables by which the other verbs find the lab's machines: the first one stands for each environment with a
    /// host, but for those that take only what another has confirmed; for these the second one does.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut all = vec![
            ("REGISTRY".to_owned(), format!("localhost:{}", self.registry)),
            ("REGISTRY_READ_ONLY_PORT".to_owned(), self.registry_read_only.to_string()),
        ];
        for environment in ENVIRONMENTS {
            let Site::Remote { prefix, .. } = environment.site else { continue };
            let Some(host) = self.hosts.get(usize::from(environment.confirmed_in.is_some())) else {
                continue;
            };
            // Nothing is published on ::1, which `localhost` may be.
            let plain = format!("http://127.0.0.1:{}", host.http);
            let url =
                self.authority.as_ref().map_or(plain, |_| format!("https://{}:{}", host.name(), host.https));
            let values = [
                ("HOST", "127.0.0.1".to_owned()),
                ("PORT", host.ssh.to_string()),
                ("USER", USER.to_owned()),
                ("SSH_KEY", key_file("deploy").into_string()),
                ("HOST_KEY", host.host_key.clone()),
                ("URL", url),
            ];
            all.extend(values.map(|(name, value)| (format!("{prefix}_{name}"), value)));
            if let Some(authority) = &self.authority {
                all.push((format!("{prefix}_ACME"), authority.directory.clone()));
                all.push((format!("{prefix}_ACME_ROOT"), key_file("authority.pem").into_string()));
            }
            if ENVIRONMENTS.iter().any(|other| other.confirmed_in == Some(&environment.name)) {
                all.push((format!("{prefix}_LEDGER_KEY"), key_file("ledger").into_string()));
            }
        }
        all
    }
}

/// Removes what the engine has of this lab, and these volumes. Gives whether there was any.
fn remove(name: &str, machines: Vec<String>) -> Result<bool> {
    let sh = shell();
    let found = containers(name)?;
    for container in &found {
        Activity::of(format!("remove {container}"), |_| container::remove(sh, container))?;
    }
    let mut volumes = volume::labelled(sh, &format!("{LAB_LABEL}={name}"))?;
    let is_there = !found.is_empty() || !volumes.is_empty();
    // A machine's own has its name.
    volumes.extend(found.into_iter().chain(machines));
    volumes.iter().try_for_each(|volume| volume::remove(sh, volume))?;
    registry::remove(name)?;
    Ok(is_there)
}

/// Removes the machines of copies of the repository that are gone.
fn sweep() -> Result<()> {
    let sh = shell();
    for found in container::labelled(sh, &[LAB_LABEL.to_owned()])? {
        let is_gone = found.label(LAB_ROOT_LABEL).is_some_and(|root| !Utf8Path::new(root).exists());
        if let (true, Some(lab)) = (is_gone, found.label(LAB_LABEL)) {
            container::remove(sh, found.plain_name())?;
            volume::remove(sh, found.plain_name())?;
            registry::remove(lab)?;
        }
    }
    Ok(())
}

fn make_key(path: &Utf8Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let comment = format!("{}-lab", project::NAME);
    Run::new(cmd!(shell(), "ssh-keygen -q -t ed25519 -N '' -C {comment} -f {path}"))
        .run()
        .context("making a key")
}
