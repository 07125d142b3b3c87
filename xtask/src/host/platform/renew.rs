//! A platform that a commit has changed takes the place of the one that runs: database, edge, or both.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use super::compose::{AUTHORITY, BACKUP_SCRIPTS, CADDYFILE};
use super::{LeasedPlatform, Platform};
use crate::host::Bases;
use crate::project::{
    DATABASE_SERVICE, EDGE, EDGE_FILE, ESSENTIAL, PLATFORM_FILES, ROLES_FILE, SCRIPTS_FOLDER,
};
use crate::rollout::host::Host as _;
use crate::rollout::state::platform::PlatformRecord;
use crate::tools::caddy;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container::{self, Container};
use crate::tools::docker::limits::{LIMITS, READ_ONLY};
use crate::tools::files::hex::hex;
use crate::tools::process::Run;

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
        self.prepare_papers()?;
        let caddyfile = machine.platform_files()?.text(EDGE_FILE)?;
        let validate =
            caddy::validate_input(machine.docker(), caddy, EDGE.uid, machine.platform().edge_site());
        Run::new(validate).stdin(caddyfile).run().context("the edge would not take the new Caddyfile")?;
        let database = DATABASE_SERVICE.uid.to_string();
        let version = cmd!(
            machine.docker(),
            "docker run --rm --network none {LIMITS...} {READ_ONLY...} --user {database} --entrypoint postgres {postgres} --version"
        );
        let new = major(&Run::new(version).text()?).map(str::to_owned);
        let (old, name) = (machine.platform().database_major()?, &machine.environment().name);
        if new.as_deref() != Some(old.to_string().as_str()) {
            bail!(
                "the data are PostgreSQL {old}'s and the new image is of {}: `cargo xtask db upgrade --env {name}` goes to another \
                 major version; the row of {name} in xtask/src/project/environments.rs says which one it has",
                new.as_deref().unwrap_or("an unknown version")
            );
        }
        Ok(())
    }

    /// Brings its files, and makes the database's roles as they say.
    pub(in crate::host) fn write(&self) -> Result<PlatformRecord> {
        let machine = self.leased.fenced()?;
        let folders = [EDGE.name, SCRIPTS_FOLDER, "platform"].map(|name| machine.folder(name));
        let ([yaml, https], scripts) = (PLATFORM_FILES, BACKUP_SCRIPTS.map(|(name, _)| name));
        let of_platform = [yaml, https, "variables.env", ROLES_FILE, "written"];
        let names = [&[CADDYFILE, AUTHORITY][..], &scripts, &of_platform];
        let mut before = Vec::new();
        for (folder, names) in folders.iter().zip(names) {
            for name in names {
                let text = machine.read(&folder.join(name))?;
                // To the last byte, or it would be taken for changed by hand.
                before.push((folder.join(name), text.map(|text| format!("{text}\n"))));
            }
        }
        *self.leased.platform_before.borrow_mut() = before;
        let record = self.write_files()?;
        self.leased.database().make_roles()?;
        Ok(record)
    }

    /// The files from before [`LeasedPlatform::write`] are there again, if that was done.
    pub(in crate::host) fn bring_back_files(&self) -> Result<()> {
        let before = self.leased.platform_before.borrow();
        before.iter().try_for_each(|(file, text)| match (text, file.parent(), file.file_name()) {
            (Some(text), Some(folder), Some(name)) => self.leased.write(folder, &[(name, text)]),
            _ => self.leased.delete(file),
        })
    }

    /// Starts a service anew, from the files that are there; one that they do not have goes.
    pub(in crate::host) fn renew(&self, service: &str) -> Result<()> {
        self.start_anew(service)?;
        if service == DATABASE_SERVICE.name {
            // A password may have one version more.
            self.leased.database().make_roles()?;
        }
        Ok(())
    }

    /// Like `renew`, and the database's roles are as they were.
    pub(in crate::host) fn start_anew(&self, service: &str) -> Result<()> {
        self.finish_recreations()?;
        // Data are written to their end; requests get a little.
        let timeout = if service == EDGE.name { Some(DRAIN_TIMEOUT) } else { None };
        let machine = self.leased.fenced_invalidating()?;
        let is_essential = ESSENTIAL.iter().any(|it| it.name == service);
        machine.platform().with_project_as_started(|project| {
            if !is_essential {
                let has = Run::new(project.hashes(machine.docker())).text()?;
                if !has.lines().any(|line| line.split(' ').next() == Some(service)) {
                    return Ok(container::remove(machine.docker(), &machine.platform().container(service))?);
                }
            }
            Ok(Run::new(project.renew(machine.docker(), service, timeout)).timeout(START_TIMEOUT).run()?)
        })?;
        machine.platform().wait_until_healthy(&[service], &|_| {})
    }

    /// Stops these services, as far as they run.
    pub(in crate::host) fn stop_services(&self, services: &[&str]) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        let mut found = machine.platform().containers()?;
        found.retain(|it| {
            it.state.status == Condition::Running
                && it.label("com.docker.compose.service").is_some_and(|name| services.contains(&name))
        });
        let names: Vec<&str> = found.iter().map(Container::plain_name).collect();
        match names.is_empty() {
            true => Ok(()),
            false => {
                Ok(Run::new(cmd!(machine.docker(), "docker stop {names...}")).timeout(START_TIMEOUT).run()?)
            }
        }
    }

    /// From its next start on the database is of this image.
    pub(in crate::host) fn set_database_image(&self, image: &str) -> Result<()> {
        self.set_variable("POSTGRES_IMAGE", image)
    }

    /// What runs is as the ledger has it, but for the database's image.
    pub(in crate::host) fn record_as_started(&self) -> Result<PlatformRecord> {
        let machine = self.leased.fenced()?;
        let mut record = machine.ledger()?.platform().cloned().unwrap_or_default();
        if let Some(bases) = machine.platform().bases()? {
            record.images.insert(DATABASE_SERVICE.name.to_owned(), bases.postgres);
        }
        let variables = machine.read(&machine.folder("platform").join("variables.env"))?;
        // To the last byte, which reading it drops.
        record.settings = hex(&Sha256::digest(format!("{}\n", variables.unwrap_or_default())));
        Ok(record)
    }
}

impl Platform<'_> {
    /// The major version of PostgreSQL that the data are of.
    pub fn database_major(&self) -> Result<u32> {
        let told =
            self.run_in(&DATABASE_SERVICE, &["cat", "/var/lib/postgresql/data/cluster/PG_VERSION"])?.stdout;
        told.trim()
            .parse()
            .with_context(|| format!("the database says of its major version: {:?}", told.trim()))
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
}
