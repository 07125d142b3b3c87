//! `cargo xtask host adopt`: a host on which somebody runs the project by hand becomes ours.

mod cut_over;
mod env_file;
mod inventory;
mod schema;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;

use self::cut_over::{Agreed, CutOver};
use self::inventory::{Finding, findings};
use super::setup;
use crate::commands::deploy::prepare::check_sources_with;
use crate::commands::output::OutputArgs;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::secrets::values::change;
use crate::commands::target::TargetArgs;
use crate::commands::target::access::{self, Access};
use crate::commands::target::consent::Consent;
use crate::commands::target::gate::{self, Override};
use crate::commands::target::version;
use crate::exit::{Exit, Failure, refuse};
use crate::host::{self, AdoptionState, Inventory, OldDatabase, OtherProject};
use crate::product::migrations::Migrations;
use crate::product::secrets::{self, Supplied};
use crate::product::sources::Sources;
use crate::project::Environment;
use crate::setup::host::Admin;
use crate::terminal::{self, Activity, paint};

#[derive(Debug, Args)]
pub struct Adopt {
    #[command(flatten)]
    target: TargetArgs,
    /// Which compose project, where several there have a database
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Who may change the machine: root, or a user who may call sudo without a password
    #[arg(long = "as", value_name = "USER")]
    admin: Option<String>,
    /// The newest migration that its schema comes to; without it, all of this tree do
    #[arg(long, value_name = "VERSION")]
    to: Option<i64>,
    /// The file with the SQL that makes its schema what those migrations come to: `--plan` writes it where there is none,
    /// for you to read
    #[arg(long, value_name = "FILE")]
    bridge: Option<Utf8PathBuf>,
    /// Which commit becomes the first release: a branch, a tag, or the beginning of its name
    #[arg(long, value_name = "REV")]
    version: Option<String>,
    /// Say what there is and what would be done, and change nothing
    #[arg(long)]
    plan: bool,
    /// Remove what is left of the project that was adopted: its containers, networks and volumes
    #[arg(long, conflicts_with_all = ["plan", "bridge", "to", "version", "project"])]
    forget_old: bool,
    #[command(flatten)]
    consent: Consent,
    /// Open one gate of the deploy by hand, with a reason for the record
    #[arg(long = "override", value_name = "GATE=REASON")]
    overrides: Vec<Override>,
    #[command(flatten)]
    output: OutputArgs,
}

/// The host, as it was found.
struct Found {
    project: OtherProject,
    inventory: Inventory,
    /// None where the project has none that answers; why.
    database: Result<OldDatabase, String>,
}

impl Adopt {
    /// Looks, says what it saw, and asks; then it is done.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment().clone();
        if environment.is_here() {
            return Err(refuse(format!(
                "{} is on this machine: there is no host to adopt",
                environment.name
            )));
        }
        if self.forget_old {
            return self.forget();
        }
        let migrations = Migrations::of_tree()?;
        if let Some(to) = self.to.filter(|to| !migrations.names.contains_key(to)) {
            return Err(refuse(format!(
                "--to {to}: this tree has no such migration; `cargo xtask migrate info` lists them"
            )));
        }
        let commit =
            if self.plan { None } else { Some(version::choose(&environment, self.version.as_deref())?) };
        commit.iter().try_for_each(|commit| gate::check_branch_of(&environment, commit, &self.overrides))?;
        let access = Access::of_pinned_host(&environment)?;
        let (shell, sudo) = setup::come_in(&access, self.admin.as_deref())?;
        let admin = Admin { shell: &shell, sudo };
        check_not_ours(&admin, &environment, access.site.ports())?;
        let found = self.look(&admin, &environment)?;
        let mut findings = findings(&found.project, &found.inventory, &environment)?;
        let (finding, ready) = self.judge_database(&admin, &found, &migrations)?;
        findings.push(finding);
        if self.plan || findings.iter().any(|finding| finding.is_refused) {
            return self.say(&found, &findings, &environment);
        }
        let (database, bridged) = ready.context("a database that is not refused can be taken over")?;
        let values = env_file::values(&admin, &environment, &found.project, &found.inventory)?;
        let of_app = |(name, value): (&String, &String)| {
            env_file::of_app(name).map(|secret| (secret.name, value.clone().into_bytes()))
        };
        let secrets: BTreeMap<&'static str, Vec<u8>> = values.iter().filter_map(of_app).collect();
        if let Some(commit) = commit {
            let mut given = secrets.clone();
            given.extend(access::secrets_given(&environment)?);
            check_sources_with(&environment, &Sources::of_commit(commit, &environment)?, &given)?;
        }
        if !self.output.json {
            say_findings(&found, &findings);
        }
        let name = &environment.name;
        let pause = terminal::seconds(cut_over::guess(&database, &access.site));
        let question =
            format!("Adopt it? Everything is made ready beside it; then nobody is served for about {pause}.");
        self.consent.ask(&question, "nothing was changed", name)?;
        keep(&environment, &values)?;
        let agreed = Agreed {
            adopt: &self,
            admin: &admin,
            project: &found.project,
            database: &database,
            bridged: &bridged,
        };
        let done = agreed.run(secrets)?;
        self.say_done(&found, &done, &environment);
        Ok(())
    }

    fn say_done(&self, found: &Found, done: &CutOver, environment: &Environment) {
        let CutOver { release, pause, expected } = done;
        let (name, project) = (&environment.name, &found.project);
        self.output.say(
            || {
                json!({ "environment": name, "project": project.name, "release": release, "pause_ms": terminal::millis(*pause),
                        "expected_ms": terminal::millis(*expected) })
            },
            || {
                terminal::say(format_args!(
                    "{} {release} serves {name}, with the data of {}. Nobody was served for {} (about {} were expected).",
                    paint::good("Adopted:"),
                    project.name,
                    terminal::seconds(*pause),
                    terminal::seconds(*expected)
                ));
                terminal::say(format_args!(
                    "{} is stopped and kept. `cargo xtask host setup --env {name}` closes what is open beside 80 and 443; `cargo xtask \
                     host adopt --env {name} --forget-old` removes it.",
                    project.name
                ));
            },
        );
    }

    fn forget(&self) -> Result<()> {
        let machine = self.target.clone().reach()?;
        let name = &machine.environment().name;
        let record = machine.adoption().record()?.filter(|record| record.state == AdoptionState::Ours);
        let Some(record) = record else {
            return Err(refuse(format!(
                "nothing of {name} was adopted: there is nothing to forget. Nothing was changed."
            )));
        };
        let project = &record.project;
        let question = format!("Remove {}, with its volumes? Nothing brings them back.", project.words());
        self.consent.ask(&question, "nothing was changed", name)?;
        let leased = driver::lease(&machine, format!("forgetting {}", project.name), LockWaitArgs::PATIENT)?;
        let attempt = driver::settle(&leased)?;
        leased.adoption().forget(&record)?;
        attempt.note(&format!(
            "{}, which was adopted, is forgotten: its containers and volumes are gone",
            project.name
        ))?;
        self.output.say(
            || json!({ "environment": name, "forgotten": project.name }),
            || {
                terminal::say(format_args!(
                    "{} {}. Its folder {} stays: there is an .env in it, with secrets.",
                    paint::good("Forgotten:"),
                    project.name,
                    project.folder
                ));
            },
        );
        Ok(())
    }

    /// The project, and all that is of matter to it. Refused when there is none, or nobody can say which one is meant.
    fn look(&self, admin: &Admin, environment: &Environment) -> Result<Found> {
        Activity::of("look at what runs there", |_| {
            let containers = host::containers(admin)?;
            let project = self.choose(OtherProject::all(&containers), environment)?;
            let inventory = Inventory::of(admin, &project, &containers)?;
            let of_database = project.services.iter().filter(|service| service.is_database);
            let database = match of_database.collect::<Vec<_>>().as_slice() {
                [] => Err("none of its containers is a PostgreSQL with its data in a volume".to_owned()),
                [one] if !one.runs => Err(format!("{} does not run: start it first", one.container)),
                [one] => OldDatabase::of(admin, &one.container).map_err(|error| format!("{error:#}")),
                many => Err(format!("it has {} databases, and only one can be taken over", many.len())),
            };
            Ok(Found { project, inventory, database })
        })
    }

    fn choose(&self, projects: Vec<OtherProject>, environment: &Environment) -> Result<OtherProject> {
        let name = &environment.name;
        let lines = |projects: &[&OtherProject]| -> String {
            projects.iter().map(|it| format!("\n  {}", it.words())).collect()
        };
        let candidates: Vec<&OtherProject> = projects
            .iter()
            .filter(|it| match &self.project {
                Some(wanted) => it.name == *wanted,
                None => it.is_in_the_way_of(environment),
            })
            .collect();
        match candidates.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(refuse(format!(
                "there is nothing to adopt: no compose project that is not ours {} on the host of {name}.{}\n  `cargo xtask host setup \
                 --env {name}` makes a bare machine a host. Nothing was changed.",
                self.project.as_ref().map_or("runs".to_owned(), |wanted| format!("is called {wanted}")),
                lines(&projects.iter().collect::<Vec<_>>())
            ))),
            many => Err(refuse(format!(
                "several compose projects run there, of which one can be adopted:{}\n  `--project NAME` says which one. Nothing was changed.",
                lines(many)
            ))),
        }
    }

    fn say(&self, found: &Found, findings: &[Finding], environment: &Environment) -> Result<()> {
        let refusals: Vec<&Finding> = findings.iter().filter(|finding| finding.is_refused).collect();
        self.output.say(
            || json!({ "environment": environment.name, "project": found.project, "adoptable": refusals.is_empty(), "findings": findings }),
            || {
                say_findings(found, findings);
                if refusals.is_empty() {
                    terminal::say("Nothing was changed.");
                }
            },
        );
        match refusals.as_slice() {
            [] => Ok(()),
            some => {
                let whats: Vec<&str> = some.iter().map(|finding| finding.what.as_str()).collect();
                let message = format!(
                    "{} can't be adopted yet: see {} above. Nothing was changed on it.",
                    environment.name,
                    whats.join(", ")
                );
                Err(Failure { exit: Exit::HostUnfit, message }.into())
            }
        }
    }
}

fn say_findings(found: &Found, findings: &[Finding]) {
    terminal::note(format_args!("{} {}", paint::strong("Found:"), found.project.words()));
    let row = |finding: &Finding| {
        let then = if finding.is_refused { paint::warn(&finding.then) } else { finding.then.clone() };
        vec![finding.what.clone(), finding.found.clone(), then]
    };
    terminal::table(&["what", "found", "what adopt would do"], &findings.iter().map(row).collect::<Vec<_>>());
}

/// Refused where users have ours already: their data would be replaced. A cut-over that was cut off has yet to be undone.
fn check_not_ours(admin: &Admin, environment: &Environment, ports: &[u16]) -> Result<()> {
    let record = host::adoption_of(admin, environment)?;
    if record.as_ref().is_some_and(|it| it.state == AdoptionState::Cutting) {
        return Ok(());
    }
    let has_ports = host::edge_has_ports(&host::containers(admin)?, environment, ports);
    cut_over::check_not_served(record.as_ref(), has_ports, &environment.name)
}

/// Into the environment's encrypted file, where there is one, and nobody gives a value yet. Else the host alone has those of the app.
fn keep(environment: &Environment, values: &BTreeMap<String, String>) -> Result<()> {
    let Some(file) = secrets::find(environment)? else { return Ok(()) };
    let _lock = secrets::lock(environment)?;
    let (supplied, file) = (Supplied::of(environment)?, file.open()?);
    let mut changes = Vec::new();
    for (name, value) in values {
        if supplied.get(name)?.is_none() {
            changes.push((name.as_str(), Some(value.as_str())));
        }
    }
    if !changes.is_empty() {
        change(environment, &file, &changes)?;
        let names: Vec<&str> = changes.iter().map(|(name, _)| *name).collect();
        let path = secrets::path(environment);
        terminal::note(format_args!("In {path} now: {}: commit it", names.join(", ")));
    }
    Ok(())
}
