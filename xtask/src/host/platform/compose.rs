//! The platform as Docker Compose has it: its files on the host, where compose finds them, and what the variables in them
//! stand for.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{LeasedPlatform, Platform};
use crate::host::files::write_here;
use crate::project::{EDGE, EDGE_FILE, PAPERS_QUESTION, PLATFORM_FILES, ROLES_FILE, SCRIPTS_FOLDER};
use crate::rollout::state::backup::{KEPT_AT_LEAST, KEPT_AT_MOST, KEPT_FOR};
use crate::rollout::state::platform::PlatformRecord;
use crate::tools::docker::compose::Project;
use crate::tools::files::hex::hex;
use crate::tools::ssh::host_shell::Script;

/// The edge's configuration, in its folder on the host.
pub(super) const CADDYFILE: &str = "Caddyfile";
/// The certificate of an authority of somebody's own, there.
pub(super) const AUTHORITY: &str = "authority.pem";
/// What runs where backups are made by themselves, and what makes one: in a folder of the host's.
pub(in crate::host) const BACKUP_SCRIPTS: [(&str, &str); 6] = [
    ("backups.sh", include_str!("../scripts/backups.sh")),
    ("database.sh", include_str!("../scripts/database.sh")),
    ("moments.sh", include_str!("../scripts/moments.sh")),
    ("papers.sh", include_str!("../scripts/papers.sh")),
    ("papers.sql", PAPERS_QUESTION),
    ("spool-for-pgbackrest.sh", include_str!("../scripts/spool-for-pgbackrest.sh")),
];
pub(in crate::host) const NOTE: Script = Script::new(
    "noting what the platform's files hold",
    r#"cd "$1" && set -- *.yaml variables.env && if [ -f roles.sql ]; then set -- "$@" roles.sql; fi &&
sha256sum "$@" >written.next && mv -f written.next written"#,
);

impl Platform<'_> {
    /// Its compose files, as the repository would have them: a host that serves HTTPS has one more.
    pub(super) fn compose_files(&self) -> &'static [&'static str] {
        if self.edge_site() == ":80" { &PLATFORM_FILES[..1] } else { &PLATFORM_FILES }
    }

    /// What the variables in the compose files stand for, as the repository would have them.
    pub(super) fn variables(&self, listens: &str) -> Result<String> {
        let caddyfile = self.machine.platform_files()?.text(EDGE_FILE)?;
        let mut variables = vec![
            ("ENVIRONMENT".to_owned(), self.machine.environment.name.to_string()),
            ("POSTGRES_IMAGE".to_owned(), self.machine.bases()?.postgres.clone()),
            ("CADDY_IMAGE".to_owned(), self.machine.bases()?.caddy.clone()),
            ("EDGE_LISTEN".to_owned(), listens.to_owned()),
            ("EDGE_SITE".to_owned(), self.edge_site().to_owned()),
            ("EDGE_CONFIGURATION".to_owned(), hex(&Sha256::digest(caddyfile))),
            ("EDGE".to_owned(), self.machine.folder(EDGE.name).to_string()),
            ("LIVE".to_owned(), self.machine.folder("live").to_string()),
            ("SECRETS".to_owned(), self.machine.folder("secrets").to_string()),
            ("BACKUPS".to_owned(), self.machine.folder("backups").to_string()),
            ("SCRIPTS".to_owned(), self.machine.folder(SCRIPTS_FOLDER).to_string()),
            ("SCRIPTS_SUM".to_owned(), hex(&Sha256::digest(BACKUP_SCRIPTS.map(|(_, text)| text).concat()))),
            ("BACKUPS_HOUR".to_owned(), self.machine.environment.backups.hour.to_string()),
            ("BACKUPS_SETTLED".to_owned(), self.machine.environment.backups.settled.as_secs().to_string()),
            ("BACKUPS_LEAST".to_owned(), KEPT_AT_LEAST.to_string()),
            ("BACKUPS_MOST".to_owned(), KEPT_AT_MOST.to_string()),
            ("BACKUPS_DAYS".to_owned(), (KEPT_FOR.as_secs() / 86_400).to_string()),
        ];
        if let Some(acme) = self.machine.site.as_ref().and_then(|site| site.acme.as_ref()) {
            variables.push(("EDGE_ACME_CA".to_owned(), format!("acme_ca {}", acme.directory)));
        }
        if let Some(pem) = self.authority() {
            variables.push(("EDGE_AUTHORITY".to_owned(), hex(&Sha256::digest(pem))));
            variables.push(("EDGE_ACME_ROOT".to_owned(), format!("acme_ca_root /etc/caddy/{AUTHORITY}")));
        }
        Ok(variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect())
    }

    /// The certificate of the authority that the edge asks, where that is one of somebody's own.
    fn authority(&self) -> Option<&str> {
        self.machine.site.as_ref()?.acme.as_ref()?.root.as_deref()
    }

    /// As it was started.
    pub(in crate::host) fn with_project_as_started<T>(
        &self,
        use_it: impl FnOnce(&Project) -> Result<T>,
    ) -> Result<T> {
        let machine = self.machine;
        let (compose_dir, on_host) = (self.compose_dir(), machine.folder("platform"));
        let names = PLATFORM_FILES.iter().chain(&["variables.env"]);
        let there = names.filter_map(|name| {
            machine.read(&on_host.join(name)).map(|text| text.map(|text| (*name, text))).transpose()
        });
        let there: Vec<(&str, String)> = there.collect::<Result<_>>()?;
        if machine.compose_dir.is_some() {
            let files: Vec<(&str, &str)> = there.iter().map(|(name, text)| (*name, text.as_str())).collect();
            write_here(&compose_dir, &files)?;
        }
        let compose = there.iter().map(|(name, _)| *name).filter(|name| PLATFORM_FILES.contains(name));
        let compose: Vec<_> = compose.map(|name| compose_dir.join(name)).collect();
        self.with_project(&compose, &compose_dir.join("variables.env"), use_it)
    }

    /// As the commit has it.
    pub(super) fn with_project_to_come<T>(&self, use_it: impl FnOnce(&Project) -> Result<T>) -> Result<T> {
        let temporary = TempDir::new()?;
        let folder = Utf8Path::from_path(temporary.path())
            .context("the folder for temporary files, TMPDIR, has a name that is not UTF-8")?;
        let (given, variables) = (self.machine.platform_files()?, self.variables(&self.edge_listens()?)?);
        let mut texts = vec![("variables.env", variables.as_str())];
        for name in self.compose_files() {
            texts.push((name, given.text(name)?));
        }
        write_here(folder, &texts)?;
        let files: Vec<_> = self.compose_files().iter().map(|name| folder.join(name)).collect();
        self.with_project(&files, &folder.join("variables.env"), use_it)
    }

    pub(super) fn with_project<T>(
        &self,
        files: &[Utf8PathBuf],
        variables: &Utf8Path,
        use_it: impl FnOnce(&Project) -> Result<T>,
    ) -> Result<T> {
        use_it(&Project {
            program: &self.machine.compose,
            name: self.machine.named("platform"),
            folder: &self.compose_dir(),
            files,
            variables,
        })
    }

    /// The folder with its files, where compose finds them.
    fn compose_dir(&self) -> Utf8PathBuf {
        self.machine.compose_dir().join("platform")
    }
}

impl LeasedPlatform<'_> {
    /// Writes its files as the commit has them; what runs is not touched. Says what was written.
    pub fn write_files(&self) -> Result<PlatformRecord> {
        let machine = self.leased.fenced()?;
        let (platform, folder) = (machine.platform(), machine.folder("platform"));
        let given = machine.platform_files()?;
        let edge = machine.folder(EDGE.name);
        self.leased.write(&edge, &[(CADDYFILE, given.text(EDGE_FILE)?)])?;
        match platform.authority() {
            Some(pem) => self.leased.write(&edge, &[(AUTHORITY, pem)])?,
            None => self.leased.delete(&edge.join(AUTHORITY))?,
        }
        self.leased.write(&machine.folder(SCRIPTS_FOLDER), &BACKUP_SCRIPTS)?;
        let variables = platform.variables(&platform.edge_listens()?)?;
        let mut all = vec![("variables.env", variables.as_str()), (ROLES_FILE, given.text(ROLES_FILE)?)];
        for name in platform.compose_files() {
            all.push((name, given.text(name)?));
        }
        self.leased.write(&folder, &all)?;
        // What a host that served HTTPS had beyond that.
        let over = PLATFORM_FILES.iter().filter(|name| !platform.compose_files().contains(name));
        over.map(|name| folder.join(name)).try_for_each(|file| self.leased.delete(&file))?;
        self.note_files()?;
        let settings = hex(&Sha256::digest(&variables));
        Ok(PlatformRecord { settings, ..platform.to_come()? })
    }

    /// One of its variables stands for something else, and all else for what it did.
    pub(super) fn set_variable(&self, name: &str, value: &str) -> Result<()> {
        let machine = self.leased.fenced()?;
        let folder = machine.folder("platform");
        let variables = machine.read(&folder.join("variables.env"))?.unwrap_or_default();
        let set = |line: &str| match line.split_once('=').is_some_and(|(it, _)| it == name) {
            true => format!("{name}={value}\n"),
            false => format!("{line}\n"),
        };
        let variables: String = variables.lines().map(set).collect();
        self.leased.write(&folder, &[("variables.env", &variables)])?;
        self.note_files()
    }

    /// Notes beside its files what they hold, so that a change by hand is seen.
    pub(super) fn note_files(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        machine.shell.script(NOTE, &[machine.folder("platform").as_str()], "").map(drop).map_err(Into::into)
    }
}
