//! Files out of images and containers, whether these run or not.

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use super::container;
use crate::tools::process::{CommandError, Run};

/// Something that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Where it was in the image.
    pub path: String,
    /// The copy: a file or a folder.
    pub file: Utf8PathBuf,
}

/// Copies those of these paths that an image has into a folder of this machine. A container of it is made for that, which
/// never runs, and is removed.
pub fn out_of_image(
    sh: &Shell,
    image: &str,
    paths: &[&str],
    into: &Utf8Path,
) -> Result<Vec<Copied>, CommandError> {
    // Some images have no command, and a container wants one.
    let name = Run::new(cmd!(sh, "docker create --network none {image} true")).text()?;
    let copied = paths.iter().enumerate().map(|(number, path)| {
        let file = into.join(number.to_string());
        let is_there = out_of(sh, &name, path, &file)?;
        Ok(is_there.then(|| Copied { path: (*path).to_owned(), file }))
    });
    let copied: Result<Vec<_>, CommandError> = copied.filter_map(Result::transpose).collect();
    container::remove(sh, &name)?;
    copied
}

/// Copies a file or a folder out of a container; says whether it was there.
pub fn out_of(sh: &Shell, container: &str, path: &str, to: &Utf8Path) -> Result<bool, CommandError> {
    let from = format!("{container}:{path}");
    let told = Run::new(cmd!(sh, "docker cp {from} {to}")).finish()?;
    let words = told.stderr.to_lowercase();
    let is_missing = ["could not find the file", "no such container:path", "no such file or directory"];
    match told.status.success() {
        true => Ok(true),
        false if is_missing.iter().any(|missing| words.contains(missing)) => Ok(false),
        false => Err(CommandError::of_exit_code(
            &format!("docker cp {from}"),
            told.status.code().unwrap_or(-1),
            &told.stdout,
            &told.stderr,
        )),
    }
}
