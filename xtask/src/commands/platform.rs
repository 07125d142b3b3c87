//! `cargo xtask platform up`: a changed database or edge takes the place of the one that runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use super::progress::attempt::{self, LockWaitArgs};
use super::progress::steps::Preview;
use super::refuse;
use super::target::TargetArgs;
use super::target::access::Access;
use super::target::consent::Consent;
use crate::host::Machine;
use crate::product::images::{self, Registry};
use crate::project::{self, DATABASE_SERVICE, EDGE};
use crate::rollout::host::LeasedHost;
use crate::terminal::{self, Activity, millis, paint, seconds};
use crate::tools::http;
use crate::tools::process::interrupt;

/// How often users' way in is tried while something is interrupted.
const PROBE_INTERVAL: Duration = Duration::from_millis(20);
/// How long after the last start the way in is still tried.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there may be nothing to do.
const AS_IT_IS: &str = "the platform runs as the repository has it";

/// Update the database and the edge, which outlive releases
#[derive(Debug, Args)]
pub struct PlatformVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start anew what the repository has changed since: says what that interrupts, and for how long it did
    Up(Up),
}

#[derive(Debug, Args)]
struct Up {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    lock_wait: LockWaitArgs,
    /// Print the steps and what they cost users, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    consent: Consent,
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
        let machine = self.reach()?;
        machine.platform().check().map_err(|error| refuse(format!("{error:#}")))?;
        let services = machine.platform().differing()?;
        if services.is_empty() {
            return self.put_right(&machine);
        }
        let preview = preview(&services);
        if self.plan {
            preview.say(self.output);
            return Ok(());
        }
        preview.announce(self.output);
        self.ask(&machine)?;
        let named = services.join(" and ");
        let leased = attempt::lease(&machine, format!("platform up: {named}"), self.lock_wait)?;
        let attempt = attempt::settle(&leased)?;
        leased.platform().check_renewal()?;
        if services.iter().any(|service| service == DATABASE_SERVICE.name) {
            let backup = Activity::of("backup: dump the database, and read the dump back", |_| {
                leased.backup(attempt.id(), "since the database is started anew")
            })?;
            terminal::note(paint::dim(format_args!("  backup {}", backup.name)));
        }
        attempt.note(&format!("platform up: {named} is about to be started anew"))?;
        let url = format!("{}{}", machine.url()?, project::PROBE_PATH);
        let (renewed, gap) = longest_gap(&url, || {
            Activity::of(format!("start {named} anew"), |activity| {
                leased.platform().renew(&services, &|line| activity.line(line))
            })
        });
        let outcome = match &renewed {
            Ok(()) => format!("platform up: {named} started anew, {} without an answer", seconds(gap)),
            Err(error) => format!("platform up failed: {error:#}"),
        };
        // Also when somebody asked to stop; and what became of the platform is said before what became of the ledger.
        let noted = interrupt::shielded(|| attempt.note(&outcome));
        renewed?;
        noted?;
        self.say_result(&services, gap)
    }

    /// What runs is as the repository has it; files that somebody changed are written again.
    fn put_right(&self, machine: &Machine) -> Result<()> {
        let drift = machine.platform().drift()?;
        if self.plan && !drift.is_empty() {
            let steps = drift.iter().map(|line| ("write".to_owned(), format!("{line}: write it again")));
            let not_needed = vec![format!("renew: {AS_IT_IS}")];
            Preview { steps: steps.collect(), not_needed }.say(self.output);
            return Ok(());
        }
        if !drift.is_empty() {
            let leased = attempt::lease(machine, "platform up: files".to_owned(), self.lock_wait)?;
            let attempt = attempt::settle(&leased)?;
            drift.iter().try_for_each(|line| attempt.note(&format!("changed by hand: {line}")))?;
            leased.platform().write_files()?;
        }
        drift.iter().for_each(|line| terminal::note(format_args!("{line}: it is written again")));
        self.nothing_to_do()
    }

    /// With the images that a new platform would have.
    fn reach(&self) -> Result<Machine> {
        let environment = self.target.environment().clone();
        if environment.is_here() {
            return Ok(self.target.clone().reach()?.with_bases(images::bases_here()?));
        }
        let access = Access::of(&environment)?;
        images::ensure_client(self.consent.yes)?;
        let registry = Registry::choose()?;
        let (machine, bases) = self.target.clone().reach_by(&access, || images::bases_for_host(&registry))?;
        Ok(machine.with_registry_tunnel(registry.registry_tunnel).with_bases(bases))
    }

    fn ask(&self, machine: &Machine) -> Result<()> {
        let name = &machine.environment().name;
        if !machine.environment().asks {
            return Ok(());
        }
        self.consent.ask(&format!("{name} is interrupted. Go on?"), "nothing was changed", name)
    }

    fn nothing_to_do(&self) -> Result<()> {
        let json = || match self.plan {
            true => Preview::nothing(AS_IT_IS.to_owned()).as_json(),
            false => json!({ "renewed": [], "longest_gap_ms": null }),
        };
        self.output
            .say(json, || terminal::say(format_args!("{} {AS_IT_IS}.", paint::good("Nothing to do:"))));
        Ok(())
    }

    fn say_result(&self, services: &[String], gap: Duration) -> Result<()> {
        let json = || json!({ "renewed": services, "longest_gap_ms": millis(gap) });
        self.output.say(json, || {
            terminal::say(format_args!(
                "{} {} {} as the repository has it.  users got no answer for {} at most",
                paint::good("Platform:"),
                services.join(" and "),
                if services.len() == 1 { "runs" } else { "run" },
                seconds(gap)
            ));
        });
        Ok(())
    }
}

/// What would be done, each with what it costs users.
fn preview(services: &[String]) -> Preview {
    let row = |step: &str, what: String| (step.to_owned(), what);
    let has_database = services.iter().any(|service| service == DATABASE_SERVICE.name);
    let backup = has_database.then(|| row("backup", "dump the database and read the dump back".to_owned()));
    let renewals = services.iter().map(|service| {
        let costs = match service.as_str() {
            it if it == EDGE.name => {
                "requests in flight get 3 s to end; meanwhile, and for about a second after, nobody is answered"
            }
            it if it == DATABASE_SERVICE.name => "requests that need the database fail for a few seconds",
            _ => "interrupted for a moment",
        };
        row("renew", format!("start {service} anew: {costs}"))
    });
    let not_needed = if has_database { Vec::new() } else { vec!["backup: the database goes on".to_owned()] };
    Preview { steps: backup.into_iter().chain(renewals).collect(), not_needed }
}

/// The longest time for which the address gave no good answer while `work` was done and right after it.
fn longest_gap<T>(url: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut good, mut longest) = (Instant::now(), Duration::ZERO);
            let mut ended = None;
            loop {
                let answered =
                    http::get(url, Duration::from_secs(1)).is_ok_and(|answer| answer.status == 200);
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
