//! The gate of production: it takes what staging has confirmed, from main, with a yes.

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::check;
use crate::support::http::get;

pub fn production_takes_what_staging_confirmed(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    for name in ["staging", "production"] {
        project.xtask_verbatim(&["host", "setup", "--yes", "--env", name]).succeeds()?;
    }
    let deploy = |name: &str, more: &[&str]| {
        let arguments: Vec<&str> = ["deploy", "--env", name].iter().chain(more).copied().collect();
        project.xtask_verbatim(&arguments)
    };
    let output = deploy("production", &["--yes"]).fails_with(11)?;
    check(output.contains("staging has not confirmed") && output.contains("--override staging"), || output)?;
    check(lab.hosts[2].sh("ls /opt/tracehub-app").is_empty(), || "production's host was touched".into())?;
    deploy("staging", &["--yes"]).succeeds()?;

    // The key that may read staging's ledger prints it, whatever command it is used for.
    let key = project.variable("STAGING_LEDGER_KEY");
    let output = lab.hosts[1].over_ssh(&key, "touch /tmp/touched; id")?;
    check(output.starts_with("{\"v\":1") && !output.contains("uid="), || output)?;
    check(lab.hosts[1].sh("ls /tmp/touched").is_empty(), || "the ledger's key ran a command".into())?;

    let output = deploy("production", &[]).fails_with(3)?;
    // A first deploy is shown its whole plan: the platform's start, and the release's own steps.
    let shown =
        ["production wants a yes", "make what secrets are missing", "start the new backend and frontend"];
    check(shown.iter().all(|words| output.contains(words)), || output)?;
    deploy("production", &["--yes"]).succeeds()?;
    let release = get(&lab.hosts[2].url, "/health/ready")?.release();
    check(release.as_ref() == Some(&lab.hosts[2].live()), || "production does not serve".into())?;

    // What staging or production went back from is not taken again, and who did so is named.
    project.append("tracehub/frontend/index.html", "<!-- Other images than those before. -->\n");
    project.commit("A release that staging goes back from");
    deploy("staging", &["--yes"]).succeeds()?;
    project.xtask_verbatim(&["rollback", "--env", "staging"]).succeeds()?;
    let output = deploy("production", &["--yes"]).fails_with(11)?;
    check(output.contains("staging has taken") && output.contains("rolled back from"), || output)?;
    let reason = r#"staging=it was the wrong rollback, by mistake"#;
    deploy("production", &["--yes", "--override", reason]).succeeds()?;
    project.xtask_verbatim(&["rollback", "--env", "production"]).succeeds()?;
    let output = deploy("production", &["--yes", "--override", reason]).fails_with(11)?;
    check(output.contains("production has taken") && output.contains("--override rolled-back"), || output)?;
    check(lab.hosts[2].live() == release.clone().unwrap_or_default(), || "the traffic was moved".into())?;

    project.on_a_branch(|| {
        let output = deploy("production", &["--yes", "--version", "HEAD"]).fails_with(11)?;
        check(output.contains("is not on main"), || output)
    })
}
