//! A requirement that is one file of its own, beside those that the machine came with: to write it is to do it, and to remove it is
//! the way back.

use super::{Requirement, prerequisites, requirement};

/// Such a file.
pub(super) struct DropIn<'a> {
    /// In one or two words.
    pub name: &'static str,
    /// What it is for.
    pub what: &'a str,
    /// Where it is.
    pub path: String,
    /// What is in it.
    pub text: String,
    /// Its rights, in octal.
    pub mode: &'static str,
    /// In sh: prints what is missing, and ends with 1, unless the machine does what the file says.
    pub look: String,
    /// In sh: what it needs first.
    pub prepare: String,
    /// In sh: fails when the machine would not take the file, which is then put away again.
    pub check: &'static str,
    /// In sh: what has the machine read it, and read it again when it is gone.
    pub apply: &'static str,
}

/// `need NAME…` installs packages that are not there, by the list of packages that the machine has, or a newer one.
/// `lacks NAME…` says which one is not there.
pub(super) const PACKAGES: &str = r#"has() { [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]; }
get() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }
need() { for p in "$@"; do has "$p" || get "$@" || { apt-get update -q && get "$@"; }; done; }
lacks() { for p in "$@"; do has "$p" || { echo "no package $p"; exit 1; }; done; }
"#;

/// `$1` is the path, `$2` the text, `$3` the rights.
const LOOK: &str = r#"[ -e "$1" ] || { echo "there is no $1"; exit 1; }
printf '%s' "$2" | cmp -s - "$1" || { echo "$1 says something else"; exit 1; }
"#;
const WRITE: &str = r#"mkdir -p "$(dirname "$1")"
printf '%s' "$2" >"$1.next"; chmod "$3" "$1.next"
had=; [ ! -e "$1" ] || { had=1; cp -p "$1" "$1.before"; }
mv "$1.next" "$1"
back() { rm -f "$1"; [ -z "$had" ] || mv "$1.before" "$1"; exit 1; }
"#;

impl<'a> DropIn<'a> {
    /// Nothing else than the file.
    pub fn file(name: &'static str, what: &'a str, path: String, text: String) -> DropIn<'a> {
        DropIn {
            name,
            what,
            path,
            text,
            mode: "0644",
            look: String::new(),
            prepare: String::new(),
            check: "",
            apply: "",
        }
    }

    pub fn requirement(self) -> Requirement {
        let DropIn { name, what, path, text, mode, look, prepare, check, apply } = self;
        let check = if check.is_empty() { String::new() } else { format!("{{ {check}; }} || back \"$1\"\n") };
        let mend = format!("set -e; umask 022\n{prepare}\n{WRITE}{check}rm -f \"$1.before\"\n{apply}");
        Requirement {
            undo: Some(format!("set -e; rm -f \"$1\"\n{apply}")),
            timeout: prerequisites::INSTALL_TIMEOUT,
            ..requirement(name, what, &format!("{LOOK}{look}"), &mend, &[&path, &text, mode])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::setup::host::{Admin, State};
    use crate::tools::ssh::host_shell::HostShell;

    #[test]
    fn a_file_of_its_own_is_written_kept_as_it_is_and_removed() {
        let (shell, folder) = (HostShell::here(), tempfile::tempdir().unwrap());
        let admin = Admin { shell: &shell, sudo: false };
        let path = folder.path().join("a/file.conf");
        let requirement = |check| {
            let (path, text) = (path.to_str().unwrap().to_owned(), "one\ntwo 'three'\n".to_owned());
            DropIn { mode: "0640", check, ..DropIn::file("file", "", path, text) }.requirement()
        };
        assert_ne!(admin.look(&requirement("")).unwrap(), State::Right);
        assert!(admin.mend(&requirement("false"), &|_| ()).is_err(), "the machine would not take it");
        assert!(!path.exists());
        admin.mend(&requirement("grep -q three \"$1\""), &|_| ()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo 'three'\n");
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o640);
        fs::write(&path, "somebody's own\n").unwrap();
        assert_eq!(
            admin.look(&requirement("")).unwrap(),
            State::Missing(format!("{} says something else", path.display()))
        );
        assert!(admin.mend(&requirement("false"), &|_| ()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's own\n", "what was there is there again");
        admin.mend(&requirement(""), &|_| ()).unwrap();
        admin.undo(&requirement("")).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "nothing is left beside it");
    }
}
