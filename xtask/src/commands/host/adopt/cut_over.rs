//! What adopting does: ours is made ready beside what is there, with its data as a rehearsal; then the old project is stopped, its data
//! come over once more, and the edge takes its ports. Users wait for the latter alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Adopt;
use super::schema::Bridged;
use crate::commands::db::copies;
use crate::commands::deploy::prepare::Prepared;
use crate::commands::deploy::{Beside, Deploy};
use crate::commands::host::edge::{BESIDE, NO_MAILS, edge_alone, open, reach_with_ports};
use crate::commands::host::restore::start_platform;
use crate::commands::host::setup::Setup;
use crate::commands::logs::ship;
use crate::commands::monitor;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::https;
use crate::exit::{Exit, Failure, refuse};
use crate::host::{AdoptionRecord, AdoptionState, Leased, Machine, OldDatabase, OtherProject, PublicSite};
use crate::project::DATABASE;
use crate::rollout::host::{Host, LeasedHost};
use crate::rollout::state::release::ReleaseId;
use crate::rollout::steps::platform::renew;
use crate::rollout::steps::restore;
use crate::setup::host::Admin;
use crate::terminal::{self, Activity};
use crate::tools::free_ports;
use crate::tools::process::interrupt;

/// What the stop, the handing over of the ports and a look take, beside the data.
const HAND_OVER: Duration = Duration::from_secs(9);
/// How long the edge waits for its certificate, once it has the ports.
const CERTIFICATE: Duration = Duration::from_secs(10);

/// Whether the data that come are to be tried out only.
#[derive(Clone, Copy)]
struct Rehearsal(bool);

/// How it went.
pub struct CutOver {
    /// What has the traffic.
    pub release: ReleaseId,
    /// From the stop of the old project to the first answer of ours.
    pub pause: Duration,
    /// As it was said before.
    pub expected: Duration,
}

/// How long nobody will be served, by the size of the data alone.
pub fn guess(database: &OldDatabase, site: &PublicSite) -> Duration {
    hand_over(site) + Duration::from_secs(database.bytes / (10 << 20))
}

fn hand_over(site: &PublicSite) -> Duration {
    HAND_OVER + if site.name().is_some() { CERTIFICATE } else { Duration::ZERO }
}

/// An adoption that somebody has said yes to.
pub struct Agreed<'a> {
    /// What was asked for.
    pub adopt: &'a Adopt,
    /// Who looks at the old project.
    pub admin: &'a Admin<'a>,
    /// The old project.
    pub project: &'a OtherProject,
    /// Its database.
    pub database: &'a OldDatabase,
    /// What makes its schema ours.
    pub bridged: &'a Bridged,
}

impl Agreed<'_> {
    /// Everything, in order. What was done by an adoption that was cut off is not done again.
    pub fn run(&self, secrets: BTreeMap<&'static str, Vec<u8>>) -> Result<CutOver> {
        let Agreed { adopt, admin, project, database, .. } = self;
        let tunnel = admin.shell.connection().context("the way to the host is a connection")?;
        let [here] = free_ports::find()?;
        tunnel.open_tunnel(here, BESIDE)?;
        Setup::beside_project(adopt.target.clone(), adopt.admin.clone(), adopt.output).make()?;
        let beside = Beside { site: PublicSite::beside_another(here, BESIDE), secrets };
        let deploy = Deploy::beside(
            adopt.target.clone(),
            adopt.version.clone(),
            adopt.overrides.clone(),
            adopt.output,
            beside,
        );
        let mut prepared = deploy.prepare()?;
        let site = adopt.target.access()?.site;
        let expected = self
            .make_ready(&prepared)?
            .map_or_else(|| guess(database, &site), |took| hand_over(&site) + took);
        if !prepared.is_settled()? {
            deploy.deploy(&mut prepared, None)?;
        }
        let seconds = terminal::seconds(expected);
        terminal::note(format_args!(
            "  ready beside {}: nobody will be served for about {seconds}",
            project.name
        ));
        let (release, pause) = self.cut_over(&prepared)?;
        Ok(CutOver { release, pause, expected })
    }

    /// The platform runs beside the old project, on another port, with the old data. Says how long these took; nothing where they
    /// are there.
    fn make_ready(&self, prepared: &Prepared) -> Result<Option<Duration>> {
        let Agreed { project, database, .. } = self;
        let machine = &prepared.machine;
        let leased = driver::lease(machine, format!("adoption of {}", project.name), LockWaitArgs::PATIENT)?;
        let attempt = driver::settle(&leased)?;
        let record = check_may_replace(machine)?;
        let was_undone = record.as_ref().is_some_and(|it| it.state == AdoptionState::Undone);
        if !was_undone {
            leased.adoption().rehearse(project)?;
        }
        if machine.platform().is_made()? && !machine.platform().serves()? {
            // It was to have the ports already.
            let renewal = edge_alone(machine, prepared.release().commit)?;
            driver::run(machine, &attempt, &renew(&renewal), Vec::new())?;
        }
        let attempt = driver::settle(&leased)?;
        start_platform(&leased, &attempt, prepared)?;
        leased.database().make_roles()?;
        // A cut-over that was undone may have left half of its data.
        if machine.live()?.active.is_some() && !was_undone {
            return Ok(None);
        }
        back_up(&leased, machine)?;
        let began = Instant::now();
        let rows = self.bring_data(&leased, machine, database, Rehearsal(true), was_undone)?;
        let missing: Vec<&String> = database.rows.keys().filter(|table| !rows.contains_key(*table)).collect();
        ensure!(missing.is_empty(), "these tables did not come over: {missing:?}");
        Ok(Some(began.elapsed()))
    }

    fn cut_over(&self, prepared: &Prepared) -> Result<(ReleaseId, Duration)> {
        let Agreed { adopt, admin, project, database, .. } = self;
        let machine = reach_with_ports(&adopt.target, prepared)?;
        if let Some(site) = machine.site() {
            https::check_name(site, &adopt.overrides)?;
        }
        let release = prepared.release();
        let doing = format!("adoption of {}: the cut-over", project.name);
        let leased = driver::lease(&machine, doing, LockWaitArgs::PATIENT)?;
        let attempt = driver::settle(&leased)?;
        // Somebody else may have adopted it, or stopped it, since it was looked at.
        let before = check_may_replace(&machine)?;
        let was_undone = before.is_some_and(|it| it.state == AdoptionState::Undone);
        OldDatabase::of(admin, &database.container)?;
        leased.platform().check_renewal()?;
        attempt.note(&format!(
            "the adoption of {} begins: it is stopped, and its data and ports are taken over",
            project.words()
        ))?;
        // Not while nobody is served.
        back_up(&leased, &machine)?;
        let record = AdoptionRecord::of(project, AdoptionState::Cutting);
        let began = Instant::now();
        let begun = leased.adoption().begin(&record);
        let taken = begun.and_then(|()| self.take_over(&leased, prepared, &machine, &record, was_undone));
        let is_ours = || {
            let record = interrupt::shielded(|| machine.adoption().record());
            record.is_ok_and(|record| record.is_some_and(|it| it.is_made()))
        };
        let Err(error) = taken.or_else(|error| if is_ours() { Ok(()) } else { Err(error) }) else {
            let opened = interrupt::shielded(|| open(&leased, &machine, &release));
            let pause = began.elapsed();
            if let Err(error) = interrupt::shielded(|| leased.adoption().keep_stopped(&record)) {
                terminal::warn(format_args!(
                    "{error:#}: `cargo xtask recover` stops what is left of {}",
                    project.name
                ));
            }
            opened.map_err(|error| self.not_opened(&error))?;
            copies::renew(&leased, &machine, prepared.registry.as_ref());
            ship::renew(&leased, &machine, prepared.registry.as_ref());
            monitor::renew(&leased, &machine, &release);
            let pause_in_words = terminal::seconds(pause);
            note(
                &leased,
                &format!(
                    "{} is adopted: nobody was served for {pause_in_words}; it is kept until `--forget-old`",
                    project.name
                ),
            );
            return Ok((release.id, pause));
        };
        Err(self.go_back(&leased, &machine, &record, began, &error))
    }

    /// Ours was not to be: the old project serves again. What is to be said of it.
    fn go_back(
        &self,
        leased: &Leased,
        machine: &Machine,
        record: &AdoptionRecord,
        began: Instant,
        error: &anyhow::Error,
    ) -> anyhow::Error {
        let OtherProject { name: project, folder, .. } = self.project;
        let (exit, state) = match interrupt::shielded(|| leased.adoption().undo(record)) {
            Ok(()) => {
                note(leased, &format!("the adoption of {project} is undone: it serves again"));
                let after = terminal::seconds(began.elapsed());
                (Exit::Undone, format!("{project} serves again, {after} after it was stopped"))
            }
            Err(_) if machine.is_cut_off() => (
                Exit::NotUndone,
                format!(
                    "the link is lost; unless ours has its data already, a guard there starts {project} again within 20 s: `cargo xtask \
                     recover` says"
                ),
            ),
            Err(undoing) => (
                Exit::NotUndone,
                format!(
                    "{project} could not be started again: {undoing:#}\n  There: cd {folder} && docker compose up --detach"
                ),
            ),
        };
        let name = &self.adopt.target.environment().name;
        let message = format!(
            "the cut-over failed: {error:#}\n  Now: {state}. Mend the cause, then `cargo xtask host adopt --env {name}` goes on from there."
        );
        Failure { exit, message }.into()
    }

    /// It is ours, and there is no way back by itself: users may have written already.
    fn not_opened(&self, error: &anyhow::Error) -> anyhow::Error {
        let OtherProject { name, folder, .. } = self.project;
        let environment = &self.adopt.target.environment().name;
        let message = format!(
            "the edge did not take its ports: {error:#}\n  Now: {name} is stopped, ours has its data, and users are not served. It is not \
             gone back to by itself, since they may have written already.\n  Mend the cause, then `cargo xtask recover --env \
             {environment}`. Or back: `cargo xtask down --env {environment}`, then there: cd {folder} && docker compose up --detach"
        );
        Failure { exit: Exit::NotUndone, message }.into()
    }

    /// While nobody is served: only what must wait for the last write is in here. All that can be looked at without the ports is, before
    /// the data are ours.
    fn take_over(
        &self,
        leased: &Leased,
        prepared: &Prepared,
        machine: &Machine,
        record: &AdoptionRecord,
        was_undone: bool,
    ) -> Result<()> {
        let release = prepared.release();
        Activity::of(format!("stop {}", record.project.name), |_| leased.adoption().stop_writers(record))?;
        let last = OldDatabase::of(self.admin, &self.database.container)?;
        let rows = self.bring_data(leased, machine, &last, Rehearsal(false), was_undone)?;
        let differs: Vec<String> = last
            .rows
            .iter()
            .filter(|(table, count)| rows.get(*table) != Some(count))
            .map(|(table, count)| {
                format!(
                    "{table}: {count} there, {} here",
                    rows.get(table).map_or("no table".to_owned(), u64::to_string)
                )
            })
            .collect();
        ensure!(differs.is_empty(), "not all rows came over: {}", differs.join("; "));
        if release.migrations.iter().any(|version| *version > self.bridged.newest) {
            Activity::of("migrate", |_| leased.migrate(&release))?;
        }
        prepared.machine.wait_for_release(&release.id)?;
        interrupt::shielded(|| leased.adoption().make_ours(record))
    }

    /// The old data take the database's place, with what makes their schema ours, and the history of that. Gives the rows of each table as
    /// they came.
    fn bring_data(
        &self,
        leased: &Leased,
        machine: &Machine,
        database: &OldDatabase,
        rehearsal: Rehearsal,
        was_undone: bool,
    ) -> Result<BTreeMap<String, u64>> {
        let (bridged, attempt) = (self.bridged, &driver::settle_in_cut_over(leased)?);
        machine.database().check_room_for_copy(2 * database.bytes)?;
        let name = format!("{}-adopt", attempt.id());
        let dump = Activity::of(format!("dump {} of {}", database.name, database.container), |_| {
            let copied = leased.adoption().copy_database(database, &name);
            let taken = copied.and_then(|()| leased.database().take_dump(&name, "host adopt"));
            taken.inspect_err(|_| leased.database().discard_dump(&name))
        })?;
        leased.database().want(&dump)?;
        let live = machine.live()?.active;
        driver::run(machine, attempt, &restore::take_over(&dump, DATABASE, live), Vec::new())?;
        let rows = machine.database().rows()?;
        if rehearsal.0 {
            leased.database().run_script(NO_MAILS).context("taking out mails that wait")?;
        }
        if let Some(bridge) = &bridged.bridge {
            leased.database().run_script(bridge).context("running the bridge")?;
        }
        leased
            .database()
            .run_script(&bridged.history)
            .context("writing which migrations the database has")?;
        // What stood in its place was empty, or of a rehearsal. After a cut-over that was undone nobody can be sure.
        if !was_undone {
            leased.database().drop_parked(attempt.id())?;
        }
        Ok(rows)
    }
}

/// Refused where the data there are users' own. Gives how far an adoption is that was begun.
fn check_may_replace(machine: &Machine) -> Result<Option<AdoptionRecord>> {
    let (record, name) = (machine.adoption().record()?, &machine.environment().name);
    check_not_served(record.as_ref(), machine.edge_has_its_ports()?, name)?;
    let files = machine.files()?;
    let is_deployed = files.traffic.active.is_some() || files.ledger.attempts().iter().any(|it| it.confirmed);
    match record.is_none() && is_deployed {
        true => Err(refuse(format!(
            "{name} was deployed without an adoption: its database is its own, and is not replaced. Nothing was changed."
        ))),
        false => Ok(record),
    }
}

/// Refused where users have ours already: their data would be replaced.
pub fn check_not_served(record: Option<&AdoptionRecord>, edge_has_ports: bool, name: &str) -> Result<()> {
    if record.is_some_and(AdoptionRecord::is_made) {
        return Err(refuse(format!(
            "{name} was adopted already: its database is not replaced. `cargo xtask recover --env {name}` completes what was cut off of \
             it, and stops what came back of the old project. Nothing was changed."
        )));
    }
    match edge_has_ports {
        true => Err(refuse(format!(
            "the edge of {name} serves users: its database is not replaced. Nothing was changed."
        ))),
        false => Ok(()),
    }
}

/// Whatever is there of ours, before something takes its place.
fn back_up(leased: &Leased, machine: &Machine) -> Result<()> {
    if machine.database().rows()?.is_empty() {
        return Ok(());
    }
    let (attempt, live) = (driver::settle(leased)?, machine.live()?.active);
    let plan = restore::back_up("before an old project's data take its place", live);
    driver::run(machine, &attempt, &plan, Vec::new()).map(drop)
}

/// What is done is done, whatever becomes of this line.
fn note(leased: &Leased, what: &str) {
    if let Err(error) = interrupt::shielded(|| driver::settle(leased)?.note(what)) {
        terminal::warn(format_args!("the ledger does not know of it: {error:#}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_users_data_in_ours_is_not_adopted_again() {
        let project = OtherProject { name: "x".to_owned(), folder: "/x".to_owned(), services: Vec::new() };
        let check = |state, has_ports| {
            let record = AdoptionRecord::of(&project, state);
            check_not_served(Some(&record), has_ports, "staging").is_ok()
        };
        for state in [AdoptionState::Rehearsing, AdoptionState::Undone] {
            assert!(check(state, false) && !check(state, true));
        }
        assert!(!check(AdoptionState::Ours, false) && !check(AdoptionState::Forgotten, false));
        assert!(check_not_served(None, false, "staging").is_ok());
        assert!(check_not_served(None, true, "staging").is_err());
    }
}
