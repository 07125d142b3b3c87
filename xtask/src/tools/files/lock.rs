//! A lock among all runs on this machine: on a file that is never deleted, since that would make two holders possible. The
//! kernel frees it when its holder ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::time::Duration;

use anyhow::Context;
use camino::Utf8Path;

use crate::tools::process::interrupt;

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    // Closing the file frees the lock.
    _file: File,
}

impl Lock {
    /// Waits for the lock on `path`, without a timeout; `waiting` is called once if somebody else holds it. An error when the
    /// file can't be opened, or this program is to end.
    pub fn hold(path: &Utf8Path, waiting: impl FnOnce()) -> anyhow::Result<Lock> {
        let folder = path.parent().context("a lock file has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("opening {path}"))?;
        let mut waiting = Some(waiting);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => waiting.take().into_iter().for_each(|waiting| waiting()),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {path}"));
                }
            }
            // Polled, because a blocked flock would not see Ctrl-C.
            interrupt::pause(Duration::from_millis(100))?;
        }
    }
}
