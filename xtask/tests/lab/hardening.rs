//! What makes a host harder to attack, and keys that are exchanged for new ones.

use std::process::Command;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::check;

/// Goes on from the machine that `host setup` has just made a host.
pub fn lines(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    let key = project.variable("LAB_SSH_KEY");
    check(host.over_ssh_as("root", &key, "id")?.is_empty(), || "root still comes in".into())?;
    let uid = host.over_ssh(&key, "sudo -n id -u")?;
    check(uid.trim() == "0", || format!("deploy is {uid:?} by sudo"))?;
    let log = host.sh("cat /var/log/sudo.log");
    check(log.contains("deploy") && log.contains("/usr/bin/id -u"), || log)?;

    let file = "/etc/profile.d/tracehub.sh";
    check(!host.sh(&format!("cat {file}")).is_empty(), || format!("there is no {file}"))?;
    let unknown = project.xtask(&["host", "setup", "--undo", "shell"]).fails_with(3)?;
    check(unknown.contains("Did you mean 'shells'?"), || unknown)?;
    let stays = project.xtask(&["host", "setup", "--undo", "engine", "--yes"]).fails_with(3)?;
    check(stays.contains("'engine' stays"), || stays)?;
    project.xtask(&["host", "setup", "--undo", "shells"]).fails_with(3)?;
    project.xtask(&["host", "setup", "--undo", "shells", "--yes"]).succeeds()?;
    check(host.sh(&format!("ls {file}")).is_empty(), || format!("{file} is still there"))?;
    let without = project.xtask(&["host", "setup", "--without", "shells", "--plan"]).succeeds()?;
    check(!without.contains("to do"), || without)?;
    let again = project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    check(again.contains("shells") && again.contains("Ready:"), || again)
}

/// A line after which the user who deploys would not come in any more takes itself back.
pub fn shut_out(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    let file = "/etc/ssh/sshd_config.d/12-tracehub.conf";
    project.xtask(&["host", "setup", "--undo", "log-ins", "--yes"]).succeeds()?;
    host.sh("chmod 0000 /etc/sudoers.d/tracehub; mv /etc/sudoers.d/tracehub /root/sudoers");
    // Without sudo it is root who sets up, whom the line would shut out for good.
    let refused = project.xtask(&["host", "setup", "--without", "sudo", "--yes"]).fails_with(1);
    let there = host.sh(&format!("ls {file}"));
    host.sh("mv /root/sudoers /etc/sudoers.d/tracehub; chmod 0440 /etc/sudoers.d/tracehub");
    let refused = refused?;
    check(refused.contains("may not become root") && refused.contains("was not begun"), || refused)?;
    check(there.is_empty(), || format!("{file} was written"))?;
    project.xtask(&["host", "setup", "--yes"]).succeeds().map(drop)
}

/// How many connections of the web one client may hold, of 140 that it tries (one after the other, however long that takes), and another one then, of 3: its connections begin at
/// the second address. At 443, where a server listens that waits a minute for a request; the edge would not.
const HOLD: &str = r#"
hold() { # how many, a file that gets a line for each
    for i in $(seq "$1"); do
        exec {it}<>/dev/tcp/10.9.8.1/443
        echo
    done >"$2"
}
hold 140 /run/held-by-one &
one=$!
for i in $(seq 80); do
    [ "$(wc -l </run/held-by-one)" -lt 128 ] || break
    sleep 0.5
done
# Of more there would be some by then.
sleep 2
ip addr add 10.9.8.3/24 dev in0
ip route add 10.9.8.1/32 dev in0 src 10.9.8.3
hold 3 /run/held-by-another
kill $one
echo "$(wc -l </run/held-by-one) $(wc -l </run/held-by-another)"
"#;

/// From a network of its own inside the machine, for which it is another one. An image is there since the first deploy.
pub fn firewall(lab: &Lab) -> Result<(), Failed> {
    let host = lab.host();
    let image =
        host.sh("docker inspect --format '{{.Config.Image}}' $(docker ps --quiet --filter name=edge)");
    let publish =
        "docker run --detach --name published --publish 8088:80 --publish 10.9.8.1:443:80 --entrypoint httpd";
    host.sh(
        "ip netns add outside && ip link add out0 type veth peer name in0 netns outside && \
         ip addr add 10.9.8.1/24 dev out0 && ip link set out0 up && ip netns exec outside ip link set in0 up && \
         ip netns exec outside ip addr add 10.9.8.2/24 dev in0",
    );
    host.sh(&format!("{publish} {image} -f -p 80 -h /etc"));
    host.sh("/usr/sbin/sshd -p 8089 -o PidFile=/run/second-sshd.pid");
    let reaches = |port: u16| {
        let ask = format!(
            "ip netns exec outside timeout 3 bash -c 'echo >/dev/tcp/10.9.8.1/{port}' 2>/dev/null && echo yes"
        );
        host.sh(&ask) == "yes"
    };
    let reached =
        || -> Vec<u16> { [22, 80, 443, 8088, 8089].into_iter().filter(|it| reaches(*it)).collect() };
    let with = reached();
    host.write("/run/hold", HOLD);
    let held = host.sh("ip netns exec outside bash /run/hold");
    host.sh("tracehub-firewall off");
    let without = reached();
    host.sh("tracehub-firewall on");
    host.sh("kill $(cat /run/second-sshd.pid)");
    host.sh("docker rm --force published; ip link del out0; ip netns del outside");
    check(held == "128 3", || format!("of the web, two clients may hold {held} connections"))?;
    check(with == [22, 80, 443], || format!("from outside, these are reached: {with:?}"))?;
    check(without == [22, 80, 443, 8088, 8089], || format!("without the firewall: {without:?}"))
}

/// The machine by the tools of others. They come from the distribution, and go again.
pub fn audits(lab: &Lab) -> Result<(), Failed> {
    let host = lab.host();
    host.sh("apt-get update -q && apt-get install -y -q --no-install-recommends lynis ssh-audit");
    let ssh = host.sh("ssh-audit --no-colors 127.0.0.1");
    let lynis = host.sh("lynis audit system --quick --no-colors");
    host.sh("apt-get purge -y -q lynis ssh-audit && apt-get autoremove --purge -y -q");
    check(ssh.contains("sntrup761x25519-sha512") && !ssh.contains("[fail]"), || ssh)?;
    let index = lynis.lines().find_map(|line| line.split_once("Hardening index : ")).map(|it| it.1);
    let index = index.and_then(|text| text.split(' ').next()?.parse::<u32>().ok());
    println!("    lynis: {index:?}");
    check(index.is_some_and(|index| index >= 75), || lynis)
}

pub fn deploy_key(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    let old = project.variable("LAB_SSH_KEY");
    let new = format!("{old}.rotated");
    let rotate = || project.xtask(&["host", "keys", "rotate", "deploy", "--to", &new, "--yes"]);
    // Killed when the new key is in and the old one, too.
    Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &new]).output()?;
    let public = std::fs::read_to_string(format!("{new}.pub"))?;
    let line = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
    host.sh(&format!("echo '{line}' >>/home/deploy/.ssh/authorized_keys"));
    rotate().succeeds()?;
    check(host.over_ssh(&old, "id")?.is_empty(), || "the old key still lets in".into())?;
    check(host.over_ssh(&new, "id -un")?.trim() == "deploy", || "the new key does not let in".into())?;
    // Cut off before its last words reached anybody.
    let again = rotate().succeeds()?;
    check(again.contains("the old one no more"), || again)?;
    project.set_variable("LAB_SSH_KEY", &new);
    // Back, since machines that come later let the first key in.
    project.xtask(&["host", "keys", "rotate", "deploy", "--to", &old, "--yes"]).succeeds()?;
    project.set_variable("LAB_SSH_KEY", &old);
    project.xtask(&["status"]).succeeds().map(drop)
}

pub fn host_key(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.host());
    let rotate = || project.xtask(&["host", "keys", "rotate", "host", "--yes", "--json"]);
    let old = project.variable("LAB_HOST_KEY");
    let both = rotate().json()?["host_key"].as_str().unwrap_or_default().to_owned();
    check(both.starts_with(&old) && both.contains(';'), || both.clone())?;
    let again = rotate().json()?;
    check(again["host_key"] == both.as_str(), || format!("another key was made: {again}"))?;
    project.set_variable("LAB_HOST_KEY", &both);
    // Killed between the old key and the new one.
    host.sh("cd /etc/ssh && cp -p ssh_host_ed25519_key ssh_host_ed25519_key.old && mv ssh_host_ed25519_key.next ssh_host_ed25519_key");
    let new = rotate().json()?["host_key"].as_str().unwrap_or_default().to_owned();
    check(both == format!("{old};{new}"), || new.clone())?;
    let left = host.sh("ls /etc/ssh | grep -E 'next|old'");
    check(left.is_empty(), || format!("left are {left}"))?;
    let settled = rotate().json()?;
    check(settled["host_key"] == new.as_str(), || settled.to_string())?;
    project.set_variable("LAB_HOST_KEY", &old);
    project.xtask(&["status"]).fails_with(9)?;
    project.set_variable("LAB_HOST_KEY", &new);
    project.xtask(&["status"]).succeeds().map(drop)
}
