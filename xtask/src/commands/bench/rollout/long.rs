//! Many deploys and rollbacks in a row under load: not one request may fail.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{RATE, Version, Versions};
use crate::commands::bench::write_section;
use crate::lab::Lab;
use crate::lab::load::Load;
use crate::product::checkout::Checkout;
use crate::project::Environment;
use crate::terminal::{self, Activity, paint, seconds};
use crate::tools::process::Run;

const DEPLOY_TIMEOUT: Duration = Duration::from_secs(300);

/// Every third one is a rollback; the deploys go round three releases, so that each one starts anew.
pub fn run(copy: &Checkout, lab: &Lab, versions: &Versions, runs: u32) -> Result<()> {
    let port = lab.first()?.http;
    let round = [&versions.first, &versions.changed[0], &versions.reconfigured];
    let deploy = |version: &Version| -> Result<()> {
        let words = ["deploy", "--env", "lab", "--yes", "--version", &version.commit];
        Ok(Run::new(copy.xtask(&words)?).timeout(DEPLOY_TIMEOUT).run()?)
    };
    Activity::of("the first deploy to the bare machine", |_| {
        Run::new(copy.xtask(&["host", "setup", "--env", "lab", "--yes"])?).timeout(DEPLOY_TIMEOUT).run()?;
        deploy(round[0])
    })?;
    let (load, began) = (Load::start(port, RATE), Instant::now());
    let mut next = 0;
    let done = Activity::of(format!("{runs} deploys and rollbacks"), |activity| {
        for number in 1..=runs {
            activity.line(&format!("{number} of {runs}"));
            if number % 3 == 0 {
                Run::new(copy.xtask(&["rollback", "--env", "lab"])?).timeout(DEPLOY_TIMEOUT).run()?;
                continue;
            }
            next = (next + 1) % round.len();
            deploy(round[next]).with_context(|| format!("deploy {number} of {runs}"))?;
        }
        anyhow::Ok(())
    });
    let (seen, took) = (load.stop(), began.elapsed());
    done?;
    Run::new(copy.xtask(&["down", "--env", "lab", "--yes"])?).timeout(DEPLOY_TIMEOUT).run()?;
    let lab = Environment::named("lab").context("the lab is an environment")?;
    let text = format!(
        "### Many in a row\n\n{runs} deploys and rollbacks in a row (every third one a rollback, each deploy watched for {}), \
         {RATE} requests a second: **{} of {} requests failed**, the slowest took {} ms. All in all {}.",
        humantime::format_duration(lab.limits.bake),
        seen.failed.len(),
        seen.sent,
        seen.slowest.as_millis(),
        seconds(took),
    );
    write_section("rollout-long", &text)?;
    terminal::say(&text);
    for failure in seen.failed.iter().take(10) {
        terminal::say(paint::bad(failure));
    }
    ensure!(seen.failed.is_empty(), "{} requests failed", seen.failed.len());
    Ok(())
}
