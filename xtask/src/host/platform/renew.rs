//! A platform that the repository has changed takes the place of the one that runs: database, edge, or both.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use xshell::cmd;

use super::LeasedPlatform;
use super::compose::CADDYFILE;
use crate::exit::{Exit, Failure};
use crate::host::Bases;
use crate::project::{self, DATABASE_SERVICE, EDGE, EDGE_FILE, PLATFORM_FILES};
use crate::tools::caddy;
use crate::tools::docker::limits::{LIMITS, READ_ONLY};
use crate::tools::process::{Run, interrupt, is_interrupt};
use crate::workspace;

/// What is in flight gets so long to end: while it does, nobody else is answered.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest that starting again may take.
const START_TIMEOUT: Duration = Duration::from_secs(120);

impl LeasedPlatform<'_> {
    /// Brings what a changed platform needs, and looks whether it could run: nothing is interrupted yet.
    pub fn check_renewal(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        let Bases { caddy, postgres } = machine.bases()?;
        self.leased.fetch_images([caddy, postgres])?;
        self.prepare_certificates()?;
        let caddyfile = std::fs::read(workspace::root().join(project::DEPLOY).join(EDGE_FILE))
            .context("reading the Caddyfile")?;
        let validate =
            caddy::validate_input(machine.docker(), caddy, EDGE.uid, machine.platform().edge_site());
        Run::new(validate).stdin(caddyfile).run().context("the edge would not take the new Caddyfile")?;
        let database = DATABASE_SERVICE.uid.to_string();
        let version = cmd!(
            machine.docker(),
            "docker run --rm --network none {LIMITS...} {READ_ONLY...} --user {database} --entrypoint postgres {postgres} --version"
        );
        let new = major(&Run::new(version).text()?).map(str::to_owned);
        let old = machine
            .platform()
            .run_in(&DATABASE_SERVICE, &["cat", "/var/lib/postgresql/data/cluster/PG_VERSION"])?;
        if new.as_deref() != Some(old.stdout.trim()) {
            bail!(
                "the data are PostgreSQL {}'s and the new image is of {}: another major version takes a dump and a restore",
                old.stdout.trim(),
                new.as_deref().unwrap_or("an unknown version")
            );
        }
        Ok(())
    }

    /// Starts these services anew, as the repository has them. When one does not get well, or somebody asks to stop, the
    /// files and services from before are brought back, and the error says whether they run.
    pub fn renew(&self, services: &[String], wait: &dyn Fn(&str)) -> Result<()> {
        let machine = self.leased.fenced()?;
        let folders = [machine.folder(EDGE.name), machine.folder("platform")];
        let [yaml, https] = PLATFORM_FILES;
        let names = [&[CADDYFILE][..], &[yaml, https, "variables.env", "written"]];
        let mut before = Vec::new();
        for (folder, names) in folders.iter().zip(names) {
            for name in names {
                let text = machine.read(&folder.join(name))?;
                // To the last byte, or it would be taken for changed by hand.
                before.push((folder, *name, text.map(|text| format!("{text}\n"))));
            }
        }
        let renewed = self.write_files().and_then(|()| self.start_anew(services, wait));
        let Err(error) = renewed else { return Ok(()) };
        let restored = interrupt::shielded(|| {
            before.iter().try_for_each(|(folder, name, text)| match text {
                Some(text) => self.leased.write(folder, &[(name, text)]),
                None => self.leased.delete(&folder.join(name)),
            })?;
            self.start_anew(services, wait)
        });
        Err(taken_back(error, restored).into())
    }

    fn start_anew(&self, services: &[String], wait: &dyn Fn(&str)) -> Result<()> {
        self.finish_recreations()?;
        for service in services {
            wait(&format!("starting {service} anew"));
            // Data are written to their end; requests get a little.
            let timeout = if service == EDGE.name { Some(DRAIN_TIMEOUT) } else { None };
            let machine = self.leased.fenced_invalidating()?;
            machine.platform().with_project_as_started(|project| {
                Ok(Run::new(project.renew(machine.docker(), service, timeout))
                    .timeout(START_TIMEOUT)
                    .run()?)
            })?;
            machine.platform().wait_until_healthy(&[service], wait)?;
        }
        if services.iter().any(|service| service == DATABASE_SERVICE.name) {
            // A password may have one version more.
            self.leased.database().make_roles()?;
        }
        Ok(())
    }
}

/// How a renewal has failed, and what runs now.
fn taken_back(error: anyhow::Error, restored: Result<()>) -> Failure {
    match restored {
        Ok(()) => {
            let exit = if is_interrupt(&error) { Exit::Interrupted } else { Exit::Undone };
            let message = format!(
                "the new platform was not started: {error:#}\n  Now: the platform from before runs again."
            );
            Failure { exit, message }
        }
        Err(second) => {
            let message = format!(
                "the new platform was not started: {error:#}\n  Now: the platform from before does not run again \
                 either: {second:#}\n  Mend what these lines name, then run the command again."
            );
            Failure { exit: Exit::NotUndone, message }
        }
    }
}

/// '15' of 'postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)'.
fn major(told: &str) -> Option<&str> {
    told.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?.split('.').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_a_server_is_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some("15"));
        assert_eq!(major("a database"), None);
    }

    #[test]
    fn a_renewal_that_failed_says_by_its_exit_code_whether_the_platform_from_before_runs() {
        let failed = || anyhow::anyhow!("the edge is not healthy");
        assert_eq!(taken_back(failed(), Ok(())).exit, Exit::Undone);
        assert_eq!(taken_back(interrupt::Interrupted.into(), Ok(())).exit, Exit::Interrupted);
        let both = taken_back(failed(), Err(anyhow::anyhow!("the disk is full")));
        assert_eq!(both.exit, Exit::NotUndone);
        assert!(both.message.contains("not healthy") && both.message.contains("disk is full"), "{both}");
    }
}
