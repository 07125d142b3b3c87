//! The images that ours stand on: what is here is used, what a registry has is pulled, by the digest that the lock file has, and
//! where none answers they are assembled.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};

use super::assemble;
use super::base_lock;
use crate::project::{self, BASES, Base};
use crate::terminal::{self, Activity};
use crate::tools::docker::{self, image};
use crate::tools::files::lock::Lock;
use crate::tools::process::{CommandError, Run, shell};
use crate::workspace;

/// A registry that has not begun to answer by then is taken for none.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(20);
const PULL_TIMEOUT: Duration = Duration::from_secs(900);

/// An image that ours may stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// What to write behind FROM.
    pub reference: String,
    /// Where it came from.
    pub origin: Origin,
}

/// How a base image came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From its public registry.
    Pulled,
    /// Made here from the distribution's packages.
    Assembled,
}

/// Makes sure that these rows of [`BASES`] are here as images.
pub fn ensure(bases: &[&'static Base]) -> anyhow::Result<BTreeMap<&'static str, BaseImage>> {
    let mut images = here()?;
    for base in bases {
        if !images.contains_key(base.name) {
            images.insert(base.name, get(base)?);
        }
    }
    images.retain(|name, _| bases.iter().any(|base| base.name == *name));
    Ok(images)
}

/// Makes sure of one row.
pub fn one(base: &'static Base) -> anyhow::Result<BaseImage> {
    let image = ensure(&[base])?.remove(base.name);
    image.with_context(|| format!("the base image {} is not there although it was made", base.name))
}

/// The base images that are on this engine already. A pulled one comes before an assembled one; one that was pulled under the same
/// tag and has another digest than it is locked to is none.
pub fn here() -> anyhow::Result<BTreeMap<&'static str, BaseImage>> {
    let (listed, lock) = (Run::new(docker::images(shell())).text()?, base_lock::read()?);
    let mut found = BTreeMap::new();
    for base in BASES {
        // Engines differ in whether they list an image that was pulled by its digest: each is asked for by name.
        if let Some(public) = base.public {
            let reference = base_lock::pinned(&lock, base.name, public);
            if image::is_here(shell(), &reference)? {
                found.insert(base.name, BaseImage { reference, origin: Origin::Pulled });
                continue;
            }
        }
        let prefix = assemble::name_prefix(base);
        let assembled = listed.lines().find(|name| name.starts_with(&prefix));
        if let Some((reference, _)) = assembled.and_then(|line| line.split_once('@')) {
            let reference = reference.to_owned();
            found.insert(base.name, BaseImage { reference, origin: Origin::Assembled });
        }
    }
    Ok(found)
}

/// Whether an image of this name was assembled, wherever it is kept.
pub fn is_assembled(reference: &str) -> bool {
    reference.contains(&format!("{}-base/", project::NAME))
}

fn get(base: &'static Base) -> anyhow::Result<BaseImage> {
    let name = base.name;
    let refusal = match base.public {
        None => String::new(),
        Some(public) => {
            let pinned = base_lock::pinned(&base_lock::read()?, name, public);
            match pull(name, &pinned)? {
                None => return Ok(BaseImage { reference: pinned, origin: Origin::Pulled }),
                // Something else in its place would be a surprise: the registry is there, and does not give what is locked.
                Some(refusal) if pinned != public && !is_silent(&refusal) => bail!(
                    "the base image {name} can't be had: {pinned} is what {} has, and its registry answers: {refusal}\n  {}",
                    base_lock::FILE,
                    if is_gone(&refusal) {
                        "`cargo xtask image lock` writes down the one that it has now."
                    } else {
                        "Nothing else is taken in its place: try again later, or log in to that registry with `docker login`."
                    }
                ),
                Some(refusal) => format!(", since {pinned} can't be pulled ({refusal})"),
            }
        }
    };
    let lock = workspace::tools_dir().join(format!("locks/base-{name}"));
    let _one = Lock::hold(&lock, || {
        terminal::note(format_args!("  base image {name}: waiting for another run that assembles it"));
    })?;
    if let Some(image) = here()?.remove(name) {
        return Ok(image);
    }
    let reference = Activity::of(format!("base image {name}: assembling it from packages"), |activity| {
        assemble::image(base, activity)
    })
    .with_context(|| format!("assembling the base image {name}{refusal}"))?;
    Ok(BaseImage { reference, origin: Origin::Assembled })
}

/// Whether a registry has answered that it has no such image, or none for this machine: another one of its images may be there.
pub fn is_gone(refusal: &str) -> bool {
    ["manifest unknown", "no matching manifest"].iter().any(|words| refusal.contains(words))
        || refusal.ends_with(": not found")
}

/// Whether no registry has answered at all: in the words of the engine, of a proxy on the way, or of its own timeout.
pub fn is_silent(refusal: &str) -> bool {
    [
        "no such host",
        "server misbehaving",
        "name resolution",
        "connection refused",
        "connection reset",
        "network is unreachable",
        "no route to host",
        "timeout",
        "Client.Timeout",
        "deadline exceeded",
        "request canceled while waiting",
        "proxyconnect",
        "was stopped at its timeout",
        ": EOF",
    ]
    .iter()
    .any(|words| refusal.contains(words))
}

/// Pulls a public image. If its registry gives none, says why, and remembers it of a registry that does not answer: the next name
/// of the same registry need not wait for that again.
pub fn pull(name: &str, public: &str) -> anyhow::Result<Option<String>> {
    static REFUSALS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let registry = docker::registry(public);
    if let Some(refusal) = REFUSALS.lock().expect("no holder panics").get(registry) {
        return Ok(Some(refusal.clone()));
    }
    let activity = Activity::start(format!("base image {name}: pulling {public}"));
    let refusal = match pull_patiently(public, &activity) {
        Ok(()) => {
            activity.done("");
            return Ok(None);
        }
        Err(CommandError::Interrupted) => return Err(CommandError::Interrupted.into()),
        Err(error @ CommandError::TimedOut { .. }) => {
            error.to_string().lines().next().unwrap_or_default().to_owned()
        }
        Err(error) => error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
    };
    activity.done("not to be had");
    if !is_gone(&refusal) {
        REFUSALS.lock().expect("no holder panics").insert(registry.to_owned(), refusal.clone());
    }
    Ok(Some(refusal))
}

/// A silent registry is given up soon; one that has begun gets the time that an image takes.
fn pull_patiently(name: &str, activity: &Activity) -> Result<(), CommandError> {
    let began = AtomicBool::new(false);
    let see = |line: &str| {
        began.fetch_or(line.contains("Pulling"), Ordering::Relaxed);
        activity.line(line);
    };
    match Run::new(docker::pull(shell(), name)).timeout(REGISTRY_TIMEOUT).each_line(&see).run() {
        Err(CommandError::TimedOut { .. }) if began.load(Ordering::Relaxed) => {
            Run::new(docker::pull(shell(), name)).timeout(PULL_TIMEOUT).each_line(&see).run()
        }
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_answers_is_told_from_one_that_does_not() {
        for gone in [
            "Error response from daemon: manifest for localhost:5000/a@sha256:00 not found: manifest unknown: manifest unknown",
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
        ] {
            assert!(is_gone(gone) && !is_silent(gone), "{gone}");
        }
        // As engines word it.
        for answered in [
            "Error response from daemon: pull access denied for caddy, repository does not exist or may require 'docker login': denied",
            "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
            "Error response from daemon: Head \"https://registry-1.docker.io/v2/library/caddy/manifests/2\": unauthorized: incorrect username",
            "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value",
            "received unexpected HTTP status: 429 Too Many Requests",
            "received unexpected HTTP status: 503 Service Unavailable",
        ] {
            assert!(!is_silent(answered), "{answered}");
        }
        for away in [
            "dial tcp: lookup registry-1.docker.io: no such host",
            "dial tcp 127.0.0.1:5000: connect: connection refused",
            "i/o timeout",
            "TLS handshake timeout",
            "`docker pull caddy:2` was stopped at its timeout of 20s",
        ] {
            assert!(is_silent(away) && !is_gone(away), "{away}");
        }
    }
}
