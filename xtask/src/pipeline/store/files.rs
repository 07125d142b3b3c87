//! Writing a file whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// In front of the name of what is being written.
pub const UNFINISHED: &str = ".new-";

/// A name beside `file` that nobody else uses: other runs and other threads write the same files.
pub fn aside(file: &Utf8Path) -> Utf8PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{UNFINISHED}{}-{count}-{}", std::process::id(), file.file_name().unwrap_or_default());
    file.with_file_name(name)
}

/// Gives `file` this content: whoever reads it finds what was there before, or all of it, even after a crash.
pub fn replace(file: &Utf8Path, content: &[u8]) -> Result<()> {
    let folder = file.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
    let aside = aside(file);
    let write = || -> std::io::Result<()> {
        let mut new = File::create(&aside)?;
        new.write_all(content)?;
        new.sync_data()?;
        fs::rename(&aside, file)
    };
    write().inspect_err(|_| drop(fs::remove_file(&aside))).with_context(|| format!("writing {file}"))
}
