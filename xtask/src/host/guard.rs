//! The guard's container. It stays from one attempt to the next: to start one takes longer than all else between a release
//! that is ready and its traffic.

use anyhow::{Context, Error, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::live_folder::{LeasedLiveFolder, SCRIPT};
use super::{Machine, beside};
use crate::project::{ENVIRONMENT_LABEL, GUARD_LABEL};
use crate::rollout::host::Arming;
use crate::rollout::state::guard::written;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::files::hex::hex;
use crate::tools::process::CommandError;

/// What `live.sh arm` ends with when no container armed itself.
const NO_ANSWER: i32 = 14;
/// In bytes.
pub(super) const GUARD_MEMORY: u32 = 32 << 20;

impl LeasedLiveFolder<'_> {
    /// Has the guard's container arm itself. One that is not there, does not answer, or is another xtask's is replaced.
    pub(super) fn arm(&self, arming: &Arming) -> Result<()> {
        let machine = self.leased.fenced()?;
        let (docker, name) = (machine.docker(), machine.guard());
        if machine.runs_guard(&name)? {
            match self.tell_guard(arming) {
                Err(error) if is_without_answer(&error) => {}
                told => return told,
            }
        }
        container::remove(self.leased.fenced()?.docker(), &name)?;
        container::start(docker, &name, &machine.guard_description()?)
            .context("the guard could not be started")?;
        self.tell_guard(arming).with_context(|| {
            let said = container::last_lines(docker, &name, 5).unwrap_or_default();
            format!("the guard is not armed: {said}")
        })
    }

    /// Removes the guard's container, with all else that an environment runs.
    pub(super) fn remove_guard(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        Ok(container::remove(machine.docker(), &machine.guard())?)
    }

    fn tell_guard(&self, arming: &Arming) -> Result<()> {
        let (lease_file, lease) = self.leased.fencing()?;
        let (from, warm) = (written(arming.from.as_ref()), written(arming.warm.as_ref()));
        let seconds = arming.deadline.as_secs().to_string();
        let arguments = [&lease_file, &lease, &arming.attempt, from, arming.to.as_str(), warm, &seconds];
        self.change("arm", &arguments)
    }
}

impl Machine {
    fn guard(&self) -> String {
        self.named("guard")
    }

    fn runs_guard(&self, name: &str) -> Result<bool> {
        let ours = self.guard_description()?["Labels"][GUARD_LABEL].clone();
        let found = container::named(self.docker(), name)?;
        Ok(found.is_some_and(|found| {
            found.state.status == Condition::Running && found.label(GUARD_LABEL) == ours.as_str()
        }))
    }

    /// As the engine's interface describes a container: the live folder is its only mount, and all that it can write to; it
    /// has no network and no capability, and it comes back with the engine. A label tells it from what another xtask, or another platform, would start.
    fn guard_description(&self) -> Result<Value> {
        let image = &self.bases()?.caddy;
        let (folder, user) = (self.folder("live"), format!("{}:{}", self.facts.uid, self.facts.gid));
        let mut guard = json!({
            "Image": image,
            "User": user,
            "Entrypoint": ["sh", "-c", SCRIPT.text, "guard"],
            "Cmd": ["guard", "/live"],
            "HostConfig": {
                "NetworkMode": "none",
                "RestartPolicy": { "Name": "always" },
                "Binds": [format!("{folder}:/live")],
                // A shell that sleeps, and what it calls. It is root only where root deploys, to whom the folder belongs.
                "Memory": GUARD_MEMORY,
                "MemorySwap": GUARD_MEMORY,
                "PidsLimit": 32,
                "CpuQuota": 100_000,
                "ReadonlyRootfs": true,
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "LogConfig": beside::small_log(),
            },
        });
        let sum = hex(&Sha256::digest(guard.to_string()));
        guard["Labels"] = json!({ (ENVIRONMENT_LABEL): self.environment.name, (GUARD_LABEL): sum });
        Ok(guard)
    }
}

/// The lease may have been lost instead: then what runs is somebody else's.
fn is_without_answer(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(CommandError::Failed { code: Some(NO_ANSWER), .. }))
}
