//! The edge of a host that is made ready beside what serves: it listens on the loopback, and then takes the ports.

use anyhow::Result;

use crate::commands::deploy::prepare::Prepared;
use crate::commands::progress::driver;
use crate::commands::target::TargetArgs;
use crate::host::{Leased, Machine};
use crate::product::platform;
use crate::project::EDGE;
use crate::rollout::host::Host;
use crate::rollout::state::release::Release;
use crate::rollout::steps::platform::{Renewal, renew};
use crate::terminal::{self, paint};

/// Where it listens on the host's loopback until the ports are its own.
pub const BESIDE: u16 = 18_080;
/// In data that are tried out: who serves sends them.
pub const NO_MAILS: &str = "DO $$ BEGIN IF to_regclass('public.jobs') IS NOT NULL THEN
    DELETE FROM public.jobs WHERE ended_at IS NULL; END IF; END $$;";

/// The edge takes the ports, and users have the release.
pub fn open(leased: &Leased, machine: &Machine, release: &Release) -> Result<()> {
    let attempt = driver::settle(leased)?;
    let renewal = edge_alone(machine, release.commit.clone())?;
    driver::run(machine, &attempt, &renew(&renewal), Vec::new())?;
    machine.platform().wait_for_certificate(&|line| terminal::note(paint::dim(format_args!("  {line}"))))?;
    machine.wait_for_release(&release.id)
}

/// The same host, with the ports that its edge is to have.
pub fn reach_with_ports(target: &TargetArgs, prepared: &Prepared) -> Result<Machine> {
    let (machine, ()) = target.clone().reach_by(&target.access()?, || Ok(()))?;
    let files = platform::of_commit(&prepared.release().commit)?;
    let tunnel = prepared.registry.as_ref().and_then(|registry| registry.registry_tunnel);
    Ok(machine
        .with_bases(prepared.machine.bases()?.clone())
        .with_platform_files(files)
        .with_registry_tunnel(tunnel))
}

/// With the images and files of the release that has the traffic: so its edge can be started anew.
pub fn with_what_it_runs(machine: Machine) -> Result<Machine> {
    if machine.environment().is_here() || machine.edge_has_its_ports()? {
        return Ok(machine);
    }
    let live = machine.live()?.active;
    let release = machine.kept()?.into_iter().find(|it| Some(&it.id) == live.as_ref());
    let (Some(release), Some(bases)) = (release, machine.platform().bases()?) else { return Ok(machine) };
    let files = platform::of_commit(&release.commit)?;
    Ok(machine.with_bases(bases).with_platform_files(files))
}

/// The edge starts anew, with the files of this machine's way to users.
pub fn edge_alone(machine: &Machine, commit: String) -> Result<Renewal> {
    let files = machine.files()?;
    Ok(Renewal {
        live: files.traffic.active,
        before: files.ledger.platform().cloned().unwrap_or_default(),
        commit,
        services: vec![(EDGE.name.to_owned(), "it takes the ports".to_owned())],
        has_database: false,
    })
}
