//! What a driver that died in the middle has left beside its attempt: a pause of users, or a database between two servers.

use anyhow::{Context as _, Result};

use crate::commands::refuse;
use crate::host::{AdoptionState, Leased, Machine, MoveRecord, MoveState, UpgradeRecord};
use crate::project::Environment;
use crate::rollout::host::Host as _;

/// Asks right after the lease was had whether the engine answers: while it was waited for, that may have changed. Refused while it
/// does not, where an earlier driver left what only the engine can settle: until then users must not be let in, or sent elsewhere.
pub fn ask_engine_again(machine: &Machine) -> Result<()> {
    machine.try_engine()?;
    if machine.engine_answers() {
        return Ok(());
    }
    let upgrade = machine.upgrade().record()?;
    let adoption = machine.adoption().record()?.map(|record| record.state);
    let moved = machine.moving().record()?.map(|record| record.state);
    let left = left_for_engine(upgrade.as_ref().is_some_and(UpgradeRecord::is_unsettled), adoption, moved);
    left.map_or(Ok(()), |what| {
        Err(refuse(format!(
            "{what} was cut off, and while the container engine does not answer, nobody can settle it\n  Nothing was changed. Get \
             the engine to answer, then run the command again."
        )))
    })
}

/// What that is, of what the files say.
fn left_for_engine(
    is_upgrade_unsettled: bool,
    adoption: Option<AdoptionState>,
    moved: Option<MoveState>,
) -> Option<&'static str> {
    if is_upgrade_unsettled {
        return Some("a change of PostgreSQL");
    }
    if adoption == Some(AdoptionState::Cutting) {
        return Some("the cut-over of an adoption");
    }
    (moved == Some(MoveState::Cutting)).then_some("the pause of a move")
}

/// Undoes the cut-over of an adoption, or of a move, whose driver died. Says which one.
pub fn undo_pauses(leased: &Leased<'_>) -> Result<Option<String>> {
    let undone =
        leased.adoption().settle().context("undoing the cut-over of an adoption that was cut off")?;
    let words = undone.map(|it| format!("the adoption of {} was cut off: it serves again", it.project.name));
    let moved = leased.moving().settle().context("ending the pause of a move that was cut off")?;
    let Some((record, was_undone)) = moved else { return Ok(words) };
    check_has_not_left(leased.environment(), &record)?;
    let to = &record.other.to;
    let undone = was_undone.then(|| format!("the move to {to} was cut off: users are served here again"));
    Ok(words.or(undone))
}

/// Refused on a machine that its environment has left for another one.
pub fn check_has_not_left(environment: &Environment, record: &MoveRecord) -> Result<()> {
    let (name, to) = (&environment.name, &record.other.to);
    match record.has_left() {
        false => Ok(()),
        true => Err(refuse(format!(
            "{name} has left this machine: it is on {to}, and nothing is changed here any more\n  Have the variables lead there. `cargo \
             xtask host move --env {name} --to {to}` says which, and completes a move that was cut off."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_engine_users_are_not_let_into_what_was_cut_off_in_the_middle() {
        let (adoption, moved) = (Some(AdoptionState::Ours), Some(MoveState::Undone));
        assert_eq!(left_for_engine(false, adoption, moved), None);
        assert_eq!(left_for_engine(true, adoption, moved), Some("a change of PostgreSQL"));
        let adopting = left_for_engine(false, Some(AdoptionState::Cutting), None);
        assert_eq!(adopting, Some("the cut-over of an adoption"));
        assert_eq!(left_for_engine(false, None, Some(MoveState::Cutting)), Some("the pause of a move"));
    }
}
