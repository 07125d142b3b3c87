//! With age and sops themselves.

use camino::Utf8Path;
use xshell::cmd;

use super::*;
use crate::tools::process::shell_in;

/// A private key and its public one.
fn pair(folder: &Utf8Path, name: &str) -> (Utf8PathBuf, String) {
    let file = folder.join(name);
    let sh = shell_in(folder.as_std_path());
    Run::new(cmd!(sh, "age-keygen -o {file}")).run().unwrap();
    let public = Run::new(cmd!(sh, "age-keygen -y {file}")).text().unwrap();
    (file, public)
}

fn list(names: &[(&str, &str)]) -> Recipients {
    let mut recipients = Recipients::default();
    names.iter().for_each(|(name, key)| recipients.add(name, key).unwrap());
    recipients
}

fn open(file: &Utf8Path, key: &Utf8Path) -> Result<Values> {
    let file = SecretFile::read(file)?.unwrap();
    let identity = Identity::checked(fs::read_to_string(key)?, "a test's".to_owned())?;
    let key = identity.open(file.sealed.keys())?.context("for others")?;
    OpenFile { file, key }.values()
}

#[test]
fn sops_reads_what_xtask_wrote_and_xtask_reads_what_sops_wrote() {
    let sops = setup::require(Tool::Sops).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let ((mine, my_public), (other, other_public)) = (pair(folder, "mine"), pair(folder, "other"));
    let file = folder.join("staging.env");
    let made = OpenFile::new(file.clone(), &list(&[("ada", &my_public), ("ci", &other_public)])).unwrap();
    let key = "-----BEGIN X-----\nabc==\n-----END X-----\n";
    made.change(&[("JWT_SECRET", Some("a secret, 'é' \"$x\" #no comment")), ("STAGING_SSH_KEY", Some(key))])
        .unwrap();

    let sh = shell_in(folder.as_std_path());
    let dotenv = ["--input-type", "dotenv", "--output-type", "dotenv"];
    let read = cmd!(sh, "{sops} decrypt {dotenv...} {file}").env("SOPS_AGE_KEY_FILE", &mine);
    let text = Run::new(read).text().unwrap();
    assert_eq!(
        text,
        "JWT_SECRET=a secret, 'é' \"$x\" #no comment\nSTAGING_SSH_KEY=-----BEGIN X-----\\nabc==\\n-----END X-----\\n"
    );

    // In JSON, as sops wants a value.
    let (at, value) = (r#"["JWT_SECRET"]"#, r#""changed by sops""#);
    let write = cmd!(sh, "{sops} set {file} {at} {value}").env("SOPS_AGE_KEY_FILE", &other);
    Run::new(write).run().unwrap();
    for key_file in [&mine, &other] {
        let values = open(&file, key_file).unwrap();
        assert_eq!(values[0], ("JWT_SECRET".to_owned(), "changed by sops".to_owned()));
        assert_eq!(values[1], ("STAGING_SSH_KEY".to_owned(), key.to_owned()));
    }
}

#[test]
fn who_was_shown_out_can_t_read_what_is_written_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let ((ada, ada_public), (bob, bob_public)) = (pair(folder, "ada"), pair(folder, "bob"));
    let file = folder.join("staging.env");
    let mut recipients = list(&[("ada", &ada_public), ("bob", &bob_public)]);
    let made = OpenFile::new(file.clone(), &recipients).unwrap();
    made.change(&[("JWT_SECRET", Some("the first"))]).unwrap();
    assert!(open(&file, &bob).is_ok());
    recipients.remove("bob", vec!["JWT_SECRET".to_owned()], "2026-01-03").unwrap();
    let identity = Identity::checked(fs::read_to_string(&ada).unwrap(), "a test's".to_owned()).unwrap();
    let read = SecretFile::read(&file).unwrap().unwrap();
    let old = identity.open(read.sealed.keys()).unwrap().unwrap();
    OpenFile { file: read, key: old.clone() }.give_to(&recipients, true).unwrap();
    assert!(open(&file, &bob).is_err() && open(&file, &ada).is_ok());
    // Nor with the data key that he may have kept.
    let read = SecretFile::read(&file).unwrap().unwrap();
    assert!(read.sealed.open(&old).is_err());
}

#[test]
fn what_somebody_could_read_who_has_left_is_due_until_it_has_another_value_or_a_reason() {
    let key = |letter: char| format!("age1{}", letter.to_string().repeat(58));
    let mut recipients = list(&[("ada", &key('q')), ("bob", &key('p'))]);
    assert!(recipients.add("carol", &key('q')).is_err(), "the key is ada's");
    assert!(recipients.add("carol", "age1typo").is_err());
    recipients.remove("bob", vec!["A".into(), "B".into()], "2026-01-03").unwrap();
    assert!(recipients.remove("ada", vec![], "2026-01-03").is_err(), "the last one");
    recipients.changed(&["A"]);
    assert_eq!(recipients.due(), [("B", "bob", "2026-01-03")]);
    assert_eq!(
        due_to(&recipients),
        ["B is known to somebody who left on 2026-01-03"],
        "a host learns no names"
    );
    let there = Recipients::parse(&recipients.to_string()).unwrap();
    assert_eq!(there, recipients);
    assert!(
        recipients.waive("B", "2026-01-04", "no").is_err()
            && recipients.waive("A", "2026-01-04", "it was changed").is_err()
    );
    recipients.waive("B", "2026-01-04", "it opens nothing any more").unwrap();
    assert!(recipients.due().is_empty());
    assert!(recipients.to_string().contains("~ bob B 2026-01-04 it opens nothing any more"), "{recipients}");
    assert_eq!(Recipients::parse(&recipients.to_string()).unwrap(), recipients);
}

#[test]
fn a_key_with_a_passphrase_and_what_is_no_key_are_refused_with_what_to_do() {
    for text in ["age-encryption.org/v1\n-> scrypt", "-----BEGIN AGE ENCRYPTED FILE-----\n"] {
        let error = Identity::checked(text.to_owned(), "the key in X".to_owned()).err().unwrap().to_string();
        assert!(error.contains("passphrase") && error.contains("SOPS_AGE_KEY"), "{error}");
    }
    let error =
        Identity::checked("a public age1…".to_owned(), "the key in X".to_owned()).err().unwrap().to_string();
    assert!(error.contains("is no private key") && !error.contains("a public"), "{error}");
}

#[test]
fn what_the_documents_say_to_set_has_the_form_of_its_row() {
    let staging = crate::project::Environment::named("staging").unwrap();
    let rows = table::rows(&staging);
    for (name, value) in [
        ("SMTP_URL", "smtps://USER:PASSWORD@HOST:465?from=ADDRESS"),
        ("SMTP_URL", "smtp://HOST:587?tls=required&from=ADDRESS"),
        ("SENTRY_DSN", "https://KEY@sentry.example/1"),
        ("SLACK_WEBHOOK_URL", "https://hooks.example/services/T/B/X"),
        ("ALARM_SMTP", "smtps://USER:PASSWORD@HOST?from=ADDRESS&to=ADDRESS"),
        ("LOGS_LOGIN", "USER:PASSWORD"),
    ] {
        let row = rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!(row.form.problem(value), None, "{name}");
    }
}
