//! `cargo xtask host`: a bare machine becomes one that can be deployed to, and its keys are exchanged for new ones.

mod adopt;
pub mod edge;
mod keys;
mod moving;
mod restore;
mod setup;

use anyhow::Result;
use clap::{Args, Subcommand};

use self::adopt::Adopt;
use self::keys::Keys;
use self::moving::Move;
use self::restore::Restore;
use self::setup::Setup;

/// Set up the machine that an environment is on
#[derive(Debug, Args)]
pub struct HostVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a bare Debian or Ubuntu machine a host: engine, user, folders, log limits, and what makes it harder to attack
    ///
    /// Says what it will do, does what is missing, and changes nothing else. Doing it again is nothing to do.
    Setup(Setup),
    /// Take over a host on which somebody runs the project by hand: its data, its secrets, its ports
    ///
    /// Says first what there is, and what would become of each thing.
    Adopt(Adopt),
    /// Move the environment to another machine
    ///
    /// Everything is made ready there while users go on; then they wait for some seconds. Doing it again goes on where it was ended.
    Move(Move),
    /// Make a host that was lost again, on a new machine, from its copies alone
    ///
    /// Set up, ledger, platform, the newest copy of the data, and the release that had the traffic. Doing it again goes on where it
    /// was ended.
    Restore(Restore),
    /// Exchange the keys that let somebody in, or by which the host is known
    Keys(Keys),
}

impl HostVerb {
    /// Does what the verb says.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Setup(setup) => setup.run(),
            Verb::Adopt(adopt) => adopt.run(),
            Verb::Move(go) => go.run(),
            Verb::Restore(restore) => restore.run(),
            Verb::Keys(keys) => keys.run(),
        }
    }
}
