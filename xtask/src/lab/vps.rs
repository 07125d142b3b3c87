//! A VPS on this machine: a container with an sshd of its own, in which an engine can be installed, as on a rented one.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};
use xshell::{Cmd, Shell, cmd};

use super::{LABEL, ROOT_LABEL, Vps};
use crate::project;
use crate::rollout::release::hex;
use crate::setup::{self, Tool, base_images};
use crate::terminal::Activity;
use crate::tools::process::Run;
use crate::tools::{apt, container, docker, interrupt};

/// What a bare machine of a provider has.
const PACKAGES: &str = "openssh-server,ca-certificates,iproute2,procps,sudo";
const SUITE: &str = "bookworm";
const PUBLIC: &str = "docker.io/library/debian:bookworm";
/// Programs of the image: their paths and texts.
const PROGRAMS: [(&str, &str); 2] =
    [("init", include_str!("init.sh")), ("usr/local/bin/service", include_str!("service.sh"))];
/// How long its sshd may take to answer.
const READY: Duration = Duration::from_secs(30);
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
    let recipe = hex(&Sha256::digest(format!("{PACKAGES} {SUITE} {PROGRAMS:?}")));
    let name = format!("{}-lab/vps:{}", project::NAME, &recipe[..12]);
    let sh = Shell::new()?;
    if container::has_image(&sh, &name)? {
        return Ok(name);
    }
    let refusal = base_images::pull("vps", PUBLIC)?;
    match refusal {
        None => from_public(&sh, &name),
        Some(_) => {
            setup::ensure(&[Tool::Debootstrap], yes)?;
            Activity::of("a Debian for the VPS, from packages", |activity| {
                from_packages(&sh, &name, activity)
            })
        }
    }
    .context("making the image of the VPS")?;
    Ok(name)
}

fn from_public(sh: &Shell, name: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = Utf8Path::from_path(folder.path()).context("the temporary folder's name is not UTF-8")?;
    let packages = PACKAGES.replace(',', " ");
    let install = format!("apt-get update && apt-get install -y --no-install-recommends {packages}");
    // Debian's images throw away what apt has fetched; a machine keeps it.
    let keep = "rm -f /etc/apt/apt.conf.d/docker-clean";
    fs::write(
        path.join("Dockerfile"),
        format!("FROM {PUBLIC}\nRUN {keep} && {install}\nCOPY programs /\nCMD [\"/init\"]\n"),
    )?;
    programs(&path.join("programs"))?;
    Run::new(cmd!(sh, "docker build --tag {name} {path}")).limit(Duration::from_secs(600)).run()?;
    Ok(())
}

fn from_packages(sh: &Shell, name: &str, activity: &Activity) -> Result<()> {
    let mirror = apt::mirror()?.context("this machine's own package sources name no Debian mirror")?.archive;
    let work = tempfile::Builder::new().prefix("lab-vps-").tempdir_in(project::tools_dir())?;
    let root = Utf8Path::from_path(work.path()).context("the tools' folder is not UTF-8")?.join("root");
    let include = format!("--include={PACKAGES}");
    let make = cmd!(sh, "debootstrap --variant=minbase {include} {SUITE} {root} {mirror}");
    Run::new(make).limit(Duration::from_secs(600)).each_line(&|line| activity.line(line)).run()?;
    programs(&root)?;
    // A key is made by each machine for itself.
    for key in glob(&root.join("etc/ssh"), "ssh_host_")? {
        fs::remove_file(key)?;
    }
    activity.line("making an image of it");
    let archive = root.with_extension("tar");
    Run::new(cmd!(sh, "tar --create --file={archive} --directory={root} ."))
        .limit(Duration::from_secs(300))
        .run()?;
    let settings = [r#"CMD ["/init"]"#.to_owned()];
    Run::new(docker::import(sh, &archive, name, &settings)).limit(Duration::from_secs(300)).run()?;
    Ok(())
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

fn glob(folder: &Utf8Path, start: &str) -> Result<Vec<camino::Utf8PathBuf>> {
    let entries = folder.read_dir_utf8()?.collect::<std::io::Result<Vec<_>>>()?;
    Ok(entries
        .into_iter()
        .map(|it| it.into_path())
        .filter(|it| it.file_name().is_some_and(|name| name.starts_with(start)))
        .collect())
}

/// Has it running, with its sshd answering, and the key let in as root. Gives the key that it shows.
pub fn ensure(lab: &str, vps: &Vps, image: &str, key: &str) -> Result<String> {
    let sh = Shell::new()?;
    let name = &vps.container;
    match container::named(&sh, name)?.map(|found| found.state.status) {
        Some(state) if state == "running" => {}
        Some(_) => Run::new(cmd!(sh, "docker start {name}")).run()?,
        None => create(&sh, lab, vps, image)?,
    }
    const LET_IN: &str = r#"umask 077; mkdir -p /root/.ssh && cat >/root/.ssh/authorized_keys"#;
    Run::new(container::exec(&sh, name, "0", &["sh", "-c", LET_IN])).stdin(format!("{key}\n")).run()?;
    let began = Instant::now();
    loop {
        let show = ["sh", "-c", "cat /etc/ssh/ssh_host_ed25519_key.pub && ss -tln | grep -q ':22 '"];
        let told = Run::new(container::exec(&sh, name, "0", &show)).finish()?;
        if told.status.success() {
            return Ok(told.stdout.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned());
        }
        if began.elapsed() > READY {
            bail!(
                "{name} has no sshd after {} s:\n    {}",
                READY.as_secs(),
                container::last_lines(&sh, name, 8)?
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
    Run::new(run(sh, lab, vps, image, rights)).run().with_context(|| format!("starting {}", vps.container))
}

fn run<'a>(sh: &'a Shell, lab: &str, vps: &Vps, image: &str, rights: &[&str]) -> Cmd<'a> {
    let Vps { container, ssh, http, https, .. } = vps;
    let (label, root) = (format!("{LABEL}={lab}"), format!("{ROOT_LABEL}={}", project::root()));
    let published = [(ssh, 22), (http, 80), (https, 443)];
    let ports = published.map(|(port, inside)| format!("--publish=127.0.0.1:{port}:{inside}"));
    let engine = format!("{container}:/var/lib/docker");
    let packages = format!("{}-lab-packages:/var/cache/apt/archives", project::NAME);
    cmd!(
        sh,
        "docker run --detach --name {container} --hostname {container} --label {label} --label {root} {rights...} {ports...} --volume {engine} --volume {packages} --tmpfs /run:exec --stop-timeout 60 {image}"
    )
}

/// Whether its sshd and its engine answer.
pub fn answers(vps: &Vps) -> Result<(bool, bool)> {
    let sh = Shell::new()?;
    let ask = |program: &str| {
        Run::new(container::exec(&sh, &vps.container, "0", &["sh", "-c", program])).succeeds()
    };
    Ok((ask("ss -tln | grep -q ':22 '")?, ask("docker info >/dev/null 2>&1")?))
}
