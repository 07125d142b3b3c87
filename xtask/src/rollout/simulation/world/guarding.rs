//! What the simulated host does about the guard and the switch.

use anyhow::{Result, bail, ensure};

use super::{GuardFile, World};
use crate::rollout::host::{Arming, Switching};
use crate::rollout::state::guard::{Guard, GuardState};

impl World {
    pub(super) fn arm(&mut self, arming: &Arming) {
        let (attempt, to) = (arming.attempt.clone(), Some(arming.to.clone()));
        self.guarding = Some(attempt.clone());
        self.guard = Some(GuardFile {
            guard: Guard { state: GuardState::Armed, attempt, to, reason: String::new() },
            from: arming.from.clone(),
            warm: arming.warm.clone(),
            deadline: self.now + arming.deadline,
        });
    }

    pub(super) fn confirm(&mut self, attempt: &str) -> Result<()> {
        let guard = self.guard.as_mut().map(|file| &mut file.guard);
        match guard.filter(|guard| guard.attempt == attempt) {
            Some(guard) if matches!(guard.state, GuardState::Armed | GuardState::Disarmed) => {
                guard.state = GuardState::Disarmed;
                Ok(())
            }
            other => bail!("the guard is {:?}", other.map(|guard| guard.state)),
        }
    }

    pub(super) fn trip_of(&mut self, attempt: &str, reason: &str) -> Result<()> {
        let guard = self.guard.as_ref().map(|file| &file.guard);
        match guard.filter(|guard| guard.attempt == attempt).map(|guard| guard.state) {
            Some(GuardState::Armed | GuardState::Tripping) => self.trip(reason),
            Some(GuardState::Tripped) => {}
            other => bail!("the guard is {other:?}, for '{attempt}'"),
        }
        Ok(())
    }

    pub(super) fn check_switch(&self, switch: &Switching, lease: u64) -> Result<()> {
        ensure!(self.live == switch.from, "the live file does not hold the old release");
        ensure!(self.lease == lease, "the lease has passed to somebody else");
        let Some((attempt, margin)) = &switch.guarded else {
            let state = self.guard.as_ref().map(|file| file.guard.state);
            ensure!(!matches!(state, Some(GuardState::Armed | GuardState::Tripping)), "a guard is {state:?}");
            return Ok(());
        };
        let armed = |file: &&GuardFile| {
            file.guard.state == GuardState::Armed
                && &file.guard.attempt == attempt
                && file.deadline >= self.now + *margin
        };
        ensure!(self.guard.as_ref().filter(armed).is_some(), "no guard with time enough is armed");
        Ok(())
    }

    pub(super) fn switch(&mut self, switch: &Switching, lease: u64) -> Result<()> {
        self.check_switch(switch, lease)?;
        self.warm.clone_from(&switch.from);
        self.give_traffic(Some(switch.to.clone()));
        Ok(())
    }
}
