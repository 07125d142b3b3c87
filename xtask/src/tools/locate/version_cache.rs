//! The versions of tools, cached: asking node, npm and the compiler at each run takes longer than everything else that a run
//! without work does.
//!
//! An entry is valid while the tool's files are the same by inode and time of last change. A program that only looks up which
//! other one to start is never cached, since its answer depends on more than its file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Found, Version};
use crate::tools::files;

/// The cache, as its file had it when it was opened.
#[derive(Debug)]
pub struct VersionCache {
    file: Utf8PathBuf,
    tools: BTreeMap<String, Entry>,
    changed: bool,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Entry {
    /// The tool's files, as [`VersionCache::identity`] describes them.
    files: String,
    program: Utf8PathBuf,
    version: [u32; 3],
}

impl VersionCache {
    /// What the file holds; nothing when it can't be read.
    pub fn open(file: Utf8PathBuf) -> VersionCache {
        let tools = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        VersionCache { file, tools: tools.unwrap_or_default(), changed: false }
    }

    /// What was found, if the tool's files still have this [`identity`](VersionCache::identity).
    pub fn get(&self, tool: &str, identity: &str) -> Option<Found> {
        let entry = self.tools.get(tool)?;
        let [major, minor, patch] = entry.version;
        (entry.files == identity)
            .then(|| Found { program: entry.program.clone(), version: Version(major, minor, patch) })
    }

    /// Adds what was found of a tool with these files.
    pub fn insert(&mut self, tool: String, identity: String, found: &Found) {
        let Version(major, minor, patch) = found.version;
        let entry = Entry { files: identity, program: found.program.clone(), version: [major, minor, patch] };
        self.tools.insert(tool, entry);
        self.changed = true;
    }

    /// Writes the file, if something was added. Where it can't be written, the next run asks again.
    pub fn save(&mut self) {
        if !self.changed {
            return;
        }
        self.changed = false;
        let text = serde_json::to_vec(&self.tools).expect("plain data");
        let _ = files::replace(&self.file, &text);
    }

    /// What the answer of the program in these places depends on; none when that is more than its files. `behind_rustup` gives
    /// what it depends on where the program is rustup.
    pub fn identity(places: &[Utf8PathBuf], behind_rustup: impl Fn() -> Option<String>) -> Option<String> {
        let mut identity = String::new();
        for place in places.iter().filter(|place| place.is_file()) {
            let target = place.canonicalize_utf8().ok()?;
            if target.file_name() == Some("rustup") {
                identity.push_str(&behind_rustup()?);
            } else if !is_itself(place, &target) {
                return None;
            }
            identity.push_str(&of_file(&target)?);
        }
        (!identity.is_empty()).then_some(identity)
    }
}

/// Whether a program's file decides what it answers. A link to a program of another name, and a shell script, look up which
/// program to start, except for what the system's own packages install.
fn is_itself(place: &Utf8Path, target: &Utf8Path) -> bool {
    let (name, target_name) = (place.file_name().unwrap_or_default(), target.file_name().unwrap_or_default());
    let mut start = [0; 64];
    let read = fs::File::open(target).and_then(|mut file| std::io::Read::read(&mut file, &mut start));
    let start = String::from_utf8_lossy(&start[..read.unwrap_or(0)]).into_owned();
    let first = start.lines().next().unwrap_or_default();
    let is_shells = first.starts_with("#!") && first.trim_end().ends_with("sh");
    let is_systems = target.starts_with("/usr") && !target.starts_with("/usr/local");
    // `readelf` is `x86_64-linux-gnu-readelf`.
    target_name.contains(name) && (is_systems || !is_shells)
}

fn of_file(path: &Utf8Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let (inode, size) = (found.ino(), found.size());
    Some(format!("{path} {inode} {size} {}.{}\n", found.ctime(), found.ctime_nsec()))
}

/// What decides which compiler rustup starts: its settings, the toolchain that the project in `root` asks for, the one that
/// the user asks for, and what is installed.
pub fn toolchains(root: &Utf8Path) -> Option<String> {
    let home = std::env::var("RUSTUP_HOME").map(Utf8PathBuf::from);
    let home =
        home.or_else(|_| std::env::var("HOME").map(|home| Utf8PathBuf::from(home).join(".rustup"))).ok()?;
    let wish = std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_default();
    let mut identity = format!("{wish}\n{}", of_file(&home.join("settings.toml")).unwrap_or_default());
    for wish in ["rust-toolchain", "rust-toolchain.toml"] {
        identity.push_str(&of_file(&root.join(wish)).unwrap_or_default());
    }
    let toolchains = home.join("toolchains").read_dir_utf8().ok()?.flatten();
    let mut compilers: Vec<Utf8PathBuf> = toolchains.map(|entry| entry.path().join("bin/rustc")).collect();
    compilers.sort();
    identity.extend(compilers.iter().filter_map(|compiler| of_file(compiler)));
    Some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_remembered_and_what_looks_one_up_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8Path::from_path(folder.path()).expect("UTF-8");
        let file = |name: &str, text: &str| {
            fs::write(folder.join(name), text).expect("written");
            folder.join(name)
        };
        let program = file("node", "\x7fELF");
        let script = file("npm-cli.js", "#!/usr/bin/env node\n");
        let npm = folder.join("npm");
        std::os::unix::fs::symlink(&script, &npm).expect("linked");
        let shim = file("git", "#!/usr/bin/env bash\nexec other git\n");
        let manager = file("volta-shim", "\x7fELF");
        let managed = folder.join("age");
        std::os::unix::fs::symlink(&manager, &managed).expect("linked");

        let identity = |places: &[Utf8PathBuf]| VersionCache::identity(places, || None);
        assert!(identity(std::slice::from_ref(&program)).is_some());
        assert!(identity(&[npm]).is_some());
        assert_eq!(identity(&[shim]), None);
        assert_eq!(identity(&[managed]), None);
        assert_eq!(identity(&[folder.join("absent")]), None, "what is not here may come");

        let before = identity(std::slice::from_ref(&program));
        fs::rename(file("another", "\x7fELF"), &program).expect("another, of the same size");
        assert_ne!(identity(&[program]), before);
    }
}
