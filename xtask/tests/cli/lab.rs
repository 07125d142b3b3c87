//! `cargo xtask lab` where no lab is up, and what it prints for a shell.

use std::fs;
use std::process::Command;

use crate::fake_project::FakeProject;

#[test]
fn without_a_lab_there_are_no_variables_and_lab_up_is_named() {
    let project = FakeProject::new();
    let output = project.xtask(&["lab", "env"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""));
    assert!(output.stderr.contains("cargo xtask lab up"), "{output:?}");
    for verb in ["status", "down"] {
        let output = project.xtask(&["lab", verb]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("no lab is up"), "{output:?}");
    }
}

#[test]
fn a_shell_reads_what_lab_env_prints_unchanged() {
    let project = FakeProject::new();
    let folder = project.folder().join(".local/lab");
    fs::create_dir_all(&folder).expect("made");
    let host = r#"{"container": "c", "ssh": 2201, "http": 8001, "https": 8401, "host_key": "ssh-ed25519 A'$(exit)\"B"}"#;
    let lab = format!(r#"{{"name": "n", "registry": 5000, "registry_read_only": 5001, "hosts": [{host}]}}"#);
    fs::write(folder.join("lab.json"), lab).expect("written");
    let output = project.xtask(&["lab", "env"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains("# production has no machine: `cargo xtask lab up --hosts 2`"),
        "{output:?}"
    );
    let show =
        r#"eval "$1"; printf '%s\n' "$STAGING_HOST_KEY" "$LAB_PORT" "$REGISTRY" "${PRODUCTION_HOST-none}""#;
    let output = Command::new("/bin/sh")
        .args(["-c", show, "sh", &output.stdout])
        .env_clear()
        .output()
        .expect("it starts");
    let output = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output, "ssh-ed25519 A'$(exit)\"B\n2201\nlocalhost:5000\nnone\n");
}
