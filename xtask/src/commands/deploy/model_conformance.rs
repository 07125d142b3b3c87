//! The simulated host is held to a real one: the same drivers do the same to both, and after each call that changes
//! something both must look the same: live folder, ledger, releases, containers, schema. Wants an engine:
//! `cargo xtask ci model-suite`; the lab suite does the same to a host behind ssh.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser as _;

use crate::commands::Cli;
use crate::commands::progress::driver::{self, LockWaitArgs};
use crate::commands::target::TargetArgs;
use crate::commands::target::access::Access;
use crate::host::{Leased, Machine};
use crate::product::images::{self, Registry};
use crate::product::platform;
use crate::product::sources::Sources;
use crate::project::{BACKEND, Environment, FRONTEND};
use crate::rollout::host::{Host, LeasedHost};
use crate::rollout::limits::Limits;
use crate::rollout::simulation::driver::Act;
use crate::rollout::simulation::recorder::{self, Scene};
use crate::rollout::state::release::{Contents, Release, ReleaseId};
use crate::tools::files::hex::hex;
use crate::workspace;

/// As in `local`, with less patience.
const LIMITS: Limits = Limits {
    bake: Duration::from_secs(1),
    ready: Duration::from_secs(8),
    drain: Duration::from_secs(30),
    kept_releases: 4,
};

/// The services of a release.
const SERVICES: &[&str] = &[BACKEND.name, FRONTEND.name];

#[test]
#[ignore = "wants an engine, and builds the images"]
fn the_simulated_host_and_a_real_one_look_the_same_after_every_call() {
    // The builds are called from the root; cargo starts tests in their package's folder.
    std::env::set_current_dir(workspace::root()).expect("the repository's root");
    let environment = Environment::named(&name()).expect("a test's name");
    let result = look_at_both(&environment);
    clear_up(&environment);
    result.expect("both can be looked at");
}

#[test]
#[ignore = "wants the variables of a lab whose first machine is bare"]
fn the_simulated_host_and_one_behind_ssh_look_the_same_after_every_call() {
    std::env::set_current_dir(workspace::root()).expect("the repository's root");
    behind_ssh().expect("both can be looked at");
}

fn look_at_both(environment: &Environment) -> Result<()> {
    clear_up(environment);
    let built = images::build(true)?;
    let sources = Sources::of_tree(&built, environment)?;
    let machine = TargetArgs::of(environment.clone()).reach()?.with_bases(built.bases);
    compare(&machine.with_platform_files(platform::of_tree()?), &sources)
}

fn behind_ssh() -> Result<()> {
    let environment = Environment::named("lab").expect("the lab is an environment");
    let (access, registry, built) = (Access::of(&environment)?, Registry::choose()?, images::build(true)?);
    let images = images::push_built(&registry, &built)?;
    let sources = Sources::of_tree(&built, &environment)?.with_images(images, BTreeMap::new());
    let bases = || images::bases_for_host(&environment, &registry, &built.tree.commit.sha);
    let (machine, bases) = TargetArgs::of(environment.clone()).reach_by(&access, bases)?;
    let machine = machine.with_registry_tunnel(registry.registry_tunnel).with_bases(bases);
    compare(&machine.with_platform_files(platform::of_tree()?), &sources)
}

fn compare(machine: &Machine, sources: &Sources) -> Result<()> {
    take_lease(machine)?.platform().make(
        &machine.secrets().compare(std::collections::BTreeMap::new())?,
        &|_| Ok(()),
        &|_| {},
    )?;
    let first = sources.release(machine.secrets().versions()?.current);
    let scenes = scenes(&first);

    let model = recorder::play(&recorder::simulated(SERVICES, &never_ready(&first).id), &scenes, LIMITS)?;
    let world = recorder::play(machine, &scenes, LIMITS)?;
    world.iter().for_each(|seen| println!("{seen}"));
    for (number, (model, world)) in model.iter().zip(&world).enumerate() {
        ensure!(
            model == world,
            "the model and the world differ at call {number}:\n  {model}\n  {world}\n{model:?}\n{world:?}"
        );
    }
    ensure!(model.len() == world.len(), "one of them makes more calls");
    // Two that fail the same way would look the same too.
    let live: Vec<&str> = world.iter().filter(|it| it.is_end()).map(|seen| seen.live[0].as_str()).collect();
    let [one, two, four, five] = [1, 2, 4, 5].map(|number| another(&first, number).id.to_string());
    let ought = [&one, &two, &two, &one, &one, &one, &four, &one, &four, &five, &two, "none"];
    ensure!(live == ought, "{live:?} had the traffic, and not {ought:?}");
    println!("{} calls looked the same", world.len());
    let leased = take_lease(machine)?;
    expect_new_answers(machine, &leased, &another(&first, 5))?;
    forget_all(machine, &leased)
}

fn take_lease(machine: &Machine) -> Result<Leased<'_>> {
    driver::lease(machine, "comparing the model with it".to_owned(), LockWaitArgs::PATIENT)
}

/// What was asked before a change is asked again behind it: an answer from before would call a release ready that is not.
fn expect_new_answers(machine: &Machine, leased: &Leased, release: &Release) -> Result<()> {
    type Change = fn(&Leased, &Release) -> Result<()>;
    let changes: [(&str, Change); 4] = [
        ("start", |leased, release| leased.start(release)),
        ("stop", |leased, release| leased.stop(&release.id)),
        ("remove", |leased, release| leased.remove_containers(&release.id)),
        ("wait for a migration", |leased, _| leased.wait_for_migration()),
    ];
    for (name, change) in changes {
        machine.prefetch_counts_and_schema()?;
        ensure!(machine.has_prefetched(), "nothing was asked");
        change(leased, release)?;
        ensure!(!machine.has_prefetched(), "an answer from before '{name}' counts behind it");
    }
    Ok(())
}

/// Two deploys, one that fails, a rollback, one whose driver is killed, its recovery, another, a rollback to a stopped one.
fn scenes(first: &Release) -> Vec<Scene> {
    let whole = |act| Scene { act, killed_after: None };
    let deploy = |number| Act::deploy(another(first, number));
    vec![
        whole(deploy(1)),
        whole(deploy(2)),
        whole(Act::deploy(never_ready(first))),
        whole(Act::Rollback(None)),
        Scene { act: deploy(4), killed_after: Some("start") },
        whole(Act::Recover),
        Scene { act: deploy(4), killed_after: Some("switch") },
        whole(Act::Recover),
        Scene { act: deploy(4), killed_after: Some("confirm") },
        whole(deploy(5)),
        whole(Act::Rollback(Some(another(first, 2).id))),
        whole(Act::Down),
    ]
}

/// The same images with a word more in their settings: another release.
fn another(release: &Release, number: u32) -> Release {
    let settings = format!("{}# {number}\n", release.contents.configuration);
    with(release, Contents { configuration: settings, ..release.contents.clone() })
}

fn never_ready(release: &Release) -> Release {
    let compose = release.contents.compose.replace("@postgres:5432/tracehub", "@postgres:5432/nowhere");
    assert_ne!(compose, release.contents.compose, "it would get ready");
    with(release, Contents { compose, ..release.contents.clone() })
}

fn with(release: &Release, contents: Contents) -> Release {
    let time = release.built_at.replace(['-', ':'], "").to_lowercase();
    Release { id: ReleaseId::of(&time, None, &contents), contents, ..release.clone() }
}

/// Each copy of the repository has an environment of its own for this.
fn name() -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(workspace::root().as_str());
    format!("test-m{}", &hex(&digest)[..8])
}

/// What the releases leave: their files, and their containers where one could not be removed.
fn forget_all(machine: &Machine, leased: &Leased) -> Result<()> {
    machine.kept()?.iter().try_for_each(|release| leased.remove_containers(&release.id))
}

fn clear_up(environment: &Environment) {
    let words = ["xtask", "down", "--volumes", "--yes", "--env", &environment.name];
    if environment.root(&workspace::local_dir()).exists() {
        let down = Cli::try_parse_from(words).expect("the verb").run();
        assert!(down.is_ok(), "{down:?}");
        std::fs::remove_dir_all(environment.root(&workspace::local_dir()))
            .expect("its folder can be removed");
    }
}
