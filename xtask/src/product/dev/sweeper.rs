//! What ends everything when this process is killed: a process that waits for that.

use std::io::{Read as _, Write as _};

use anyhow::Result;
use xshell::cmd;

use super::Owned;
use crate::product::database;
use crate::tools::process::tracking::{self, Scope};
use crate::tools::process::{Session, driver_id, shell};

/// What it is told when nothing is left to do.
const OVER: &[u8] = b".";

/// It runs as long as this process.
pub struct Sweeper {
    session: Session,
    id: String,
}

impl Sweeper {
    /// Starts it.
    pub fn start() -> Result<Sweeper> {
        let id = format!("{}-dev", driver_id());
        let program = std::env::current_exe()?;
        let session = Session::start(cmd!(shell(), "{program} dev sweep {id}"), "the sweeper")?;
        Ok(Sweeper { session, id })
    }

    /// What is started within is ended by it.
    pub fn scope(&self) -> Scope {
        Scope { id: Some(self.id.clone()), variables: Vec::new() }
    }
}

/// Everything has ended in good order: there is nothing left to do for it.
impl Drop for Sweeper {
    fn drop(&mut self) {
        let _ = self.session.input.write_all(OVER);
        let _ = self.session.group.wait();
    }
}

/// Waits until who started this process has ended. If that was not in good order, ends what it has left.
pub fn sweep(id: &str) -> Result<()> {
    // Its end of the pipe is closed by the kernel, however it ended.
    if std::io::stdin().read_exact(&mut [0; OVER.len()]).is_ok() {
        return Ok(());
    }
    // Unless the next one was started meanwhile, which then has the database as well.
    let owned = Owned::take();
    tracking::end_tracked(|found| found == id);
    if owned.is_ok() {
        // Whoever has the server stops it when it is dropped.
        drop(database::for_development()?);
    }
    Ok(())
}
