//! What the outside may reach of a host, and what its clock goes by.

use super::drop_in::{DropIn, PACKAGES};
use super::{Requirement, Wanted, prerequisites, requirement};
use crate::project::NAME;

pub(super) fn requirements(wanted: &Wanted) -> Vec<Requirement> {
    let port = wanted.port.to_string();
    vec![
        requirement("ufw", "where it is on, it lets ssh, 80 and 443 in", LOOK_UFW, OPEN_UFW, &[&port]),
        firewall(),
        Requirement {
            timeout: prerequisites::INSTALL_TIMEOUT,
            ..requirement(
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
fn firewall() -> Requirement {
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
    let requirement = drop_in.requirement();
    Requirement {
        may_shut_out: true,
        // While it is still there.
        undo: requirement.undo.map(|undo| format!("[ ! -x \"$1\" ] || \"$1\" off\n{undo}")),
        ..requirement
    }
}

// A container has its machine's clock.
const LOOK_TIME: &str = r#"[ ! -e /.dockerenv ] || exit 0
ps -e -o comm= | grep -qE '^(chronyd|ntpd|openntpd|systemd-timesyn)' || { echo "nothing sets the clock"; exit 1; }"#;
const SET_TIME: &str = "need systemd-timesyncd; systemctl enable --now systemd-timesyncd";
