//! What makes a host harder to attack, each a file of its own.

use super::drop_in::{DropIn, PACKAGES};
use super::prerequisites::RELOAD_SSHD;
use super::{Requirement, Wanted, requirement};
use crate::project::NAME;

/// In the order in which they are done: who deploys may become root before root no longer comes in.
pub(super) fn requirements(wanted: &Wanted) -> Vec<Requirement> {
    vec![
        sudo(wanted),
        ciphers(wanted),
        log_ins(wanted),
        updates(),
        passwords(),
        umask(),
        banner("banner", "/etc/issue"),
        banner("banner of the network", "/etc/issue.net"),
        kernel(),
        modules(),
        core_dumps(),
        shells(),
    ]
}

/// Whoever is in the group docker is root already; this way it is written down who became it, when, and for what.
fn sudo(wanted: &Wanted) -> Requirement {
    let user = &wanted.user;
    let grant = match user.as_str() {
        "root" => String::new(),
        user => format!("{user} ALL=(root) NOPASSWD: ALL\n"),
    };
    DropIn {
        mode: "0440",
        prepare: format!("{PACKAGES}need sudo; chmod 0750 /etc/sudoers.d"),
        check: r#"visudo -cqf "$1""#,
        ..DropIn::file(
            "sudo",
            &format!("{user} may call it without a password, and /var/log/sudo.log has each call"),
            format!("/etc/sudoers.d/{NAME}"),
            format!("Defaults logfile=/var/log/sudo.log, log_year, use_pty\n{grant}"),
        )
    }
    .requirement()
}

const CHECK_SSHD: &str = r#"$(command -v sshd || echo /usr/sbin/sshd) -t"#;
/// What sshd does, whatever file says so: of two, the first one counts.
const SSHD_SAYS: &str = r#"mkdir -p /run/sshd
t=$($(command -v sshd || echo /usr/sbin/sshd) -T 2>&1) || { echo "$t" >&2; exit 2; }
"#;

/// A file of sshd's, of which the first one counts that says something; `look` is told what sshd says as `$t`.
fn sshd(name: &'static str, what: &str, number: u32, text: String, look: &str) -> Requirement {
    let file = DropIn {
        look: format!("{SSHD_SAYS}{look}"),
        check: CHECK_SSHD,
        apply: RELOAD_SSHD,
        ..DropIn::file(name, what, format!("/etc/ssh/sshd_config.d/{number}-{NAME}.conf"), text)
    };
    Requirement { may_shut_out: true, ..file.requirement() }
}

/// What is weak is taken out of OpenSSH's own choice, so that a newer one brings its newer ones, such as exchanges that a
/// quantum computer does not break.
fn ciphers(wanted: &Wanted) -> Requirement {
    let host_keys = if wanted.only_ecdsa { "" } else { "HostKeyAlgorithms -ecdsa-*\n" };
    let text = format!(
        "KexAlgorithms -ecdh-sha2-*,diffie-hellman-group14-*,diffie-hellman-group-exchange-*\n\
         MACs -hmac-sha1*,umac-64*,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512\n{host_keys}"
    );
    let look = r#"weak=$(echo "$t" | grep -E '^(kexalgorithms|macs) ' | grep -oE '(ecdh-sha2|diffie-hellman-group(14|-exchange)|hmac-sha1|umac-64)[^,]*' | head -n 1)
[ -z "$weak" ] || { echo "sshd offers $weak"; exit 1; }
echo "$t" | grep -qE '^kexalgorithms .*(mlkem|sntrup)' || { echo "sshd has no exchange for after quantum computers" >&2; exit 0; }"#;
    let what = "sshd offers no key exchange, code or host key that is thought to be weak";
    sshd("ciphers", what, 11, text, look)
}

/// Keys alone let somebody in, and nobody as root, unless root deploys. Who has not yet logged in holds little, and not for
/// long: these are what Debian 12's OpenSSH has against those who try on and on; newer ones also shut them out for a while.
fn log_ins(wanted: &Wanted) -> Requirement {
    let root = if wanted.user == "root" { "prohibit-password" } else { "no" };
    let text = format!(
        "PermitRootLogin {root}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitEmptyPasswords no\n\
         MaxAuthTries 3\nLoginGraceTime 20\nMaxStartups 50:30:200\nPerSourceMaxStartups 10\nLogLevel VERBOSE\n\
         X11Forwarding no\nAllowAgentForwarding no\nCompression no\nTCPKeepAlive no\n"
    );
    let look = r#"printf '%s' "$2" | tr 'A-Z' 'a-z' | sed 's/prohibit-password/without-password/; s/^loglevel verbose/loglevel VERBOSE/' |
    while read -r want; do
        echo "$t" | grep -qxi "$want" || { echo "another file of sshd's comes first: not set is $want"; exit 1; }
    done"#;
    let what = match wanted.user.as_str() {
        "root" => "by key alone; who tries on and on gets little".to_owned(),
        user => format!(
            "by key alone, and none as root, once {user} was seen to come in; who tries on and on gets little"
        ),
    };
    sshd("log-ins", &what, 12, text, look)
}

fn updates() -> Requirement {
    let text = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n\
                APT::Periodic::AutocleanInterval \"7\";\nUnattended-Upgrade::Automatic-Reboot \"false\";\n";
    DropIn {
        look: format!("{PACKAGES}lacks unattended-upgrades"),
        prepare: format!("{PACKAGES}need unattended-upgrades"),
        ..DropIn::file(
            "updates",
            "what mends security is installed each day (unattended-upgrades); reboots stay with people",
            format!("/etc/apt/apt.conf.d/60{NAME}-updates"),
            text.to_owned(),
        )
    }
    .requirement()
}

/// For those who come in by a console, or call sudo with one.
fn passwords() -> Requirement {
    DropIn {
        look: format!("{PACKAGES}lacks libpam-pwquality libpam-tmpdir"),
        prepare: format!("{PACKAGES}need libpam-pwquality libpam-tmpdir"),
        ..DropIn::file(
            "passwords",
            "a new one has 12 characters at least (libpam-pwquality), and each user a folder for temporary files (libpam-tmpdir)",
            format!("/etc/security/pwquality.conf.d/60-{NAME}.conf"),
            "minlen = 12\n".to_owned(),
        )
    }
    .requirement()
}

/// The file is the distribution's, so one line of it is changed, and changed back.
fn umask() -> Requirement {
    let edit = |mask: &str| format!("sed -i -E '/^UMASK[[:space:]]/s/[0-7]+$/{mask}/' /etc/login.defs");
    Requirement {
        undo: Some(edit("022")),
        ..requirement(
            "umask",
            "the home of a new user, and what is written there, is closed to others",
            r#"grep -qE '^UMASK[[:space:]]+027$' /etc/login.defs || { echo "/etc/login.defs says $(grep ^UMASK /etc/login.defs)"; exit 1; }"#,
            &edit("027"),
            &[],
        )
    }
}

/// As courts in some countries ask for.
const BANNER: &str = "\
This system is private. Only authorized users may access it; all access and use is logged and monitored.
Unauthorized access is prohibited, and evidence of it may be given to law enforcement.
";

fn banner(name: &'static str, file: &str) -> Requirement {
    let what = "whoever logs in is told that this is private and watched";
    DropIn {
        // The distribution's own comes back with the undoing.
        prepare: r#"[ -e "$1.dist" ] || [ ! -e "$1" ] || cp -p "$1" "$1.dist""#.to_owned(),
        apply: r#"[ -e "$1" ] || [ ! -e "$1.dist" ] || mv "$1.dist" "$1""#,
        ..DropIn::file(name, what, file.to_owned(), BANNER.to_owned())
    }
    .requirement()
}

/// In a container these are its machine's, but for those of its own network.
const KERNEL: &str = "\
dev.tty.ldisc_autoload = 0
fs.protected_fifos = 2
fs.protected_hardlinks = 1
fs.protected_regular = 2
fs.protected_symlinks = 1
fs.suid_dumpable = 0
kernel.core_uses_pid = 1
kernel.ctrl-alt-del = 0
kernel.dmesg_restrict = 1
kernel.kptr_restrict = 2
kernel.perf_event_paranoid = 3
kernel.randomize_va_space = 2
kernel.sysrq = 0
kernel.unprivileged_bpf_disabled = 1
kernel.yama.ptrace_scope = 1
net.core.bpf_jit_harden = 2
net.core.somaxconn = 4096
net.ipv4.conf.all.accept_redirects = 0
net.ipv4.conf.all.accept_source_route = 0
net.ipv4.conf.all.log_martians = 1
net.ipv4.conf.all.rp_filter = 1
net.ipv4.conf.all.send_redirects = 0
net.ipv4.conf.default.accept_redirects = 0
net.ipv4.conf.default.accept_source_route = 0
net.ipv4.conf.default.log_martians = 1
net.ipv4.conf.default.rp_filter = 1
net.ipv4.icmp_echo_ignore_broadcasts = 1
net.ipv4.icmp_ignore_bogus_error_responses = 1
net.ipv4.tcp_max_syn_backlog = 4096
net.ipv4.tcp_syncookies = 1
net.ipv6.conf.all.accept_redirects = 0
net.ipv6.conf.all.accept_source_route = 0
net.ipv6.conf.default.accept_redirects = 0
net.ipv6.conf.default.accept_source_route = 0
";

fn kernel() -> Requirement {
    DropIn {
        // A kernel that does not know one does without it.
        look: r#"only=.; [ ! -e /.dockerenv ] || only='^net'
grep "$only" "$1" | while read -r name _ want; do
    f=/proc/sys/$(echo "$name" | tr . /)
    [ ! -e "$f" ] || [ "$(cat "$f")" = "$want" ] || { echo "$name is $(cat "$f")"; exit 1; }
done"#.to_owned(),
        prepare: format!("{PACKAGES}need procps"),
        apply: r#"only=.; [ ! -e /.dockerenv ] || only='^net'
[ ! -e "$1" ] || grep "$only" "$1" | sysctl -e -q -p -"#,
        ..DropIn::file(
            "kernel",
            "tells no secrets to users, follows no redirects of the network, and keeps 4096 connections waiting for a server",
            format!("/etc/sysctl.d/60-{NAME}.conf"),
            KERNEL.to_owned(),
        )
    }
    .requirement()
}

fn modules() -> Requirement {
    let names =
        ["dccp", "firewire-core", "firewire-ohci", "firewire-sbp2", "rds", "sctp", "tipc", "usb-storage"];
    DropIn::file(
        "modules",
        "the kernel loads no rare protocols and no storage by USB or FireWire",
        format!("/etc/modprobe.d/{NAME}.conf"),
        names.iter().map(|name| format!("blacklist {name}\ninstall {name} /bin/false\n")).collect(),
    )
    .requirement()
}

fn core_dumps() -> Requirement {
    DropIn::file(
        "core dumps",
        "no program that crashes leaves its memory on the disk",
        format!("/etc/security/limits.d/60-{NAME}.conf"),
        "* hard core 0\n* soft core 0\nroot hard core 0\nroot soft core 0\n".to_owned(),
    )
    .requirement()
}

fn shells() -> Requirement {
    DropIn::file(
        "shells",
        "a shell in which nobody types for 15 min ends, and no core is dumped from it",
        format!("/etc/profile.d/{NAME}.sh"),
        "if [ -z \"${TMOUT:-}\" ]; then\n    TMOUT=900\n    readonly TMOUT\n    export TMOUT\nfi\nulimit -c 0\n".to_owned(),
    )
    .requirement()
}
