use std::fs;

use camino::Utf8Path;

use super::*;
use crate::tools::files::private::Folder;
use crate::tools::process::shell;

/// Runs a script as the container does, without being root. Gives what it prints.
fn run(folder: &Utf8Path, verb: &str, given: &[(&str, &str)]) -> String {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let user = rustix::process::getuid().as_raw().to_string();
    let told = Run::new(cmd!(shell(), "sh -c {SCRIPT} container-folder {verb} {folder} {user}"))
        .stdin(lines(&given));
    told.checked().unwrap().stdout
}

fn files(folder: &Utf8Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder.join("secrets")).unwrap().map(Result::unwrap);
    let file = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

fn map(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn what_a_deploy_gives_is_added_and_what_monitor_up_gives_replaces_all_and_names_what_goes() {
    let folder = Folder::new().unwrap();
    let folder = folder.path();
    let (mail, slack, other) =
        (("alarm_smtp", "smtps://a b'c$d"), ("slack_webhook_url", "1"), ("slack_webhook_url", "2"));
    assert_eq!(run(folder, "add", &[mail, slack]), "");
    assert_eq!(files(folder), map(&[mail, slack]));
    assert_eq!(run(folder, "add", &[other]), "");
    assert_eq!(files(folder), map(&[mail, other]));
    // The new container does not do its work.
    run(folder, "put-back", &[]);
    assert_eq!(files(folder), map(&[mail, slack]));
    run(folder, "put-back", &[]);
    assert_eq!(files(folder), map(&[mail, slack]), "once is enough");
    assert_eq!(run(folder, "replace", &[other]), "alarm_smtp\n");
    assert_eq!(files(folder), map(&[other]));
    run(folder, "forget", &[]);
    assert!(!folder.join("before").exists());
    run(folder, "make", &[]);
    assert_eq!(files(folder), map(&[other]));
    // It was killed between its two moves.
    fs::rename(folder.join("secrets"), folder.join("before")).unwrap();
    assert_eq!(run(folder, "add", &[mail]), "");
    assert_eq!(files(folder), map(&[mail, other]));
    run(folder, "empty", &[]);
    assert!(!folder.join("secrets").exists() && !folder.join("before").exists());
}
