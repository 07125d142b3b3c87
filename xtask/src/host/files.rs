//! Files of a host, through `sh`: each is read and written whole.

use anyhow::{Context, Result};
use camino::Utf8Path;

use super::{Leased, Machine};
use crate::tools::ssh::host_shell::Script;

const READ: Script = Script::new("reading a file", r#"if [ -e "$1" ]; then echo there; cat "$1"; fi"#);
// What containers mount is read by other users, whatever the operator's own umask is.
// The files come one after the other, each as long as it is told to be.
const WRITE: Script = Script::new(
    "writing files",
    r#"umask 022; mkdir -p "$1" && cd "$1" || exit 1; shift
name=
for word; do
    case $name in '') name=$word ;; *) head -c "$word" >"$name.next" || exit 1; name= ;; esac
done
sync ./*.next || exit 1
while [ $# -gt 0 ]; do mv -f "$1.next" "$1" || exit 1; shift 2; done; sync ."#,
);
const REMOVE: Script = Script::new("removing files", r#"rm -rf -- "$1""#);

impl Machine {
    /// A file's text; none when it is not there.
    pub(super) fn read(&self, path: &Utf8Path) -> Result<Option<String>> {
        let told =
            self.shell.script(READ, &[path.as_str()], "").with_context(|| format!("reading {path}"))?;
        Ok(told.strip_prefix("there").map(|text| text.strip_prefix('\n').unwrap_or(text).to_owned()))
    }
}

impl Leased<'_> {
    /// Writes files of one folder, in this order, each whole or not at all.
    pub(super) fn write(&self, folder: &Utf8Path, files: &[(&str, &str)]) -> Result<()> {
        let sizes: Vec<String> = files.iter().map(|(_, text)| text.len().to_string()).collect();
        let pairs = files.iter().zip(&sizes).flat_map(|((name, _), size)| [*name, size.as_str()]);
        let arguments: Vec<&str> = [folder.as_str()].into_iter().chain(pairs).collect();
        let texts: String = files.iter().map(|(_, text)| *text).collect();
        let written = self.fenced()?.shell.script(WRITE, &arguments, &texts);
        written.with_context(|| format!("writing into {folder}")).map(drop)
    }

    /// Removes a file, or a folder with all that is in it.
    pub(super) fn delete(&self, path: &Utf8Path) -> Result<()> {
        let removed = self.fenced()?.shell.script(REMOVE, &[path.as_str()], "");
        removed.with_context(|| format!("removing {path}")).map(drop)
    }
}

/// Files of a folder on this machine.
pub(super) fn write_here(folder: &Utf8Path, files: &[(&str, &str)]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
    files.iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {path}"))
    })
}
