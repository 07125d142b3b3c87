//! The simulated host is held to one behind ssh.

use std::process::Command;

use libtest_mimic::Failed;

use crate::{Lab, check};

/// The test among xtask's own that does it.
const TEST: &str = "commands::deploy::model_conformance::the_simulated_host_and_one_behind_ssh_look_the_same_after_every_call";
/// The way to the machine, and to the images.
const VARIABLES: [&str; 8] = [
    "LAB_HOST",
    "LAB_PORT",
    "LAB_USER",
    "LAB_SSH_KEY",
    "LAB_HOST_KEY",
    "LAB_URL",
    "REGISTRY",
    "REGISTRY_READ_ONLY_PORT",
];
/// As `host setup` left it.
const FORGET: &str = "docker ps --all --quiet | xargs -r docker rm --force; docker network prune --force; \
                      docker volume ls --quiet | xargs -r docker volume rm; rm -rf /opt/tracehub-app/*";

pub fn held_to_this_host(lab: &Lab) -> Result<(), Failed> {
    lab.host().sh(FORGET);
    let told = Command::new(env!("CARGO"))
        .args([
            "test",
            "--quiet",
            "--package",
            "xtask",
            "--bin",
            "xtask",
            "--",
            "--ignored",
            "--nocapture",
            TEST,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .envs(VARIABLES.map(|name| (name, lab.project.told(name))))
        .output()?;
    let said = [told.stdout, told.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("calls looked the same")).collect();
    println!("    {}", lines.join(" "));
    check(told.status.success() && !lines.is_empty(), || said.clone())
}
