//! Writing a file whole or not at all; removing a folder.

pub mod hex;
pub mod lock;
pub mod private;
pub mod random;

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context as _, Result};
use camino::Utf8Path;

/// The beginning of the name of a file that is being written.
pub const UNFINISHED: &str = ".new-";

/// Gives `file` this content. Who reads it finds what was there before, or all of this, even after a crash.
pub fn replace(file: &Utf8Path, content: &[u8]) -> Result<()> {
    whole(file, |new| {
        new.write_all(content)?;
        new.sync_data()
    })
}

/// Removes a folder with all that is in it; none need be there.
pub fn remove_folder(folder: &Utf8Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {folder}"))
        }
        _ => Ok(()),
    }
}

/// Gives `to` the content and the mode of another file, in the same way.
pub fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    whole(to, |new| {
        let mut from = File::open(from)?;
        io::copy(&mut from, new)?;
        new.set_permissions(from.metadata()?.permissions())?;
        new.sync_data()
    })
}

/// `write` fills a file in the same folder, under a name that no other run and no other thread uses; then it takes the place
/// of `file`.
fn whole(file: &Utf8Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let folder = file.parent().unwrap_or(Utf8Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
    let mut options = tempfile::Builder::new();
    // As any new file: what the umask takes is taken.
    options.prefix(UNFINISHED).permissions(Permissions::from_mode(0o666));
    let written = options.tempfile_in(folder).and_then(|mut new| {
        write(new.as_file_mut())?;
        new.persist(file).map_err(|error| error.error)
    });
    written.map(drop).with_context(|| format!("writing {file}"))
}
