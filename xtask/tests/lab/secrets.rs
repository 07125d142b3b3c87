//! Secrets that the operator changes, and revokes.

use std::fs;
use std::process::Command;

use camino::Utf8PathBuf;
use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::project::{Project, RELEASE_FILE};
use crate::support::{check, run};

/// The environment's versions of the secret.
pub const JWT_SECRET: &str = "/opt/tracehub-app/secrets/jwt_secret";
const VALUE: &str = " a-secret-of-the-operator-s-own-choice-0123456789 ";

pub fn new_version(lab: &Lab) -> Result<(), Failed> {
    let (project, before) = (&lab.project, lab.host().live());
    let deploy = || project.deploy().env("JWT_SECRET", &format!("{VALUE}\n"));
    let output = deploy().succeeds()?;
    check(!output.contains("operator-s-own"), || "the secret is printed".into())?;
    let live = lab.host().live();
    check(live != before, || "another secret has made no new release".into())?;
    check(lab.host().sh(&format!("cat {JWT_SECRET}/2")).contains("operator-s-own"), || {
        "version 2 is not on the host".into()
    })?;
    let size = lab.host().sh(&format!("wc -c <{JWT_SECRET}/2"));
    check(size == (VALUE.len() + 1).to_string(), || format!("{size} bytes have arrived"))?;
    let lines = lab.host().sh("docker inspect $(docker ps -q) | grep -c operator-s-own");
    check(lines == "0", || "a container's configuration shows it".into())?;
    // Nobody counts an end of line at its end.
    check(project.deploy().env("JWT_SECRET", VALUE).succeeds()?.contains("Nothing to do"), || {
        "the same secret has made a new release".into()
    })?;
    // A plan shows what another value would change, and writes nothing.
    let output = project
        .xtask(&["deploy", "--yes", "--plan"])
        .env("JWT_SECRET", "yet-another-one-0123456789012345")
        .succeeds()?;
    check(output.contains("start the new backend") && output.contains("one rename"), || output)?;
    check(lab.host().sh(&format!("ls {JWT_SECRET} | wc -l")) == "2", || {
        lab.host().sh(&format!("ls {JWT_SECRET}"))
    })
}

/// The way to the host and the same secret, out of the repository. Runs after `new_version`.
pub fn encrypted_file(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    let mut plain = format!("JWT_SECRET={}\n", VALUE);
    let names = ["LAB_HOST", "LAB_PORT", "LAB_USER", "LAB_SSH_KEY", "LAB_HOST_KEY", "LAB_URL"];
    for name in names {
        let told = project.variable(name);
        // The key is told by its file.
        let value = fs::read_to_string(&told).unwrap_or(told);
        plain.push_str(&format!("{name}={}\n", value.replace('\n', "\\n")));
    }
    let key = encrypt(project, &plain)?;
    let with_key = |arguments: &[&str]| project.xtask(arguments).env("SOPS_AGE_KEY_FILE", key.as_str());
    let file = fs::read_to_string(project.folder.join("tracehub/deploy/secrets/lab.env"))?;
    check(file.contains("JWT_SECRET=ENC[") && !file.contains(VALUE.trim()), || file)?;
    // A blank variable is none: only the key is given.
    let alone =
        |arguments: &[&str]| names.iter().fold(with_key(arguments), |command, name| command.env(name, ""));
    let output = alone(&["deploy", "--yes"]).succeeds()?;
    check(output.contains("Nothing to do") && lab.host().live() == live, || output)?;
    // The first stage of an exchange, which is seen, and goes no further than what serves.
    let output = alone(&["secrets", "rotate", "JWT_SECRET"]).succeeds()?;
    check(output.contains("a new key is believed, and the old one still signs"), || output)?;
    let output = alone(&["secrets", "rotate", "JWT_SECRET"]).fails_with(3)?;
    check(output.contains("runs with another value than the file has"), || output)?;
    let output = alone(&["secrets", "list"]).succeeds()?;
    check(output.contains("jwt_secret is being exchanged: a new key is believed"), || output)?;
    let output =
        names.iter().fold(project.xtask(&["status"]), |command, name| command.env(name, "")).fails_with(3)?;
    check(output.contains("lab.env is encrypted") && output.contains("SOPS_AGE_KEY"), || output)?;
    remove_file(project)
}

/// Makes the environment's encrypted file, of these lines; gives where the key lies that opens it.
pub fn encrypt(project: &Project, plain: &str) -> Result<Utf8PathBuf, Failed> {
    // Git ignores that folder.
    let local = project.folder.join(".local");
    let (key, source) = (local.join("lab.key"), local.join("plain.env"));
    run(Command::new("age-keygen").arg("-o").arg(&key));
    let recipient = run(Command::new("age-keygen").arg("-y").arg(&key));
    project.xtask(&["secrets", "recipients", "add", "trial", recipient.trim()]).succeeds()?;
    fs::write(&source, plain)?;
    let edit = project.xtask(&["secrets", "edit"]).env("SOPS_AGE_KEY_FILE", key.as_str());
    let edited = edit.env("EDITOR", &format!("cp {source}")).succeeds();
    fs::remove_file(&source)?;
    check(!edited?.contains(VALUE.trim()), || "a value is printed".into())?;
    Ok(key)
}

/// Removes it, and its key.
pub fn remove_file(project: &Project) -> Result<(), Failed> {
    for name in ["lab.env", "lab.recipients"] {
        fs::remove_file(project.folder.join("tracehub/deploy/secrets").join(name))?;
    }
    fs::remove_file(project.folder.join(".local/lab.key"))?;
    Ok(())
}

/// What a deploy brings that is undone would else fail every deploy after it. Runs after `new_version`.
pub fn undone(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    let output = project.deploy().env("JWT_SECRET", "short").fails_with(3)?;
    check(output.contains("JWT_SECRET is shorter than") && output.contains("Nothing was changed"), || {
        output
    })?;
    project.replace(RELEASE_FILE, "/run/secrets/database_app_password\n", "/run/secrets/nowhere\n");
    lab.push_release("A release that finds no password")?;
    let output = project.deploy().env("JWT_SECRET", "yet-another-one-0123456789012345").fails_with(4);
    project.drop_commit();
    let output = output?;
    check(output.contains("DATABASE_PASSWORD_FILE is"), || output)?;
    let files = lab.host().sh(&format!("ls {JWT_SECRET}"));
    check(files.split_whitespace().eq(["1", "2"]), || files)?;
    let output = project.deploy().succeeds()?;
    check(output.contains("Nothing to do") && lab.host().live() == live, || output)
}

/// Runs after `new_version`: the warm release runs with version 1, the live one with version 2.
pub fn revoked(lab: &Lab) -> Result<(), Failed> {
    let (project, live) = (&lab.project, lab.host().live());
    let before = project.warm().ok_or("nothing is warm")?;
    let output = project.xtask(&["secrets", "revoke", "jwt_secret", "2"]).fails_with(3)?;
    check(output.contains("in use by what serves"), || output)?;
    let output = project.xtask(&["secrets", "revoke", "jwt_secrets", "1"]).fails_with(3)?;
    check(output.contains("Did you mean 'jwt_secret'?"), || output)?;
    let output = project.xtask(&["secrets", "revoke", "jwt_secret", "1"]).fails_with(3)?;
    check(output.contains("wants a yes"), || output)?;
    project.xtask(&["secrets", "revoke", "jwt_secret", "1", "--yes"]).succeeds()?;
    check(project.warm().is_none() && lab.host().live() == live, || format!("{}", project.status()))?;
    let files = lab.host().sh(&format!("ls {JWT_SECRET}"));
    check(files.split_whitespace().eq(["1.revoked", "2"]), || files)?;
    let output = project.xtask(&["rollback", "--to", &before]).succeeds()?;
    check(output.contains("version 1 of jwt_secret is revoked") && output.contains("version 2"), || output)?;
    let mounts = lab.host().sh(&format!(
        "docker inspect --format '{{{{json .Mounts}}}}' $(docker ps -q --filter label=tracehub.release={before})"
    ));
    check(mounts.contains("jwt_secret/2") && !mounts.contains("jwt_secret/1\""), || mounts)?;
    let output = project.xtask(&["secrets", "list"]).succeeds()?;
    check(output.contains("revoked") && output.contains("current"), || output)?;
    // That the warm release was made with version 1 does not keep it: it runs with version 2, which is revoked.
    project.deploy().env("JWT_SECRET", "the-operator-s-third-choice-0123456789").succeeds()?;
    check(project.warm().as_deref() == Some(&before), || format!("{}", project.status()))?;
    project.xtask(&["secrets", "revoke", "jwt_secret", "2", "--yes"]).succeeds()?;
    check(project.warm().is_none(), || format!("{}", project.status()))?;
    let containers =
        lab.host().sh(&format!("docker ps --all --quiet --filter label=tracehub.release={before}"));
    check(containers.is_empty(), || containers)?;
    project.xtask(&["rollback", "--to", &live]).succeeds()?;
    check(lab.host().live() == live, || lab.host().live())
}
