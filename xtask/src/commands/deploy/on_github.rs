//! A deploy from somebody's own machine is seen on GitHub beside those of jobs. GitHub is told beside the deploy, and no failure
//! to tell it fails a deploy.

use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow};

use crate::host::Machine;
use crate::product::github::deployments::{self, Deployment};
use crate::rollout::state::release::Release;
use crate::terminal;

/// What is being told; nothing where nobody is to be told.
#[derive(Default)]
pub struct Telling {
    begun: Option<JoinHandle<Result<Deployment>>>,
    url: String,
}

impl Telling {
    /// Tells that this release is being deployed.
    pub fn begin(machine: &Machine, release: &Release) -> Telling {
        let (environment, commit, id) =
            (machine.environment().clone(), release.commit.clone(), release.id.to_string());
        let begin = |api| thread::spawn(move || Deployment::begin(api, &environment, &commit, &id));
        let api = deployments::whom(machine.environment());
        let url = machine.url().unwrap_or_default();
        Telling { begun: or_warn(api).flatten().map(begin), url }
    }

    /// Tells what became of it. GitHub may take its time: whoever has the lease does not wait for it.
    pub fn end(self, has_succeeded: bool) {
        let Some(begun) = self.begun else { return };
        let begun = begun.join().unwrap_or_else(|_| Err(anyhow!("what tells it has ended")));
        or_warn(begun.and_then(|deployment| deployment.end(has_succeeded, &self.url)));
    }
}

fn or_warn<T>(told: Result<T>) -> Option<T> {
    told.map_err(|error| terminal::warn(format_args!("GitHub does not show this deploy: {error:#}"))).ok()
}
