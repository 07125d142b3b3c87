//! The script that looks at the files of papers and brings some back, in a folder of the test's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::host::papers::SCRIPT;
use crate::tools::files::hex::hex;

const ORGANISATION: &str = "01946c1a-0000-7000-8000-000000000001";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for name in ["bin", "tmp", "papers", "new"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    fn call(&self, verb: &str, input: &[u8]) -> Output {
        let here = self.path("");
        let moved =
            SCRIPT.replace("/tmp/", &format!("{here}tmp/")).replace("/papers", &format!("{here}papers"));
        let path = format!("{}:{}", self.path("bin"), std::env::var("PATH").unwrap());
        fs::write(self.path("input"), input).unwrap();
        let me = rustix::process::getuid().as_raw().to_string();
        let input = Stdio::from(fs::File::open(self.path("input")).unwrap());
        Command::new("sh")
            .args(["-c", &moved, "papers", verb, &me])
            .stdin(input)
            .env("PATH", path)
            .output()
            .unwrap()
    }

    /// What is lacking of these.
    fn lacking(&self, names: &[&str]) -> Vec<String> {
        let list: String = names.iter().map(|name| format!("{name} 1\n")).collect();
        let output = self.call("check", list.as_bytes());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Brings this content under that name.
    fn bring(&self, files: &[(&str, &str)]) -> Output {
        fs::remove_dir_all(self.path("new")).unwrap();
        for (name, content) in files {
            let file = self.path("new").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let archive =
            Command::new("tar").args(["-C", self.path("new").as_str(), "-cf", "-", "."]).output().unwrap();
        self.call("receive", &archive.stdout)
    }
}

fn name(content: &str) -> String {
    format!("{ORGANISATION}/{}", hex(&Sha256::digest(content)))
}

#[test]
fn what_is_missing_or_damaged_is_named_and_what_was_not_read_is_not_well() {
    let folder = Folder::new();
    let (whole, damaged, missing) = (name("whole"), name("damaged"), name("missing"));
    assert!(folder.bring(&[(&whole, "whole"), (&damaged, "damaged")]).status.success());
    assert_eq!(folder.lacking(&[]), [""; 0]);
    assert_eq!(folder.lacking(&[&whole, &damaged]), [""; 0]);
    fs::write(folder.path("papers").join(&damaged), "other").unwrap();
    let found = folder.lacking(&[&whole, &damaged, &missing]);
    assert_eq!(found, [format!("damaged {damaged}"), format!("missing {missing}")]);
    for list in ["../../etc/passwd 1\n", "half a li"] {
        assert!(!folder.call("check", list.as_bytes()).status.success(), "{list}");
    }
    // Whoever reads them is ended after the first.
    let reader = folder.path("bin/sha256sum");
    fs::write(&reader, "#!/bin/sh\necho a: OK\nkill -9 $$\n").unwrap();
    fs::set_permissions(&reader, fs::Permissions::from_mode(0o755)).unwrap();
    let list = format!("{whole} 1\n{damaged} 1\n");
    assert!(!folder.call("check", list.as_bytes()).status.success());
}

#[test]
fn what_comes_gets_its_place_when_it_is_what_its_name_says_and_half_an_archive_brings_nothing() {
    let folder = Folder::new();
    let (one, two) = (name("one"), name("two"));
    let output = folder.bring(&[(&one, "another")]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("something else"), "{output:?}");
    assert!(!folder.bring(&[("notes/readme", "one")]).status.success());
    assert_eq!(folder.lacking(&[&one]), [format!("missing {one}")]);
    // A damaged one is replaced.
    assert!(folder.bring(&[(&one, "one")]).status.success());
    fs::write(folder.path("papers").join(&one), "damaged").unwrap();
    let mark = folder.path("papers").join(format!("{one}.unneeded"));
    fs::write(&mark, "").unwrap();
    assert!(folder.bring(&[(&one, "one"), (&two, "two")]).status.success());
    assert!(!mark.exists(), "the app would remove it again");
    assert_eq!(folder.lacking(&[&one, &two]), [""; 0]);
    fs::remove_file(folder.path("papers").join(&two)).unwrap();
    let archive =
        Command::new("tar").args(["-C", folder.path("new").as_str(), "-cf", "-", "."]).output().unwrap();
    assert!(!folder.call("receive", &archive.stdout[..600]).status.success());
    assert_eq!(folder.lacking(&[&two]), [format!("missing {two}")]);
    let left: Vec<_> =
        fs::read_dir(folder.path("papers")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, [ORGANISATION]);
}

#[test]
fn what_one_machine_sends_another_one_takes_and_nothing_else() {
    let (from, to) = (Folder::new(), Folder::new());
    let names = ["one", "two", "three"].map(name);
    let files: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(["one", "two", "three"]).collect();
    assert!(from.bring(&files).status.success());
    let sent = from.call("send", format!("{}\n{}\n", names[0], names[2]).as_bytes());
    assert!(sent.status.success() && to.call("receive", &sent.stdout).status.success(), "{sent:?}");
    assert_eq!(to.lacking(&[&names[0], &names[1], &names[2]]), [format!("missing {}", names[1])]);
    assert!(!from.call("send", format!("{}\n", name("four")).as_bytes()).status.success());
}
