//! The new machine is made ready while users go on at the old one: with the old secrets and papers, and with a copy of the data to try
//! them out. All that can fail fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Going;
use crate::commands::db::papers;
use crate::commands::deploy::prepare::Prepared;
use crate::commands::deploy::{Beside, Deploy};
use crate::commands::host::edge::{BESIDE, NO_MAILS, open, reach_with_ports};
use crate::commands::host::restore::start_platform;
use crate::commands::host::setup::Setup;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::{TargetArgs, connect};
use crate::exit::refuse;
use crate::host::{Leased, Machine, MoveRecord, MoveState, OtherHost, PublicSite};
use crate::project::DATABASE;
use crate::rollout::attempt::Attempt;
use crate::rollout::host::Host;
use crate::rollout::observed::Observed;
use crate::rollout::plans;
use crate::rollout::state::backup::Backup;
use crate::rollout::state::release::Release;
use crate::rollout::steps::restore;
use crate::terminal::{self, Activity};
use crate::tools::free_ports;
use crate::tools::process::Run;

/// The longest that something may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);

/// The new machine, with a release that answers by its ports, whose users are asked to wait.
pub struct Ready {
    /// The machine.
    pub machine: Machine,
    /// What it was prepared with.
    pub prepared: Prepared,
    /// The papers that are there, a line each.
    pub papers: BTreeSet<String>,
    /// Whether the old machine's edge finds it.
    pub is_seen: bool,
}

impl Going<'_> {
    /// Everything that needs no pause.
    pub fn make_ready(&self, live: &Release) -> Result<Ready> {
        let (args, target) = (self.args, self.args.target.at(self.there.clone()));
        Setup::whole(target.clone(), args.output).make()?;
        self.clear(&target)?;
        let tunnel = connect(self.there)?;
        let [here] = free_ports::find()?;
        tunnel.open_tunnel(here, BESIDE)?;
        let beside = Beside { site: PublicSite::beside_another(here, BESIDE), secrets: BTreeMap::new() };
        let commit = Some(live.commit.clone());
        let deploy = Deploy::beside(target.clone(), commit, args.overrides.clone(), args.output, beside);
        let mut prepared = deploy.prepare()?;
        let papers = self.bring_all(&prepared)?;
        deploy.deploy(&mut prepared, None)?;
        let machine = reach_with_ports(&target, &prepared)?;
        self.open(&machine, &prepared)?;
        let is_seen = self.old.moving().edge_sees(&self.other.address)?;
        if !is_seen {
            terminal::warn(format_args!(
                "the old machine finds nobody at {}: it can't hand users on, and answers 503 to those who come to it",
                self.other.address
            ));
        }
        Ok(Ready { machine, prepared, papers, is_seen })
    }

    /// What an earlier attempt has left there is nobody's: it goes, but for the papers.
    fn clear(&self, target: &TargetArgs) -> Result<()> {
        let machine = target.clone().reach()?;
        let leased = driver::lease(&machine, self.doing(), LockWaitArgs::PATIENT)?;
        let attempt = driver::settle(&leased)?;
        let record = machine.moving().record()?;
        let is_ours = record.is_some_and(|it| it.state == MoveState::Rehearsing);
        if !is_ours && machine.moving().has_data()? {
            return Err(refuse(format!(
                "{} has data of {} already, of which nobody knows whether they are needed: `cargo xtask down --volumes`, with the \
                 variables of that machine, removes them. Nothing else was changed.",
                self.other.to,
                machine.environment().name
            )));
        }
        if is_ours {
            let plan = plans::down(&Observed::without_database(attempt.settled.files.clone(), &machine)?);
            driver::run(&machine, &attempt, &plan, Vec::new())?;
            leased.platform().down()?;
            leased.moving().drop_database()?;
        }
        leased.moving().note(&MoveRecord::of(&self.origin()?, MoveState::Rehearsing))
    }

    /// The old machine, as the new one remembers it.
    pub fn origin(&self) -> Result<OtherHost> {
        let mine = self.args.target.access()?;
        let (host, port) = (&mine.destination.host, mine.destination.port);
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        Ok(OtherHost {
            to: port.map_or(host.clone(), |port| format!("{host}:{port}")),
            address: super::address_of(&mine.destination.host).unwrap_or_default(),
            host_key: mine.destination.host_keys.to_string(),
            url: mine.site.url,
        })
    }

    pub fn doing(&self) -> String {
        format!("move from {}", self.old.address().map_or("another machine", |(host, _)| host))
    }

    /// Secrets, platform, papers, data. Gives the papers that are there.
    fn bring_all(&self, prepared: &Prepared) -> Result<BTreeSet<String>> {
        let machine = &prepared.machine;
        let leased = driver::lease(machine, self.doing(), LockWaitArgs::PATIENT)?;
        let attempt = driver::settle(&leased)?;
        Activity::of("bring the secrets", |_| {
            let receive = Run::new(leased.moving().receive_secrets()?).called("receiving the secrets");
            let read = Run::new(self.old.moving().read_secrets()?).called("reading the secrets");
            read.pipe_into(receive.timeout(TRANSFER_TIMEOUT)).map_err(anyhow::Error::from)
        })?;
        start_platform(&leased, &attempt, prepared)?;
        leased.database().make_roles()?;
        let (name, mut there) = (format!("{}-move-1", self.attempt.id()), BTreeSet::new());
        self.bring_data(&leased, machine, &attempt, &name, &mut there)?;
        leased.database().run_script(NO_MAILS).context("taking out mails that wait")?;
        // It was to try them out.
        leased.database().forget(&name)?;
        Ok(there)
    }

    /// A dump of the old database, with its papers, takes the place of the database there. `papers` are there already, and are those
    /// that are there then.
    pub fn bring_data(
        &self,
        leased: &Leased,
        machine: &Machine,
        attempt: &Attempt,
        name: &str,
        papers: &mut BTreeSet<String>,
    ) -> Result<()> {
        let dump = Activity::of("dump the old database", |_| self.old.database().backup(name, "host move"))?;
        machine.database().check_room_for_copy(dump.bytes)?;
        let named = self.old.papers().named_by(&dump)?.unwrap_or_default();
        let new: String =
            named.lines().filter(|it| !papers.contains(*it)).map(|it| format!("{it}\n")).collect();
        self.bring_papers(leased, machine, &new)?;
        papers.extend(new.lines().map(str::to_owned));
        let dump = Activity::of("bring the data", |_| self.bring_dump(leased, &dump))?;
        leased.database().want(&dump)?;
        let live = machine.live()?.active;
        driver::run(machine, attempt, &restore::take_over(&dump, DATABASE, live), Vec::new())?;
        // What stood in its place was empty, or of a rehearsal.
        leased.database().drop_parked(attempt.id())
    }

    fn bring_dump(&self, leased: &Leased, dump: &Backup) -> Result<Backup> {
        let name = &dump.name;
        let receive = Run::new(leased.database().receive_dump(name)?).called("receiving the dump");
        let read = Run::new(self.old.database().read_dump(dump)).called("reading the dump");
        let received = read.pipe_into(receive.timeout(TRANSFER_TIMEOUT)).map_err(anyhow::Error::from);
        let taken = received.and_then(|_| leased.database().take_dump(name, "host move"));
        taken.inspect_err(|_| leased.database().discard_dump(name)).context("bringing the data")
    }

    /// Those of the list that the new machine lacks.
    fn bring_papers(&self, leased: &Leased, machine: &Machine, list: &str) -> Result<()> {
        let lacking = machine.papers().lacking(list)?;
        let lacking: BTreeSet<&str> = lacking.iter().filter_map(|line| line.split(' ').nth(1)).collect();
        let wanted: String = list
            .lines()
            .filter(|line| line.split(' ').next().is_some_and(|name| lacking.contains(name)))
            .map(|line| format!("{line}\n"))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let amiss = self.old.papers().lacking(&wanted)?;
        papers::check(
            &amiss,
            self.args.without_papers,
            "They are on the old machine no more. With `--without-papers` it moves without them.",
        )?;
        let amiss: BTreeSet<&str> = amiss.iter().filter_map(|line| line.split(' ').nth(1)).collect();
        let mut wanted = papers::papers(&wanted)?;
        wanted.retain(|(name, _)| !amiss.contains(name));
        machine.database().check_room_for_papers(wanted.iter().map(|(_, bytes)| bytes).sum())?;
        Activity::of(format!("bring {} papers", wanted.len()), |_| {
            papers::batches(&wanted).into_iter().try_for_each(|batch| {
                let names: String = batch.iter().map(|(name, _)| format!("{name}\n")).collect();
                let receive = Run::new(leased.papers().receive()?).called("receiving papers");
                let send = Run::new(self.old.papers().send()?).called("reading papers").stdin(names);
                send.pipe_into(receive.timeout(TRANSFER_TIMEOUT))?;
                Ok(())
            })
        })
    }

    /// The edge there takes its ports, with the old certificates: whoever comes is asked to wait.
    fn open(&self, machine: &Machine, prepared: &Prepared) -> Result<()> {
        let leased = driver::lease(machine, self.doing(), LockWaitArgs::PATIENT)?;
        driver::settle(&leased)?;
        leased.live_folder().ask_to_wait()?;
        let former = self.old.moving().address_towards(&self.other.address)?;
        leased.live_folder().set_former(former.as_deref())?;
        leased.platform().check_renewal()?;
        if machine.site().and_then(PublicSite::name).is_some()
            && let Some(read) = self.old.moving().read_certificates()?
        {
            let receive =
                Run::new(leased.moving().receive_certificates()?).called("receiving the certificates");
            let read = Run::new(read).called("reading the certificates");
            read.pipe_into(receive.timeout(TRANSFER_TIMEOUT)).context("bringing the certificates")?;
        }
        Activity::of("the edge there takes its ports", |_| open(&leased, machine, &prepared.release()))?;
        leased.moving().hold()
    }
}
