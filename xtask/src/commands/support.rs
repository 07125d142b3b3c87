//! `cargo xtask support`: what somebody else needs to help with an environment, in one archive, without secrets and without
//! what is known of people.

mod redact;

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Value, json};
use xshell::cmd;

use self::redact::Redactor;
use super::output::OutputArgs;
use super::refuse;
use super::target::TargetArgs;
use crate::host::Machine;
use crate::product::secrets::Supplied;
use crate::product::secrets::table::rows;
use crate::project::{Environment, PLATFORM};
use crate::rollout::host::{Host, Part};
use crate::rollout::observed::Observed;
use crate::terminal::{self, Activity};
use crate::tools::git;
use crate::tools::process::{Run, shell};
use crate::workspace;

/// Of each container's log.
const LINES: usize = 2000;

/// Gather what somebody else needs to help, without any secrets
///
/// One archive: what runs and how it is, the ledger, the releases, the logs. Nothing is sent anywhere. Values of secrets, e-mail and IP
/// addresses, and who did what are taken out; look through it before you hand it on.
#[derive(Debug, Args)]
pub struct Support {
    #[command(flatten)]
    target: TargetArgs,
    /// Where to write it; without it, into this folder
    #[arg(long, value_name = "FILE")]
    to: Option<Utf8PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Support {
    /// Only looks. What can't be had is named in the archive, with why.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let environment = machine.environment();
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
        let name = format!("tracehub-{}-{}", environment.name, now.to_lowercase());
        let archive = self.to.unwrap_or_else(|| format!("{name}.tar.gz").into());
        if archive.exists() {
            return Err(refuse(format!("{archive} is there already: nothing is written over")));
        }
        let folder = tempfile::tempdir().context("making a folder for what is gathered")?;
        let root = Utf8Path::from_path(folder.path()).context("the temporary folder's path is no UTF-8")?;
        let redactor = Redactor::of(known_secrets(environment)?);
        let files =
            Activity::of("gathering what runs, the ledger and the logs", |_| anyhow::Ok(gather(&machine)))?;
        fs::create_dir(root.join(&name)).context("making a folder for what is gathered")?;
        for (file, text) in &files {
            let path = root.join(&name).join(file);
            fs::write(&path, redactor.redact(text)).with_context(|| format!("writing {file}"))?;
        }
        pack(root, &name, &archive)?;
        let names: Vec<&String> = files.iter().map(|(file, _)| file).collect();
        self.output.say(
            || json!({ "archive": archive, "files": names }),
            || {
                terminal::say(&archive);
                terminal::note("  nothing was sent anywhere; look through it before you hand it on");
            },
        );
        Ok(())
    }
}

/// The values that this machine can read: they are looked for letter by letter.
fn known_secrets(environment: &Environment) -> Result<Vec<String>> {
    let supplied = Supplied::of(environment)?;
    // Who holds no key for them is no reason not to help; what looks like a secret is found without it.
    let values = rows(environment).into_iter().filter_map(|row| supplied.text(&row.name).ok().flatten());
    Ok(values.collect())
}

/// Files, each with its text. One whose text could not be had says why.
fn gather(machine: &Machine) -> Vec<(String, String)> {
    let mut warnings = Vec::new();
    let seen = Observed::for_looking(machine, |why| warnings.push(format!("{why:#}")));
    let mut files = vec![("about.json".to_owned(), pretty(Ok(about(machine, &warnings))))];
    match seen {
        Ok(seen) => {
            let lines = seen.ledger.entries.iter().map(|entry| Ok(serde_json::to_string(entry)? + "\n"));
            files.push(("observed.json".to_owned(), pretty(observed(machine, &seen))));
            files.push(("ledger.jsonl".to_owned(), text(lines.collect())));
            files.extend(seen.parts.iter().map(|part| log_of(machine, part)));
        }
        Err(why) => files.push(("observed.json".to_owned(), pretty(Err(why)))),
    }
    files.extend(PLATFORM.iter().map(|service| {
        let log = machine.platform().last_lines(service.name, LINES);
        (format!("log-platform-{}.txt", service.name), text(log))
    }));
    files
}

fn about(machine: &Machine, warnings: &[String]) -> Value {
    let root = workspace::root();
    json!({
        "environment": machine.environment().name,
        "xtask_of": git::head(root).map(|commit| commit.sha).map_err(|why| format!("{why:#}")),
        "xtask": env!("CARGO_PKG_VERSION"),
        "disk_free_bytes": machine.facts().free_disk,
        "lease": machine.lease_holder().map_err(|why| format!("{why:#}")),
        "not_seen": warnings,
    })
}

fn observed(machine: &Machine, seen: &Observed) -> Result<Value> {
    let broken = seen.broken.iter().map(|it| json!({ "id": it.id, "why": it.why }));
    Ok(json!({
        "live": seen.traffic.active,
        "warm": seen.traffic.warm,
        "expected_active": seen.ledger.expected_active(),
        "maintenance": seen.traffic.maintenance,
        "guard": seen.traffic.guard.as_ref().map(|guard| format!("{guard:?}")),
        "unfinished": seen.ledger.unfinished(),
        "ledger_damage": seen.damage().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "schema": seen.schema.keys().collect::<Vec<_>>(),
        "drift": machine.drift(&seen.traffic, &seen.kept, &seen.broken)?,
        "releases": seen.kept,
        "broken_releases": broken.collect::<Vec<_>>(),
        "parts": seen.parts,
        "platform": machine.platform().parts()?,
    }))
}

fn log_of(machine: &Machine, part: &Part) -> (String, String) {
    (format!("log-{}-{}.txt", part.service, part.release), text(machine.last_lines(part, LINES)))
}

fn pretty(value: Result<Value>) -> String {
    text(value.and_then(|value| Ok(serde_json::to_string_pretty(&value)? + "\n")))
}

fn text(text: Result<String>) -> String {
    text.unwrap_or_else(|why| format!("this could not be had: {why:#}\n"))
}

/// The folder as an archive, which its owner alone can read. It gets its name when it is whole.
fn pack(root: &Utf8Path, name: &str, archive: &Utf8Path) -> Result<()> {
    let sh = shell();
    let packed = root.join("packed");
    Run::new(cmd!(sh, "tar --create --gzip --file={packed} --directory={root} {name}")).run()?;
    let bytes = fs::read(&packed).context("reading the archive")?;
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(archive)?;
        std::io::Write::write_all(&mut file, &bytes)
    };
    write().map_err(|why| anyhow!(why).context(format!("writing {archive}: `--to FILE` writes it elsewhere")))
}
