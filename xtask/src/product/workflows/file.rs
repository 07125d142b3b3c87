//! What a workflow file is made of: its head, its jobs, and what each of those may.

use super::jobs::Machine;
use super::steps::Step;
use super::yaml::{Yaml, map, text};

/// One file of `.github/workflows`.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What it is for, a line each.
    pub about: &'static [&'static str],
    /// What it says.
    pub content: Yaml,
}

/// A whole file. Nothing is permitted but what a job asks for.
pub fn workflow(
    name: &str,
    on: Yaml,
    concurrency: Option<Yaml>,
    jobs: Vec<(impl Into<String>, Yaml)>,
) -> Yaml {
    let parts = [
        ("name", Some(text(name))),
        ("on", Some(on)),
        ("permissions", Some(map::<&str>([]))),
        ("concurrency", concurrency),
        ("jobs", Some(map(jobs))),
    ];
    map(parts.into_iter().filter_map(|(key, part)| Some((key, part?))))
}

/// A job on a machine of its own.
pub fn runs(
    name: &str,
    machine: Machine,
    allowed: &[Allowed],
    timeout: u64,
    place: &[(&'static str, Yaml)],
    all: Vec<Step>,
) -> Yaml {
    let mut job = vec![
        ("name", text(name)),
        ("runs-on", text(machine.name)),
        ("timeout-minutes", Yaml::Number(timeout)),
        ("permissions", permissions(allowed)),
    ];
    job.extend(place.iter().cloned());
    job.push(("steps", Yaml::List(all.into_iter().map(Step::yaml).collect())));
    map(job)
}

/// What a job may, each with what for.
pub type Allowed = (&'static str, &'static str, &'static str);

pub const READ: Allowed = ("contents", "read", "to check out");
pub const PULL: Allowed =
    ("packages", "read", "to ask the registry for the images, and let the host pull them");
pub const ASK: Allowed =
    ("checks", "read", "to ask whether they have passed, while nobody is listed who signs that");
pub const PUSH: Allowed = ("packages", "write", "to push the images, on pushes of a branch");

/// What a job may, as GitHub reads it.
pub fn permissions(allowed: &[Allowed]) -> Yaml {
    let noted = |(what, kind, why): &Allowed| (*what, Yaml::Noted((*kind).to_owned(), (*why).to_owned()));
    map(allowed.iter().map(noted))
}

pub fn one_at_a_time(group: &str) -> Yaml {
    map([("group", text(group)), ("cancel-in-progress", Yaml::Flag(false))])
}
