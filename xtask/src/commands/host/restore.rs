//! `cargo xtask host restore`: a host that was lost is made again on a new machine, from what is off it.

mod archive;

use std::time::Instant;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;

use self::archive::Archive;
use super::setup::Setup;
use crate::commands::db::copies::{About, TO};
use crate::commands::db::papers;
use crate::commands::db::store::{self, Place};
use crate::commands::db::take::{self, From};
use crate::commands::deploy::Deploy;
use crate::commands::deploy::prepare::Prepared;
use crate::commands::output::OutputArgs;
use crate::commands::output::ago::ago;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::progress::steps::Preview;
use crate::commands::target::TargetArgs;
use crate::commands::target::access::Access;
use crate::commands::target::consent::Consent;
use crate::commands::target::gate::Override;
use crate::exit::refuse;
use crate::host::{self, LEDGER, Leased, Machine, MoveState};
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
use crate::tools::ssh::host_shell::{HostShell, Script};
use crate::tools::ssh::{self, Connection, Destination};
use crate::workspace;

/// What an archive's name ends with: ledger, manifests, and what is told of the host.
const ENDING: &str = ".host.age";
const READ_LEDGER: Script = Script::new("reading the ledger", r#"if [ -e "$1" ]; then cat "$1"; fi"#);

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
    /// The old host answers, and must not count any more: why, for the ledger
    #[arg(long, value_name = "REASON")]
    abandon: Option<String>,
    /// Bring the data back although papers that they name can't be had
    #[arg(long)]
    without_papers: bool,
    /// Say what there is and what would be done, and change nothing
    #[arg(long)]
    plan: bool,
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
        let access = Access::of_pinned_host(&environment)?;
        let began = Instant::now();
        let lost = Activity::of("read what is off the host", |_| self.read(&environment))?;
        say_lost(&lost);
        check_given(&lost.about, &environment)?;
        self.check_is_lost(&lost.about, &access.destination)?;
        check_serves_nothing(&access.destination, &environment)?;
        let name = &environment.name;
        if self.plan {
            lost.steps(&access.destination).say(self.output);
            return Ok(());
        }
        self.consent.ask(&format!("Make {name} again from that?"), "nothing was changed", name)?;
        // Each of these has done nothing when there is nothing to do.
        Setup::whole(self.target.clone(), self.output).make()?;
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
                if self.abandon.is_some() {
                    say_old_host_sends(&lost.about, &prepared.machine);
                }
                terminal::say("Where its name leads elsewhere still, have it lead to the new machine.");
            },
        );
        Ok(())
    }

    /// The newest archive of the host that was made last, and that host's newest dump, of which only the archive is opened here.
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
        let archives = place.newest_of_each(ENDING)?;
        let opened = archives.iter().map(|name| Archive::open(name, &place, &self.identity, environment));
        let opened = opened.collect::<Result<Vec<_>>>()?;
        let Some(archive) = Archive::last_made(opened) else {
            return Err(refuse(format!(
                "{} has no ledger: nothing has left the host by itself. docs/runbook.md says how a database alone comes back",
                place.address()
            )));
        };
        if let Some(newer) = archives.iter().find(|name| **name > archive.name) {
            terminal::warn(format_args!(
                "{newer} is of a host that was given up, and goes on sending: it is left out. docs/runbook.md says how it is stopped"
            ));
        }
        let live = archive.live()?;
        let copies = From::Store(place.of(&archive.about.owner));
        let (dump, bytes) = copies.chosen()?;
        let Archive { name, about, ledger, .. } = archive;
        Ok(Lost { archive: name, about, ledger, live, dump, bytes, copies })
    }

    /// Refused when the old host still answers: two would serve, each with data of its own.
    fn check_is_lost(&self, about: &About, new: &Destination) -> Result<()> {
        let About { host, port, environment, .. } = about;
        if self.abandon.is_some() || (&new.host, new.port.unwrap_or(22)) == (host, *port) {
            return Ok(());
        }
        match ssh::answers(host, *port) {
            false => Ok(()),
            true => Err(refuse(format!(
                "the host of {environment}, {host} at port {port}, still answers: it may serve on, with data of its own, and send \
                 copies of them\n  Turn it off, or say with `--abandon \"reason\"` that it does not count. Nothing was changed."
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
                lost.copies.bring(&leased, &lost.dump, &lost.dump, &self.identity)?
            }
        };
        leased.database().want(&dump)?;
        let away = match lost.copies.bring_papers(&leased, machine, &dump, &self.identity) {
            Err(error) if self.without_papers => {
                terminal::warn(format_args!("its papers could not be brought: {error:#}"));
                Some(Vec::new())
            }
            away => away?,
        };
        match away {
            None => terminal::warn(format_args!(
                "{} came without a list of its papers: bring their files back from your own copy of the volume {}",
                dump.name,
                papers_volume(machine.environment())
            )),
            Some(away) => papers::check(
                &away,
                self.without_papers,
                "They are not off the host either. The database is not there yet: with `--without-papers` it is brought back \
                 without them.",
            )?,
        }
        let plan = restore::restore(&dump, DATABASE, self.without_papers, &Observed::of(machine)?);
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

impl Lost {
    fn steps(&self, new: &Destination) -> Preview {
        let step = |name: &str, what: String| (name.to_owned(), what);
        let steps = vec![
            step("set up", format!("what `host setup` does on {}", new.host)),
            step("ledger", format!("bring that of {}", self.archive)),
            step("platform", "start the database and the edge".to_owned()),
            step(
                "restore",
                format!("bring {} and its papers, and put it in the database's place", self.dump),
            ),
            step("deploy", format!("{}: the traffic, watched", self.live.id)),
        ];
        Preview { steps, not_needed: Vec::new() }
    }
}

/// Refused when the machine is a host that serves, and did not come from a restore: nothing is to be done to it. One that was never
/// set up lets nobody in.
pub(super) fn check_serves_nothing(new: &Destination, environment: &Environment) -> Result<()> {
    let Ok(connection) = Connection::open(new) else { return Ok(()) };
    let ledger = environment.root(&workspace::local_dir()).join(LEDGER);
    let shell = HostShell::behind(connection);
    let ledger = Ledger::parse(&shell.script(READ_LEDGER, &[ledger.as_str()], "")?);
    match host::move_of(&shell, environment)? {
        // What was begun there by a move that was cut off.
        Some(record) if record.state == MoveState::Rehearsing => return Ok(()),
        Some(record) if record.state == MoveState::Moved => {
            return Err(refuse(format!(
                "{} has left {} for {}, and hands users on: `host move --forget-old` ends that first. Nothing was changed",
                environment.name, new.host, record.other.to
            )));
        }
        _ => {}
    }
    match (ledger.expected_active(), remake::since_it_was_lost(&ledger)) {
        (Some(live), None) => Err(refuse(format!(
            "{} is a host of {} already, on which {live} has the traffic: it is not a machine to make one of. Nothing was changed",
            new.host, environment.name
        ))),
        _ => Ok(()),
    }
}

/// The one that was given up, and answers still.
fn say_old_host_sends(about: &About, machine: &Machine) {
    let (host, container) = (&about.host, machine.sender().name());
    terminal::say(paint::warn(format_args!(
        "{host} still sends copies to the same place: turn it off, or there: docker rm --force {container}"
    )));
}

fn papers_volume(environment: &Environment) -> String {
    format!("{}-{PAPERS_VOLUME}", environment.prefix())
}

/// Ahead of the data, in the same attempt.
pub(super) fn start_platform(leased: &Leased, attempt: &Attempt, prepared: &Prepared) -> Result<()> {
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
