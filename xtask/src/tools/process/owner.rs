//! A folder that belongs to a process: a file in it is locked while the owner lives. Who can lock it knows that the owner has
//! ended, however it ended.

use std::fs::{self, File};

use anyhow::{Context, Result};
use camino::Utf8Path;

/// The file's name.
const FILE: &str = "owner";

/// Held until dropped.
#[derive(Debug)]
pub struct Owner {
    // Closing the file frees the lock.
    _file: File,
}

/// Takes the folder. An error when its owner still lives.
pub fn own(folder: &Utf8Path) -> Result<Owner> {
    let (file, aside) = (folder.join(FILE), folder.join(format!("{FILE}.{}", std::process::id())));
    if !file.exists() {
        let owner = File::create(&aside).with_context(|| format!("making {aside}"))?;
        owner.try_lock()?;
        // It is locked before others can see it.
        fs::rename(&aside, &file).with_context(|| format!("making {file}"))?;
        return Ok(Owner { _file: owner });
    }
    let owner = File::options().append(true).open(&file).with_context(|| format!("opening {file}"))?;
    owner.try_lock().with_context(|| format!("{folder} belongs to a command that still runs"))?;
    Ok(Owner { _file: owner })
}

/// The folder has no owner any more, and may be removed.
pub fn disown(folder: &Utf8Path) -> Result<()> {
    fs::remove_file(folder.join(FILE)).with_context(|| format!("removing {folder}/{FILE}"))
}

/// Whether the folder's owner has ended; none when it never had one.
pub fn has_ended(folder: &Utf8Path) -> Option<bool> {
    let owner = File::options().append(true).open(folder.join(FILE)).ok()?;
    Some(owner.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_s_owner_is_known_to_have_ended_and_until_then_nobody_else_takes_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8Path::from_path(folder.path()).expect("UTF-8");
        assert_eq!(has_ended(folder), None);
        let owner = own(folder).expect("nobody has it");
        assert_eq!(has_ended(folder), Some(false));
        assert!(own(folder).unwrap_err().to_string().contains("still runs"));
        drop(owner);
        assert_eq!(has_ended(folder), Some(true));
        drop(own(folder).expect("its owner has ended"));
        disown(folder).expect("removed");
        assert_eq!(has_ended(folder), None);
    }
}
