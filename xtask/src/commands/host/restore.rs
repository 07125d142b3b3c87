//! `cargo xtask host restore`: a host that was lost is made again on a new machine, from what is off it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;
use xshell::cmd;

use super::setup::Setup;
use crate::commands::db::copies::{About, TO};
use crate::commands::db::store::{self, Place};
use crate::commands::db::take::{self, From};
use crate::commands::deploy::Deploy;
use crate::commands::deploy::prepare::Prepared;
use crate::commands::output::OutputArgs;
use crate::commands::output::ago::ago;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::TargetArgs;
use crate::commands::target::access::Access;
use crate::commands::target::consent::Consent;
use crate::commands::target::gate::Override;
use crate::exit::refuse;
use crate::host::Leased;
use crate::product::secrets::Supplied;
use crate::project::{DATABASE, Environment, PAPERS_VOLUME, SECRETS};
use crate::rollout::attempt::Attempt;
use crate::rollout::host::Host;
use crate::rollout::journal::timestamp;
use crate::rollout::observed::Observed;
use crate::rollout::plan::Goal;
use crate::rollout::remake;
use crate::rollout::state::backup::time_of;
use crate::rollout::state::ledger::{Kind, Ledger, Outcome};
use crate::rollout::state::release::{Release, ReleaseId};
use crate::rollout::steps::restore;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity, paint};
use crate::tools::age;
use crate::tools::files::private::Folder;
use crate::tools::process::{Run, shell};
use crate::tools::ssh;

/// What an archive's name ends with: ledger, manifests, and what is told of the host.
const ENDING: &str = ".host.age";
/// The longest that an archive may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Debug, Args)]
pub struct Restore {
    #[command(flatten)]
    target: TargetArgs,
    /// The file with the private key that opens the copies
    #[arg(long, value_name = "FILE")]
    identity: Utf8PathBuf,
    /// The store, s3://BUCKET/FOLDER; by default what BACKUP_TO names
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// The fingerprint that the new machine's provider shows, when its key is not pinned yet
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// The old host answers, and must not count any more: why, for the ledger
    #[arg(long, value_name = "REASON")]
    abandon: Option<String>,
    #[command(flatten)]
    consent: Consent,
    /// Open one gate of the deploy by hand, with a reason for the record
    #[arg(long = "override", value_name = "GATE=REASON")]
    overrides: Vec<Override>,
    #[command(flatten)]
    output: OutputArgs,
}

/// A host, as its copies tell it.
struct Lost {
    /// The archive that tells it.
    archive: String,
    about: About,
    ledger: Ledger,
    /// What had the traffic.
    live: Release,
    /// The copy of the data: its name, and its size.
    dump: String,
    bytes: u64,
    copies: From,
}

impl Restore {
    /// Looks at the copies, and asks; then each step that is not done yet.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment().clone();
        if environment.is_here() {
            return Err(refuse(format!(
                "{} is on this machine: there is no host to make again",
                environment.name
            )));
        }
        take::can_be_read(&self.identity)?;
        let began = Instant::now();
        let lost = Activity::of("read what is off the host", |_| self.read(&environment))?;
        say_lost(&lost);
        check_given(&lost.about, &environment)?;
        self.check_is_lost(&lost.about, &environment)?;
        let name = &environment.name;
        self.consent.ask(&format!("Make {name} again from that?"), "nothing was changed", name)?;
        // Each of these has done nothing when there is nothing to do.
        Setup::whole(self.target.clone(), self.fingerprint.clone(), self.output).make()?;
        let deploy =
            Deploy::of_commit(self.target.clone(), &lost.live.commit, self.overrides.clone(), self.output);
        let mut prepared = deploy.prepare()?;
        self.bring_back(&lost, &prepared)?;
        let serves = prepared.machine.live()?.active;
        if serves.is_none() {
            deploy.deploy(&mut prepared, None)?;
        }
        let serves = prepared.machine.live()?.active;
        let took = began.elapsed();
        let url = prepared.machine.url().unwrap_or_default();
        self.output.say(
            || json!({ "environment": name, "release": serves, "backup": lost.dump, "took_ms": terminal::millis(took) }),
            || {
                let (again, took) = (paint::good("Made again:"), terminal::seconds(took));
                terminal::say(format_args!("{again} {name} serves at {url}, after {took}, with the data of {}.", lost.dump));
                terminal::say("Where its name leads elsewhere still, have it lead to the new machine.");
                let papers = format!("{}-{PAPERS_VOLUME}", environment.prefix());
                terminal::say(paint::warn(format_args!(
                    "No copy has the papers that users brought: bring the volume {papers} back from your own copy of it."
                )));
            },
        );
        Ok(())
    }

    /// The newest archive and the newest dump, of which only the archive is opened here.
    fn read(&self, environment: &Environment) -> Result<Lost> {
        let supplied = Supplied::of(environment)?;
        let address = match &self.from {
            Some(from) => from.clone(),
            None => supplied.text(TO)?.map(|text| text.trim().to_owned()).ok_or_else(|| {
                refuse(format!(
                    "{TO} is not set: `--from s3://BUCKET/FOLDER` names the store that the copies are in"
                ))
            })?,
        };
        if !store::is_address(&address) {
            return Err(refuse(format!("{address} is no store: s3://BUCKET/FOLDER")));
        }
        let place = Place::told(&address, environment, &supplied)?;
        setup::ensure(&[Tool::Age], false)?;
        let archive = place.newest(ENDING)?.ok_or_else(|| {
            refuse(format!(
                "{} has no ledger: nothing has left the host by itself. docs/runbook.md says how a database alone comes back",
                place.address()
            ))
        })?;
        let folder = Folder::new()?;
        let (sh, into) = (shell(), folder.path());
        let read = Run::new(place.read_object(&archive)).called("reading the ledger's copy");
        let unpack = Run::new(cmd!(sh, "tar -x -C {into}")).timeout(TRANSFER_TIMEOUT);
        read.pipe(Run::new(age::decrypt(sh, &self.identity)), unpack)
            .with_context(|| format!("opening {archive} of {}", place.address()))?;
        let text = |name: &str| {
            fs::read_to_string(into.join(name)).with_context(|| format!("{archive} has no {name}"))
        };
        let about: About = serde_json::from_str(&text("about.json")?)?;
        ensure!(about.environment == environment.name, "{archive} is of {}", about.environment);
        let ledger = Ledger::parse(&text("ledger.jsonl")?);
        let id = ledger.expected_active().ok_or_else(|| {
            refuse(format!(
                "no release had the traffic when {archive} was sent: there is nothing to make again"
            ))
        })?;
        let manifest = text(&format!("releases/{id}/release.json"))?;
        let live = Release::of_manifest(&id, &manifest)
            .map_err(|broken| refuse(format!("what {archive} has of {id} is damaged: {}", broken.why)))?;
        let copies = From::Store(place);
        let (dump, bytes) = copies.chosen()?;
        Ok(Lost { archive, about, ledger, live, dump, bytes, copies })
    }

    /// Refused when the old host still answers: two would serve, each with data of its own.
    fn check_is_lost(&self, about: &About, environment: &Environment) -> Result<()> {
        let new = Access::of_new_host(environment, self.fingerprint.as_deref())?.0.destination;
        let About { host, port, .. } = about;
        if self.abandon.is_some() || (&new.host, new.port.unwrap_or(22)) == (host, *port) {
            return Ok(());
        }
        match ssh::answers(host, *port) {
            false => Ok(()),
            true => Err(refuse(format!(
                "the host of {}, {host} at port {port}, still answers: it may serve on, with data of its own\n  Turn it off, or \
                 say with `--abandon \"reason\"` that it does not count. Nothing was changed.",
                environment.name
            ))),
        }
    }

    /// Ledger, platform, data: what of it is there already is left.
    fn bring_back(&self, lost: &Lost, prepared: &Prepared) -> Result<()> {
        let machine = &prepared.machine;
        let doing = format!("restore of the host from {}", lost.archive);
        let leased = driver::lease(machine, doing, LockWaitArgs::PATIENT)?;
        self.bring_ledger(lost, &leased)?;
        let attempt = driver::settle(&leased)?;
        let since = remake::since_it_was_lost(&attempt.settled.files.ledger).unwrap_or_default();
        if since.iter().any(|it| it.kind == Kind::Restore && it.outcome == Some(Outcome::Succeeded)) {
            terminal::note(paint::dim("  the data are there already"));
            return Ok(());
        }
        start_platform(&leased, &attempt, prepared)?;
        leased.database().make_roles()?;
        let known = machine.database().backups()?.into_iter().find(|backup| backup.name == lost.dump);
        let dump = match known {
            Some(dump) => dump,
            None => {
                machine.database().check_room_for_copy(lost.bytes)?;
                lost.copies.bring(&leased, &lost.dump, &self.identity)?
            }
        };
        leased.database().want(&dump)?;
        let plan = restore::restore(&dump, DATABASE, &Observed::of(machine)?);
        driver::run(machine, &attempt, &plan, Vec::new())?;
        Ok(())
    }

    fn bring_ledger(&self, lost: &Lost, leased: &Leased) -> Result<()> {
        let attempt = driver::settle(leased)?;
        let (files, last) = (&attempt.settled.files, lost.ledger.entries.last());
        let has_it = last.is_none_or(|last| files.ledger.entries.iter().any(|entry| entry.id == last.id));
        if has_it {
            return match remake::since_it_was_lost(&files.ledger) {
                Some(_) => Ok(()),
                None => Err(refuse(format!(
                    "this machine is the host that {} is of, and it answers: it is not lost. Nothing was changed",
                    lost.archive
                ))),
            };
        }
        let abandoned =
            self.abandon.as_ref().map(|why| format!("; it answered still: {why}")).unwrap_or_default();
        let why = format!("made again from {} and {}{abandoned}", lost.archive, lost.dump);
        remake::go_on_with_ledger(leased, &lost.ledger, files, attempt.by(), &why)
    }
}

/// Ahead of the data, in the same attempt.
fn start_platform(leased: &Leased, attempt: &Attempt, prepared: &Prepared) -> Result<()> {
    let (platform, secrets) = (leased.platform(), &prepared.secrets);
    Activity::of("platform: database and edge", |activity| {
        if platform.settle(secrets, &|line| activity.line(line)).context("waiting for the platform")? {
            return Ok(());
        }
        let goal = Goal { kind: Kind::Restore, from: None, to: None };
        let step = platform.making(secrets)?;
        driver::run_ahead(&prepared.machine, attempt, &goal, &step, Vec::new(), activity)
    })
}

fn say_lost(lost: &Lost) {
    let Release { id, subject, .. } = &lost.live;
    let when = |name: &str| time_of(name).map_or_else(|| name.to_owned(), |at| ago(&timestamp(at)));
    terminal::note(format_args!(
        "  had the traffic {}: {}  {subject}",
        when(&lost.archive),
        paint::strong(id as &ReleaseId)
    ));
    terminal::note(format_args!("  data of {}: {}", when(&lost.dump), lost.dump));
}

/// What was given to the lost host and can't be made anew must be given again; of the rest, what is missing is said.
fn check_given(about: &About, environment: &Environment) -> Result<()> {
    let supplied = Supplied::of(environment)?;
    let (mut needed, mut missing) = (Vec::new(), Vec::new());
    for name in &about.secrets {
        if supplied.get(name)?.is_none() {
            let is_app_s = SECRETS.iter().any(|secret| secret.variable == name);
            if is_app_s { needed.push(name.as_str()) } else { missing.push(name.as_str()) }
        }
    }
    if !missing.is_empty() {
        terminal::warn(format_args!(
            "the lost host was given {}, and nobody gives it now",
            missing.join(", ")
        ));
    }
    match needed.is_empty() {
        true => Ok(()),
        false => Err(refuse(format!(
            "the lost host was given {}, and nobody gives it now: it lies in the environment's secrets, or in your safe. Nothing was changed",
            needed.join(", ")
        ))),
    }
}
