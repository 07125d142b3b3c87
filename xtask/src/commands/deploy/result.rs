//! What a deploy answers, to people and to programs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::Deploy;
use super::prepare::Prepared;
use crate::commands::progress::driver::Times;
use crate::commands::progress::steps::{Preview, say_times};
use crate::host::Machine;
use crate::rollout::state::release::Release;
use crate::terminal::{self, millis, paint, seconds};

impl Deploy {
    /// The release has the traffic already, and all is well.
    pub(super) fn say_nothing_to_do(&self, prepared: &Prepared) -> Result<()> {
        let (machine, release) = (&prepared.machine, prepared.release());
        let url = machine.url()?;
        let json = || match self.plan {
            true => Preview::nothing(format!("{} has the traffic already", release.id)).as_json(),
            false => json!({ "release": release.id, "changed": false, "url": url }),
        };
        self.output.say(json, || {
            let nothing = paint::good("Nothing to do:");
            terminal::say(format_args!("{nothing} {} has the traffic already.", release.id));
            terminal::say(&url);
        });
        Ok(())
    }

    /// Who has the traffic now, and how long each part took.
    pub(super) fn say_result(
        &self,
        machine: Machine,
        release: &Release,
        times: &Times,
        log_in: Option<&str>,
    ) -> Result<()> {
        let url = machine.url()?;
        let carried = machine.close();
        let json = || {
            let steps: BTreeMap<&str, u64> =
                times.steps.iter().map(|it| (it.name, millis(it.took))).collect();
            json!({
                "release": release.id, "changed": true, "url": url, "log_in": log_in,
                "to_switch_ms": times.to_switch.map(millis), "to_confirm_ms": times.to_confirm.map(millis),
                "to_retire_ms": millis(times.to_retire), "steps_ms": steps, "connection": carried,
            })
        };
        self.output.say(json, || {
            if !terminal::is_watched() {
                say_times(&times.steps);
            }
            let time = |time: Option<Duration>| time.map_or("-".to_owned(), seconds);
            terminal::say(format_args!(
                "{} {} has the traffic.  to switch {}, to confirm {}, to retire {}",
                paint::good("Deployed:"),
                paint::strong(&release.id),
                time(times.to_switch),
                time(times.to_confirm),
                seconds(times.to_retire)
            ));
            carried.iter().for_each(|carried| terminal::say(paint::dim(carried)));
            terminal::say(paint::strong(&url));
            log_in.iter().for_each(|log_in| terminal::say(format_args!("log in as {log_in}")));
        });
        Ok(())
    }
}
