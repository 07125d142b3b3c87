//! What is refused: with a sentence that says why and one that says what to do, with an exit code of its own, and
//! before anything is changed.

use std::fs;
use std::process::Command;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::link::Link;
use crate::support::check;

// A program has no library to import: the file itself is compiled into this suite, too.
#[path = "../../src/tools/ssh/quote/mod.rs"]
mod quote;

use quote::samples::samples;

/// Prints the ledger of the first machine.
const LEDGER: &str = "cat /opt/tracehub-app/ledger.jsonl";

pub fn bare_host(lab: &Lab) -> Result<(), Failed> {
    let output = lab.project.deploy().fails_with(8)?;
    check(output.contains("does not accept the key") && output.contains("host setup --env lab"), || output)?;
    let output = lab.project.xtask(&["doctor"]).fails_with(8)?;
    check(output.contains("missing") && output.contains("not asked") && output.contains("host setup"), || {
        output
    })
}

pub fn connection(lab: &Lab) -> Result<(), Failed> {
    let (project, ledger) = (&lab.project, lab.host().sh(LEDGER));
    let status = || project.xtask(&["status"]);
    let contains =
        |output: String, words: &[&str]| check(words.iter().all(|word| output.contains(word)), || output);

    let output = status().env("LAB_HOST", "").env("LAB_USER", "").fails_with(3)?;
    contains(output, &["LAB_HOST, LAB_USER are not set"])?;
    let closed = Link::to(9);
    closed.cut();
    contains(
        status().env("LAB_PORT", &closed.port().to_string()).fails_with(7)?,
        &["can't be reached", "LAB_PORT"],
    )?;
    contains(status().env("LAB_HOST", "no-such-host.invalid").fails_with(7)?, &["can't be reached"])?;
    let other_key = project.variable("STAGING_LEDGER_KEY").replace("ledger", "other");
    Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &other_key]).output()?;
    contains(
        status().env("LAB_SSH_KEY", &other_key).fails_with(8)?,
        &["does not accept the key", "authorized_keys"],
    )?;
    let key = fs::read_to_string(project.variable("LAB_SSH_KEY"))?;
    let output = status().env("LAB_SSH_KEY", key.trim_end().replace('\n', "\r\n").as_str()).succeeds()?;
    contains(output, &[&lab.host().live()])?;
    contains(status().env("LAB_SSH_KEY", &key[..80]).fails_with(3)?, &["LAB_SSH_KEY", "was it cut"])?;
    let output = status().env("LAB_HOST_KEY", &lab.hosts[1].key).fails_with(9)?;
    check(output.matches("SHA256:").count() == 2, || format!("not both fingerprints are shown: {output}"))?;
    contains(output, &["another host key", "pinned is", "shown is"])?;
    contains(status().env("LAB_HOST_KEY", "nonsense").fails_with(3)?, &["LAB_HOST_KEY"])?;
    for wrong in ["-oProxyCommand=touch /tmp/pwned", "a b", "$(reboot)", "a;b", "a'b"] {
        contains(status().env("LAB_HOST", wrong).fails_with(3)?, &["LAB_HOST"])?;
        contains(status().env("LAB_USER", wrong).fails_with(3)?, &["LAB_USER"])?;
    }
    contains(
        project.xtask_verbatim(&["status", "--env", "stagging"]).fails_with(2)?,
        &["Did you mean 'staging'?"],
    )?;
    check(lab.host().sh(LEDGER) == ledger, || "the ledger changed".into())
}

pub fn unfit_host(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    // sshd writes its file with its process id again when it listens again.
    let reload = "of() { stat -c %i,%z /run/sshd.pid 2>/dev/null; }; was=$(of); service ssh reload; \
                  while now=$(of); [ -z \"$now\" ] || [ \"$now\" = \"$was\" ]; do sleep 0.02; done";
    let configuration = "/etc/ssh/sshd_config.d/05-test.conf";
    host.sh(&format!("echo 'AllowStreamLocalForwarding no' >{configuration}; {reload}"));
    let output = project.xtask(&["status"]).fails_with(10);
    host.sh(&format!("rm {configuration}; {reload}"));
    let output = output?;
    check(output.contains("AllowStreamLocalForwarding") && output.contains("host setup"), || output)?;
    host.sh("mv /var/run/docker.sock /var/run/docker.away");
    let output = project.xtask(&["status"]).fails_with(10);
    host.sh("mv /var/run/docker.away /var/run/docker.sock");
    let output = output?;
    check(output.contains("no container engine answers") && output.contains("host setup"), || output)?;
    host.sh("mount -t tmpfs -o size=64m tmpfs /opt/tracehub-app && chown deploy /opt/tracehub-app");
    let output = project.deploy().fails_with(10);
    host.sh("umount /opt/tracehub-app");
    let output = output?;
    check(
        output.contains("MiB free, and a deploy wants 1024") && output.contains("Nothing was changed"),
        || output,
    )?;
    let lower = "sed 's/^MemTotal:.*/MemTotal: 2000000 kB/' /proc/meminfo >/run/meminfo";
    host.sh(&format!("{lower}; mount --bind /run/meminfo /proc/meminfo"));
    let output = project.deploy().fails_with(10);
    let doctor = project.xtask(&["doctor"]).fails_with(10);
    let plan = project.xtask(&["deploy", "--plan", "--override", "memory=for this trial only"]).succeeds();
    host.sh("umount /proc/meminfo");
    let output = output?;
    let doctor = doctor?;
    for output in [output, doctor] {
        check(output.contains("has 1953 MiB of memory") && output.contains("2 × backend 1024"), || output)?;
    }
    plan?;
    project.xtask(&["status"]).succeeds().map(drop)
}

/// Before the first deploy: once before it begins, and once when it has begun already.
pub fn taken_port(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    // It listens for as long as somebody has the socket in hand.
    let listen = "perl -MIO::Socket::INET -e '$it = IO::Socket::INET->new(Listen => 1, LocalPort => 80) or die; sleep' \
                  >/dev/null 2>&1 & echo $!";
    let left = || {
        let label = "--filter label=tracehub.environment=lab";
        let made =
            format!("docker ps -aq {label}; docker volume ls -q {label}; docker network ls -q {label}");
        host.sh(&format!("{made}; cd /opt/tracehub-app && find secrets platform edge -type f"))
    };
    let names_it = |output: &str| output.contains("port 80 is taken by a process of root: `sudo ss");

    let nothing = host.sh("find /opt/tracehub-app");
    project.xtask(&["doctor"]).succeeds()?;
    let listener = host.sh(listen);
    let doctor = project.xtask(&["doctor"]).fails_with(10);
    check(host.sh("find /opt/tracehub-app") == nothing, || "the doctor changed the host".into())?;
    let output = project.deploy().fails_with(10);
    host.sh(&format!("kill {listener}"));
    let (doctor, output) = (doctor?, output?);
    check(names_it(&doctor), || doctor)?;
    check(names_it(&output) && output.contains("Nothing was changed"), || output)?;
    check(left().is_empty() && host.sh(LEDGER).is_empty(), left)?;

    let driver = project.deploy().spawn();
    let begun = lab.wait_for_step("platform");
    let listener = host.sh(listen);
    let output = driver.exits_with(4);
    host.sh(&format!("kill {listener}"));
    begun?;
    let output = output?;
    check(names_it(&output) && output.contains("everything that it had begun is undone"), || output)?;
    check(left().is_empty(), left)?;
    host.last_attempt_is("deploy undone")
}

pub fn versions(lab: &Lab) -> Result<(), Failed> {
    let (project, ledger) = (&lab.project, lab.host().sh(LEDGER));
    let deploy = |version: &str| project.xtask(&["deploy", "--yes", &format!("--version={version}")]);
    check(deploy("mainn").fails_with(3)?.contains("Near it: main"), || "the near name is not shown".into())?;
    for wrong in ["", "-h", "main; reboot", "$(reboot)", "a b", "a\nb", "a'b", "..", "20990101"] {
        deploy(wrong).fails_with(3)?;
    }
    let output = deploy(&project.ambiguous_name()).fails_with(3)?;
    check(output.contains("more than one commit"), || output)?;
    project.write("a-new-file", "in no commit");
    let output = project.deploy().fails_with(3)?;
    check(output.contains("changes that are in no commit (a-new-file)"), || output)?;
    project.commit("A commit that is on no remote");
    project.with_origin(|| {
        let output = project.deploy().fails_with(3)?;
        check(output.contains("on no branch of the remote") && output.contains("push it first"), || output)
    })?;
    project.drop_commit();
    check(lab.host().sh(LEDGER) == ledger, || "the ledger changed".into())
}

/// By plain ssh, with the function that xtask quotes with.
pub fn arguments(lab: &Lab) -> Result<(), Failed> {
    let key = lab.project.variable("LAB_SSH_KEY");
    for (seed, words) in samples(60) {
        let all: Vec<&str> =
            ["printf", "%s\\0"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let output = lab.host().over_ssh(&key, &quote::line(&all))?;
        let arrived: Vec<&str> = output.split_terminator('\0').collect();
        check(arrived == words, || format!("sample {seed}: {words:?} arrived as {arrived:?}"))?;
    }
    Ok(())
}
