//! The simulated host looks the same as one behind ssh after every call.

use std::process::Command;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::check;

/// The unit test of xtask that compares them.
const TEST: &str = "commands::deploy::model_conformance::the_simulated_host_and_one_behind_ssh_look_the_same_after_every_call";
/// The test's access to the machine and to the registry.
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
/// Resets the machine to what `host setup` has left.
const RESET: &str = "docker ps --all --quiet | xargs -r docker rm --force; docker network prune --force; \
                      docker volume ls --quiet | xargs -r docker volume rm; rm -rf /opt/tracehub-app/*";

pub fn with_this_host(lab: &Lab) -> Result<(), Failed> {
    lab.host().sh(RESET);
    let output = Command::new(env!("CARGO"))
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
        .envs(VARIABLES.map(|name| (name, lab.project.variable(name))))
        .output()?;
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("calls looked the same")).collect();
    println!("    {}", lines.join(" "));
    check(output.status.success() && !lines.is_empty(), || text.clone())
}
