//! The pause: users wait, the last data go, and from one moment on the environment is on the new machine for good.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::ready::Ready;
use super::{Going, Gone};
use crate::commands::db::copies;
use crate::commands::logs::ship;
use crate::commands::monitor;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::exit::{Exit, Failure};
use crate::host::{Leased, Machine, MoveRecord, MoveState};
use crate::product::images::Registry;
use crate::rollout::host::Host;
use crate::rollout::remake;
use crate::terminal::{self, Activity};
use crate::tools::process::interrupt;

impl Going<'_> {
    /// Only what must wait for the last write is in it.
    pub fn pause(&self, ready: &Ready) -> Result<Gone> {
        let machine = &ready.machine;
        let arriving = driver::lease(machine, self.doing(), LockWaitArgs::PATIENT)?;
        let attempt = driver::settle(&arriving)?;
        let name = format!("{}-move-2", self.attempt.id());
        self.attempt.note(&format!("the move to {} begins: users wait", self.other.to))?;
        let began = Instant::now();
        let bring = || {
            self.leaving.moving().begin(self.other)?;
            self.leaving.live_folder().ask_to_wait()?;
            self.leaving.moving().freeze()?;
            let mut papers = ready.papers.clone();
            self.bring_data(&arriving, machine, &attempt, &name, &mut papers)?;
            self.compare(machine)?;
            machine.wait_for_release(&ready.prepared.release().id)?;
            interrupt::shielded(|| self.leaving.moving().leave())
        };
        let has_left = || {
            let record = interrupt::shielded(|| self.old.moving().record());
            record.is_ok_and(|record| record.is_some_and(|it| it.has_left()))
        };
        match bring() {
            Err(error) if !has_left() => Err(self.go_back(began, &error)),
            _ => {
                let by = Some((began, ready.is_seen));
                self.complete(machine, &arriving, by, ready.prepared.registry.as_ref())
            }
        }
    }

    fn compare(&self, machine: &Machine) -> Result<()> {
        let (before, after) = (self.old.database().rows()?, machine.database().rows()?);
        let differs: Vec<String> = before
            .iter()
            .filter(|(table, count)| after.get(*table) != Some(count))
            .map(|(table, count)| {
                let there = after.get(table).map_or("no table".to_owned(), u64::to_string);
                format!("{table}: {count} here, {there} there")
            })
            .collect();
        ensure!(differs.is_empty(), "not all rows came over: {}", differs.join("; "));
        Ok(())
    }

    /// It was not to be. What is to be said of it.
    fn go_back(&self, began: Instant, error: &anyhow::Error) -> anyhow::Error {
        let (name, to) = (&self.old.environment().name, &self.other.to);
        let (exit, state) = match interrupt::shielded(|| self.leaving.moving().undo()) {
            Ok(()) => {
                let noted = format!("the move to {to} is undone: users are served here again");
                if let Err(error) = interrupt::shielded(|| self.attempt.note(&noted)) {
                    terminal::warn(format_args!("the ledger does not know of it: {error:#}"));
                }
                let after = terminal::seconds(began.elapsed());
                (Exit::Undone, format!("the old machine serves again, {after} after it had stopped"))
            }
            Err(_) if self.old.is_cut_off() => (
                Exit::NotUndone,
                format!(
                    "the link to the old machine is lost: unless {name} has left it, a guard there ends the pause within 20 s"
                ),
            ),
            Err(undoing) => (
                Exit::NotUndone,
                format!(
                    "the pause could not be ended: {undoing:#}\n  `cargo xtask recover --env {name}` tries again"
                ),
            ),
        };
        let message = format!(
            "the move failed: {error:#}\n  Now: {state}. Mend the cause, then `cargo xtask host move --env {name} --to {to}` begins anew."
        );
        Failure { exit, message }.into()
    }

    /// It has left. Each part of this may be done again.
    pub fn complete(
        &self,
        machine: &Machine,
        arriving: &Leased,
        begun: Option<(Instant, bool)>,
        registry: Option<&Registry>,
    ) -> Result<Gone> {
        let done = self.complete_parts(machine, arriving, begun, registry);
        done.map_err(|error| {
            let (name, to) = (&self.old.environment().name, &self.other.to);
            let message = format!(
                "the move is not complete: {error:#}\n  Now: {name} has left the old machine for good, and nothing goes back by itself. \
                 Mend the cause, then the same command completes it: `cargo xtask host move --env {name} --to {to}`"
            );
            Failure { exit: Exit::NotUndone, message }.into()
        })
    }

    fn complete_parts(
        &self,
        machine: &Machine,
        arriving: &Leased,
        begun: Option<(Instant, bool)>,
        registry: Option<&Registry>,
    ) -> Result<Gone> {
        let site = machine.site().context("it is another machine")?;
        let opened = interrupt::shielded(|| {
            arriving.moving().let_write()?;
            arriving.live_folder().set_maintenance(None)
        });
        let handed = opened.and_then(|()| {
            let look = || self.old.moving().edge_sees(&self.other.address);
            let is_seen = begun.map_or_else(look, |(_, is_seen)| Ok(is_seen))?;
            interrupt::shielded(|| self.leaving.moving().hand_on(self.other, site, is_seen))?;
            Ok(is_seen)
        });
        let pause = begun.map(|(began, _)| began.elapsed());
        let hands_on = handed?;
        let attempt = driver::settle(arriving)?;
        let why =
            format!("{} went from {} to {}", machine.environment().name, self.origin()?.to, self.other.to);
        remake::join_ledger(arriving, &self.old.ledger()?, &attempt.settled.files, attempt.by(), &why)?;
        arriving.moving().note(&MoveRecord::of(&self.origin()?, MoveState::Arrived))?;
        Activity::of("stop what is left on the old machine", |_| self.leaving.moving().retire())?;
        // The ledger is another one since.
        let attempt = driver::settle(arriving)?;
        let waited =
            pause.map_or(String::new(), |it| format!("; users waited for {}", terminal::seconds(it)));
        attempt.note(&format!("{why}{waited}"))?;
        let live = machine.live()?.active.context("no release has the traffic there")?;
        let release = machine.kept()?.into_iter().find(|it| it.id == live);
        copies::renew(arriving, machine, registry);
        ship::renew(arriving, machine, registry);
        if let Some(release) = release {
            monitor::renew(arriving, machine, &release);
        }
        Ok(Gone { release: live, pause, hands_on })
    }
}
