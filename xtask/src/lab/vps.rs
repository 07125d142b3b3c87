//! A VPS on this machine: a container with an sshd of its own, in which an engine can be installed, as on a rented one.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};
use xshell::{Cmd, Shell, cmd};

use super::Vps;
use super::packages::{self, SUITE};
use crate::project::{self, LAB_LABEL, LAB_ROOT_LABEL};
use crate::setup::{self, Tool, base_images};
use crate::terminal::{self, Activity};
use crate::tools::apt;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::{self, container, image, volume};
use crate::tools::files::hex::hex;
use crate::tools::files::lock::Lock;
use crate::tools::files::private;
use crate::tools::process::{Run, interrupt, shell, shell_in};
use crate::workspace;

/// What a bare machine of a provider has.
const PACKAGES: &str = "openssh-server,ca-certificates,iproute2,procps,sudo";
const PUBLIC: &str = "docker.io/library/debian:bookworm";
/// Programs of the image: their paths and texts.
const PROGRAMS: [(&str, &str); 3] = [
    ("init", include_str!("init.sh")),
    ("usr/local/bin/service", include_str!("service.sh")),
    (packages::PROGRAM, include_str!("packages.sh")),
];
/// As a provider's image comes: without keys (each machine makes its own at its first boot), without what apt has
/// fetched, and without the mirror that it was made from.
const BLANK: &str = r#"rm -f etc/ssh/ssh_host_* etc/apt/apt.conf.d/docker-clean var/cache/apt/*.bin
find var/cache/apt/archives var/lib/apt/lists -type f -delete"#;
/// How long its sshd may take to answer.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How a container runs an engine of its own. Where the machine itself lacks what `--privileged` gives, without that.
const PRIVILEGED: &[&str] = &["--privileged"];
const NEARLY_PRIVILEGED: &[&str] = &[
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=systempaths=unconfined",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
];

/// The image, made when there is none.
pub fn image(yes: bool) -> Result<String> {
    let (sh, name) = (shell(), image_name());
    if image::is_here(sh, &name)? {
        return Ok(name);
    }
    let _one = Lock::hold(&workspace::tools_dir().join("locks/lab-vps"), || {
        terminal::note("  image of the VPS: waiting for another run that makes it");
    })?;
    if image::is_here(sh, &name)? {
        return Ok(name);
    }
    let refusal = base_images::pull("vps", PUBLIC)?;
    match refusal {
        None => from_public(sh, &name),
        Some(_) => {
            setup::ensure(&[Tool::Debootstrap], yes)?;
            Activity::of("a Debian for the VPS, from packages", |activity| from_packages(sh, &name, activity))
        }
    }
    .context("making the image of the VPS")?;
    Ok(name)
}

fn image_name() -> String {
    let recipe = hex(&Sha256::digest(format!("{PACKAGES} {SUITE} {BLANK} {PROGRAMS:?}")));
    format!("{}-lab/vps:{}", project::NAME, &recipe[..12])
}

/// Removes the image, unless a lab of another copy of the repository stands on it.
pub fn remove_image() -> Result<()> {
    let (sh, name) = (shell(), image_name());
    if image::is_here(sh, &name)? && !image::is_in_use(sh, &name)? {
        Run::new(docker::remove_image(sh, &name)).run()?;
    }
    Ok(())
}

fn from_public(sh: &Shell, name: &str) -> Result<()> {
    let folder = private::Folder::new()?;
    let path = folder.path();
    let packages = PACKAGES.replace(',', " ");
    let install = format!("apt-get update && apt-get install -y --no-install-recommends {packages}");
    let blank = BLANK.replace('\n', " && ");
    fs::write(
        path.join("Dockerfile"),
        format!("FROM {PUBLIC}\nRUN {install} && {blank}\nCOPY programs /\nCMD [\"/init\"]\n"),
    )?;
    programs(&path.join("programs"))?;
    Run::new(cmd!(sh, "docker build --tag {name} {path}")).timeout(Duration::from_secs(600)).run()?;
    Ok(())
}

fn from_packages(sh: &Shell, name: &str, activity: &Activity) -> Result<()> {
    let mirror = apt::mirror()?.context(
        "no registry has the image of the VPS, and this machine is no Debian whose package sources would say where packages \
         are\n  Let its container engine reach the registry (`docker pull`), or run this on Debian.",
    )?.archive;
    let work = workspace::tools_dir().join(".lab-vps");
    // A run that was killed left it; whoever calls this holds the lock.
    sh.remove_path(&work)?;
    fs::create_dir_all(&work)?;
    let root = work.join("root");
    let include = format!("--include={PACKAGES}");
    // In namespaces that end with this process, however that ends: nothing goes on writing to the folder, and /proc and
    // /sys, which it mounts there, are never seen by whoever clears the folder.
    let alone = ["--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"];
    let make = cmd!(sh, "setpriv {alone...} debootstrap --variant=minbase {include} {SUITE} {root} {mirror}");
    Run::new(make).timeout(Duration::from_secs(600)).each_line(&|line| activity.line(line)).run()?;
    programs(&root)?;
    fs::write(root.join("etc/apt/sources.list"), "")?;
    let inside = shell_in(&root);
    Run::new(cmd!(inside, "sh -ec {BLANK}")).run()?;
    activity.line("making an image of it");
    let archive = root.with_extension("tar");
    Run::new(cmd!(sh, "tar --create --file={archive} --directory={root} ."))
        .timeout(Duration::from_secs(300))
        .run()?;
    let settings = [r#"CMD ["/init"]"#.to_owned()];
    Run::new(docker::import(sh, &archive, name, &settings)).timeout(Duration::from_secs(300)).run()?;
    Ok(sh.remove_path(&work)?)
}

fn programs(root: &Utf8Path) -> Result<()> {
    for (name, text) in PROGRAMS {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}

/// Has it running, with its sshd answering, and the key let in as root. Gives the key that it shows.
pub fn ensure(lab: &str, vps: &Vps, image: &str, key: &str) -> Result<String> {
    let sh = shell();
    let name = &vps.container;
    match container::named(sh, name)?.map(|found| found.state.status) {
        Some(Condition::Running) => {}
        Some(_) => Run::new(cmd!(sh, "docker start {name}")).run().with_context(|| starting(vps))?,
        None => create(sh, lab, vps, image)?,
    }
    packages::tell(sh, name)?;
    // Keys that somebody has added stay.
    const LET_IN: &str = r#"umask 077; mkdir -p /root/.ssh; f=/root/.ssh/authorized_keys
grep -qxFs -e "$1" $f || printf '%s\n' "$1" >>$f"#;
    Run::new(container::exec(sh, name, "0", &["sh", "-c", LET_IN, "let-in", key])).run()?;
    let began = Instant::now();
    loop {
        let show = ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"];
        let told = Run::new(container::exec(sh, name, "0", &show)).finish()?;
        if told.status.success() && greets(vps.ssh) {
            return Ok(told.stdout.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
        }
        if began.elapsed() > READY_TIMEOUT {
            bail!(
                "{name} has no sshd after {} s:\n    {}",
                READY_TIMEOUT.as_secs(),
                container::last_lines(sh, name, 8)?
            );
        }
        interrupt::pause(Duration::from_millis(50))?;
    }
}

fn create(sh: &Shell, lab: &str, vps: &Vps, image: &str) -> Result<()> {
    let rights = if Run::new(cmd!(sh, "docker run --rm {PRIVILEGED...} {image} true")).succeeds()? {
        PRIVILEGED
    } else {
        NEARLY_PRIVILEGED
    };
    volume::create(sh, &vps.container, &[format!("{LAB_LABEL}={lab}")])?;
    let created = Run::new(run(sh, lab, vps, image, rights)).run().with_context(|| starting(vps));
    if created.is_err() {
        // The engine keeps what it could make and not start.
        interrupt::shielded(|| container::remove(sh, &vps.container))?;
    }
    created
}

fn starting(vps: &Vps) -> String {
    let Vps { container, ssh, http, https, .. } = vps;
    format!(
        "starting {container}, which is reached at the ports {ssh}, {http} and {https} of the loopback (when one is \
         taken: `cargo xtask lab down`, then `lab up`, chooses others)"
    )
}

fn run<'a>(sh: &'a Shell, lab: &str, vps: &Vps, image: &str, rights: &[&str]) -> Cmd<'a> {
    let Vps { container, ssh, http, https, .. } = vps;
    let (label, root) = (format!("{LAB_LABEL}={lab}"), format!("{LAB_ROOT_LABEL}={}", workspace::root()));
    let published = [(ssh, 22), (http, 80), (https, 443)];
    let ports = published.map(|(port, inside)| format!("--publish=127.0.0.1:{port}:{inside}"));
    let engine = format!("{container}:/var/lib/docker");
    let packages = format!("{}-lab-packages:{}", project::NAME, packages::COMMON);
    cmd!(
        sh,
        "docker run --detach --name {container} --hostname {container} --label {label} --label {root} {rights...} {ports...} --volume {engine} --volume {packages} --tmpfs /run:exec --stop-timeout 60 {image}"
    )
}

/// Whether its sshd and its engine answer.
pub fn answers(vps: &Vps) -> Result<(bool, bool)> {
    let engine = Run::new(container::exec(shell(), &vps.container, "0", &["docker", "info"])).succeeds()?;
    Ok((greets(vps.ssh), engine))
}

/// Whether an sshd greets at this port of the loopback. That something accepts there proves nothing: the engine does,
/// for a container in which nothing listens.
fn greets(port: u16) -> bool {
    let greeting = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting)?;
        std::io::Result::Ok(greeting)
    };
    greeting().is_ok_and(|greeting| &greeting == b"SSH-")
}
