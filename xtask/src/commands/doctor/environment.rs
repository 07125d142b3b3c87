//! What a deploy to an environment will need, asked for as the deploy itself asks: each rule is the one that would refuse it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::report::Report;
use crate::commands::deploy::{approval, drift, prepare, room};
use crate::commands::progress::driver::of_ledger;
use crate::commands::progress::unsettled::check_has_not_left;
use crate::commands::secrets::check::Given;
use crate::commands::target::access::{self, Access};
use crate::commands::target::checks::{self, Known};
use crate::commands::target::schema_drift::SchemaDrift;
use crate::commands::target::{self, gate, https, version};
use crate::exit::refuse;
use crate::host::{Machine, MoveRecord, NameTrouble, PlatformFiles, PlatformWants};
use crate::product::images::{self, Registry};
use crate::product::platform;
use crate::product::sources::Sources;
use crate::project::{Environment, FREE_DISK};
use crate::rollout::host::Host as _;
use crate::rollout::observed::Observed;
use crate::setup::{self, Tool};
use crate::tools::docker::engine;
use crate::tools::git::Commit;
use crate::workspace;

/// What a deploy from here calls.
const TOOLS: &[Tool] = &[Tool::Ssh, Tool::Docker, Tool::Compose, Tool::Buildx, Tool::Age];

/// Asks everything; what can't be asked says so.
pub fn look(environment: &Environment, version: Option<&str>) -> Report {
    let mut report = Report::default();
    tools(&mut report);
    let coming = match environment.is_here() {
        true => None,
        false => {
            given(environment, &mut report);
            commit(environment, version, &mut report)
        }
    };
    let Some(machine) = reach(environment, &mut report) else {
        if environment.reviewers > 0 {
            report.unasked("approval", "who may approve, the live release says");
        }
        return report;
    };
    let platform = match machine.platform().wants() {
        Ok(platform) => platform,
        Err(error) => {
            report.bad("platform", &error);
            return report;
        }
    };
    // What looks into the secrets' folder there runs in one of the platform's own.
    let machine = machine.with_bases(platform.bases.clone().unwrap_or_else(images::bases_by_name));
    let (machine, rendered) = match coming {
        Some((rendered, files, approvable)) => {
            approval(&machine, approvable, &mut report);
            (machine.with_platform_files(files), Some(rendered))
        }
        None => (machine, None),
    };
    if let Err(error) = on_host(&machine, &platform, rendered.as_ref(), &mut report) {
        report.bad("the rest", &error);
    }
    report
}

fn tools(report: &mut Report) {
    let missing = setup::survey(TOOLS).into_iter().filter(|(_, found)| found.is_none());
    let missing: Vec<_> = missing.map(|(tool, _)| (tool, setup::recipe(tool))).collect();
    match missing.iter().find_map(|(tool, recipe)| recipe.as_ref().err().map(|why| (tool, why))) {
        Some((tool, why)) => report.bad("tools", &refuse(format!("{tool} is not here\n{why}"))),
        None if missing.is_empty() => report.good("tools", "all are here"),
        None => {
            let names: Vec<String> = missing.iter().map(|(tool, _)| tool.to_string()).collect();
            let names = names.join(", ");
            report.warn("tools", &format!("{names}: installed when needed\n`cargo xtask doctor` says how"));
        }
    }
}

/// Variables, and the encrypted file.
fn given(environment: &Environment, report: &mut Report) {
    let name = &environment.name;
    let found = Given::to(environment).and_then(|given| match given.problems.as_slice() {
        [] => Ok(given),
        problems => Err(refuse(format!(
            "{}\n`cargo xtask secrets check --env {name}` shows what is given, and from where",
            problems.join("; ")
        ))),
    });
    report.ask("secrets", found, |given| {
        let from = |place: &str| given.rows.iter().filter(|(_, from)| from.starts_with(place)).count();
        format!("{} from the encrypted file, {} from variables", from("file"), from("variable"))
    });
}

/// What would be deployed, and whether it may. Gives the release as compose renders it, and the platform's files.
fn commit(
    environment: &Environment,
    version: Option<&str>,
    report: &mut Report,
) -> Option<(Value, PlatformFiles, Option<Approvable>)> {
    let chosen = version::choose(environment, version).and_then(|commit| {
        gate::check_branch_of(environment, &commit, &[])?;
        Ok(commit)
    });
    let words = |commit: &Commit| format!("{}  {}", gate::short(&commit.sha), commit.subject);
    let Some(commit) = report.ask("commit", chosen, words) else {
        for question in ["settings", "registry", "images", "checks"] {
            report.unasked(question, "no commit to look at");
        }
        return None;
    };
    let settings = Sources::of_commit(commit.clone(), environment).and_then(|sources| {
        Ok((prepare::check_sources(environment, &sources)?, platform::of_commit(&commit.sha)?))
    });
    let rendered = report.ask("settings", settings, |_| environment.settings_path());
    let approvable = registry(environment, &commit, report);
    rendered.map(|(release, files)| (release, files, approvable))
}

/// What a second person approves of: a commit's images, and where the approval lies.
struct Approvable {
    registry: Registry,
    commit: Commit,
    images: BTreeMap<String, String>,
}

fn approval(machine: &Machine, approvable: Option<Approvable>, report: &mut Report) {
    if machine.environment().reviewers == 0 {
        return;
    }
    let Some(Approvable { registry, commit, images }) = approvable else {
        return report.unasked("approval", "no registry is named, or it does not answer");
    };
    let noted = approval::check(machine, &registry, &commit, &images, &[]);
    report.ask("approval", noted, |noted| noted.join(", "));
}

fn registry(environment: &Environment, commit: &Commit, report: &mut Report) -> Option<Approvable> {
    let found = Registry::known().and_then(|known| {
        let Some(registry) = known else { return Ok(None) };
        let images = images::find(&registry, commit)?;
        Ok(Some((registry, images)))
    });
    let found = found.map_err(|error| {
        refuse(format!("{error:#}\nIs it the right address in REGISTRY, and is `docker login` needed?"))
    });
    let words = |found: &Option<(Registry, _)>| match found {
        Some((registry, _)) => format!("{registry} answers"),
        None => "none is named: one is started on this machine".to_owned(),
    };
    let Some(found) = report.ask("registry", found, words) else {
        report.unasked("images", "the registry does not answer");
        report.unasked("checks", "the registry does not answer");
        return None;
    };
    let (registry, images) = found.map_or((None, None), |(registry, images)| (Some(registry), images));
    let gated = gate::check_images_of(environment, commit, images.as_ref(), &[]);
    match (&gated, &images) {
        (Ok(()), None) => report.warn("images", "there are none yet: a deploy builds them here"),
        _ => {
            let words = |(): &()| match environment.gate() {
                Some(before) => format!("{} has confirmed them", before.name),
                None => "they are there".to_owned(),
            };
            report.ask("images", gated, words);
        }
    }
    let images = images.unwrap_or_default();
    match &registry {
        _ if environment.is_for_trying => {}
        None => report.unasked("checks", "no registry is named, in which their result would lie"),
        Some(registry) => match checks::ask(registry, commit, Some(&images)) {
            Ok(Known::Passed(who)) => report.good("checks", format!("passed: {who}")),
            Ok(Known::ByNobody(why)) => report.warn("checks", &why),
            Err(error) => report.bad("checks", &error),
        },
    }
    registry.map(|registry| Approvable { registry, commit: commit.clone(), images })
}

/// The way to the host, and the first look at it.
fn reach(environment: &Environment, report: &mut Report) -> Option<Machine> {
    const BEYOND: [&str; 3] = ["engine", "host", "database"];
    if environment.is_here() {
        if !environment.root(&workspace::local_dir()).exists() {
            let engine = engine::ask().ok_or_else(|| {
                refuse("no container engine answers here\n`cargo xtask engine start` starts one")
            });
            report.ask("engine", engine, |info| format!("{} answers", info.version));
            report.unasked("database", "nothing was deployed here yet");
            return None;
        }
        let machine = target::look(environment.clone(), None);
        return report.ask("engine", machine, |_| "it answers".to_owned());
    }
    let way = Access::of(environment).and_then(|access| {
        let connection = target::connect(&access)?;
        Ok((access, connection))
    });
    let words = |(access, _): &(Access, _)| {
        format!("{}@{} lets us in, by its pinned key", access.destination.user, access.destination.host)
    };
    let Some((access, connection)) = report.ask("ssh", way, words) else {
        BEYOND.iter().for_each(|question| report.unasked(question, "nobody can look without a way in"));
        return None;
    };
    let engine = target::ping_engine(&connection, &access);
    if report.ask("engine", engine, |()| "it answers".to_owned()).is_none() {
        BEYOND[1..].iter().for_each(|question| report.unasked(question, "there is no engine to ask"));
        return None;
    }
    let machine = target::look(environment.clone(), Some((&access, connection)));
    report.ask("host", machine, |machine| match machine.facts().is_fresh {
        true => "set up, and nothing was deployed there yet".to_owned(),
        false => machine.root().to_string(),
    })
}

/// An error is of a question that nobody answers any more.
fn on_host(
    machine: &Machine,
    platform: &PlatformWants,
    rendered: Option<&Value>,
    report: &mut Report,
) -> Result<()> {
    let facts = machine.facts();
    let disk = room::check_disk(machine);
    report.ask("disk", disk, |()| {
        let mib = |bytes: u64| bytes >> 20;
        format!("{} MiB free, of which a deploy wants {}", mib(facts.free_disk), mib(FREE_DISK))
    });
    match room::wrong_clock(facts) {
        Some(words) => report.warn("clock", &format!("{words}\n`timedatectl` there says whether it is kept")),
        None => report.good("clock", format!("{} s off the one here", facts.clock_ahead.abs())),
    }
    if !facts.is_fresh || machine.environment().is_here() {
        let owned = machine.files().and_then(|files| machine.check_data_are_ours(&files, ""));
        report.ask("data", owned, |()| "this folder's, or none yet".to_owned());
    }
    if let Some(record) = machine.moving().record()?.filter(MoveRecord::has_left) {
        report.ask("host", check_has_not_left(machine.environment(), &record), |()| String::new());
    }
    if !machine.environment().is_here() {
        public(machine, platform.edge_runs, report);
    }
    match rendered {
        Some(rendered) => memory_and_ports(machine, platform, rendered, report),
        None => report.unasked("memory", "what a release takes is in its commit"),
    }
    if platform.bases.is_none() {
        report.unasked("database", "not started yet: a deploy does");
        return Ok(());
    }
    passwords(machine, report);
    database(machine, report)
}

/// Where users come in.
fn public(machine: &Machine, edge_runs: bool, report: &mut Report) {
    let Some(site) = machine.site().filter(|site| site.name().is_some()) else {
        return report.good("name", "users come by plain HTTP");
    };
    match site.name_trouble() {
        None => report.good("name", format!("{} leads to the host", site.url)),
        Some(NameTrouble::MaybeElsewhere(words)) => report.warn("name", &words),
        Some(NameTrouble::Elsewhere(words) | NameTrouble::Forbidden(words)) if edge_runs => {
            report.warn("name", &words);
        }
        Some(NameTrouble::Elsewhere(_) | NameTrouble::Forbidden(_)) => {
            report.ask("name", https::check_name(site, &[]), |()| String::new());
        }
    }
    if !edge_runs {
        return report.unasked("certificate", "no edge yet: it asks for one when it is started");
    }
    match site.certificate() {
        None => report.unasked("certificate", format!("nobody answers at {}", site.url)),
        Some(shown) => match https::trouble(&shown) {
            Some(words) => {
                let name = &machine.environment().name;
                report
                    .warn("certificate", &format!("{words}\n`cargo xtask logs edge --env {name}` says why"));
            }
            None => report.good("certificate", format!("ends {}", https::when(&shown))),
        },
    }
}

/// Both are of a commit: what its platform and its releases take.
fn memory_and_ports(machine: &Machine, platform: &PlatformWants, rendered: &Value, report: &mut Report) {
    let demand = match room::Demand::of(machine, platform) {
        Ok(demand) => demand,
        Err(error) => return report.bad("memory", &error),
    };
    let enough = room::check_memory(machine, &demand, rendered);
    match (enough, room::little_memory(machine.facts())) {
        (Ok(()), Some(words)) => report.warn("memory", &words),
        (enough, _) => {
            report.ask("memory", enough, |()| {
                format!("{} MiB: enough for the platform and two releases", machine.facts().memory >> 20)
            });
        }
    }
    let ports = room::check_ports(machine, platform, demand);
    report.ask("ports", ports, |()| match platform.edge_runs {
        true => "the edge has them".to_owned(),
        false => "those of the edge are free".to_owned(),
    });
}

fn passwords(machine: &Machine, report: &mut Report) {
    let compared =
        access::secrets_given(machine.environment()).and_then(|given| machine.secrets().compare(given));
    match compared.map(|compared| compared.is_changed()) {
        Err(error) => report.bad("secrets on the host", &error),
        Ok(true) => report.good("secrets on the host", "a deploy brings other values"),
        Ok(false) => report.good("secrets on the host", "those that are given"),
    }
}

/// What it tells, and what somebody changed by hand.
fn database(machine: &Machine, report: &mut Report) -> Result<()> {
    let name = &machine.environment().name;
    let mut silent = None;
    let seen = Observed::for_looking(machine, |why| silent = Some(why))?;
    if let Some(why) = silent {
        report.bad("database", &why);
        report.unasked("drift of the database", "it does not answer");
    } else {
        let newest = seen.schema.keys().next_back().map_or("no migration yet".to_owned(), i64::to_string);
        report.good("database", format!("it answers: {newest}"));
        match SchemaDrift::of(machine, &seen, None)? {
            SchemaDrift::None { .. } => report.good("drift of the database", "none"),
            SchemaDrift::Unknown(why) => report.unasked("drift of the database", why),
            SchemaDrift::Differs(lines) => report.bad("drift of the database", &drift::refusal(name, &lines)),
        }
    }
    let drift = machine.drift(&seen.traffic, &seen.kept, &seen.broken)?;
    match drift.as_slice() {
        [] => report.good("drift of the host", "none"),
        lines => report.warn(
            "drift of the host",
            &format!(
                "changed by hand: {}\nA deploy writes files again, and says what it found",
                lines.join("; ")
            ),
        ),
    }
    settled(machine, &seen, report)
}

/// Whether somebody is at it, and whether somebody left it half done.
fn settled(machine: &Machine, seen: &Observed, report: &mut Report) -> Result<()> {
    let environment = machine.environment();
    let damage: Vec<String> = seen.damage().iter().map(|damage| of_ledger(damage, environment)).collect();
    match (machine.lease_holder()?, seen.ledger.unfinished()) {
        (Some(holder), _) => {
            report.warn("lease", &format!("held: {}\n`--wait` makes a deploy wait for it", holder.trim()));
        }
        (None, Some(left)) => report.warn(
            "lease",
            &format!("a {} by {} has not ended\nThe next deploy settles it first", left.kind, left.by),
        ),
        (None, None) => report.good("lease", "free, and nothing is half done"),
    }
    match damage.is_empty() {
        true => report.good("ledger", "whole"),
        false => report.warn("ledger", &damage.join("\n")),
    }
    Ok(())
}
