//! What tasks make: kept by its content beside their passes, and brought back.

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

/// A file that a task made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// From the repository's root.
    pub path: String,
    /// SHA-256 of its content.
    pub hash: String,
    mode: u32,
    /// Size, and time of its last change: with the same ones it is not read again.
    seen: (u64, i64, i64),
}

/// Where outputs stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// They are what they were.
    There,
    /// They are gone or changed, and can be brought back.
    Kept,
    /// They are gone, and so is what was kept of this one.
    Gone(String),
}

/// Keeps what is there of these patterns. An error names one of which nothing is there: it was made elsewhere, or not.
pub fn keep(blobs: &Utf8Path, root: &Utf8Path, patterns: &[&str]) -> Result<Vec<Output>> {
    let mut outputs = Vec::new();
    for path in there(root, patterns)? {
        let file = root.join(&path);
        let output = look(&file, path)?;
        let blob = blobs.join(&output.hash);
        if !blob.exists() {
            files::copy(&file, &blob).with_context(|| format!("keeping {}", output.path))?;
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

/// What is there of these patterns, against what was.
pub fn state(blobs: &Utf8Path, root: &Utf8Path, patterns: &[&str], outputs: &[Output]) -> State {
    if is_there(root, patterns, outputs) {
        return State::There;
    }
    match outputs.iter().find(|output| !blobs.join(&output.hash).is_file()) {
        Some(output) => State::Gone(output.path.clone()),
        None => State::Kept,
    }
}

/// Makes what is there of these patterns what it was: nothing less, and nothing more.
pub fn restore(blobs: &Utf8Path, root: &Utf8Path, patterns: &[&str], outputs: &[Output]) -> Result<()> {
    for path in there(root, patterns)? {
        if !outputs.iter().any(|output| output.path == path) {
            fs::remove_file(root.join(&path)).with_context(|| format!("removing {path}"))?;
        }
    }
    for output in outputs.iter().filter(|output| !is_same(root, output)) {
        let (blob, file) = (blobs.join(&output.hash), root.join(&output.path));
        files::copy(&blob, &file).with_context(|| format!("bringing back {}", output.path))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(output.mode))?;
        ensure!(hash_of(&file)? == output.hash, "what was kept of {} is damaged: {blob}", output.path);
    }
    Ok(())
}

/// What says that the things at these patterns' roots are the ones that were left there. An error names the missing one.
pub fn left(root: &Utf8Path, patterns: &[&str]) -> Result<String> {
    let globs = Globs::new(patterns);
    let mut left = String::new();
    for path in globs.roots() {
        let found = fs::metadata(root.join(path)).with_context(|| format!("looking at {path}"))?;
        // A folder's times change with what tools put beside what is meant.
        let times = if found.is_dir() { (0, 0) } else { (found.ctime(), found.ctime_nsec()) };
        left.push_str(&format!("{path} {} {times:?}\n", found.ino()));
    }
    Ok(left)
}

fn is_there(root: &Utf8Path, patterns: &[&str], outputs: &[Output]) -> bool {
    let Ok(there) = there(root, patterns) else { return false };
    let recorded: HashMap<&str, &Output> =
        outputs.iter().map(|output| (output.path.as_str(), output)).collect();
    there.len() == recorded.len()
        && there.iter().all(|path| recorded.get(path.as_str()).is_some_and(|output| is_same(root, output)))
}

fn is_same(root: &Utf8Path, output: &Output) -> bool {
    let file = root.join(&output.path);
    let Ok(found) = fs::metadata(&file) else { return false };
    let mode = found.permissions().mode();
    mode == output.mode
        && (seen(&found) == output.seen || hash_of(&file).is_ok_and(|hash| hash == output.hash))
}

fn look(file: &Utf8Path, path: String) -> Result<Output> {
    let found = fs::metadata(file).with_context(|| format!("looking at {path}"))?;
    let hash = hash_of(file).with_context(|| format!("reading {path}"))?;
    Ok(Output { path, hash, mode: found.permissions().mode(), seen: seen(&found) })
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
