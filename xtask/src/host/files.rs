//! The files of an environment: live folder, ledger, kept releases. All through `sh`, each written whole.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::{Leased, Machine};
use crate::rollout::state::ledger::Entry;
use crate::rollout::state::release::{Release, ReleaseId};
use crate::tools::ssh::host_shell::{HostShell, Script};

const LIVE: Script = Script::new("live.sh", include_str!("scripts/live.sh"));

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
/// Behind an append that is under way.
const READ_LEDGER: Script = Script::new(
    "reading the ledger",
    r#"[ -e "$1" ] || exit 0; exec 8<"$1" && flock --shared 8 && cat "$1""#,
);
/// Behind a character that stands in no JSON (RFC 7464): one that is cut must not swallow the next.
const RELEASES: Script = Script::new(
    "reading the kept releases",
    r#"cd "$1" 2>/dev/null || exit 0; for f in */release.json; do [ -f "$f" ] && printf '\036' && cat "$f"; done; :"#,
);
/// What three scripts print, with a character between them that stands in none of it.
const FILES: Script = Script::new(
    "reading the files",
    r#"cd "$1" && sh -c "$2" live.sh read live && printf '\035' &&
sh -c "$3" ledger ledger.jsonl && printf '\035' && exec sh -c "$4" releases releases"#,
);
const REMOVE: Script = Script::new("removing files", r#"rm -rf -- "$1""#);
pub(super) const APPEND: Script = Script::new("append.sh", include_str!("scripts/append.sh"));

/// The script that the guard's container runs is the one that the host runs.
pub fn live_script_text() -> &'static str {
    LIVE.text
}

impl Machine {
    pub(super) fn live_script(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        let folder = self.folder("live");
        let all: Vec<&str> = [verb, folder.as_str()].into_iter().chain(arguments.iter().copied()).collect();
        Ok(self.shell.script(LIVE, &all, "")?)
    }

    pub(super) fn ledger_file(&self) -> Utf8PathBuf {
        self.root.join("ledger.jsonl")
    }

    pub(super) fn read_ledger(&self) -> Result<String> {
        Ok(self.shell.script(READ_LEDGER, &[self.ledger_file().as_str()], "")?)
    }

    /// What `live.sh read` prints, the ledger's text, and the kept releases.
    pub(super) fn read_files(&self) -> Result<(String, String, Vec<Release>)> {
        let words = [self.root.as_str(), LIVE.text, READ_LEDGER.text, RELEASES.text];
        let told = self.shell.script(FILES, &words, "")?;
        let mut told = told.split('\u{1d}');
        let mut next = || told.next().context("reading the files: what the host told is not whole");
        Ok((next()?.to_owned(), next()?.to_owned(), parse_releases(next()?)))
    }

    /// A file's text; none when it is not there.
    pub(super) fn read(&self, path: &Utf8Path) -> Result<Option<String>> {
        let told =
            self.shell.script(READ, &[path.as_str()], "").with_context(|| format!("reading {path}"))?;
        Ok(told.strip_prefix("there").map(|text| text.strip_prefix('\n').unwrap_or(text).to_owned()))
    }

    pub(super) fn kept_releases(&self) -> Result<Vec<Release>> {
        releases_in(&self.shell, &self.folder("releases"))
    }

    /// Compose reads its files on the machine that calls it. When the host is another one, they are laid out here.
    fn lay_out(&self, release: &Release, files: &[(&str, &str)]) -> Result<()> {
        match self.compose_dir {
            Some(_) => write_here(&self.release_compose_dir(&release.id), files),
            None => Ok(()),
        }
    }

    /// A kept release's files, where compose finds them, for calls that change nothing.
    pub(super) fn lay_out_kept(&self, id: &ReleaseId) -> Result<()> {
        let release = self.kept_release(id)?;
        self.lay_out(&release, &compose_files(&release, &self.variables(&release)?))
    }

    fn kept_release(&self, id: &ReleaseId) -> Result<Release> {
        let path = self.release_folder(id).join("release.json");
        let text = self.read(&path)?.with_context(|| format!("{id} is not kept any more"))?;
        serde_json::from_str(&text).with_context(|| format!("{path} can't be read"))
    }

    /// The folder with a release's files, where compose finds them.
    pub(super) fn release_compose_dir(&self, id: &ReleaseId) -> Utf8PathBuf {
        self.compose_dir().join("releases").join(id.as_str())
    }
}

impl Leased<'_> {
    /// Changes the live folder.
    pub(super) fn change_live(&self, verb: &str, arguments: &[&str]) -> Result<()> {
        self.fenced()?.live_script(verb, arguments).map(drop)
    }

    pub(super) fn append_to_ledger(&self, entries: &[Entry]) -> Result<()> {
        let lines: Vec<String> = entries.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let (machine, (lease_file, number)) = (self.fenced()?, self.fencing()?);
        let arguments = [machine.ledger_file().into_string(), lease_file, number];
        machine.shell.script(APPEND, &arguments.each_ref().map(String::as_str), &lines.join("\n"))?;
        Ok(())
    }

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
        self.fenced()?
            .shell
            .script(REMOVE, &[path.as_str()], "")
            .with_context(|| format!("removing {path}"))
            .map(drop)
    }

    /// Keeps a release whole: the manifest comes last, since it is what makes the folder a release.
    pub fn keep(&self, release: &Release) -> Result<()> {
        let machine = self.fenced()?;
        let (variables, manifest) = (machine.variables(release)?, serde_json::to_string_pretty(release)?);
        let files = compose_files(release, &variables);
        let all = [&files[..], &[("release.json", manifest.as_str())]].concat();
        self.write(&machine.release_folder(&release.id), &all)?;
        machine.lay_out(release, &files)?;
        self.laid_out.borrow_mut().insert(release.id.clone());
        Ok(())
    }

    /// The passwords of the database's roles may have been changed since a release was kept: its variables are written
    /// again before this driver first has compose change something of it.
    pub(super) fn refresh(&self, id: &ReleaseId) -> Result<()> {
        if self.laid_out.borrow().contains(id) {
            return Ok(());
        }
        let machine = self.fenced()?;
        let release = machine.kept_release(id)?;
        let variables = machine.variables(&release)?;
        self.write(&machine.release_folder(id), &[("variables.env", &variables)])?;
        machine.lay_out(&release, &compose_files(&release, &variables))?;
        self.laid_out.borrow_mut().insert(id.clone());
        Ok(())
    }
}

/// What compose reads of a release.
fn compose_files<'a>(release: &'a Release, variables: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("compose.yaml", &release.contents.compose),
        ("settings.env", &release.contents.configuration),
        ("variables.env", variables),
    ]
}

/// The releases whose folders are in this one. A manifest that can't be read is no release, and hides no other.
pub(super) fn releases_in(shell: &HostShell, folder: &Utf8Path) -> Result<Vec<Release>> {
    Ok(parse_releases(&shell.script(RELEASES, &[folder.as_str()], "")?))
}

fn parse_releases(told: &str) -> Vec<Release> {
    let mut releases: Vec<Release> =
        told.split('\u{1e}').filter_map(|manifest| serde_json::from_str(manifest).ok()).collect();
    releases.sort_by(|a, b| a.id.cmp(&b.id));
    releases
}

/// Files of a folder on this machine.
pub(super) fn write_here(folder: &Utf8Path, files: &[(&str, &str)]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
    files.iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {path}"))
    })
}
