//! Other keys for those that a host has: of who comes in, and its own. The new one is there before the old one ends, and each
//! script may have been done before, wholly or in part.

use anyhow::{Context, Result};

use super::Admin;
use super::prerequisites::{ADD_KEY, RELOAD_SSHD};
use crate::tools::ssh::host_shell::Script;
use crate::tools::ssh::keys::HostKeys;

/// `$1` the user, `$2` a key, `$3` its line: in place of another line of the same key.
const LET_IN: Script = Script::new("letting a key in", ADD_KEY);
/// Of the user `$1` and of root, as far as this one may look, the key `$2`.
const END: Script = Script::new(
    "ending a key",
    r#"set -e
for f in "$(getent passwd "$1" | cut -d: -f6)/.ssh/authorized_keys" /root/.ssh/authorized_keys; do
    grep -qF -e "$2" "$f" 2>/dev/null || continue
    cp -p "$f" "$f.next"
    grep -vF -e "$2" "$f" >"$f.next" || :
    mv "$f.next" "$f"
done"#,
);
/// The host's own key, and the one that is to take its place: what a cut exchange has left is put right first.
const OWN: &str = r#"k=/etc/ssh/ssh_host_ed25519_key; umask 077
[ ! -e $k.next.pub ] || [ -e $k.next ] || rm -f $k.next.pub
{ [ -e $k.pub ] && ssh-keygen -y -f $k | cut -d ' ' -f 1,2 | grep -qxF -e "$(cut -d ' ' -f 1,2 $k.pub)"; } || ssh-keygen -y -f $k >$k.pub
"#;
const OWN_KEYS: &str = r#"show() { [ ! -e "$2" ] || echo "$1 $(ssh-keygen -y -f "$2" | cut -d ' ' -f 1,2)"; }
show now $k; show next $k.next; show old $k.old"#;
const MAKE_NEXT: &str = r#"[ -e $k.next ] || { ssh-keygen -q -t ed25519 -N '' -C '' -f $k.new && mv $k.new.pub $k.next.pub && mv $k.new $k.next; }"#;
const TAKE_NEXT: &str = r#"[ -e $k.old ] || cp -p $k $k.old
[ ! -e $k.next ] || { mv $k.next $k; rm -f $k.next.pub; ssh-keygen -y -f $k >$k.pub; }
chmod 0644 $k.pub"#;
const PUT_BACK: &str =
    r#"[ ! -e $k.old ] || { mv $k $k.next; mv $k.old $k; ssh-keygen -y -f $k >$k.pub; chmod 0644 $k.pub; }"#;
/// Those of other kinds are made anew, too: they are as old.
const END_OLD: &str =
    r#"rm -f $k.old /etc/ssh/ssh_host_rsa_key* /etc/ssh/ssh_host_ecdsa_key*; ssh-keygen -A >/dev/null"#;

/// The host's own Ed25519 keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnKeys {
    /// What sshd shows once it has read it.
    pub now: HostKeys,
    /// What is to take its place.
    pub next: Option<HostKeys>,
    /// What was in its place, until the new one is tried.
    pub old: Option<HostKeys>,
}

impl OwnKeys {
    fn parse(told: &str) -> Option<OwnKeys> {
        let key = |name: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
            HostKeys::parse(line).ok()
        };
        Some(OwnKeys { now: key("now")?, next: key("next"), old: key("old") })
    }
}

/// Lets a key in as this user, by its public half and the line of `authorized_keys` that it is to have. The user itself may.
pub fn let_in(admin: &Admin, user: &str, key: &str, line: &str) -> Result<()> {
    Ok(admin.shell.script(LET_IN, &[user, key, line], "").map(drop)?)
}

/// A key no longer lets anybody in, as this user or as root.
pub fn end(admin: &Admin, user: &str, key: &str) -> Result<()> {
    if admin.sudo {
        return admin.script("ending a key", END.text, &[user, key]).map(drop);
    }
    Ok(admin.shell.script(END, &[user, key], "").map(drop)?)
}

/// The host's own keys.
pub fn own(admin: &Admin) -> Result<OwnKeys> {
    let told = admin.script("looking at the host's keys", &format!("{OWN}{OWN_KEYS}"), &[])?;
    OwnKeys::parse(&told).with_context(|| format!("the host described its keys as {told:?}"))
}

/// Makes one that is to take the present one's place, unless there is one.
pub fn make_next(admin: &Admin) -> Result<()> {
    admin.script("making a host key", &format!("set -e\n{OWN}{MAKE_NEXT}"), &[]).map(drop)
}

/// The new one takes the place; the old one is kept beside it.
pub fn take_next(admin: &Admin) -> Result<()> {
    admin.script("changing the host key", &format!("set -e\n{OWN}{TAKE_NEXT}\n{RELOAD_SSHD}"), &[]).map(drop)
}

/// The old one is shown again, and the new one waits.
pub fn put_back(admin: &Admin) -> Result<()> {
    admin
        .script("taking the host key back", &format!("set -e\n{OWN}{PUT_BACK}\n{RELOAD_SSHD}"), &[])
        .map(drop)
}

/// The old one is gone.
pub fn end_old(admin: &Admin) -> Result<()> {
    admin.script("ending the old host key", &format!("set -e\n{OWN}{END_OLD}\n{RELOAD_SSHD}"), &[]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell_in};

    /// A folder in place of `/etc/ssh`, in which scripts run as on a host, without an sshd to tell.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new() -> Host {
            let host = Host(tempfile::tempdir().unwrap());
            let path = host.0.path().join("ssh_host_ed25519_key");
            let sh = shell_in(camino::Utf8Path::from_path(host.0.path()).unwrap());
            Run::new(cmd!(sh, "ssh-keygen -q -t ed25519 -N '' -C '' -f {path}")).run().unwrap();
            host
        }

        fn run(&self, script: &str) -> String {
            let folder = camino::Utf8Path::from_path(self.0.path()).unwrap();
            let script = format!("set -e\n{OWN}{script}")
                .replace("/etc/ssh", folder.as_str())
                .replace("ssh-keygen -A >/dev/null", ":");
            let sh = shell_in(folder);
            Run::new(cmd!(sh, "sh -c {script}")).text().unwrap()
        }

        fn keys(&self) -> OwnKeys {
            OwnKeys::parse(&self.run(OWN_KEYS)).unwrap()
        }
    }

    #[test]
    fn a_new_host_key_takes_the_place_of_the_old_one_which_comes_back_or_ends() {
        let host = Host::new();
        let old = host.keys().now;
        assert_eq!(host.keys(), OwnKeys { now: old.clone(), next: None, old: None });
        host.run(MAKE_NEXT);
        let next = host.keys().next.unwrap();
        host.run(MAKE_NEXT);
        assert_eq!(host.keys().next.as_ref(), Some(&next), "one is made once");
        host.run(TAKE_NEXT);
        host.run(TAKE_NEXT);
        let taken = OwnKeys { now: next.clone(), next: None, old: Some(old.clone()) };
        assert_eq!(host.keys(), taken);
        host.run(PUT_BACK);
        assert_eq!(host.keys(), OwnKeys { now: old, next: Some(next.clone()), old: None });
        host.run(TAKE_NEXT);
        host.run(END_OLD);
        assert_eq!(host.keys(), OwnKeys { now: next, next: None, old: None });
        assert_eq!(fs::read_dir(host.0.path()).unwrap().count(), 2, "the key and its public half");
    }

    #[test]
    fn an_exchange_that_was_cut_between_two_files_goes_on() {
        let host = Host::new();
        host.run(MAKE_NEXT);
        let next = host.keys().next.unwrap();
        host.run("cp -p $k $k.old; mv $k.next $k");
        assert_eq!(host.keys().now, next, "the public half is made again");
        host.run(TAKE_NEXT);
        assert_eq!(host.keys().now, next);
        let public = fs::read_to_string(host.0.path().join("ssh_host_ed25519_key.pub")).unwrap();
        assert_eq!(HostKeys::parse(public.trim()).unwrap(), next);
    }
}
