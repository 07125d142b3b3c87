//! Whether the database is what its migrations come to. What somebody has changed by hand is in no test, and is met again by a
//! migration that counts on what was there.

use anyhow::Result;

use crate::commands::target::gate::{self, Override};
use crate::commands::target::schema_drift::SchemaDrift;
use crate::host::Machine;
use crate::rollout::observed::Observed;
use crate::rollout::state::release::Release;
use crate::terminal;

/// Refused when it is not. Where nobody can say what it ought to be, that is said.
pub fn check(machine: &Machine, release: &Release, seen: &Observed, overrides: &[Override]) -> Result<()> {
    if seen.schema.is_empty() {
        return Ok(());
    }
    let name = &machine.environment().name;
    match SchemaDrift::of(machine, seen, Some(release))? {
        SchemaDrift::None { .. } => Ok(()),
        SchemaDrift::Unknown(why) => {
            terminal::note(terminal::paint::dim(format_args!("  drift of the database: {why}")));
            Ok(())
        }
        SchemaDrift::Differs(lines) if gate::is_open("drift", overrides) => {
            lines.iter().for_each(|line| terminal::warn(format_args!("the database of {name}: {line}")));
            Ok(())
        }
        SchemaDrift::Differs(lines) => Err(refusal(name, &lines)),
    }
}

/// What is said of a database that is not.
pub fn refusal(name: &str, lines: &[String]) -> anyhow::Error {
    gate::closed(
        "drift",
        format!(
            "the database of {name} is not what its migrations come to ('-' is missing, '+' is there):\n    {}\n  `cargo xtask \
                 migrate diff --from live --env {name}` prints what would put it back, for `cargo xtask db shell --env {name}`; or write a migration for it; `cargo xtask platform up --env {name}` puts back what \
                 roles and the database itself were given. Nothing was changed.",
            lines.join("\n    ")
        ),
    )
}
