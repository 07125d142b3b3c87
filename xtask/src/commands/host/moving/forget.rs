//! What is left on a machine that its environment has left goes.

use anyhow::{Context, Result};
use serde_json::json;

use super::Move;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::access::Access;
use crate::commands::target::gate;
use crate::exit::refuse;
use crate::host::{Machine, MoveRecord, MoveState, NameTrouble};
use crate::rollout::observed::Observed;
use crate::rollout::plans;
use crate::terminal::{self, Activity, paint};

/// By way of the new machine, or of the old one, whichever the operator's variables tell. Users who still come to the old one are
/// served by nobody then.
pub fn forget(args: &Move) -> Result<()> {
    let (environment, told) = (args.target.environment(), args.target.clone().reach()?);
    let name = &environment.name;
    let record = told.moving().record()?;
    let (old, new) = match &record {
        Some(MoveRecord { state: MoveState::Moved, .. }) => (told, None),
        Some(MoveRecord { state: MoveState::Arrived, other, .. }) => {
            let way = Access::of_known_machine(environment, &other.to, &other.url, &other.host_key)?;
            let (old, ()) = args.target.at(way.clone()).reach_by(&way, || Ok(()))?;
            (old, Some(told))
        }
        _ => {
            return Err(refuse(format!(
                "{name} has not moved: there is nothing to forget. Nothing was changed."
            )));
        }
    };
    let left = old.moving().record()?.filter(|it| it.state == MoveState::Moved).with_context(|| {
        format!("{name} has not left the machine that it is said to come from: nothing was changed")
    })?;
    check_name(args, &old, &left)?;
    let place = old.address().map_or_else(String::new, |(host, _)| host.clone());
    let question =
        format!("Remove what is left of {name} on {place}, data and secrets? Nothing brings them back.");
    args.consent.ask(&question, "nothing was changed", name)?;
    let leased = driver::lease(&old, format!("forgetting {name}"), LockWaitArgs::PATIENT)?;
    let attempt = driver::settle_in_cut_over(&leased)?;
    let plan = plans::down(&Observed::without_database(attempt.settled.files.clone(), &old)?);
    driver::run(&old, &attempt, &plan, Vec::new())?;
    Activity::of("remove what is left", |_| -> Result<()> {
        leased.moving().forget_files()?;
        leased.platform().down()?;
        leased.platform().delete_data()?;
        leased.moving().forget(&left.other)
    })?;
    if let Some(new) = new {
        let arrived = driver::lease(&new, "forgetting where it came from".to_owned(), LockWaitArgs::PATIENT)?;
        driver::settle(&arrived)?.note(&format!("the machine that it came from, {place}, is forgotten"))?;
        arrived.live_folder().set_former(None)?;
        arrived.moving().note_forgotten()?;
    }
    args.output.say(
        || json!({ "environment": name, "forgotten": place }),
        || {
            terminal::say(format_args!(
                "{} {place}. Its ledger stays, and no deploy takes it for the host of {name}.",
                paint::good("Forgotten:")
            ));
        },
    );
    Ok(())
}

/// Refused while the name leads to the old machine.
fn check_name(args: &Move, old: &Machine, left: &MoveRecord) -> Result<()> {
    let environment = args.target.environment();
    let other = &left.other;
    let there = Access::of_known_machine(environment, &other.to, &other.url, &other.host_key)?;
    let Some(NameTrouble::Elsewhere(words)) = there.site.name_trouble() else { return Ok(()) };
    if gate::is_open("name", &args.overrides) {
        terminal::warn(words);
        return Ok(());
    }
    Err(refuse(format!(
        "{words}: users who come to {} would be served by nobody\n  Where something stands in front of the host, `--override \
         name=\"reason\"` goes on. Nothing was changed.",
        old.address().map_or("the old machine", |(host, _)| host)
    )))
}
