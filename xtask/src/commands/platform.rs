//! `cargo xtask platform up`: a changed database or edge takes the place of the one that runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::deploy::room;
use super::output::OutputArgs;
use super::progress::driver::{self, LockWaitArgs};
use super::progress::steps::Preview;
use super::refuse;
use super::target::TargetArgs;
use super::target::access::Access;
use super::target::checks;
use super::target::consent::Consent;
use super::target::gate::{self, Override};
use super::target::https;
use super::target::version;
use crate::host::{Machine, PublicSite};
use crate::product::images::{self, Registry};
use crate::product::platform;
use crate::project::{self, BACKUPS, DATABASE_SERVICE, EDGE};
use crate::rollout::host::{Files, Host};
use crate::rollout::steps::platform::{Renewal, renew};
use crate::terminal::{self, millis, paint, seconds};
use crate::tools::http::Client;

/// How often users' way in is tried while something is interrupted.
const PROBE_INTERVAL: Duration = Duration::from_millis(20);
/// How long after the last start the way in is still tried.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Update the database and the edge, which outlive releases
#[derive(Debug, Args)]
pub struct PlatformVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start anew what a commit has changed since (in local: this tree): says what that interrupts, and for how long it did
    Up(Up),
}

#[derive(Debug, Args)]
struct Up {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Which commit: a branch, a tag, or the beginning of its name (elsewhere than in local)
    #[arg(long, value_name = "REV")]
    version: Option<String>,
    /// Print the steps and what they cost users, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    consent: Consent,
    /// Open one gate by hand, with a reason for the record: checks="…", name="…" or memory="…", and in production branch="…" and platform="…"
    #[arg(long = "override", value_name = "GATE=REASON")]
    overrides: Vec<Override>,
    #[command(flatten)]
    output: OutputArgs,
}

impl PlatformVerb {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        let Verb::Up(up) = self.verb;
        up.run()
    }
}

impl Up {
    /// Looks, and asks; then, under the lease: checks what can be checked while everything runs, backup, and one service
    /// after the other.
    fn run(self) -> Result<()> {
        let (machine, commit) = self.reach()?;
        machine.platform().check().map_err(|error| refuse(format!("{error:#}")))?;
        // Once: it may have another one by the time that somebody has said yes.
        let why_another = why_another_certificate(&machine);
        let Some(shown) = renewal(&machine, &commit, machine.files()?, why_another)? else {
            return self.put_right(&machine, &commit);
        };
        if let Some(site) =
            machine.site().filter(|_| shown.services.iter().any(|(service, _)| service == EDGE.name))
        {
            https::check_name(site, &self.overrides)?;
        }
        room::check_memory_of_platform(&machine, &self.overrides)?;
        let preview = Preview::of(&renew(&shown));
        if self.plan {
            preview.say(self.output);
            return Ok(());
        }
        preview.announce(self.output);
        self.ask(&machine, &shown, why_another)?;
        let leased = driver::lease(&machine, format!("platform up to {commit}"), self.lock_wait)?;
        let attempt = driver::settle(&leased)?;
        let renewal = renewal(&machine, &commit, attempt.settled.files.clone(), why_another)?;
        let renewal = renewal.filter(|now| now.services == shown.services).ok_or_else(|| {
            refuse("the platform was changed by somebody else meanwhile: nothing was done, look again")
        })?;
        leased.platform().check_renewal()?;
        let url = format!("{}{}", machine.url()?, project::PROBE_PATH);
        let overrides = self.overrides.iter().map(ToString::to_string).collect();
        let plan = renew(&renewal);
        let client = machine.client();
        let (ran, gap) = longest_gap(&client, &url, || driver::run(&machine, &attempt, &plan, overrides));
        ran?;
        // Only what users can come to is right.
        machine
            .platform()
            .wait_for_certificate(&|line| terminal::note(paint::dim(format_args!("  {line}"))))?;
        self.say_result(&renewal, &commit, gap)
    }

    /// What runs is as the commit has it; files that somebody changed are written again.
    fn put_right(&self, machine: &Machine, commit: &str) -> Result<()> {
        let drift = machine.platform().drift()?;
        if self.plan && !drift.is_empty() {
            let steps = drift.iter().map(|line| ("write".to_owned(), format!("{line}: write it again")));
            let not_needed = vec![format!("renew: {}", as_it_is(commit))];
            Preview { steps: steps.collect(), not_needed }.say(self.output);
            return Ok(());
        }
        if !drift.is_empty() {
            let leased = driver::lease(machine, "platform up: files".to_owned(), self.lock_wait)?;
            let attempt = driver::settle(&leased)?;
            drift.iter().try_for_each(|line| attempt.note(&format!("changed by hand: {line}")))?;
            leased.platform().write_files()?;
        }
        drift.iter().for_each(|line| terminal::note(format_args!("{line}: it is written again")));
        self.nothing_to_do(machine, commit)
    }

    /// With the files and the images that a new platform would have, and the commit that they are from.
    fn reach(&self) -> Result<(Machine, String)> {
        let environment = self.target.environment().clone();
        if environment.is_here() {
            if self.version.is_some() {
                return Err(refuse("local takes this tree as it is: --version is for other environments"));
            }
            let (files, bases) = (platform::of_tree()?, images::bases_here(&environment)?);
            let commit = files.commit().to_owned();
            return Ok((self.target.clone().reach()?.with_bases(bases).with_platform_files(files), commit));
        }
        let access = Access::of(&environment)?;
        let commit = version::choose(&environment, self.version.as_deref())?;
        gate::check_branch_of(&environment, &commit, &self.overrides)?;
        images::ensure_client(self.consent.yes)?;
        let registry = Registry::choose()?;
        let find = || {
            Ok((
                platform::of_commit(&commit.sha)?,
                images::bases_for_host(&environment, &registry, &commit.sha)?,
            ))
        };
        let (machine, (files, bases)) = self.target.clone().reach_by(&access, find)?;
        let machine = machine.with_bases(bases).with_platform_files(files);
        checks::check(&environment, &registry, &commit, None, &self.overrides)?;
        gate::check_platform_of(&environment, &machine.platform().to_come()?, &self.overrides)?;
        Ok((machine.with_registry_tunnel(registry.registry_tunnel), commit.sha))
    }

    fn ask(&self, machine: &Machine, renewal: &Renewal, why_another: Option<&str>) -> Result<()> {
        let name = &machine.environment().name;
        if !machine.environment().asks {
            return Ok(());
        }
        let changes = if renewal.services.is_empty() { "changed" } else { "interrupted" };
        let why = why_another.map(|why| format!(" (the edge: {why})")).unwrap_or_default();
        self.consent.ask(&format!("{name} is {changes}{why}. Go on?"), "nothing was changed", name)
    }

    fn nothing_to_do(&self, machine: &Machine, commit: &str) -> Result<()> {
        https::warn(machine);
        let json = || match self.plan {
            true => Preview::nothing(as_it_is(commit)).as_json(),
            false => json!({ "renewed": [], "longest_gap_ms": null, "commit": commit }),
        };
        self.output.say(json, || {
            terminal::say(format_args!("{} {}.", paint::good("Nothing to do:"), as_it_is(commit)))
        });
        Ok(())
    }

    fn say_result(&self, renewal: &Renewal, commit: &str, gap: Duration) -> Result<()> {
        let services: Vec<&str> = renewal.services.iter().map(|(service, _)| service.as_str()).collect();
        let json = || json!({ "renewed": services, "longest_gap_ms": millis(gap), "commit": commit });
        self.output.say(json, || {
            let renewed = match services.is_empty() {
                true => "no service was started anew".to_owned(),
                false => format!("started anew: {}", services.join(" and ")),
            };
            terminal::say(format_args!(
                "{} {}.  {renewed}; users got no answer for {} at most",
                paint::good("Platform:"),
                as_it_is(commit),
                seconds(gap)
            ));
        });
        Ok(())
    }
}

/// Said only where it is so: the files are this commit's, or this tree's.
fn as_it_is(commit: &str) -> String {
    format!("the platform runs as {commit} has it")
}

/// Why the edge must ask for another certificate, by the host's clock. One that starts asks at once; one that runs asks at times
/// that grow further apart.
fn why_another_certificate(machine: &Machine) -> Option<&'static str> {
    machine.site().and_then(PublicSite::certificate)?.why_another(machine.facts().clock_ahead)
}

/// What is to be done; nothing when services and files are as the commit has them, and the edge needs no other certificate.
fn renewal(
    machine: &Machine,
    commit: &str,
    files: Files,
    why_another: Option<&str>,
) -> Result<Option<Renewal>> {
    let mut services = machine.platform().differing()?;
    let asks = why_another.filter(|_| !services.iter().any(|service| service == EDGE.name));
    if asks.is_some() {
        services.push(EDGE.name.to_owned());
    }
    if services.is_empty() && machine.platform().differing_files(&files.ledger)?.is_empty() {
        return Ok(None);
    }
    let costs = |service: &str| match service {
        it if it == EDGE.name => {
            "requests in flight get 3 s to end; meanwhile, and for about a second after, nobody is answered"
        }
        it if it == DATABASE_SERVICE.name => "requests that need the database fail for a few seconds",
        it if it == BACKUPS.name => "no user notices",
        _ => "interrupted for a moment",
    };
    Ok(Some(Renewal {
        live: files.traffic.active,
        before: files.ledger.platform().cloned().unwrap_or_default(),
        commit: commit.to_owned(),
        has_database: services.iter().any(|service| service == DATABASE_SERVICE.name),
        services: services
            .into_iter()
            .map(|service| (service.clone(), costs(&service)))
            .map(|(service, costs)| match asks.filter(|_| service == EDGE.name) {
                Some(why) => (service, format!("{why}: it asks for another one; {costs}")),
                None => (service, costs.to_owned()),
            })
            .collect(),
    }))
}

/// The longest time for which the address gave no good answer while `work` was done and right after it.
fn longest_gap<T>(client: &Client, url: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut good, mut longest) = (Instant::now(), Duration::ZERO);
            let mut ended = None;
            loop {
                let answered =
                    client.get(url, Duration::from_secs(1)).is_ok_and(|answer| answer.status == 200);
                if answered {
                    longest = longest.max(good.elapsed());
                    good = Instant::now();
                }
                if over.load(Ordering::Relaxed) {
                    let since = *ended.get_or_insert_with(Instant::now);
                    if answered || since.elapsed() > SETTLE_TIMEOUT {
                        return longest.max(good.elapsed());
                    }
                }
                thread::sleep(PROBE_INTERVAL);
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        (done, asking.join().expect("asking does not panic"))
    })
}
