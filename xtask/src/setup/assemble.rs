//! A base image made from the distribution's packages: unpacked side by side, with what their installation scripts
//! would have done that matters, as one layer. The same packages give the same layer.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};
use xshell::cmd;

use super::packages;
use crate::project::{self, APP_UID, Base};
use crate::terminal::Activity;
use crate::tools::docker;
use crate::tools::locate::Version;
use crate::tools::process::{Run, shell};
use crate::workspace;

/// The image's name without what the packages' versions add: one that begins so is of today's row.
pub fn name_prefix(base: &Base) -> String {
    // These files are half of the recipe: when they change, the image is another one.
    let row = hash(&[&format!("{base:?}"), include_str!("assemble.rs"), include_str!("packages.rs")]);
    format!("{}-base/{}:{row}-", project::NAME, base.name)
}

/// Makes the image, tries it, and gives its name.
pub fn image(base: &Base, activity: &Activity) -> anyhow::Result<String> {
    let sh = shell();
    let work = workspace::tools_dir().join(format!(".base-{}", base.name));
    // A run that was killed left it; whoever calls this holds the lock.
    sh.remove_path(&work)?;
    let root = work.join("root");
    lay_out(&root)?;
    let mut files = Vec::new();
    for packages in base.packages {
        files.extend(packages::unpack(packages, &root, activity)?);
    }
    activity.line("finishing");
    finish(base, &root)?;
    let archive = archive(base, &root, &work)?;
    // Under a name that nobody looks for, until it has proved itself.
    let unproved = format!("{}-base/{}:unproved-{}", project::NAME, base.name, std::process::id());
    let name = format!("{}{}", name_prefix(base), hash(&[&files.join(" ")]));
    Run::new(docker::import(sh, &archive, &unproved, &settings(base)))
        .timeout(Duration::from_secs(300))
        .run()?;
    sh.remove_path(&work)?;
    let proved = prove(base, &unproved, activity);
    if proved.is_ok() {
        Run::new(cmd!(sh, "docker image tag {unproved} {name}")).run()?;
    }
    Run::new(docker::remove_image(sh, &unproved)).run()?;
    proved.map(|()| name)
}

/// The folders that every Debian has, with `bin`, `lib` and `sbin` inside `usr`.
fn lay_out(root: &Utf8Path) -> anyhow::Result<()> {
    for folder in
        ["usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc/ssl/certs", "proc", "sys", "dev", "run", "root"]
    {
        fs::create_dir_all(root.join(folder))?;
    }
    for name in packages::MERGED {
        symlink(format!("usr/{name}"), root.join(name))?;
    }
    Ok(())
}

/// What the packages' installation scripts would have done, as far as containers need it.
fn finish(base: &Base, root: &Utf8Path) -> anyhow::Result<()> {
    certificates(root)?;
    users(base, root)?;
    applets(root)?;
    strip(root)?;
    for folder in base.folders {
        fs::create_dir_all(root.join(folder))?;
    }
    for folder in ["tmp", "var/tmp"] {
        fs::create_dir_all(root.join(folder))?;
        fs::set_permissions(root.join(folder), fs::Permissions::from_mode(0o1777))?;
    }
    for (link, target) in
        [("var/run", "/run"), ("var/lock", "/run/lock"), ("etc/os-release", "../usr/lib/os-release")]
    {
        shell().remove_path(root.join(link))?;
        symlink(target, root.join(link)).with_context(|| format!("linking {link}"))?;
    }
    // Without it the C library asks the network for `localhost`.
    fs::write(root.join("etc/nsswitch.conf"), "hosts: files dns\n")?;
    Ok(())
}

fn certificates(root: &Utf8Path) -> anyhow::Result<()> {
    let mut bundle = String::new();
    for file in shell().read_dir(root.join("usr/share/ca-certificates/mozilla"))? {
        bundle += &fs::read_to_string(file)?;
    }
    Ok(fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), bundle)?)
}

fn users(base: &Base, root: &Utf8Path) -> anyhow::Result<()> {
    let fixed = [("root", 0, "/root"), ("app", APP_UID, "/"), ("nobody", 65534, "/")];
    let own = base.user.map(|(name, uid)| (name, uid, "/"));
    let (mut passwd, mut group) = (String::new(), String::new());
    for (name, uid, home) in fixed.into_iter().chain(own) {
        passwd += &format!("{name}:x:{uid}:{uid}:{name}:{home}:/bin/sh\n");
        group += &format!("{name}:x:{uid}:\n");
    }
    fs::write(root.join("etc/passwd"), passwd)?;
    Ok(fs::write(root.join("etc/group"), group)?)
}

/// A link for each program that busybox is, where no package brings the program itself.
fn applets(root: &Utf8Path) -> anyhow::Result<()> {
    let busybox = root.join("usr/bin/busybox");
    if !busybox.exists() {
        return Ok(());
    }
    for applet in Run::new(cmd!(shell(), "{busybox} --list")).text()?.lines() {
        let link = root.join("usr/bin").join(applet);
        if !link.exists() && !root.join("usr/sbin").join(applet).exists() {
            symlink("busybox", link)?;
        }
    }
    Ok(())
}

/// Nobody reads a manual in a container. The licences stay.
fn strip(root: &Utf8Path) -> anyhow::Result<()> {
    let sh = shell();
    for folder in ["man", "locale", "info", "lintian", "bash-completion", "zsh", "i18n"] {
        sh.remove_path(root.join("usr/share").join(folder))?;
    }
    let docs = root.join("usr/share/doc");
    Run::new(cmd!(sh, "find {docs} -type f -not -name copyright -delete")).run()?;
    // Character sets of the last century, for iconv.
    sh.remove_path(root.join("usr/lib").join(format!("{}-linux-gnu/gconv", std::env::consts::ARCH)))?;
    Ok(())
}

/// One archive with fixed times and owners. The row's folders belong to its user, all else to root.
fn archive(base: &Base, root: &Utf8Path, work: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    let file = work.join("root.tar");
    let sh = shell();
    let fixed = ["--sort=name", "--mtime=@0", "--numeric-owner", "--format=gnu"];
    let without: Vec<String> = base.folders.iter().map(|folder| format!("--exclude=./{folder}")).collect();
    Run::new(cmd!(
        sh,
        "tar --create --file={file} --directory={root} {fixed...} --owner=0 --group=0 {without...} ."
    ))
    .run()?;
    if !base.folders.is_empty() {
        let uid = base.user.map_or(0, |(_, uid)| uid).to_string();
        let folders = base.folders.iter().map(|folder| format!("./{folder}"));
        Run::new(cmd!(
            sh,
            "tar --append --file={file} --directory={root} {fixed...} --owner={uid} --group={uid} {folders...}"
        ))
        .run()?;
    }
    Ok(file)
}

fn settings(base: &Base) -> Vec<String> {
    let label = format!("LABEL {}.base={}", project::NAME, base.name);
    base.settings.iter().map(|setting| (*setting).to_owned()).chain([label]).collect()
}

/// Runs the row's proofs; the first one's answer holds the version.
fn prove(base: &Base, image: &str, activity: &Activity) -> anyhow::Result<()> {
    let user = base.user.map_or(0, |(_, uid)| uid);
    for (number, proof) in base.proofs.iter().enumerate() {
        activity.line(&format!("trying {}", proof[0]));
        let answer = Run::new(docker::try_in(shell(), image, user, proof)).text()?;
        let version = Version::parse(&answer);
        if number == 0 && version < Version::parse(base.at_least) {
            anyhow::bail!("it must be {} or later, and the packages bring {answer}", base.at_least);
        }
    }
    Ok(())
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
