//! What the database calls with its WAL, and when the archiver makes a base backup.

use std::fs;
use std::process::Command;

use camino::Utf8Path;

const SPOOL: &str = include_str!("../scripts/spool-for-pgbackrest.sh");
const ARCHIVER: &str = concat!(include_str!("../scripts/moments.sh"), include_str!("../scripts/archiver.sh"));

#[test]
fn wal_waits_within_a_bound_and_is_let_go_where_nobody_archives_and_neither_stops_the_database() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(temporary.path()).unwrap();
    let (spool, wal) = (folder.join("wal"), folder.join("segment"));
    fs::write(&wal, vec![b'x'; 64 << 10]).unwrap();
    let call = |name: &str, bounds: &str| {
        let text = SPOOL.replace("/backups/wal", spool.as_str());
        let text = text.replace("most=1048576 least=524288", bounds);
        let output = Command::new("sh").args(["-c", &text, "spool", wal.as_str(), name]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let there = || {
        let mut names: Vec<_> =
            spool.read_dir_utf8().unwrap().map(|it| it.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    };
    call("01", "most=1048576 least=0");
    assert!(!spool.exists(), "nobody archives");
    fs::create_dir(&spool).unwrap();
    call("01", "most=1048576 least=0");
    // Again, since the answer was lost.
    call("01", "most=1048576 least=0");
    assert_eq!(there(), ["01"]);
    assert_eq!(fs::read(spool.join("01")).unwrap(), fs::read(&wal).unwrap());
    call("02", "most=64 least=0");
    assert_eq!(there(), ["01", "lost"], "as much waits as may");
    fs::remove_file(spool.join("lost")).unwrap();
    call("02", "most=1048576 least=9000000000000");
    assert_eq!(there(), ["01", "lost"], "the disk is nearly full");
}

#[test]
fn a_base_backup_is_due_after_the_night_s_hour_and_after_a_hole() {
    let temporary = tempfile::tempdir().unwrap();
    let state = Utf8Path::from_path(temporary.path()).unwrap();
    // Its functions, without what they are called by.
    let text = ARCHIVER.replace(". /scripts/moments.sh", "").replace("/state/", &format!("{state}/"));
    let functions = text.split("\ncase $1 in\n").next().unwrap();
    let is_due = |now: &str, base: &str, is_lost: bool| {
        fs::write(state.join(".base"), format!(r#"{{"at":"{base}","kind":"diff"}}"#)).unwrap();
        let lost = state.join(".lost");
        if is_lost {
            fs::write(lost, "").unwrap()
        } else {
            drop(fs::remove_file(lost))
        }
        let script = format!(
            "{functions}\nhour=1\ndate() {{ case $* in +%s) echo {now} ;; *) command date \"$@\" ;; esac; }}\nis_due"
        );
        Command::new("sh").args(["-c", &script, "archiver"]).status().unwrap().success()
    };
    // 2026-01-04, half past midnight, and noon.
    for (now, base, is_lost, due) in [
        ("1767486600", "2026-01-03T01:00:00Z", false, false),
        ("1767486600", "2026-01-03T00:59:59Z", false, true),
        ("1767528000", "2026-01-04T01:00:00Z", false, false),
        ("1767528000", "2026-01-04T00:59:59Z", false, true),
        ("1767528000", "2026-01-04T01:00:00Z", true, true),
    ] {
        assert_eq!(is_due(now, base, is_lost), due, "{now} {base} {is_lost}");
    }
}

#[test]
fn wal_that_the_store_has_not_taken_stays_and_is_sent_in_its_order() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(temporary.path()).unwrap();
    let spool = folder.join("wal");
    fs::create_dir(&spool).unwrap();
    // The folder's own path may begin with the first.
    let text = ARCHIVER.replace(". /scripts/moments.sh", "").replace("/tmp/", &format!("{folder}/"));
    let text = text.replace("/backups/", &format!("{folder}/"));
    let functions = text.split("\ncase $1 in\n").next().unwrap();
    for name in ["02", "01", "03", ".next", "lost"] {
        fs::write(spool.join(name), "").unwrap();
    }
    // The store refuses one; as both call it, who waits for it and who does not.
    let push = |refused: &str| {
        let script = format!(
            "{functions}\nstanza=1\npgbackrest() {{ for a; do :; done; case $a in *{refused}) return 1 ;; esac; echo ${{a##*/}} >>{folder}/sent; }}\npush || :"
        );
        assert!(Command::new("sh").args(["-c", &script, "archiver"]).status().unwrap().success());
        fs::read_to_string(folder.join("sent")).unwrap()
    };
    assert_eq!(push("02"), "01\n");
    assert!(!spool.join("01").exists() && spool.join("02").exists() && spool.join("03").exists());
    assert_eq!(push("nothing"), "01\n02\n03\n");
    assert!(spool.join(".next").exists() && spool.join("lost").exists());
}

#[test]
fn of_another_cluster_there_is_no_base_backup_and_no_wal_that_waits() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(temporary.path()).unwrap();
    let text = ARCHIVER.replace(". /scripts/moments.sh", "").replace("/tmp/", &format!("{folder}/"));
    let text = ["/backups/", "/state/", "/run/secrets/"]
        .iter()
        .fold(text, |text, path| text.replace(path, &format!("{folder}/")));
    let functions = text.split("\ncase $1 in\n").next().unwrap();
    for secret in ["backup_s3_key_id", "backup_s3_secret", "backup_cipher_key"] {
        fs::write(folder.join(secret), "hidden").unwrap();
    }
    let configure = |cluster: &str| {
        let script = format!(
            "{functions}\npg_controldata() {{ echo 'Database system identifier:  {cluster}'; }}\nconfigure bucket/here/lab store us-east-1 '' 0a1b 14"
        );
        assert!(Command::new("sh").args(["-c", &script, "archiver"]).status().unwrap().success());
    };
    let waits = folder.join("wal/01");
    configure("1");
    fs::create_dir(folder.join("wal")).unwrap();
    fs::write(&waits, "").unwrap();
    fs::write(folder.join(".base"), "").unwrap();
    configure("1");
    assert!(waits.exists() && folder.join(".base").exists(), "it was only started again");
    configure("2");
    assert!(!waits.exists() && !folder.join(".base").exists());
    let told = fs::read_to_string(folder.join("pgbackrest.conf")).unwrap();
    for line in
        ["repo1-path=/here/lab/archive-0a1b", "repo1-s3-bucket=bucket", "[2]", "repo1-s3-uri-style=path"]
    {
        assert!(told.lines().any(|it| it == line), "{line}: {told}");
    }
}
