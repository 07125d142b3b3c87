use anyhow::Result;

use crate::exit::refuse;
use crate::product::migration_script;
use crate::product::migrations::Migrations;
use crate::terminal;

/// Print what a run would do, as a script for psql and for who reads it first.
#[derive(Debug, clap::Args)]
pub struct Sql {
    /// The newest version that the database has; without it, it has none.
    #[arg(long, value_name = "VERSION")]
    from: Option<i64>,
    /// The newest version that it is to have; without it, all.
    #[arg(long, value_name = "VERSION")]
    to: Option<i64>,
}

impl Sql {
    /// Prints it.
    pub fn run(self) -> Result<()> {
        let migrations = Migrations::of_tree()?;
        let all = migrations.versions();
        for (flag, version) in [("--from", self.from), ("--to", self.to)] {
            if let Some(version) = version.filter(|it| !all.contains(it)) {
                return Err(refuse(format!(
                    "{flag} {version}: this tree has no such migration; `cargo xtask migrate info` lists them"
                )));
            }
        }
        let is_wanted = |version: &i64| {
            self.from.is_none_or(|from| *version > from) && self.to.is_none_or(|to| *version <= to)
        };
        let wanted: Vec<i64> = all.into_iter().filter(is_wanted).collect();
        if wanted.is_empty() {
            return Err(refuse("there is no migration behind --from that is not behind --to as well"));
        }
        terminal::say(migration_script::of(&migrations, &wanted).trim_end());
        Ok(())
    }
}
