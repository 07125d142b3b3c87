//! What makes a bare Debian or Ubuntu machine a host: a list of things, each of which can be looked at and put right.
//! Nothing else there is changed, and doing it again changes nothing.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::project::NAME;
use crate::tools::process::Run;
use crate::tools::ssh::host_shell::HostShell;

/// One thing that a host must have.
pub struct Thing {
    /// In two words.
    pub name: &'static str,
    /// What it is, with the names and values that it is about.
    pub what: String,
    look: &'static str,
    mend: &'static str,
    arguments: Vec<String>,
    timeout: Duration,
}

/// What a host is to be.
pub struct Wanted {
    /// The user that deploys.
    pub user: String,
    /// The public half of its key, as in `authorized_keys`.
    pub key: Option<String>,
    /// The public half of a key that may only read the ledger.
    pub ledger_key: Option<String>,
    /// The environment's root folder.
    pub root: String,
    /// Where its sshd listens.
    pub port: u16,
}

/// Who runs the scripts on the machine.
pub struct Admin<'a> {
    /// The way to it.
    pub shell: &'a HostShell,
    /// Not root, but may become it.
    pub sudo: bool,
}

/// What is there already, and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it is to be.
    Right,
    /// Not yet; what was seen instead.
    Missing(String),
}

impl Admin<'_> {
    fn run(&self, script: &str, thing: &Thing) -> Result<Run<'static>> {
        let mut words = if self.sudo { vec!["sudo", "-n"] } else { Vec::new() };
        words.extend(["sh", "-c", script, "setup"]);
        words.extend(thing.arguments.iter().map(String::as_str));
        Ok(Run::new(self.shell.command(&words)).called(thing.name))
    }

    /// Looks whether it is as it is to be.
    pub fn look(&self, thing: &Thing) -> Result<State> {
        let told = self.run(thing.look, thing)?.timeout(Duration::from_secs(60)).finish()?;
        Ok(match told.status.code() {
            Some(0) => State::Right,
            Some(1) => State::Missing(told.stdout.trim().to_owned()),
            _ => anyhow::bail!("looking at {}: {}{}", thing.name, told.stdout.trim(), told.stderr.trim()),
        })
    }

    /// Puts it right, and looks again.
    pub fn mend(&self, thing: &Thing, each_line: &(dyn Fn(&str) + Sync)) -> Result<()> {
        let run = self.run(thing.mend, thing)?.timeout(thing.timeout).each_line(each_line);
        run.run().with_context(|| format!("{}: {}", thing.name, thing.what))?;
        match self.look(thing)? {
            State::Right => Ok(()),
            State::Missing(seen) => anyhow::bail!("{} was done, and still: {seen}", thing.name),
        }
    }
}

/// The list, in the order in which it is done.
pub fn things(wanted: &Wanted) -> Vec<Thing> {
    let Wanted { user, root, port, .. } = wanted;
    let thing = |name, what: String, look, mend, arguments: &[&str]| Thing {
        name,
        what,
        look,
        mend,
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        timeout: Duration::from_secs(60),
    };
    let mut things = vec![
        thing("log limits", "/etc/docker/daemon.json: containers' logs end at 3 files of 10 MB, and containers outlive a restart of the engine".to_owned(), LOOK_LIMITS, MAKE_LIMITS, &[]),
        Thing {
            timeout: Duration::from_secs(600),
            ..thing("engine", "the packages docker.io and iptables, started, and at each boot".to_owned(), LOOK_ENGINE, INSTALL_ENGINE, &[])
        },
        Thing {
            timeout: Duration::from_secs(600),
            ..thing("unpacking", "the package pigz, with which the engine unpacks images faster".to_owned(), LOOK_UNPACKING, INSTALL_UNPACKING, &[])
        },
        thing("user", format!("{user}, who deploys, in the group docker"), LOOK_USER, MAKE_USER, &[user]),
        thing("folder", format!("{root}, which belongs to {user}"), LOOK_FOLDER, MAKE_FOLDER, &[root, user]),
    ];
    if let Some(key) = &wanted.key {
        let what = format!("the key that {user} comes in with");
        things.push(thing("key", what, LOOK_KEY, ADD_KEY, &[user, key, key]));
    }
    if let Some(key) = &wanted.ledger_key {
        let line = format!("restrict,command=\"cat {root}/ledger.jsonl 2>/dev/null || :\" {key}");
        let what = "a key that can print the ledger and do nothing else".to_owned();
        things.push(thing("ledger key", what, LOOK_KEY, ADD_KEY, &[user, key, &line]));
    }
    let port = port.to_string();
    things.push(thing(
        "sshd",
        "asks every 15 s whether a driver is still there, and forwards sockets".to_owned(),
        LOOK_SSHD,
        MAKE_SSHD,
        &[&format!("/etc/ssh/sshd_config.d/10-{NAME}.conf")],
    ));
    things.push(thing(
        "firewall",
        "where ufw is on, it lets ssh, 80 and 443 in".to_owned(),
        LOOK_FIREWALL,
        OPEN_FIREWALL,
        &[&port],
    ));
    things
}

const LOOK_LIMITS: &str = r#"f=/etc/docker/daemon.json
[ -e $f ] || { echo "there is no $f"; exit 1; }
grep -q max-size $f && exit 0
# Somebody's own settings are not ours to edit.
echo "$f is somebody's own and sets no log limits: the containers of releases have their own anyway" >&2; exit 0"#;
const MAKE_LIMITS: &str = r#"umask 022; mkdir -p /etc/docker && cat >/etc/docker/daemon.json <<'END'
{ "log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" }, "live-restore": true }
END"#;

const LOOK_ENGINE: &str = r#"for p in dockerd iptables flock; do command -v $p >/dev/null || { echo "no $p"; exit 1; }; done
docker info >/dev/null 2>&1 || { echo "the engine does not answer"; exit 1; }"#;
const INSTALL_ENGINE: &str = r#"set -e
export DEBIAN_FRONTEND=noninteractive
if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
    apt-get update -q && apt-get install -y -q --no-install-recommends docker.io iptables util-linux
fi
if [ -d /run/systemd/system ]; then systemctl enable --now docker; else docker info >/dev/null 2>&1 || service docker start; fi
tries=0
until docker info >/dev/null 2>&1; do
    tries=$((tries + 1)); [ $tries -lt 150 ] || { echo "the engine does not answer after 30 s" >&2; exit 1; }
    sleep 0.2
done"#;

// Docker's own packages recommend it, and Debian's do not: the engine starts `unpigz` where there is one.
const LOOK_UNPACKING: &str = r#"command -v unpigz >/dev/null || { echo "no unpigz"; exit 1; }"#;
const INSTALL_UNPACKING: &str = r#"export DEBIAN_FRONTEND=noninteractive
apt-get install -y -q --no-install-recommends pigz || { apt-get update -q && apt-get install -y -q --no-install-recommends pigz; }"#;

const LOOK_USER: &str = r#"id "$1" >/dev/null 2>&1 || { echo "there is no user $1"; exit 1; }
[ "$1" = root ] || id -nG "$1" | tr ' ' '\n' | grep -qx docker || { echo "$1 is not in the group docker"; exit 1; }"#;
const MAKE_USER: &str = r#"set -e
id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh -- "$1"
[ "$1" = root ] || usermod --append --groups docker -- "$1""#;

const LOOK_FOLDER: &str = r#"[ -d "$1" ] || { echo "there is no $1"; exit 1; }
[ "$(stat -c %U "$1")" = "$2" ] || { echo "$1 belongs to $(stat -c %U "$1")"; exit 1; }"#;
const MAKE_FOLDER: &str = r#"install -d -m 0755 -o "$2" -g "$(id -gn "$2")" -- "$1""#;

// A key is looked for by itself, so that a line for it with other rights counts as one: ours is then put in its place.
const LOOK_KEY: &str = r#"f=$(getent passwd "$1" | cut -d: -f6)/.ssh/authorized_keys
[ -e "$f" ] && grep -qxF -e "$3" "$f" && exit 0
echo "not in $f"; exit 1"#;
const ADD_KEY: &str = r#"set -e
home=$(getent passwd "$1" | cut -d: -f6); group=$(id -gn "$1"); f=$home/.ssh/authorized_keys
install -d -m 0700 -o "$1" -g "$group" "$home/.ssh"
touch "$f"
grep -vF -e "$2" "$f" >"$f.next" || :
printf '%s\n' "$3" >>"$f.next"
chown "$1:$group" "$f.next"; chmod 0600 "$f.next"; mv "$f.next" "$f""#;

const LOOK_SSHD: &str = r#"s=$(command -v sshd || echo /usr/sbin/sshd)
mkdir -p /run/sshd
t=$($s -T 2>&1) || { echo "$t" >&2; exit 2; }
for want in "clientaliveinterval 15" "clientalivecountmax 3" "allowstreamlocalforwarding yes" "allowtcpforwarding yes"; do
    echo "$t" | grep -qx "$want" || { echo "not set: $want"; exit 1; }
done"#;
const MAKE_SSHD: &str = r#"set -e
s=$(command -v sshd || echo /usr/sbin/sshd); f=$1
grep -qi '^include /etc/ssh/sshd_config.d/' /etc/ssh/sshd_config ||
    { echo "/etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d/: add that line on top" >&2; exit 1; }
umask 022; mkdir -p /etc/ssh/sshd_config.d
cat >$f <<'END'
ClientAliveInterval 15
ClientAliveCountMax 3
AllowStreamLocalForwarding yes
AllowTcpForwarding yes
END
$s -t || { rm $f; exit 1; }
if [ -d /run/systemd/system ]; then systemctl reload ssh; else service ssh reload; fi"#;

const LOOK_FIREWALL: &str = r#"command -v ufw >/dev/null && LC_ALL=C ufw status | grep -qx 'Status: active' || exit 0
for p in "$1" 80 443; do
    LC_ALL=C ufw status | grep -Eq "^$p(/tcp)? +ALLOW" || { echo "ufw does not let port $p in"; exit 1; }
done"#;
const OPEN_FIREWALL: &str = r#"set -e; for p in "$1" 80 443; do ufw allow "$p/tcp"; done"#;
