//! The images that ours stand on: what is here is used, what a registry has is pulled, and where none answers they
//! are assembled.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use super::assemble;
use crate::project::{self, BASES, Base};
use crate::terminal::{self, Activity};
use crate::tools::docker;
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

/// The base images that are on this engine already. A pulled one comes before an assembled one.
pub fn here() -> anyhow::Result<BTreeMap<&'static str, BaseImage>> {
    let listed = Run::new(docker::images(shell())).text()?;
    let find = |base: &'static Base| {
        let public = base.public.filter(|name| listed.lines().any(|it| it == docker::familiar_name(name)));
        let assembled = || listed.lines().find(|name| name.starts_with(&assemble::name_prefix(base)));
        let image = match public {
            Some(name) => BaseImage { reference: name.to_owned(), origin: Origin::Pulled },
            None => BaseImage { reference: assembled()?.to_owned(), origin: Origin::Assembled },
        };
        Some((base.name, image))
    };
    Ok(BASES.iter().filter_map(find).collect())
}

/// Whether an image of this name was assembled, wherever it is kept.
pub fn is_assembled(reference: &str) -> bool {
    reference.contains(&format!("{}-base/", project::NAME))
}

fn get(base: &'static Base) -> anyhow::Result<BaseImage> {
    let name = base.name;
    let refusal = match base.public {
        None => String::new(),
        Some(public) => match pull(name, public)? {
            None => return Ok(BaseImage { reference: public.to_owned(), origin: Origin::Pulled }),
            Some(refusal) => format!(", since {public} can't be pulled ({refusal})"),
        },
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

/// Pulls a public image. If its registry gives none, says why, and remembers it: the next name of the same registry
/// need not wait for that again.
pub fn pull(name: &str, public: &'static str) -> anyhow::Result<Option<String>> {
    static REFUSALS: Mutex<BTreeMap<&'static str, String>> = Mutex::new(BTreeMap::new());
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
        Err(error) => error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
    };
    activity.done("not to be had");
    REFUSALS.lock().expect("no holder panics").insert(registry, refusal.clone());
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
