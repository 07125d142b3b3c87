//! One-off containers of a release's own image, to their end: migrations, and a demo organisation.

use anyhow::{Result, bail};

use super::LeasedReleases;
use crate::rollout::state::release::ReleaseId;
use crate::rollout::steps::schema::MIGRATION_TIMEOUT;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container;
use crate::tools::process::Run;

impl LeasedReleases<'_> {
    /// Runs the migrations that its image carries, and says what they printed. One that an earlier driver left running is
    /// waited for, not started again.
    pub(in crate::host) fn migrate(&self, id: &ReleaseId) -> Result<String> {
        self.wait_for_migration()?;
        self.leased.database().make_way()?;
        self.run_once(id, "migrate", &[])
    }

    /// Takes these migrations back, in this order, and says what that printed.
    pub(in crate::host) fn undo_migrations(&self, id: &ReleaseId, versions: &[i64]) -> Result<String> {
        self.wait_for_migration()?;
        self.leased.database().make_way()?;
        let versions: Vec<String> = versions.iter().map(i64::to_string).collect();
        let words = ["migrate", "--undo"].into_iter().chain(versions.iter().map(String::as_str));
        self.run_once(id, "migrate", &words.collect::<Vec<_>>())
    }

    /// Waits for a migration whose driver died, when there is one: the engine goes on with it.
    pub(in crate::host) fn wait_for_migration(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let (name, docker) = (machine.named("migrate"), machine.docker());
        if container::named(docker, &name)?.is_some_and(|found| found.state.status == Condition::Running) {
            Run::new(container::wait(docker, &name)).timeout(MIGRATION_TIMEOUT).run()?;
        }
        Ok(container::remove(docker, &name)?)
    }

    /// Fills a demo organisation, and gives what that printed.
    pub fn seed(&self, id: &ReleaseId) -> Result<String> {
        self.run_once(id, "seed", &[])
    }

    /// Has its program do something with the app's users, and gives what that printed. `input` is a password, or nothing: it
    /// stands in no argument and no log.
    pub fn user(&self, id: &ReleaseId, words: &[&str], input: &str) -> Result<String> {
        self.run_with_input(id, "user", &[&["user"], words].concat(), input)
    }

    fn run_once(&self, id: &ReleaseId, service: &str, words: &[&str]) -> Result<String> {
        self.run_with_input(id, service, words, "")
    }

    /// Runs a service of the release once, to its end, and gives what it printed. `words` stand in place of the
    /// service's own command, when there are any.
    fn run_with_input(&self, id: &ReleaseId, service: &str, words: &[&str], input: &str) -> Result<String> {
        let machine = self.leased.fenced_invalidating()?;
        let (name, docker) = (machine.named(service), machine.docker());
        container::remove(docker, &name)?;
        self.refresh(id)?;
        let told = machine.releases().with_project(id, |project| {
            let once = project.run_once(docker, service, &name, words);
            Ok(Run::new(once).stdin(input).timeout(MIGRATION_TIMEOUT).finish()?)
        })?;
        let ended = container::named(docker, &name)?.map(|found| found.state);
        match ended {
            Some(state) if state.status == Condition::Exited && state.exit_code == 0 => {
                container::remove(docker, &name)?;
                Ok(told.stdout.trim().to_owned())
            }
            Some(state) => {
                let lines = container::last_lines(docker, &name, 12)?;
                bail!(
                    "{service} is {}, exit code {}:\n    {}",
                    state.status,
                    state.exit_code,
                    lines.replace('\n', "\n    ")
                )
            }
            None => {
                bail!("{service} could not be started:\n    {}", told.stderr.trim().replace('\n', "\n    "))
            }
        }
    }
}
