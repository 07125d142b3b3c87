//! Docker's engine: the one that answers is used; otherwise it is installed and started.

use std::time::{Duration, Instant};

use xshell::cmd;

use super::{Recipe, Tool, find, packages};
use crate::project::{ENGINE_FOLDER, ENGINE_LABEL};
use crate::terminal::{self, Activity};
use crate::tools::docker::engine::{self, OwnEngine};
use crate::tools::files::lock::Lock;
use crate::tools::process::{Run, interrupt, shell, tail};

/// The engine that this machine has from xtask. It belongs to the machine and not to one copy of the repository: any copy
/// must find it to stop it.
pub const OWN_ENGINE: OwnEngine = OwnEngine { folder: ENGINE_FOLDER, label: ENGINE_LABEL };

const PACKAGES: &[&str] = &["docker.io", "iptables"];
/// A first start, with an empty store, takes a few seconds; one after a crash checks what it finds.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// It stops its containers one after the other, each with a grace period.
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

/// Installed where we may, and started by the service manager or by ourselves.
pub fn recipe() -> Result<Recipe, String> {
    if let Ok(host) = std::env::var("DOCKER_HOST").as_deref() {
        return Err(format!("no engine answers at DOCKER_HOST={host}: start it, or unset DOCKER_HOST"));
    }
    if cfg!(target_os = "macos") {
        return Err("no Docker engine answers: start Docker Desktop, or `colima start`".to_owned());
    }
    let installed = packages::on_path("dockerd");
    if !rustix::process::geteuid().is_root() {
        return Err(if installed {
            "the Docker engine does not answer: type `sudo systemctl start docker`, and see that your user is in the \
             group `docker` (`sudo usermod -aG docker \"$USER\"`, then log in again)"
                .to_owned()
        } else {
            packages::by_hand(PACKAGES)
        });
    }
    match (installed, packages::can_install()) {
        (true, _) => {
            Ok(Recipe { how: "starting it".to_owned(), changes_machine: false, install: Box::new(start) })
        }
        (false, true) => Ok(Recipe {
            how: format!("apt-get install {}, then starting it", PACKAGES.join(" ")),
            changes_machine: true,
            install: Box::new(|activity| {
                packages::install(PACKAGES, activity)?;
                start(activity)
            }),
        }),
        (false, false) => Err(packages::by_hand(PACKAGES)),
    }
}

/// Starts the engine that is installed here, and returns when it answers.
fn start(activity: &Activity) -> anyhow::Result<()> {
    let _one =
        Lock::hold(&OWN_ENGINE.file("lock"), || activity.line("waiting for another run that starts it"))?;
    find::forget(Tool::Engine);
    if find::find(Tool::Engine).is_some() {
        return Ok(());
    }
    if has_service_manager() {
        Run::new(cmd!(shell(), "systemctl start docker")).timeout(START_TIMEOUT).run()?;
    } else if !engine::any_runs() {
        OWN_ENGINE.start()?;
    }
    wait_until_it_answers(activity)
}

fn wait_until_it_answers(activity: &Activity) -> anyhow::Result<()> {
    let began = Instant::now();
    while engine::ask().is_none() {
        // The first half second belongs to the shell that becomes dockerd.
        let ended =
            began.elapsed() > Duration::from_millis(500) && !engine::any_runs() && !has_service_manager();
        if ended {
            anyhow::bail!("dockerd ended before it answered:\n{}", last_words());
        }
        if began.elapsed() > START_TIMEOUT {
            anyhow::bail!("dockerd does not answer after {} s:\n{}", START_TIMEOUT.as_secs(), last_words());
        }
        activity.line(last_words().lines().last().unwrap_or("waiting for its answer"));
        interrupt::pause(Duration::from_millis(50))?;
    }
    Ok(())
}

/// Stops the engine if xtask started it. Gives whether there was one.
pub fn stop() -> anyhow::Result<bool> {
    let Some(pid) = OWN_ENGINE.started() else { return Ok(false) };
    let _one = Lock::hold(&OWN_ENGINE.file("lock"), || terminal::note("waiting for another run"))?;
    engine::ask_to_end(pid)?;
    let began = Instant::now();
    while OWN_ENGINE.started() == Some(pid) {
        if began.elapsed() > STOP_TIMEOUT {
            anyhow::bail!(
                "dockerd (process {}) still runs after {} s",
                pid.as_raw_nonzero(),
                STOP_TIMEOUT.as_secs()
            );
        }
        interrupt::pause(Duration::from_millis(50))?;
    }
    find::forget(Tool::Engine);
    Ok(true)
}

fn has_service_manager() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

fn last_words() -> String {
    std::fs::read_to_string(OWN_ENGINE.log_file()).map(|log| tail(&log)).unwrap_or_default()
}
