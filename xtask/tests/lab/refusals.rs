//! What is refused: one sentence what, one what to do, an exit code of its own, and nothing touched.

use std::process::{Command, Stdio};

use libtest_mimic::Failed;

use crate::client::get;
use crate::{Lab, check};

#[path = "../../src/tools/ssh/quote.rs"]
mod quote;
#[path = "../support/words.rs"]
mod words;

pub fn bare(lab: &Lab) -> Result<(), Failed> {
    let told = lab.project.deploy().fails_with(8)?;
    check(told.contains("does not accept the key") && told.contains("host setup --env lab"), || told)
}

pub fn way(lab: &Lab) -> Result<(), Failed> {
    let (project, ledger) = (&lab.project, lab.host().sh("cat /opt/tracehub-app/ledger.jsonl"));
    let status = || project.xtask(&["status"]);
    let says = |told: String, words: &[&str]| check(words.iter().all(|word| told.contains(word)), || told);

    let told = status().with("LAB_HOST", "").with("LAB_USER", "").fails_with(3)?;
    says(told, &["LAB_HOST, LAB_USER are not set"])?;
    let free = crate::link::Link::to(9);
    free.cut();
    says(
        status().with("LAB_PORT", &free.port().to_string()).fails_with(7)?,
        &["can't be reached", "LAB_PORT"],
    )?;
    says(status().with("LAB_HOST", "no-such-host.invalid").fails_with(7)?, &["can't be reached"])?;
    let other = project.told("STAGING_LEDGER_KEY").replace("ledger", "other");
    Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &other]).output()?;
    says(
        status().with("LAB_SSH_KEY", &other).fails_with(8)?,
        &["does not accept the key", "authorized_keys"],
    )?;
    let key = std::fs::read_to_string(project.told("LAB_SSH_KEY"))?;
    let told = status().with("LAB_SSH_KEY", key.trim_end().replace('\n', "\r\n").as_str()).succeeds()?;
    says(told, &[&lab.host().live()])?;
    says(status().with("LAB_SSH_KEY", &key[..80]).fails_with(3)?, &["LAB_SSH_KEY", "was it cut"])?;
    let told = status().with("LAB_HOST_KEY", &lab.hosts[1].key).fails_with(9)?;
    check(told.matches("SHA256:").count() == 2, || format!("not both fingerprints are shown: {told}"))?;
    says(told, &["another host key", "pinned is", "shown is"])?;
    says(status().with("LAB_HOST_KEY", "nonsense").fails_with(3)?, &["LAB_HOST_KEY"])?;
    for wrong in ["-oProxyCommand=touch /tmp/pwned", "a b", "$(reboot)", "a;b", "a'b"] {
        says(status().with("LAB_HOST", wrong).fails_with(3)?, &["LAB_HOST"])?;
        says(status().with("LAB_USER", wrong).fails_with(3)?, &["LAB_USER"])?;
    }
    says(project.raw(&["status", "--env", "stagging"]).fails_with(2)?, &["did you mean staging?"])?;
    check(lab.host().sh("cat /opt/tracehub-app/ledger.jsonl") == ledger, || "the ledger changed".into())
}

pub fn unfit(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    // It writes the file of its number anew when it listens again.
    let reload = "of() { stat -c %i,%z /run/sshd.pid 2>/dev/null; }; was=$(of); service ssh reload; \
                  while now=$(of); [ -z \"$now\" ] || [ \"$now\" = \"$was\" ]; do sleep 0.02; done";
    let other = "/etc/ssh/sshd_config.d/05-test.conf";
    host.sh(&format!("echo 'AllowStreamLocalForwarding no' >{other}; {reload}"));
    let told = project.xtask(&["status"]).fails_with(10);
    host.sh(&format!("rm {other}; {reload}"));
    let told = told?;
    check(told.contains("AllowStreamLocalForwarding") && told.contains("host setup"), || told)?;
    host.sh("mv /var/run/docker.sock /var/run/docker.away");
    let told = project.xtask(&["status"]).fails_with(10);
    host.sh("mv /var/run/docker.away /var/run/docker.sock");
    let told = told?;
    check(told.contains("no container engine answers") && told.contains("host setup"), || told)?;
    host.sh("mount -t tmpfs -o size=64m tmpfs /opt/tracehub-app && chown deploy /opt/tracehub-app");
    let told = project.deploy().fails_with(10);
    host.sh("umount /opt/tracehub-app");
    let told = told?;
    check(
        told.contains("MiB free, and a deploy wants 1024") && told.contains("Nothing was changed"),
        || told,
    )?;
    project.xtask(&["status"]).succeeds().map(drop)
}

pub fn versions(lab: &Lab) -> Result<(), Failed> {
    let (project, ledger) = (&lab.project, lab.host().sh("cat /opt/tracehub-app/ledger.jsonl"));
    let version = |word: &str| project.xtask(&["deploy", "--yes", &format!("--version={word}")]);
    check(version("mainn").fails_with(3)?.contains("Near it: main"), || "the near name is not shown".into())?;
    for wrong in ["", "-h", "main; reboot", "$(reboot)", "a b", "a\nb", "a'b", "..", "20990101"] {
        version(wrong).fails_with(3)?;
    }
    let ambiguous = project.ambiguous();
    let told = version(&ambiguous).fails_with(3)?;
    check(told.contains("more than one commit"), || told)?;
    project.write("a-new-file", "of nobody's");
    let told = project.deploy().fails_with(3)?;
    check(told.contains("changes that are in no commit"), || told)?;
    project.commit("A commit that is nowhere else");
    project.with_origin(|| {
        let told = project.deploy().fails_with(3)?;
        check(told.contains("on no branch of the remote") && told.contains("push it first"), || told)
    })?;
    project.back();
    check(lab.host().sh("cat /opt/tracehub-app/ledger.jsonl") == ledger, || "the ledger changed".into())
}

/// By plain ssh, with the function that xtask quotes with.
pub fn words(lab: &Lab) -> Result<(), Failed> {
    let (port, key) = (lab.hosts[0].ssh.to_string(), lab.project.told("LAB_SSH_KEY"));
    let options =
        ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
    for (seed, words) in words::samples(60) {
        let all: Vec<&str> =
            ["printf", "%s\\0"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let told = Command::new("ssh")
            .args(options)
            .args(["-i", &key, "-p", &port, "deploy@127.0.0.1", "--", &quote::line(&all)])
            .stdin(Stdio::null())
            .output()?;
        let arrived = String::from_utf8(told.stdout)?;
        let arrived: Vec<&str> = arrived.split_terminator('\0').collect();
        check(arrived == words, || format!("sample {seed}: {words:?} arrived as {arrived:?}"))?;
    }
    Ok(())
}

pub fn gate(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    for name in ["staging", "production"] {
        project.raw(&["host", "setup", "--yes", "--env", name]).succeeds()?;
    }
    let deploy = |name: &str, more: &[&str]| {
        let words: Vec<&str> = ["deploy", "--env", name].iter().chain(more).copied().collect();
        project.raw(&words)
    };
    let told = deploy("production", &["--yes"]).fails_with(11)?;
    check(told.contains("staging has not confirmed") && told.contains("--override staging"), || told)?;
    check(lab.hosts[2].sh("ls /opt/tracehub-app").is_empty(), || "production's host was touched".into())?;
    deploy("staging", &["--yes"]).succeeds()?;

    // The ledger's key prints the ledger, whatever is asked for.
    let (key, port) = (project.told("STAGING_LEDGER_KEY"), lab.hosts[1].ssh.to_string());
    let told = Command::new("ssh")
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ])
        .args(["-i", &key, "-p", &port, "deploy@127.0.0.1", "touch /tmp/touched; id"])
        .stdin(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    check(told.starts_with("{\"v\":1") && !told.contains("uid="), || told)?;
    check(lab.hosts[1].sh("ls /tmp/touched").is_empty(), || "the ledger's key ran a command".into())?;

    let told = deploy("production", &[]).fails_with(3)?;
    check(told.contains("production wants a yes") && told.contains("make the secrets"), || told)?;
    deploy("production", &["--yes"]).succeeds()?;
    check(get(&lab.hosts[2].url, "/health/ready")?.release == Some(lab.hosts[2].live()), || {
        "it does not serve".into()
    })?;

    project.on_a_branch(|| {
        let told = deploy("production", &["--yes", "--version", "HEAD"]).fails_with(11)?;
        check(told.contains("is not on main"), || told)
    })
}
