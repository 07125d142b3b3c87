//! The frontend's image: the page, behind Caddy.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use super::inputs::Inputs;
use super::parts::Written;
use crate::product::frontend;
use crate::project::FRONTEND;
use crate::setup::base_images::BaseImage;
use crate::terminal::Activity;
use crate::tools::git;
use crate::tools::process::{Run, shell};
use crate::workspace;

const BUILD_TIMEOUT: Duration = Duration::from_secs(300);
/// All of it: a deploy may wait for that.
const SEND_TIMEOUT: Duration = Duration::from_secs(120);
/// By which Sentry's own program finds the project.
const SENTRY: [&str; 3] = ["SENTRY_ORG", "SENTRY_PROJECT", "SENTRY_AUTH_TOKEN"];
/// By which it finds a Sentry that is somebody's own.
const SENTRY_URL: &str = "SENTRY_URL";

/// Builds the page, unless it is there from these very sources, and says where it is.
pub fn build() -> Result<Utf8PathBuf> {
    let built = folder().join("dist");
    let stamp = workspace::local_dir().join("dist-made-from");
    let sources = git::content_hash(workspace::root(), FRONTEND.folder)?;
    if built.join("index.html").is_file()
        && source_maps().is_dir()
        && fs::read_to_string(&stamp).is_ok_and(|noted| noted == sources)
    {
        return Ok(built);
    }
    Activity::of("install the page's packages", |activity| frontend::install(&|line| activity.line(line)))
        .context("installing the frontend's packages")?;
    let sh = shell();
    Activity::of("build the page", |activity| {
        Run::new(frontend::package()?.script(sh, "build"))
            .timeout(BUILD_TIMEOUT)
            .each_line(&|line| activity.line(line))
            .run()?;
        anyhow::Ok(())
    })
    .context("building the frontend")?;
    fs::create_dir_all(workspace::local_dir())?;
    fs::write(&stamp, sources).context("noting what the page was built from")?;
    Ok(built)
}

/// What the image is made of.
pub fn inputs(site: Utf8PathBuf, caddy: &BaseImage, parts: Written) -> Inputs {
    Inputs {
        component: FRONTEND,
        files: vec![(site, "dist".to_owned()), (folder().join("Caddyfile"), "Caddyfile".to_owned())],
        arguments: vec![("SITE", "prebuilt".to_owned()), ("CADDY_IMAGE", caddy.reference.clone())],
        parts,
    }
}

/// The source maps of what was built, with the scripts: where no web server looks.
fn source_maps() -> Utf8PathBuf {
    folder().join("dist-maps")
}

/// Sends the source maps of what was built to Sentry, where it is told by what that is. Each script names its map by an id in
/// its last line, so they are good for every release that has these scripts. Gives whether there was somebody to send them to.
pub fn send_source_maps() -> Result<bool> {
    let given = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let [Some(_), Some(_), Some(token)] = &SENTRY.map(given) else { return Ok(false) };
    let package = frontend::sentry_cli()?;
    let began = Instant::now();
    Activity::of("source maps to Sentry", |activity| {
        frontend::install_package(&package, SEND_TIMEOUT, &|line| activity.line(line))?;
        // By its name: no program is given a secret otherwise. Which Sentry, and which project, it reads from the same variables.
        let send = package.script(shell(), "send").arg("--").arg(source_maps()).env(SENTRY[2], token);
        // A workflow gives an empty one for none, which is no address of any Sentry.
        let send = if given(SENTRY_URL).is_some() { send } else { send.env_remove(SENTRY_URL) };
        Run::new(send)
            .timeout(SEND_TIMEOUT.saturating_sub(began.elapsed()))
            .each_line(&|line| activity.line(line))
            .run()?;
        anyhow::Ok(())
    })
    .context("sending the source maps")?;
    Ok(true)
}

fn folder() -> Utf8PathBuf {
    workspace::root().join(FRONTEND.folder)
}
