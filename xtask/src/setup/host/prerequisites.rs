//! What a bare machine lacks to be deployed to at all: an engine, a user with keys, a folder, an sshd that keeps its side of a
//! connection.

use std::time::Duration;

use super::{Requirement, Wanted, requirement};
use crate::project::NAME;

/// The longest that installing packages may take.
pub(super) const INSTALL_TIMEOUT: Duration = Duration::from_secs(600);

/// In the order in which they are done.
pub(super) fn requirements(wanted: &Wanted) -> Vec<Requirement> {
    let Wanted { user, root, .. } = wanted;
    let mut requirements = vec![
        requirement(
            "log limits",
            "/etc/docker/daemon.json: containers' logs end at 3 files of 10 MB, and containers outlive a restart of the engine",
            LOOK_LIMITS,
            MAKE_LIMITS,
            &[],
        ),
        Requirement {
            timeout: INSTALL_TIMEOUT,
            ..requirement(
                "engine",
                "the packages docker.io and iptables, started, and at each boot",
                LOOK_ENGINE,
                INSTALL_ENGINE,
                &[],
            )
        },
        Requirement {
            timeout: INSTALL_TIMEOUT,
            ..requirement(
                "unpacking",
                "the package pigz, with which the engine unpacks images faster",
                LOOK_UNPACKING,
                INSTALL_UNPACKING,
                &[],
            )
        },
        requirement(
            "user",
            &format!("{user}, who deploys, in the group docker"),
            LOOK_USER,
            MAKE_USER,
            &[user],
        ),
        requirement(
            "folder",
            &format!("{root}, which belongs to {user}"),
            LOOK_FOLDER,
            MAKE_FOLDER,
            &[root, user],
        ),
    ];
    if let Some(key) = &wanted.key {
        let what = format!("the key that {user} comes in with");
        requirements.push(requirement("key", &what, LOOK_KEY, ADD_KEY, &[user, key, key]));
    }
    if let Some(key) = &wanted.ledger_key {
        let line = format!("restrict,command=\"cat {root}/ledger.jsonl 2>/dev/null || :\" {key}");
        let what = "a key that can print the ledger and do nothing else";
        requirements.push(requirement("ledger key", what, LOOK_KEY, ADD_KEY, &[user, key, &line]));
    }
    requirements.push(requirement(
        "sshd",
        "asks every 15 s whether a driver is still there, and forwards sockets",
        LOOK_SSHD,
        MAKE_SSHD,
        &[&format!("/etc/ssh/sshd_config.d/10-{NAME}.conf")],
    ));
    requirements
}

const LOOK_LIMITS: &str = r#"f=/etc/docker/daemon.json
[ -e $f ] || { echo "there is no $f"; exit 1; }
# What the engine does counts, where one runs, and not only what the file says.
if [ "$(docker info --format '{{.LiveRestoreEnabled}}' 2>/dev/null)" = false ]; then
    grep -q '"live-restore": *true' $f && { echo "the engine has not read that live-restore is on"; exit 1; }
    echo "$f is somebody's own and leaves live-restore off: what runs ends with the engine" >&2
fi
grep -q max-size $f && exit 0
# Somebody's own settings are not ours to edit.
echo "$f is somebody's own and sets no log limits: the containers of releases have their own anyway" >&2; exit 0"#;
const MAKE_LIMITS: &str = r#"set -e
umask 022; mkdir -p /etc/docker
[ -e /etc/docker/daemon.json ] || cat >/etc/docker/daemon.json <<'END'
{ "log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" }, "live-restore": true }
END
# An engine that runs reads whether it is to let containers run on, and nothing stops for that.
[ ! -e /var/run/docker.pid ] || kill -HUP "$(cat /var/run/docker.pid)"
tries=0
while [ "$(docker info --format '{{.LiveRestoreEnabled}}' 2>/dev/null)" = false ] && [ $tries -lt 25 ]; do
    tries=$((tries + 1)); sleep 0.2
done"#;

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
pub(super) const ADD_KEY: &str = r#"set -e
home=$(getent passwd "$1" | cut -d: -f6); group=$(id -gn "$1"); f=$home/.ssh/authorized_keys
install -d -m 0700 -o "$1" -g "$group" "$home/.ssh"
touch "$f"
grep -vF -e "$2" "$f" >"$f.next" || :
printf '%s\n' "$3" >>"$f.next"
chown "$1:$group" "$f.next"; chmod 0600 "$f.next"; mv "$f.next" "$f""#;

/// Comes back when sshd listens again by its new configuration: then it has written its number anew.
pub(super) const RELOAD_SSHD: &str = r#"of() { stat -c %i,%z /run/sshd.pid 2>/dev/null || :; }
was=$(of); tries=0
if [ -d /run/systemd/system ]; then systemctl reload ssh; else service ssh reload; fi
while now=$(of); [ $tries -lt 150 ] && { [ -z "$now" ] || [ "$now" = "$was" ]; }; do tries=$((tries + 1)); sleep 0.02; done
"#;

const LOOK_SSHD: &str = r#"s=$(command -v sshd || echo /usr/sbin/sshd)
mkdir -p /run/sshd
t=$($s -T 2>&1) || { echo "$t" >&2; exit 2; }
for want in "clientaliveinterval 15" "clientalivecountmax 2" "allowstreamlocalforwarding yes" "allowtcpforwarding yes"; do
    echo "$t" | grep -qx "$want" || { echo "not set: $want"; exit 1; }
done"#;
const MAKE_SSHD: &str = r#"set -e
s=$(command -v sshd || echo /usr/sbin/sshd); f=$1
grep -qi '^include /etc/ssh/sshd_config.d/' /etc/ssh/sshd_config ||
    { echo "/etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d/: add that line on top" >&2; exit 1; }
umask 022; mkdir -p /etc/ssh/sshd_config.d
cat >$f <<'END'
ClientAliveInterval 15
ClientAliveCountMax 2
AllowStreamLocalForwarding yes
AllowTcpForwarding yes
END
$s -t || { rm $f; exit 1; }
if [ -d /run/systemd/system ]; then systemctl reload ssh; else service ssh reload; fi"#;
