//! Where images are kept for hosts to pull: a registry on the network, or one of ours that a host reaches through the
//! connection.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::exit::refuse;
use crate::host::RegistryTunnel;
use crate::project::Component;
use crate::setup::{self, Tool, registry};
use crate::terminal::Activity;
use crate::tools::docker;
use crate::tools::files::private::Folder;
use crate::tools::git;
use crate::tools::http;
use crate::tools::process::{Run, shell};
use crate::workspace;

/// The ports of the registry that is started when there is no other. Fixed, since they are part of images' names.
const OWN: registry::Registry = registry::Registry { port: 5115, read_only_port: 5116 };
/// The longest that one image may take.
const PUSH_TIMEOUT: Duration = Duration::from_secs(600);

/// The longest that a registry may take to say what it has.
const INSPECT_TIMEOUT: Duration = Duration::from_secs(60);
/// The kinds of manifests that an image may have: an index of several, or one.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// What stands in front of the images' names: `ghcr.io/owner/repository`, `localhost:5115`.
    prefix: String,
    /// How a host reaches it, when it is ours.
    pub registry_tunnel: Option<RegistryTunnel>,
}

impl Registry {
    /// What `REGISTRY` says; of a repository on GitHub, GitHub's; otherwise none.
    pub fn known() -> Result<Option<Registry>> {
        if let Ok(prefix) = std::env::var("REGISTRY") {
            let read_only = std::env::var("REGISTRY_READ_ONLY_PORT").ok();
            return Registry::told(prefix.trim(), read_only.as_deref()).map(Some);
        }
        let prefix = git::origin_url(workspace::root())?.as_deref().and_then(of_github);
        Ok(prefix.map(|prefix| Registry { prefix, registry_tunnel: None }))
    }

    /// The one that is known; otherwise one of our own on the loopback, which is started when it does not run.
    pub fn choose() -> Result<Registry> {
        if let Some(known) = Registry::known()? {
            return Ok(known);
        }
        setup::ensure(&[Tool::Docker, Tool::Engine], false)?;
        registry::ensure(&registry::own_name(), OWN)
            .context("starting a registry for the images, since REGISTRY names none")?;
        let registry_tunnel = Some(RegistryTunnel { port: OWN.port, to: OWN.read_only_port });
        Ok(Registry { prefix: format!("localhost:{}", OWN.port), registry_tunnel })
    }

    fn told(prefix: &str, read_only: Option<&str>) -> Result<Registry> {
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".:-_/".contains(&byte);
        if prefix.is_empty() || !prefix.bytes().all(fine) || prefix.starts_with(['-', '/']) {
            return Err(refuse(format!("REGISTRY: {prefix:?} can't stand in front of an image's name")));
        }
        let port = prefix.strip_prefix("localhost:").map(|rest| rest.split('/').next().unwrap_or(rest));
        let number = |variable: &str, text: &str| {
            text.trim().parse::<u16>().map_err(|_| refuse(format!("{variable}: {text:?} is not a port")))
        };
        let registry_tunnel = match port {
            Some(port) => Some(RegistryTunnel {
                port: number("REGISTRY", port)?,
                to: number("REGISTRY_READ_ONLY_PORT", read_only.unwrap_or(port))?,
            }),
            None => None,
        };
        Ok(Registry { prefix: prefix.trim_end_matches('/').to_owned(), registry_tunnel })
    }

    /// A component's image of a commit, by digest; none when the registry has none.
    pub fn find(&self, component: Component, sha: &str) -> Result<Option<String>> {
        let name = self.name(component.image);
        let digest = match self.registry_tunnel {
            Some(_) => self.ask_own(component.image, sha),
            None => ask(&format!("{name}:{sha}")),
        };
        let digest =
            digest.with_context(|| format!("{} does not say whether it has {name}:{sha}", self.prefix))?;
        Ok(digest.map(|digest| format!("{name}@{digest}")))
    }

    /// The labels of an image that this name and tag stand for; none when the registry has none.
    pub fn labels(&self, image: &str, tag: &str) -> Result<Option<BTreeMap<String, String>>> {
        let name = format!("{}:{tag}", self.name(image));
        let config = match self.registry_tunnel {
            Some(_) => self.own_config(image, tag),
            None => ask_config(&name),
        };
        let config = config.with_context(|| format!("{} does not say whether it has {name}", self.prefix))?;
        let Some(config) = config else { return Ok(None) };
        Ok(Some(serde_json::from_value(config["config"]["Labels"].clone()).unwrap_or_default()))
    }

    /// Pushes an image that holds nothing but labels.
    pub fn put_labels(&self, image: &str, tag: &str, labels: &[(String, String)]) -> Result<()> {
        let (folder, sh) = (Folder::new()?, shell());
        let archive = folder.join("nothing.tar");
        // An archive ends with two blocks of zeros.
        fs::write(&archive, [0; 1024]).with_context(|| format!("writing {archive}"))?;
        let settings: Vec<String> =
            labels.iter().map(|(name, value)| format!("LABEL {name}={value}")).collect();
        let local = format!("{}/{image}:{tag}", crate::project::NAME);
        Run::new(docker::import(sh, &archive, &local, &settings)).run()?;
        let pushed = self.push_as(&local, image, &[tag]).map(drop);
        // Only the registry's is of use, and its own name goes with it.
        for name in [local, format!("{}:{tag}", self.name(image))] {
            let _ = Run::new(docker::remove_image(sh, &name)).run();
        }
        pushed
    }

    /// What [`Registry::labels`] reads, from a registry that asks nobody who they are.
    fn own_config(&self, image: &str, tag: &str) -> Result<Option<Value>> {
        let get = |kind: &str, name: &str| {
            let url = self.own_url(image, kind, name);
            let answer = http::Client::default().get_of_kind(&url, MANIFESTS, INSPECT_TIMEOUT)?;
            match answer.status {
                200 => Ok(Some(serde_json::from_str::<Value>(&answer.body)?)),
                404 => Ok(None),
                status => bail!("{url} is answered with {status}"),
            }
        };
        let Some(manifest) = get("manifests", tag)? else { return Ok(None) };
        let digest = manifest["config"]["digest"].as_str().context("its manifest names no configuration")?;
        get("blobs", digest)
    }

    fn own_url(&self, image: &str, kind: &str, name: &str) -> String {
        let (host, folder) = self.prefix.split_once('/').unwrap_or((&self.prefix, ""));
        let path = format!("{folder}/{image}");
        format!("http://{host}/v2/{}/{kind}/{name}", path.trim_start_matches('/'))
    }

    /// The digest, from a registry that asks nobody who they are (OCI Distribution, 'Checking if content exists'): buildx,
    /// which knows where log-ins are, takes as long to start as the connection to a host.
    fn ask_own(&self, image: &str, tag: &str) -> Result<Option<String>> {
        let url = self.own_url(image, "manifests", tag);
        let answer = http::Client::default().head(&url, MANIFESTS, INSPECT_TIMEOUT)?;
        match (answer.status, answer.header("docker-content-digest")) {
            (404, _) => Ok(None),
            (200, Some(digest)) => Ok(Some(digest.to_owned())),
            (status, _) => bail!("{url} is answered with {status}"),
        }
    }

    /// Points these tags at an image that the registry has, given by its digest.
    pub fn point_at(&self, there: &str, component: Component, tags: &[&str]) -> Result<()> {
        Run::new(docker::pull(shell(), there)).timeout(PUSH_TIMEOUT).run()?;
        self.push_as(there, component.image, tags).map(drop)
    }

    /// Pushes an image of the engine here as `name`, and gives its name by digest.
    pub fn push_as(&self, image: &str, name: &str, tags: &[&str]) -> Result<String> {
        let name = self.name(name);
        let sh = shell();
        Activity::of(format!("push {name}"), |activity| {
            for tag in tags {
                let tagged = format!("{name}:{tag}");
                Run::new(docker::tag(sh, image, &tagged)).run()?;
                let pushed = Run::new(docker::push(sh, &tagged)).timeout(PUSH_TIMEOUT);
                pushed.each_line(&|line| activity.line(line)).run()?;
            }
            docker::digests(sh, image)?
                .into_iter()
                .find(|digest| digest.split('@').next() == Some(&name))
                .context("the engine does not know the digest of what it has pushed")
        })
        .with_context(|| {
            let host = docker::registry(&name);
            let linked =
                if host == "ghcr.io" { ", or the package to be linked (docs/workflows.md)" } else { "" };
            format!("pushing {name}: is `docker login {host}` needed{linked}?")
        })
    }

    fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.prefix)
    }
}

impl std::fmt::Display for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.prefix)
    }
}

/// `ghcr.io/<owner>/<repository>` of an origin on GitHub, in lower case as registries demand.
pub fn of_github(url: &str) -> Option<String> {
    Some(format!("ghcr.io/{}", github_repository(url)?.to_lowercase()))
}

/// `<owner>/<repository>` of an origin on GitHub.
pub fn github_repository(url: &str) -> Option<&str> {
    let (_, path) = url.split_once("github.com")?;
    Some(path.trim_matches(['/', ':']).trim_end_matches(".git"))
}

/// The digest of an image, with the log-ins that docker's client has; none when its registry has none.
fn ask(image: &str) -> Result<Option<String>> {
    let told = Run::new(setup::buildx()?.inspect(shell(), image)).timeout(INSPECT_TIMEOUT).finish()?;
    if !told.status.success() && !told.stderr.contains("not found") {
        bail!("{}", refusal(image, &told.stderr));
    }
    let digest = told.stdout.trim().trim_matches('"');
    Ok(digest.starts_with("sha256:").then(|| digest.to_owned()))
}

/// What an image says of itself, with the log-ins that docker's client has; none when its registry has none.
fn ask_config(image: &str) -> Result<Option<Value>> {
    let told = Run::new(setup::buildx()?.inspect_config(shell(), image)).timeout(INSPECT_TIMEOUT).finish()?;
    match told.status.success() {
        true => Ok(Some(serde_json::from_str(&told.stdout)?)),
        false if told.stderr.contains("not found") => Ok(None),
        false => bail!("{}", refusal(image, &told.stderr)),
    }
}

/// What a registry has refused with, and what that means of GitHub's: a package that somebody has pushed by hand belongs to no
/// repository, and no workflow may read or write it.
fn refusal(image: &str, words: &str) -> String {
    let words = words.trim();
    let is_denied = words.to_lowercase().contains("denied");
    match image.strip_prefix("ghcr.io/") {
        Some(package) if is_denied => format!(
            "{words}\n  This log-in may not use the package {package}. Of a workflow: was it pushed by hand, and never linked to the \
             repository? docs/workflows.md says how to link it, once"
        ),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_on_the_loopback_leads_back_and_another_does_not() {
        let lab = Registry::told("localhost:5200", Some("5201")).unwrap();
        assert_eq!(lab.registry_tunnel, Some(RegistryTunnel { port: 5200, to: 5201 }));
        assert_eq!(Registry::told("ghcr.io/a/b/", None).unwrap().prefix, "ghcr.io/a/b");
        for wrong in ["", "-x", "a b", "a;reboot", "localhost:x", "Ghcr.io/A"] {
            assert!(Registry::told(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_github_denies_says_of_the_package_s_link_and_what_others_deny_does_not() {
        let denied = "ERROR: denied: permission_denied: read_package\n";
        let words = refusal("ghcr.io/ada/engine/backend:1", denied);
        assert!(words.starts_with(denied.trim()) && words.contains("docs/workflows.md"), "{words}");
        assert_eq!(refusal("registry.example.org/backend:1", denied), denied.trim());
        assert_eq!(refusal("ghcr.io/ada/engine/backend:1", "no such host"), "no such host");
    }

    #[test]
    fn github_s_registry_has_the_repository_s_name_in_lower_case() {
        for url in ["git@github.com:Ada/Engine.git", "https://github.com/Ada/Engine"] {
            assert_eq!(of_github(url).as_deref(), Some("ghcr.io/ada/engine"));
        }
        assert_eq!(of_github("https://example.org/a/b"), None);
    }
}
