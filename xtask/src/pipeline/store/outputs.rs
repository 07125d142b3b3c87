//! The files that tasks write: stored by their content, and brought back.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context as _, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::pipeline::globs::Globs;
use crate::tools::files;
use crate::tools::files::hex::hex;

/// A file that a task wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// From the repository's root.
    pub path: String,
    /// SHA-256 of its content.
    pub hash: String,
    mode: u32,
    /// Its size in bytes, and the time of its last change (seconds, nanoseconds): while both are the same, it is not read
    /// again.
    seen: (u64, i64, i64),
}

/// Whether what a task wrote is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputsState {
    /// Every file is there, unchanged.
    Present,
    /// Some are gone or changed, and the store has all of them.
    Restorable,
    /// Some are gone or changed, and the store lacks this one.
    Lost(String),
}

/// Stores the files that match these patterns. Fails when nothing matches one of them: the task did not write it, or wrote it
/// elsewhere.
pub fn store(blobs: &Utf8Path, root: &Utf8Path, patterns: &[&str]) -> Result<Vec<OutputFile>> {
    let mut outputs = Vec::new();
    for path in there(root, patterns)? {
        let file = root.join(&path);
        let output = look(&file, path)?;
        let blob = blobs.join(&output.hash);
        if !blob.exists() {
            files::copy(&file, &blob).with_context(|| format!("storing {}", output.path))?;
        }
        outputs.push(output);
    }
    let is_made = |pattern: &str| {
        let globs = Globs::new(&[pattern]);
        pattern.starts_with('!') || outputs.iter().any(|output| globs.matches(&output.path))
    };
    match patterns.iter().find(|pattern| !is_made(pattern)) {
        Some(pattern) => bail!("nothing is there of what it writes: {pattern}"),
        None => Ok(outputs),
    }
}

/// Compares the files that match these patterns with those that were stored.
pub fn state(blobs: &Utf8Path, root: &Utf8Path, patterns: &[&str], outputs: &[OutputFile]) -> OutputsState {
    if is_there(root, patterns, outputs) {
        return OutputsState::Present;
    }
    match outputs.iter().find(|output| !blobs.join(&output.hash).is_file()) {
        Some(output) => OutputsState::Lost(output.path.clone()),
        None => OutputsState::Restorable,
    }
}

/// Makes the files that match these patterns those that were stored: writes what is missing or changed, removes what is more.
pub fn restore(blobs: &Utf8Path, root: &Utf8Path, patterns: &[&str], outputs: &[OutputFile]) -> Result<()> {
    for path in there(root, patterns)? {
        if !outputs.iter().any(|output| output.path == path) {
            fs::remove_file(root.join(&path)).with_context(|| format!("removing {path}"))?;
        }
    }
    for output in outputs.iter().filter(|output| !is_same(root, output)) {
        let (blob, file) = (blobs.join(&output.hash), root.join(&output.path));
        files::copy(&blob, &file).with_context(|| format!("bringing back {}", output.path))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(output.mode))?;
        ensure!(hash_of(&file)? == output.hash, "what the store has of {} is damaged: {blob}", output.path);
    }
    Ok(())
}

/// What changes when a file or folder at the root of a pattern is made anew: inode and times. Fails when one is missing.
pub fn identity(root: &Utf8Path, patterns: &[&str]) -> Result<String> {
    let globs = Globs::new(patterns);
    let mut identity = String::new();
    for path in globs.roots() {
        let found = fs::metadata(root.join(path)).with_context(|| format!("looking at {path}"))?;
        // A folder's times also change when other tools write into it.
        let times = if found.is_dir() { (0, 0) } else { (found.ctime(), found.ctime_nsec()) };
        identity.push_str(&format!("{path} {} {times:?}\n", found.ino()));
    }
    Ok(identity)
}

fn is_there(root: &Utf8Path, patterns: &[&str], outputs: &[OutputFile]) -> bool {
    let Ok(there) = there(root, patterns) else { return false };
    let recorded: HashMap<&str, &OutputFile> =
        outputs.iter().map(|output| (output.path.as_str(), output)).collect();
    there.len() == recorded.len()
        && there.iter().all(|path| recorded.get(path.as_str()).is_some_and(|output| is_same(root, output)))
}

fn is_same(root: &Utf8Path, output: &OutputFile) -> bool {
    let file = root.join(&output.path);
    let Ok(found) = fs::metadata(&file) else { return false };
    let mode = found.permissions().mode();
    mode == output.mode
        && (seen(&found) == output.seen || hash_of(&file).is_ok_and(|hash| hash == output.hash))
}

fn look(file: &Utf8Path, path: String) -> Result<OutputFile> {
    let found = fs::metadata(file).with_context(|| format!("looking at {path}"))?;
    let hash = hash_of(file).with_context(|| format!("reading {path}"))?;
    Ok(OutputFile { path, hash, mode: found.permissions().mode(), seen: seen(&found) })
}

fn seen(found: &fs::Metadata) -> (u64, i64, i64) {
    (found.size(), found.mtime(), found.mtime_nsec())
}

fn hash_of(file: &Utf8Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hash)?;
    Ok(hex(&hash.finalize()))
}

/// The files that match, sorted.
fn there(root: &Utf8Path, patterns: &[&str]) -> Result<Vec<String>> {
    let globs = Globs::new(patterns);
    let mut found = Vec::new();
    for start in globs.roots() {
        below(root, Utf8Path::new(start), &mut found).with_context(|| format!("looking through {start}"))?;
    }
    found.retain(|path| globs.matches(path));
    found.sort();
    found.dedup();
    Ok(found)
}

fn below(root: &Utf8Path, path: &Utf8Path, found: &mut Vec<String>) -> io::Result<()> {
    let here: Utf8PathBuf = root.join(path);
    match fs::metadata(&here) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(kind) if kind.is_dir() => {
            for entry in here.read_dir_utf8()? {
                below(root, &path.join(entry?.file_name()), found)?;
            }
            Ok(())
        }
        Ok(_) => {
            found.push(path.to_string());
            Ok(())
        }
    }
}
