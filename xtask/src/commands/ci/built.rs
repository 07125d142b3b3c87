//! Whether this program was built from the sources in this tree, since passes are recorded for those.

use std::fs;
use std::time::SystemTime;

use crate::workspace;
use camino::{Utf8Path, Utf8PathBuf};

/// Fails with the name of a source that is newer than the program: `cargo xtask` builds first, but the program can be started
/// without. A program that was built in another folder always passes.
pub fn is_current() -> Result<(), String> {
    let is_built_here = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent() == Some(workspace::root());
    let program = std::env::current_exe().ok().and_then(|path| Utf8PathBuf::try_from(path).ok());
    match program.filter(|_| is_built_here).and_then(|program| newer_source(&program)) {
        Some(source) => {
            Err(format!("{source} has changed since this xtask was built: `cargo xtask` builds it first"))
        }
        None => Ok(()),
    }
}

/// The first source that is newer than the program. cargo lists the sources beside the program, as a rule of make (`xtask.d`).
fn newer_source(program: &Utf8Path) -> Option<String> {
    let built = time_of(program)?;
    let noted = fs::read_to_string(program.with_extension("d")).ok()?;
    let sources = noted.split_once(": ")?.1.split_whitespace();
    sources
        .into_iter()
        .find(|source| time_of(Utf8Path::new(source)).is_some_and(|time| time > built))
        .map(str::to_owned)
}

fn time_of(file: &Utf8Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_source_that_changed_since_the_program_was_built_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8Path::from_path(folder.path()).expect("UTF-8");
        let (program, source) = (folder.join("program"), folder.join("main.rs"));
        for file in [&program, &source] {
            fs::write(file, "").expect("written");
        }
        assert_eq!(newer_source(&program), None, "nothing is noted");
        fs::write(folder.join("program.d"), format!("{program}: {source} {folder}/gone.rs\n"))
            .expect("written");
        let set =
            |time| fs::File::options().write(true).open(&source).and_then(|file| file.set_modified(time));
        let built = time_of(&program).expect("it is there");
        set(built - Duration::from_secs(1)).expect("set");
        assert_eq!(newer_source(&program), None);
        set(built + Duration::from_secs(1)).expect("set");
        assert_eq!(newer_source(&program), Some(source.to_string()));
    }
}
