//! Secrets in the repository, with age itself.

mod in_the_open;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::fake_project::{CommandOutput, FakeProject, send};
use crate::monitor::provider;

const FILE: &str = "tracehub/deploy/secrets/staging.env";
const VALUE: &str = "a value that nobody must see";

/// A project whose staging has a file that `ada` can read, with its `age` behind a script that notes what it is told.
struct Vault {
    project: FakeProject,
    ada: String,
}

impl Vault {
    fn new() -> Vault {
        let project = FakeProject::new();
        let real = which::which("age").expect("age is here");
        project.add_program(
            "age",
            &format!("echo \"$*\" >>\"$0.told\"; /usr/bin/env >>\"$0.told\"; exec {} \"$@\"", real.display()),
        );
        let keygen = which::which("age-keygen").expect("age-keygen is here");
        symlink(keygen, project.folder().join("bin/age-keygen")).expect("linked");
        let vault = Vault { ada: key(&project, "ada"), project };
        let output = vault.xtask(&["recipients", "add", "ada", &public(&vault.project, "ada")]);
        assert_eq!(output.code, Some(0), "{output:?}");
        vault
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let arguments: Vec<&str> =
            ["secrets"].iter().chain(arguments).chain(&["--env", "staging"]).copied().collect();
        let mut command = self.project.command(&arguments);
        command.env("SOPS_AGE_KEY", &self.ada).env_remove("SOPS_AGE_KEY_FILE");
        command
    }

    fn xtask(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::of(&mut self.command(arguments))
    }

    /// `secrets set NAME` with this on standard input.
    fn set(&self, name: &str, input: &[u8]) -> CommandOutput {
        Vault::fed(&mut self.command(&["set", name]), input)
    }

    fn fed(command: &mut Command, input: &[u8]) -> CommandOutput {
        let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
        // It may not read what it refuses.
        let _ = child.stdin.take().expect("piped").write_all(input);
        CommandOutput::of_child(child)
    }

    /// What `secrets run` finds in the file of this name.
    fn read(&self, name: &str) -> String {
        self.project.add_program(
            "read-one",
            "/bin/cat \"$SECRETS_FOLDER/$1\"; echo \"$SECRETS_FOLDER\" >\"$0.folder\"",
        );
        let mut command =
            self.project.command(&["secrets", "run", "--env", "staging", "--", "read-one", name]);
        let output = CommandOutput::of(command.env("SOPS_AGE_KEY", &self.ada));
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("read")
    }

    fn path(&self) -> PathBuf {
        self.project.folder().join(FILE)
    }
}

fn key(project: &FakeProject, name: &str) -> String {
    let file = project.folder().join(format!("{name}.key"));
    assert!(
        Command::new("age-keygen")
            .arg("-o")
            .arg(&file)
            .stderr(Stdio::null())
            .status()
            .expect("started")
            .success()
    );
    fs::read_to_string(file).expect("read")
}

fn public(project: &FakeProject, name: &str) -> String {
    let output =
        Command::new("age-keygen").arg("-y").arg(project.folder().join(format!("{name}.key"))).output();
    String::from_utf8(output.expect("started").stdout).expect("UTF-8").trim().to_owned()
}

#[test]
fn a_value_goes_in_by_standard_input_and_comes_out_in_files_and_is_seen_nowhere_else() {
    let vault = Vault::new();
    let output = vault.set("JWT_SECRET", format!("{VALUE}\n").as_bytes());
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!format!("{output:?}").contains(VALUE) && !vault.text().contains(VALUE));
    assert_eq!(vault.read("JWT_SECRET"), VALUE, "the line end that echo adds is not part of it");
    let told = fs::read_to_string(vault.project.folder().join("bin/age.told")).expect("age was called");
    assert!(
        told.contains("--decrypt") && !told.contains(VALUE) && !told.contains("AGE-SECRET-KEY"),
        "{told}"
    );
    let folder = fs::read_to_string(vault.project.folder().join("bin/read-one.folder")).expect("read");
    assert!(
        folder.starts_with("/dev/shm/") && !fs::exists(folder.trim()).expect("looked"),
        "it goes with the command"
    );
    let shown = vault.xtask(&["show", "JWT_SECRET"]);
    assert!(shown.code == Some(3) && !format!("{shown:?}").contains(VALUE), "not into a pipe: {shown:?}");
}

#[test]
fn one_changed_value_is_three_changed_lines_and_a_made_one_is_another_each_time() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", b"one value");
    vault.set("SLACK_WEBHOOK_URL", b"https://hooks.example.org/x");
    let before = vault.text();
    vault.set("JWT_SECRET", b"another one");
    let after = vault.text();
    let changed = before.lines().zip(after.lines()).filter(|(old, new)| old != new).count();
    // The value, the MAC, and the time unless it is the same second.
    assert!((2..=3).contains(&changed) && before.lines().count() == after.lines().count(), "{changed}");
    let made = || {
        assert_eq!(vault.xtask(&["set", "JWT_SECRET", "--generate"]).code, Some(0));
        vault.read("JWT_SECRET")
    };
    let (first, second) = (made(), made());
    assert!(first.len() == 64 && first != second);
}

#[test]
fn bad_input_is_refused_with_the_file_as_it_was() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", VALUE.as_bytes());
    let before = vault.text();
    let long = vec![b'x'; 1 << 20];
    let cases: &[(&str, &[u8], &str)] = &[
        ("JWT_SECRET", b"", "an empty value is none"),
        ("JWT_SECRET", b"\n", "an empty value is none"),
        ("JWT_SECRET", b"a\0b", "NUL"),
        ("JWT_SECRET", b"a\\nb", "a backslash before"),
        ("JWT_SECRET", b"\xff\xfe", "no text"),
        ("JWT_SECRET", &long, "at most 65536"),
        ("SLACK_WEBHOOK_URL", b"hooks.example.org", "no address like"),
        ("STAGING_SSH_KEY", b"/home/ada/.ssh/id", "no whole private key"),
        ("STAGING_HOST", b"one\ntwo", "one line"),
        ("JWT_SECRETS", b"value", "Did you mean 'JWT_SECRET'?"),
        ("PRODUCTION_HOST", b"value", "nobody reads a variable PRODUCTION_HOST"),
    ];
    for (name, input, words) in cases {
        let output = vault.set(name, input);
        assert_eq!(output.code, Some(3), "{name} {words}: {output:?}");
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
        assert!(!output.stderr.contains("backtrace") && output.stderr.len() < 1000, "{}", output.stderr);
        assert_eq!(vault.text(), before, "{name} {words}");
    }
    let output = vault.xtask(&["recipients", "add", "bob", &format!("age1{}", "q".repeat(58))]);
    assert!(output.code == Some(3) && output.stderr.contains("bob"), "a typo in a public key: {output:?}");
    assert_eq!(vault.text(), before);
}

#[test]
fn a_file_for_others_and_one_that_was_changed_by_hand_are_refused() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", VALUE.as_bytes());
    vault.set("SLACK_WEBHOOK_URL", b"https://hooks.example.org/x");
    let mallory = key(&vault.project, "mallory");
    let output = CommandOutput::of(vault.command(&["check"]).env("SOPS_AGE_KEY", mallory));
    assert!(output.code == Some(3) && output.stderr.contains("is encrypted for others"), "{output:?}");
    let output =
        CommandOutput::of(vault.command(&["check"]).env_remove("SOPS_AGE_KEY").env("HOME", "/nonexistent"));
    assert!(output.code == Some(3) && output.stderr.contains("SOPS_AGE_KEY"), "{output:?}");
    let text = vault.text();
    let of =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).expect("there");
    let swapped = text.replace(of("JWT_SECRET"), of("SLACK_WEBHOOK_URL"));
    for (what, forged) in [
        ("a value swapped", swapped),
        ("CRLF", text.replace('\n', "\r\n")),
        ("cut", text[..text.len() / 2].to_owned()),
    ] {
        fs::write(vault.path(), &forged).expect("written");
        for verb in [&["check"][..], &["set", "JWT_SECRET", "--generate"]] {
            let output = vault.xtask(verb);
            assert_eq!(output.code, Some(3), "{what}: {output:?}");
            assert!(output.stderr.contains("staging.env"), "{what}: {}", output.stderr);
        }
        assert_eq!(vault.text(), forged, "{what}: nothing was written over it");
    }
}

#[test]
fn who_leaves_leaves_a_list_and_it_is_red_until_each_secret_has_another_value() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", VALUE.as_bytes());
    vault.set("SLACK_WEBHOOK_URL", b"https://hooks.example.org/x");
    let bob = key(&vault.project, "bob");
    assert_eq!(vault.xtask(&["recipients", "add", "bob", &public(&vault.project, "bob")]).code, Some(0));
    let as_bob = || CommandOutput::of(vault.command(&["check"]).env("SOPS_AGE_KEY", &bob)).stderr;
    assert!(!as_bob().contains("encrypted for others"));
    let output = vault.xtask(&["recipients", "remove", "bob"]);
    assert!(output.code == Some(0) && output.stdout.contains("JWT_SECRET, SLACK_WEBHOOK_URL"), "{output:?}");
    assert!(as_bob().contains("encrypted for others"));
    let due = || vault.xtask(&["check"]).stderr.matches("bob, who left on ").count();
    assert_eq!(due(), 2);
    vault.set("JWT_SECRET", b"another one");
    assert_eq!(due(), 1);
    vault.xtask(&["recipients", "waive", "SLACK_WEBHOOK_URL", "--reason", "the channel is gone"]);
    assert_eq!(due(), 0);
}

#[test]
fn a_provider_s_key_is_exchanged_for_one_that_it_takes_and_for_no_other() {
    let (vault, (address, _asked)) = (Vault::new(), provider());
    vault.set("HEALTHCHECKS_API_KEY", b"the old one");
    let rotate = |name: &str, input: &[u8]| {
        Vault::fed(vault.command(&["rotate", name]).env("HEALTHCHECKS_URL", &address), input)
    };
    let output = rotate("HEALTHCHECKS_API_KEY", b"wrong\n");
    assert!(output.code == Some(3) && output.stderr.contains("does not take the key"), "{output:?}");
    assert_eq!(vault.read("HEALTHCHECKS_API_KEY"), "the old one");
    let output = rotate("HEALTHCHECKS_API_KEY", b"the new one\n");
    assert!(output.code == Some(0) && output.stdout.contains("end the old one"), "{output:?}");
    assert_eq!(vault.read("HEALTHCHECKS_API_KEY"), "the new one");
    // What is written counts for nothing while a variable wins, and is said before anybody is asked for it.
    let won = |more: &[&str]| {
        let mut command = vault.command(&[&["rotate", "HEALTHCHECKS_API_KEY"], more].concat());
        command.env("HEALTHCHECKS_URL", &address).env("HEALTHCHECKS_API_KEY", "the old one");
        Vault::fed(&mut command, b"the new one\n")
    };
    let output = won(&[]);
    assert!(output.code == Some(3) && output.stderr.contains("wins over it: unset it"), "{output:?}");
    let output = won(&["--plan"]);
    assert!(output.code == Some(0) && output.stdout.contains("Not yet: the variable"), "{output:?}");
    let output = vault.xtask(&["rotate", "SLACK_WEBHOOK_URL", "--plan"]);
    assert!(output.code == Some(0) && output.stdout.contains("Next: a new value is asked for"), "{output:?}");
    // Slack takes a message, and the heartbeat's address a look.
    let output = rotate("SLACK_WEBHOOK_URL", format!("{address}/hook").as_bytes());
    assert!(output.code == Some(0) && output.stdout.contains("monitor up"), "{output:?}");
    let output = rotate("HEARTBEAT_URL", b"http://127.0.0.1:1/x");
    assert!(output.code == Some(3) && output.stderr.contains("Nothing was changed"), "{output:?}");
    let output = rotate("STAGING_SSH_KEY", b"");
    assert!(output.code == Some(3) && output.stderr.contains("host keys rotate deploy"), "{output:?}");
}

#[test]
fn a_key_that_opens_staging_does_not_open_production_however_it_came_there() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", VALUE.as_bytes());
    let production = |arguments: &[&str]| {
        let arguments = [&["secrets"], arguments, &["--env", "production"]].concat();
        CommandOutput::of(vault.project.command(&arguments).env("SOPS_AGE_KEY", &vault.ada))
    };
    let refused = production(&["recipients", "add", "ada", &public(&vault.project, "ada")]);
    assert!(refused.code == Some(3) && refused.stderr.contains("ada's key for staging"), "{refused:?}");
    let folder = vault.project.folder().join("tracehub/deploy/secrets");
    assert!(!folder.join("production.env").exists());
    for kind in ["env", "recipients"] {
        fs::copy(folder.join(format!("staging.{kind}")), folder.join(format!("production.{kind}")))
            .expect("copied");
    }
    let checked = production(&["check"]);
    assert!(checked.code == Some(1) && checked.stderr.contains("It opens production too"), "{checked:?}");
    assert!(checked.stderr.contains("JWT_SECRET has the same value in staging"), "{checked:?}");
    let mut deploy = vault.project.command(&["deploy", "--env", "production", "--yes"]);
    let a_file = vault.project.folder().join("xtask/Cargo.toml").display().to_string();
    let host = [
        ("HOST", "127.0.0.1"),
        ("USER", "ada"),
        ("HOST_KEY", "ssh-ed25519 AAAA"),
        ("SSH_KEY", a_file.as_str()),
    ];
    deploy.envs(host.map(|(name, value)| (format!("PRODUCTION_{name}"), value)));
    let refused = CommandOutput::of(deploy.env("SOPS_AGE_KEY", &vault.ada));
    assert!(
        refused.code == Some(3) && refused.stderr.contains("JWT_SECRET has the same value in staging"),
        "{refused:?}"
    );
    // A list that somebody wrote into says less or more than the file.
    let list = folder.join("staging.recipients");
    let mallory = format!("mallory {}\n", {
        key(&vault.project, "mallory");
        public(&vault.project, "mallory")
    });
    fs::write(&list, fs::read_to_string(&list).expect("read") + &mallory).expect("written");
    let checked = vault.xtask(&["check"]);
    assert!(checked.stderr.contains("can be read by others than"), "{checked:?}");
}

#[test]
fn killed_at_any_moment_it_leaves_the_old_file_or_the_new_one() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", b"value 0");
    let mut seen = std::collections::BTreeSet::new();
    for delay in 0..24 {
        let mut child = vault.command(&["set", "JWT_SECRET", "--generate"]).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(delay * 4));
        let _ = child.try_wait().expect("asked").is_none().then(|| send(&child, Signal::KILL));
        child.wait().expect("ended");
        let text = vault.text();
        assert!(text.ends_with("sops_version=3.11.0\n"), "it is whole: {text}");
        seen.insert(vault.read("JWT_SECRET"));
    }
    assert!(!seen.contains(""), "{seen:?}");
}

#[test]
fn git_merges_two_versions_value_by_value() {
    let vault = Vault::new();
    let project = &vault.project;
    project.add_git();
    project.write(".gitattributes", "tracehub/deploy/secrets/*.env merge=tracehub-secrets\n");
    project.git(&["init", "--quiet", "--initial-branch=main"]);
    let driver = format!("{} secrets merge %O %A %B", env!("CARGO_BIN_EXE_xtask"));
    project.git(&["config", "merge.tracehub-secrets.driver", &driver]);
    vault.set("JWT_SECRET", b"first");
    project.commit("First");
    project.git(&["checkout", "--quiet", "-b", "theirs"]);
    vault.set("SLACK_WEBHOOK_URL", b"https://hooks.example.org/theirs");
    project.commit("Theirs");
    project.git(&["checkout", "--quiet", "main"]);
    vault.set("JWT_SECRET", b"ours");
    project.commit("Ours");
    let merge = || {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=T", "-c", "user.email=t@example.org", "merge", "--no-edit", "theirs"]);
        let path =
            format!("{}:{}", project.folder().join("bin").display(), std::env::var("PATH").expect("set"));
        git.current_dir(project.folder()).env("SOPS_AGE_KEY", &vault.ada).env("PATH", path);
        CommandOutput::of(&mut git)
    };
    let merged = merge();
    assert_eq!(merged.code, Some(0), "{merged:?}");
    assert_eq!(vault.read("JWT_SECRET"), "ours");
    assert_eq!(vault.read("SLACK_WEBHOOK_URL"), "https://hooks.example.org/theirs");
    project.git(&["checkout", "--quiet", "theirs"]);
    vault.set("JWT_SECRET", b"theirs too");
    project.commit("Theirs again");
    project.git(&["checkout", "--quiet", "main"]);
    let merged = merge();
    let said = format!("{}{}", merged.stdout, merged.stderr);
    assert!(merged.code == Some(1) && said.contains("both changed JWT_SECRET"), "{said}");
    assert!(!said.contains("theirs too"), "{said}");
}

#[test]
fn two_who_set_at_once_lose_nothing() {
    let vault = Vault::new();
    let values =
        [("JWT_SECRET", "one value"), ("SENTRY_AUTH_TOKEN", "another one"), ("ALARM_SMTP", "a third one")];
    std::thread::scope(|scope| {
        for (name, value) in values {
            let vault = &vault;
            scope.spawn(move || assert_eq!(vault.set(name, value.as_bytes()).code, Some(0), "{name}"));
        }
    });
    for (name, value) in values {
        assert_eq!(vault.read(name), value);
    }
}

#[test]
fn killed_between_its_two_files_a_change_of_who_reads_them_is_seen_and_done_by_the_same_command_again() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", VALUE.as_bytes());
    let bob = key(&vault.project, "bob");
    let bob_public = public(&vault.project, "bob");
    let list = vault.project.folder().join("tracehub/deploy/secrets/staging.recipients");
    let (add, remove) = (["recipients", "add", "bob", bob_public.as_str()], ["recipients", "remove", "bob"]);
    for (verb, opens) in [(&add[..], true), (&remove[..], false)] {
        let before = fs::read_to_string(&list).expect("read");
        assert_eq!(vault.xtask(verb).code, Some(0), "{verb:?}");
        // The encrypted file is written first: what a kill between the two leaves.
        fs::write(&list, before).expect("written");
        let output = vault.xtask(&["check"]);
        assert!(output.code == Some(1) && output.stderr.contains("can be read by others than"), "{output:?}");
        assert_eq!(vault.xtask(verb).code, Some(0), "the same again: {verb:?}");
        let output = CommandOutput::of(vault.command(&["check"]).env("SOPS_AGE_KEY", &bob));
        assert_eq!(!output.stderr.contains("is encrypted for others"), opens, "{output:?}");
        assert!(!vault.xtask(&["check"]).stderr.contains("can be read by others than"));
        assert_eq!(vault.read("JWT_SECRET"), VALUE);
    }
    // And at any moment, for real: both are whole.
    for delay in 0..12 {
        let verb = if delay % 2 == 0 { &add[..] } else { &remove[..] };
        let mut child = vault.command(verb).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(delay * 6));
        let _ = child.try_wait().expect("asked").is_none().then(|| send(&child, Signal::KILL));
        child.wait().expect("ended");
        assert!(vault.text().ends_with("sops_version=3.11.0\n") && vault.read("JWT_SECRET") == VALUE);
        assert_eq!(vault.xtask(&["recipients", "list"]).code, Some(0));
    }
}

#[test]
fn an_editor_is_given_a_file_in_memory_that_is_gone_afterwards() {
    let vault = Vault::new();
    vault.set("JWT_SECRET", VALUE.as_bytes());
    let edit = |script: &str| {
        vault.project.add_program("an-editor", &format!("echo \"$1\" >\"$0.file\"; {script}"));
        let output = CommandOutput::of(vault.command(&["edit"]).env("EDITOR", "an-editor"));
        let file =
            fs::read_to_string(vault.project.folder().join("bin/an-editor.file")).expect("it was started");
        let file = PathBuf::from(file.trim());
        assert!(file.starts_with("/dev/shm") && !file.exists(), "{}", file.display());
        assert!(
            !file.parent().expect("a folder").exists() && !format!("{output:?}").contains(VALUE),
            "{output:?}"
        );
        output
    };
    let output = edit("echo 'SLACK_WEBHOOK_URL=https://hooks.example.org/x' >>\"$1\"");
    assert!(output.code == Some(0) && output.stdout.contains("Changed: SLACK_WEBHOOK_URL,"), "{output:?}");
    assert_eq!(vault.read("SLACK_WEBHOOK_URL"), "https://hooks.example.org/x");
    assert_eq!(vault.read("JWT_SECRET"), VALUE);
    let before = vault.text();
    let output = edit(":");
    assert!(output.code == Some(0) && output.stdout.contains("Nothing was changed"), "{output:?}");
    for (script, words) in [
        ("exit 1", "did not end well"),
        ("echo 'SENTRY_DSN=no address' >>\"$1\"", "line 3: SENTRY_DSN"),
        ("/bin/rm \"$1\"", "can't be read"),
    ] {
        let output = edit(script);
        assert!(output.code == Some(3) && output.stderr.contains(words), "{output:?}");
    }
    assert_eq!(vault.text(), before);
}
