use xshell::cmd;

use super::*;
use crate::rollout::simulation;
use crate::tools::process::{Run, shell_in};

#[test]
fn the_versions_of_a_release_are_known_before_its_secrets_are_made_or_changed() {
    let [first, ..] = SECRETS else { panic!("there are secrets") };
    let supplied = |versions: &[(&str, u32)], changed| SuppliedSecrets {
        values: BTreeMap::new(),
        versions: versions.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect(),
        newest: versions.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect(),
        revoked: BTreeSet::new(),
        changed,
    };
    assert_eq!(supplied(&[], vec![]).versions_to_come()[first.name], 1, "made by the platform's start");
    assert_eq!(
        supplied(&[], vec![first]).versions_to_come()[first.name],
        1,
        "given before anything is there"
    );
    assert_eq!(supplied(&[(first.name, 3)], vec![]).versions_to_come()[first.name], 3);
    assert_eq!(supplied(&[(first.name, 3)], vec![first]).versions_to_come()[first.name], 4);
}

#[test]
fn two_passwords_of_a_role_are_good_at_once_and_whom_a_third_would_shut_out_is_named() {
    let app = SECRETS.iter().find(|secret| secret.roles.is_some()).expect("a password of a role");
    let release = |number, version: Option<u32>| {
        let mut release = simulation::release(number, 1);
        release.contents.secrets =
            version.map(|version| (app.name.to_owned(), version)).into_iter().collect();
        release
    };
    // The first is from before releases said it.
    let kept = [release(1, None), release(2, Some(1)), release(3, Some(2))];
    let shut_out = |newest: u32, revoked: &[u32]| {
        let supplied = SuppliedSecrets {
            values: BTreeMap::new(),
            versions: BTreeMap::new(),
            newest: BTreeMap::from([(app.name.to_owned(), newest)]),
            revoked: revoked.iter().map(|version| (app.name.to_owned(), *version)).collect(),
            changed: vec![app],
        };
        supplied.shut_out(&kept).iter().map(|(_, version, id)| (*version, (*id).clone())).collect::<Vec<_>>()
    };
    let id = |release: usize| kept[release - 1].id.clone();
    assert_eq!(shut_out(1, &[]), [], "the second takes the other name");
    assert_eq!(shut_out(2, &[]), [(1, id(1)), (1, id(2))]);
    assert_eq!(shut_out(2, &[1]), []);
    assert_eq!(shut_out(3, &[1]), [(2, id(3))]);
}

#[test]
fn a_secret_whose_sender_dies_is_not_written() {
    let (folder, me) = (tempfile::tempdir().unwrap(), rustix::process::getuid().as_raw().to_string());
    let write = |input: &[u8]| {
        let mark = "";
        let sh = shell_in(folder.path());
        Run::new(cmd!(sh, "sh -c {WRITE} secrets key 1 {me} {mark}")).stdin(input).succeeds().unwrap()
    };
    let there = || std::fs::read_dir(folder.path().join("key")).unwrap().count();
    let value = b" a secret\nof two lines, \xff\0 and no text \n\n";
    let whole = framed(value);
    for cut in 0..whole.len() {
        assert!(!write(&whole[..cut]), "{cut} bytes came");
        assert_eq!(there(), 0, "{cut} bytes came");
    }
    assert!(write(&whole));
    assert_eq!(std::fs::read(folder.path().join("key/1")).unwrap(), value, "to the last byte");
    assert_eq!(there(), 1);
}

#[test]
fn a_secret_is_the_same_with_and_without_an_end_of_line_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let stored: [&[u8]; 4] = [b"a key\n", b"a key", b"a key\r\n", b"another\n"];
    for (version, value) in stored.iter().enumerate() {
        std::fs::write(folder.path().join(version.to_string()), value).unwrap();
    }
    let given = hex(without_line_end(b"a key\n"));
    let lines: String = (0..stored.len()).map(|version| format!("{version} {given}\n")).collect();
    let sh = shell_in(folder.path());
    let told = Run::new(cmd!(sh, "sh -c {COMPARE}")).stdin(lines).text().unwrap();
    assert_eq!(told, "3");
    assert_eq!(without_line_end(b"\n\r\n"), b"");
}
