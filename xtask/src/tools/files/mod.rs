//! Writing a file whole or not at all.

pub mod hex;
pub mod lock;
pub mod private;

use std::fs::{self, File};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

/// In front of the name of what is being written.
pub const UNFINISHED: &str = ".new-";

/// Gives `file` this content: whoever reads it finds what was there before, or all of it, even after a crash.
pub fn replace(file: &Utf8Path, content: &[u8]) -> Result<()> {
    whole(file, |aside| {
        let mut new = File::create(aside)?;
        new.write_all(content)?;
        new.sync_data()
    })
}

/// The same, with the content and the mode of another file.
pub fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    whole(to, |aside| {
        fs::copy(from, aside)?;
        File::open(aside)?.sync_data()
    })
}

/// `write` makes a file beside, under a name that nobody else uses: other runs and other threads write the same files.
fn whole(file: &Utf8Path, write: impl FnOnce(&Utf8Path) -> io::Result<()>) -> Result<()> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = file.parent().unwrap_or(Utf8Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{UNFINISHED}{}-{count}-{}", std::process::id(), file.file_name().unwrap_or_default());
    let aside = file.with_file_name(name);
    let written = write(&aside).and_then(|()| fs::rename(&aside, file));
    written.inspect_err(|_| drop(fs::remove_file(&aside))).with_context(|| format!("writing {file}"))
}
