//! The store's limit: what was used longest ago goes first, and each task's newest pass stays.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::records::Pass;
use crate::tools::files::UNFINISHED;

/// What is younger may belong to a pass that another run is about to write.
const MIN_AGE: Duration = Duration::from_secs(60 * 60);
/// How exactly the time of last use is kept.
const PRUNE_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// A pass was of use.
pub fn touch(file: &Utf8Path) {
    let age =
        fs::metadata(file).and_then(|found| found.modified()).map(|time| time.elapsed().unwrap_or_default());
    if age.is_ok_and(|age| age > PRUNE_INTERVAL) {
        let _ = File::options().append(true).open(file).and_then(|file| file.set_modified(SystemTime::now()));
    }
}

struct Kept {
    file: Utf8PathBuf,
    used: SystemTime,
    bytes: u64,
    outputs: Vec<String>,
}

/// Down to three quarters of the limit, so that not every run has to.
pub fn prune(folder: &Utf8Path, limit: u64) -> Result<()> {
    let locks = folder.join("locks");
    fs::create_dir_all(&locks)?;
    let lock = File::options().create(true).append(true).open(locks.join("prune"))?;
    if lock.try_lock().is_err() {
        // Another run does it.
        return Ok(());
    }
    let blobs = sizes(&folder.join("outputs"))?;
    let passes = passes(&folder.join("passes"))?;
    let total: u64 = blobs.values().sum::<u64>() + passes.iter().map(|pass| pass.bytes).sum::<u64>();
    if total > limit {
        forget_oldest(&passes, &blobs, total, limit / 4 * 3)?;
    }
    sweep(folder, &self::passes(&folder.join("passes"))?)
}

/// Forgets passes until little enough is left.
fn forget_oldest(passes: &[Kept], blobs: &HashMap<String, u64>, mut total: u64, aim: u64) -> Result<()> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    passes.iter().flat_map(|pass| &pass.outputs).for_each(|hash| *uses.entry(hash).or_default() += 1);
    let mut oldest: Vec<&Kept> = passes.iter().filter(|pass| !is_newest(pass, passes)).collect();
    oldest.sort_by_key(|pass| pass.used);
    for pass in oldest {
        if total <= aim {
            break;
        }
        fs::remove_file(&pass.file).with_context(|| format!("removing {}", pass.file))?;
        let _ = fs::remove_file(pass.file.with_extension("manifest"));
        total -= pass.bytes;
        for hash in &pass.outputs {
            let left = uses.get_mut(hash.as_str()).expect("counted above");
            *left -= 1;
            if *left == 0 {
                total -= blobs.get(hash).copied().unwrap_or(0);
            }
        }
    }
    Ok(())
}

fn is_newest(pass: &Kept, passes: &[Kept]) -> bool {
    let of_task = passes.iter().filter(|other| other.file.parent() == pass.file.parent());
    of_task.max_by_key(|other| (other.used, &other.file)).is_some_and(|newest| newest.file == pass.file)
}

/// Outputs that no pass speaks of, and what kills left half written.
fn sweep(folder: &Utf8Path, passes: &[Kept]) -> Result<()> {
    let used: HashSet<&str> = passes.iter().flat_map(|pass| &pass.outputs).map(String::as_str).collect();
    for file in files_below(folder)? {
        let name = file.file_name().unwrap_or_default();
        let in_outputs = file.parent().is_some_and(|parent| parent == folder.join("outputs"));
        let unwanted = name.starts_with(UNFINISHED) || in_outputs && !used.contains(name);
        let age = fs::metadata(&file).and_then(|found| found.modified());
        let old = age.is_ok_and(|time| time.elapsed().unwrap_or_default() > MIN_AGE);
        if unwanted && old {
            let _ = fs::remove_file(&file);
        }
    }
    Ok(())
}

fn sizes(folder: &Utf8Path) -> Result<HashMap<String, u64>> {
    let files = files_below(folder)?.into_iter();
    let size = |file: Utf8PathBuf| Some((file.file_name()?.to_owned(), fs::metadata(&file).ok()?.len()));
    Ok(files.filter_map(size).collect())
}

fn passes(folder: &Utf8Path) -> Result<Vec<Kept>> {
    let files = files_below(folder)?.into_iter().filter(|file| file.extension() == Some("json"));
    let kept = |file: Utf8PathBuf| {
        let found = fs::metadata(&file).ok()?;
        let pass: Pass = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
        let manifest = fs::metadata(file.with_extension("manifest")).map_or(0, |found| found.len());
        let outputs = pass.outputs.into_iter().map(|output| output.hash).collect();
        Some(Kept { used: found.modified().ok()?, bytes: found.len() + manifest, file, outputs })
    };
    Ok(files.filter_map(kept).collect())
}

fn files_below(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    let Ok(entries) = folder.read_dir_utf8() else { return Ok(files) };
    for entry in entries.flatten() {
        // Gone meanwhile, and its times with it.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            files.extend(files_below(entry.path())?);
        } else {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}
