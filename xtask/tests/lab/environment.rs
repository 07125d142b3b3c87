//! The lab that the trials deploy to, and what they do with it again and again.

use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::Value;

use crate::host::Host;
use crate::link::Link;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::Project;
use crate::support::xtask::Driver;
use crate::support::{check, wait_until};

/// The copy of the repository, and the machines that it deploys to.
pub struct Lab {
    /// The copy; its environment is `lab`, on the first machine.
    pub project: Project,
    /// The one that most trials deploy to, staging's, and production's.
    pub hosts: Vec<Host>,
    /// The operator's way to the first machine; users have another.
    pub link: Link,
}

impl Project {
    /// Sets an environment variable of every call of xtask from now on.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.variables.lock().expect("no holder panics").insert(name.to_owned(), value.to_owned());
    }

    /// The value of such a variable; empty when it is not set.
    pub fn variable(&self, name: &str) -> String {
        self.variables.lock().expect("no holder panics").get(name).cloned().unwrap_or_default()
    }
}

impl Lab {
    /// Makes the copy, and brings up a lab of three machines for it.
    pub fn up() -> Lab {
        let began = Instant::now();
        let project = Project::copy(Some("lab"));
        // A run that was killed leaves a lab.
        project.xtask_verbatim(&["lab", "down", "--keep-image"]).succeeds().expect("the lab goes down");
        project.xtask_verbatim(&["lab", "up", "--hosts", "3", "--yes"]).succeeds().expect("the lab comes up");
        let status = project.xtask_verbatim(&["lab", "status", "--json"]).json().expect("the lab's state");
        let hosts: Vec<Host> =
            status["lab"]["hosts"].as_array().expect("machines").iter().map(Host::read).collect();
        let env = project.xtask_verbatim(&["lab", "env"]).succeeds().expect("variables");
        for line in env.lines().filter_map(|line| line.strip_prefix("export ")) {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            project.set_variable(name, value.trim_matches('\''));
        }
        let link = Link::to(hosts[0].ssh);
        project.set_variable("LAB_PORT", &link.port().to_string());
        for (prefix, host) in [("STAGING", &hosts[1]), ("PRODUCTION", &hosts[2])] {
            project.set_variable(&format!("{prefix}_PORT"), &host.ssh.to_string());
            project.set_variable(&format!("{prefix}_HOST_KEY"), &host.key);
            project.set_variable(&format!("{prefix}_URL"), &host.url);
        }
        println!("the lab is up after {} s", began.elapsed().as_secs());
        Lab { project, hosts, link }
    }

    /// Removes the lab and the copy.
    pub fn down(&self) {
        let down = self.project.xtask_verbatim(&["lab", "down", "--keep-image"]);
        down.succeeds().expect("the lab goes down");
        self.project.remove();
    }

    /// The machine that most trials deploy to.
    pub fn host(&self) -> &Host {
        &self.hosts[0]
    }

    /// One more, that nothing was ever done to.
    pub fn another_machine(&self) -> Result<Host, Failed> {
        let number = (self.machines()?.len() + 1).to_string();
        self.project.xtask_verbatim(&["lab", "up", "--hosts", &number, "--yes"]).succeeds()?;
        self.last_machine()
    }

    /// The one that came last.
    pub fn last_machine(&self) -> Result<Host, Failed> {
        Ok(Host::read(self.machines()?.last().ok_or("there is none")?))
    }

    fn machines(&self) -> Result<Vec<Value>, Failed> {
        let status = self.project.xtask_verbatim(&["lab", "status", "--json"]).json()?;
        Ok(status["lab"]["hosts"].as_array().cloned().unwrap_or_default())
    }

    /// Where its users reach it.
    pub fn url(&self) -> &str {
        &self.hosts[0].url
    }

    /// Commits everything, and pushes the commit's images, so that a deploy need not build them.
    pub fn push_release(&self, message: &str) -> Result<(), Failed> {
        self.project.commit(message);
        self.project.xtask_verbatim(&["image", "push", "--yes"]).succeeds().map(drop)
    }

    /// Waits until the last attempt is at this step.
    pub fn wait_for_step(&self, step: &str) -> Result<(), Failed> {
        wait_until(&format!("the attempt is at '{step}'"), Duration::from_secs(180), || {
            self.host().is_at(step)
        })
    }

    /// Deploys another release up to this step, with clients all along. Gives also the release that is live before.
    pub fn deploy_until(&self, message: &str, step: &str) -> Result<(Client, Driver, String), Failed> {
        let live = self.host().live();
        self.push_release(message)?;
        let client = Client::start(self.url());
        let driver = self.project.deploy().spawn();
        self.wait_for_step(step)?;
        Ok((client, driver, live))
    }

    /// Waits until nobody holds the lease, and prints how long that took.
    pub fn wait_for_lease(&self) -> Result<(), Failed> {
        let began = Instant::now();
        wait_until("the lease is free", Duration::from_secs(40), || self.host().lease_is_free())?;
        println!("    the lease is free after {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Waits until the guard has moved the traffic back to this release.
    pub fn wait_for_guard(&self, live: &str) -> Result<(), Failed> {
        wait_until("the guard has undone the switch", Duration::from_secs(60), || self.host().live() == live)
    }

    /// The next deploy settles what is left, says so with these words, and leaves nothing over.
    pub fn converges(&self, words: &str) -> Result<(), Failed> {
        let output = self.project.deploy().succeeds()?;
        check(output.contains(words), || output)?;
        self.host().two_releases_run()?;
        self.host().nothing_is_guarded()?;
        let release = get(self.url(), "/health/ready")?.release();
        check(release == Some(self.host().live()), || format!("{release:?} answers"))?;
        self.host().last_attempt_is("deploy succeeded")
    }

    /// The kept backups, oldest first.
    pub fn backups(&self) -> Result<Vec<Value>, Failed> {
        let list = self.project.xtask(&["db", "list", "--json"]).json()?;
        Ok(list.as_array().cloned().unwrap_or_default())
    }
}
