//! The files of an environment: live folder, ledger, kept releases. All through `sh`, each written whole.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::Machine;
use crate::rollout::ledger::Entry;
use crate::rollout::release::{Release, ReleaseId};
use crate::tools::shell;

const LIVE: &str = include_str!("../scripts/live.sh");
pub(super) const APPEND: &str = include_str!("../scripts/append.sh");

const READ: &str = r#"if [ -e "$1" ]; then echo there; cat "$1"; fi"#;
// What containers mount is read by other users, whatever the operator's own umask is.
const WRITE: &str = r#"umask 022; mkdir -p "$(dirname "$1")" && cat >"$1.next" && sync "$1.next" && mv -f "$1.next" "$1" && sync "$(dirname "$1")""#;
const MAKE_FOLDERS: &str = r#"umask 022; mkdir -p "$@""#;
const RELEASES: &str =
    r#"cd "$1" 2>/dev/null || exit 0; for f in */release.json; do [ -f "$f" ] && cat "$f" && echo; done; :"#;
const REMOVE: &str = r#"rm -rf -- "$1""#;

/// The script that the guard's container runs is the one that the host runs.
pub fn live_script_text() -> &'static str {
    LIVE
}

impl Machine {
    /// Makes the environment's folders.
    pub fn make_folders(&self) -> Result<()> {
        let folders =
            ["live", "releases", "secrets", "backups", "edge", "platform"].map(|name| self.folder(name));
        let folders: Vec<&str> = folders.iter().map(|folder| folder.as_str()).collect();
        shell::script(&self.sh, MAKE_FOLDERS, &folders, b"").context("making the environment's folders")?;
        Ok(())
    }

    pub(super) fn live_script(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        let folder = self.folder("live");
        let all: Vec<&str> = [verb, folder.as_str()].into_iter().chain(arguments.iter().copied()).collect();
        Ok(shell::script(&self.sh, LIVE, &all, b"")?)
    }

    pub(super) fn ledger_file(&self) -> Utf8PathBuf {
        self.root.join("ledger.jsonl")
    }

    pub(super) fn append_to_ledger(&self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry)?;
        shell::script(&self.sh, APPEND, &[self.ledger_file().as_str(), &entry.id], line.as_bytes())?;
        Ok(())
    }

    /// A file's text; none when it is not there.
    pub(super) fn read(&self, path: &Utf8Path) -> Result<Option<String>> {
        let told = shell::script(&self.sh, READ, &[path.as_str()], b"")
            .with_context(|| format!("reading {path}"))?;
        Ok(told.strip_prefix("there").map(|text| text.strip_prefix('\n').unwrap_or(text).to_owned()))
    }

    pub(super) fn write(&self, path: &Utf8Path, text: &str) -> Result<()> {
        let written = shell::script(&self.sh, WRITE, &[path.as_str()], text.as_bytes());
        written.with_context(|| format!("writing {path}")).map(drop)
    }

    pub(super) fn remove_folder(&self, path: &Utf8Path) -> Result<()> {
        shell::script(&self.sh, REMOVE, &[path.as_str()], b"")
            .with_context(|| format!("removing {path}"))
            .map(drop)
    }

    pub(super) fn kept_releases(&self) -> Result<Vec<Release>> {
        let told = shell::script(&self.sh, RELEASES, &[self.folder("releases").as_str()], b"")?;
        // One after another in one text: serde_json reads such streams. A manifest that can't be read is no release.
        let releases = serde_json::Deserializer::from_str(&told).into_iter::<Release>();
        let mut releases: Vec<Release> = releases.filter_map(Result::ok).collect();
        releases.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(releases)
    }

    /// Keeps a release whole: the manifest comes last, since it is what makes the folder a release.
    pub(super) fn keep(&self, release: &Release) -> Result<()> {
        let folder = self.release_folder(&release.id);
        self.write(&folder.join("compose.yaml"), &release.contents.compose)?;
        self.write(&folder.join("settings.env"), &release.contents.configuration)?;
        self.write(&folder.join("variables.env"), &self.variables(release)?)?;
        self.write(&folder.join("release.json"), &serde_json::to_string_pretty(release)?)
    }

    /// What the compose file's variables stand for. Passwords of database roles belong to the platform: today's.
    fn variables(&self, release: &Release) -> Result<String> {
        let mut variables = vec![
            ("ENVIRONMENT".to_owned(), self.environment.name.clone()),
            ("RELEASE".to_owned(), release.id.to_string()),
            ("COMMIT".to_owned(), release.commit.clone()),
            ("BUILT_AT".to_owned(), release.built_at.clone()),
            ("SECRETS".to_owned(), self.folder("secrets").to_string()),
        ];
        let images = release.contents.images.iter();
        variables.extend(
            images.map(|(component, image)| (format!("{}_IMAGE", component.to_uppercase()), image.clone())),
        );
        let mut versions = self.secret_versions(|secret| secret.of_platform)?;
        versions.extend(release.contents.secrets.clone());
        variables.extend(
            versions
                .iter()
                .map(|(name, version)| (format!("{}_VERSION", name.to_uppercase()), version.to_string())),
        );
        Ok(variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect())
    }

    pub(super) fn refresh_variables(&self, id: &ReleaseId) -> Result<()> {
        let path = self.release_folder(id).join("release.json");
        let text = self.read(&path)?.with_context(|| format!("{id} is not kept any more"))?;
        let release: Release =
            serde_json::from_str(&text).with_context(|| format!("{path} can't be read"))?;
        self.write(&self.release_folder(id).join("variables.env"), &self.variables(&release)?)
    }
}
