//! What the outside may reach of a host, and what its clock goes by.

use super::drop_in::{DropIn, PACKAGES};
use super::{Thing, Wanted, base, thing};
use crate::project::NAME;

pub(super) fn things(wanted: &Wanted) -> Vec<Thing> {
    let port = wanted.port.to_string();
    vec![
        thing("ufw", "where it is on, it lets ssh, 80 and 443 in", LOOK_UFW, OPEN_UFW, &[&port]),
        firewall(),
        Thing {
            timeout: base::INSTALL_TIMEOUT,
            ..thing(
                "time",
                "something sets the clock; the package systemd-timesyncd where nothing does",
                LOOK_TIME,
                &format!("set -e\n{PACKAGES}{SET_TIME}"),
                &[],
            )
        },
    ]
}

const LOOK_UFW: &str = r#"command -v ufw >/dev/null && LC_ALL=C ufw status | grep -qx 'Status: active' || exit 0
for p in "$1" 80 443; do
    LC_ALL=C ufw status | grep -Eq "^$p(/tcp)? +ALLOW" || { echo "ufw does not let port $p in"; exit 1; }
done"#;
const OPEN_UFW: &str = r#"set -e; for p in "$1" 80 443; do ufw allow "$p/tcp"; done"#;

/// A program that a unit calls at each boot. Both chains only drop: what they let pass, other rules still decide about.
fn firewall() -> Thing {
    let path = format!("/usr/local/sbin/{NAME}-firewall");
    let drop_in = DropIn {
        mode: "0755",
        look: r#"[ -e "/etc/systemd/system/multi-user.target.wants/${1##*/}.service" ] || { echo "it is not started at boot"; exit 1; }
"$1" look"#.to_owned(),
        prepare: format!("{PACKAGES}need iptables"),
        check: r#""$1" on"#,
        apply: r#"units=/etc/systemd/system; unit=${1##*/}.service
if [ -e "$1" ]; then
    mkdir -p "$units/multi-user.target.wants"
    printf '[Unit]\nDescription=What the outside may reach of this machine\nBefore=docker.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=%s on\n[Install]\nWantedBy=multi-user.target\n' "$1" >"$units/$unit"
    ln -sf "../$unit" "$units/multi-user.target.wants/$unit"
else
    rm -f "$units/multi-user.target.wants/$unit" "$units/$unit"
fi
[ ! -d /run/systemd/system ] || systemctl daemon-reload"#,
        ..DropIn::file(
            "firewall",
            "lets ssh, 80 and 443 in and nothing else, also of what containers publish (DOCKER-USER)",
            path,
            include_str!("scripts/firewall.sh").to_owned(),
        )
    };
    let thing = drop_in.thing();
    Thing {
        may_shut_out: true,
        // While it is still there.
        undo: thing.undo.map(|undo| format!("[ ! -x \"$1\" ] || \"$1\" off\n{undo}")),
        ..thing
    }
}

// A container has its machine's clock.
const LOOK_TIME: &str = r#"[ ! -e /.dockerenv ] || exit 0
ps -e -o comm= | grep -qE '^(chronyd|ntpd|openntpd|systemd-timesyn)' || { echo "nothing sets the clock"; exit 1; }"#;
const SET_TIME: &str = "need systemd-timesyncd; systemctl enable --now systemd-timesyncd";
