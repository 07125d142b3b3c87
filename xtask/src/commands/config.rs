//! `cargo xtask config`: what the release that serves is told, and by whom.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::output::OutputArgs;
use super::refuse;
use super::secrets::substitutes;
use super::target::TargetArgs;
use crate::host::{Machine, check_compose_file};
use crate::product::settings::{Origin, Setting, Settings};
use crate::project::{self, Environment};
use crate::rollout::host::Host;
use crate::rollout::state::release::Release;
use crate::setup::{self, Tool};
use crate::terminal;

/// Show each setting of the app, and where its value comes from
///
/// Of the release that has the traffic. Of a secret, only its version is shown.
#[derive(Debug, Args)]
pub struct Config {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Config {
    /// Looks at the release, and at the app's table of settings as its commit has it.
    pub fn run(self) -> Result<()> {
        let machine = self.target.reach()?;
        let name = &machine.environment().name;
        let files = machine.files()?;
        let live = files.traffic.active.as_ref();
        let release = files.kept.iter().find(|release| Some(&release.id) == live);
        let release = release.ok_or_else(|| {
            refuse(format!("no release has the traffic in {name}: `cargo xtask deploy --env {name}` first"))
        })?;
        let rendered = check_compose_file(&setup::require(Tool::Compose)?, machine.environment(), release)?;
        let settings = settings_of(release)?;
        let effective = settings.effective(&release.contents.configuration, &rendered);
        let rows: Vec<(String, Value, Value)> = effective
            .into_iter()
            .map(|(setting, origin)| {
                Ok(row(setting, &origin, version(&machine, release, &origin)?, machine.environment()))
            })
            .collect::<Result<_>>()?;
        let as_json = |(name, value, from): &(String, Value, Value)| json!({ "name": name, "value": value, "from": from });
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let table = || {
            rows.iter()
                .map(|(name, value, from)| vec![name.clone(), text(value), text(from)])
                .collect::<Vec<_>>()
        };
        self.output.say(
            || json!({ "release": release.id, "settings": rows.iter().map(as_json).collect::<Vec<_>>() }),
            || terminal::table(&["setting", "value", "from"], &table()),
        );
        Ok(())
    }
}

/// The table of the release's commit; this tree's where the commit has none, or is not in this clone.
fn settings_of(release: &Release) -> Result<Settings> {
    match Settings::of_commit(&release.commit) {
        Ok(Some(settings)) => Ok(settings),
        _ => {
            terminal::warn(format_args!(
                "the commit {} does not say which settings its app has: those of this tree are shown",
                release.commit.get(..12).unwrap_or(&release.commit)
            ));
            Settings::of_tree()
        }
    }
}

/// Of a secret, the version that the release runs with.
fn version(machine: &Machine, release: &Release, origin: &Origin) -> Result<Option<u32>> {
    let Origin::Secret(name) = origin else { return Ok(None) };
    if let Some((_, current)) = substitutes(machine, release)?.get(*name) {
        return Ok(Some(*current));
    }
    let own = release.contents.secrets.get(*name).copied();
    match own {
        Some(version) => Ok(Some(version)),
        None => {
            Ok(machine.secrets().versions().context("looking at the secrets")?.current.get(*name).copied())
        }
    }
}

fn row(
    setting: &Setting,
    origin: &Origin,
    version: Option<u32>,
    environment: &Environment,
) -> (String, Value, Value) {
    let (value, from) = match origin {
        Origin::Environment(value) => (value.as_str().into(), environment.settings_path().into()),
        Origin::Compose(value) => (value.as_str().into(), project::RELEASE_FILE.into()),
        Origin::Default(value) => (value.as_str().into(), "default of the app".into()),
        Origin::Secret(name) => (
            version.map_or(Value::Null, |version| format!("version {version}").into()),
            format!("secret {name}").into(),
        ),
        Origin::Unset => (Value::Null, Value::Null),
    };
    (setting.name.clone(), value, from)
}
