//! Debian's packages. They are installed on the machine with `apt-get install`, or fetched from any suite and unpacked in a
//! folder, by an apt-get with its own lists and sources that leaves the machine as it is.

use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Cmd, Shell, cmd};

use super::process::{Run, shell, shell_in};

/// Fetches the machine's package lists.
pub fn update(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "apt-get update --quiet").env("DEBIAN_FRONTEND", "noninteractive")
}

/// Installs packages on the machine. Waits up to 300 seconds for another apt: on a new machine one often runs.
pub fn install<'a>(sh: &'a Shell, packages: &[&str]) -> Cmd<'a> {
    cmd!(
        sh,
        "apt-get install --quiet --yes --no-install-recommends --option DPkg::Lock::Timeout=300 {packages...}"
    )
    .env("DEBIAN_FRONTEND", "noninteractive")
}

/// Unpacks the files of a package into a folder. Its scripts do not run, and dpkg's database does not know of it.
pub fn unpack<'a>(sh: &'a Shell, package: &Utf8Path, into: &Utf8Path) -> Cmd<'a> {
    cmd!(sh, "dpkg --extract {package} {into}")
}

/// What a package says of itself: its name, its version, the source that it was built from.
pub fn control<'a>(sh: &'a Shell, package: &Utf8Path) -> Cmd<'a> {
    cmd!(sh, "dpkg-deb --field {package}")
}

/// The archives that this machine gets Debian's packages from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The archive.
    pub archive: String,
    /// The archive of security updates, where the machine has one.
    pub security: Option<String>,
}

/// The mirror in the machine's configuration; none when the machine is no Debian (Ubuntu's archive has other suites) or has
/// no apt.
pub fn mirror() -> anyhow::Result<Option<Mirror>> {
    let format = "$(ORIGIN) $(CODENAME) $(REPO_URI)";
    // Lists that were never fetched have no origin; then the name of the release tells.
    let targets = cmd!(shell(), "apt-get indextargets --format {format} 'Created-By: Packages'");
    match Run::new(targets).text() {
        Ok(targets) => Ok(parse_mirror(&targets)),
        Err(super::process::CommandError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn parse_mirror(targets: &str) -> Option<Mirror> {
    let debian = targets.lines().filter_map(|line| {
        let (origin, rest) = line.split_once(' ')?;
        let (codename, uri) = rest.split_once(' ')?;
        (origin == "Debian").then_some((codename, uri.trim_end_matches('/')))
    });
    let (security, archive): (Vec<_>, Vec<_>) =
        debian.partition(|(codename, _)| codename.ends_with("-security"));
    Some(Mirror {
        archive: archive.first()?.1.to_owned(),
        security: security.first().map(|(_, uri)| (*uri).to_owned()),
    })
}

/// The settings by which this machine's apt reaches its mirror (proxies, and whether the dates of lists are checked), as lines
/// of a configuration for another machine. Empty where there is no apt.
pub fn way() -> anyhow::Result<String> {
    match Run::new(cmd!(shell(), "apt-config dump Acquire")).text() {
        Ok(dump) => Ok(way_in(&dump, |variable| std::env::var(variable).ok())),
        Err(super::process::CommandError::NotFound { .. }) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

fn way_in(dump: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut way: String =
        dump.lines().filter(|line| is_of_the_way(line)).fold(String::new(), |way, line| way + line + "\n");
    for scheme in ["http", "https"] {
        let setting = format!("Acquire::{scheme}::Proxy");
        // As in apt itself, the variable counts where there is no setting.
        let told = dump.lines().any(|line| line.starts_with(&format!("{setting} ")));
        let proxy = variable(&format!("{scheme}_proxy")).filter(|proxy| !proxy.is_empty());
        let Some(proxy) = proxy.filter(|proxy| !told && !proxy.contains(['"', '\n'])) else { continue };
        way += &format!("{setting} \"{proxy}\";\n");
    }
    way
}

fn is_of_the_way(line: &str) -> bool {
    let name = line.split(' ').next().unwrap_or_default().to_lowercase();
    // These name programs and files of this machine.
    let of_this_machine = ["auto-detect", "autodetect", "cainfo", "capath", "sslcert", "sslkey", "crlfile"];
    ["acquire::http::", "acquire::https::", "acquire::check-", "acquire::retries"]
        .iter()
        .any(|start| name.starts_with(start))
        && !of_this_machine.iter().any(|part| name.contains(part))
}

/// An apt-get with its own configuration: one suite, with its lists and its cache in one folder.
pub struct Private {
    folder: Utf8PathBuf,
}

impl Private {
    /// Creates what it needs in `folder`. Security updates are included where the suite has them.
    pub fn new(folder: Utf8PathBuf, mirror: &Mirror, suite: &str, rolling: bool) -> anyhow::Result<Private> {
        for part in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(folder.join(part)).with_context(|| format!("making {folder}/{part}"))?;
        }
        let sources = sources(mirror, suite, rolling, Utf8Path::new(KEYRING).exists());
        if std::fs::read_to_string(folder.join("sources.list")).ok().as_ref() != Some(&sources) {
            std::fs::write(folder.join("sources.list"), sources)?;
        }
        std::fs::write(folder.join("apt.conf"), NO_HOOKS)?;
        Ok(Private { folder })
    }

    /// How long ago the lists were fetched; none when they never were.
    pub fn age(&self) -> Option<Duration> {
        std::fs::metadata(self.folder.join("fetched")).ok()?.modified().ok()?.elapsed().ok()
    }

    /// Fetches the lists. An error also when only some can't be fetched.
    pub fn update(&self) -> anyhow::Result<()> {
        let options = self.options();
        // Without --error-on=any a mirror that does not answer is a warning, and the lists are empty.
        Run::new(cmd!(shell(), "apt-get {options...} --error-on=any update"))
            .timeout(Duration::from_secs(300))
            .run()?;
        std::fs::write(self.folder.join("fetched"), "")?;
        Ok(())
    }

    /// Fetches packages into a folder.
    pub fn download(&self, packages: &[&str], into: &Utf8Path) -> anyhow::Result<()> {
        let sh = shell_in(into);
        let options = self.options();
        let download = cmd!(sh, "apt-get {options...} download {packages...}");
        Ok(Run::new(download).timeout(Duration::from_secs(900)).run()?)
    }

    /// Each version of these packages that the lists have.
    pub fn versions(&self, packages: &[&str]) -> anyhow::Result<Vec<Listed>> {
        let options = self.options();
        let told = Run::new(cmd!(shell(), "apt-cache {options...} madison {packages...}")).text()?;
        Ok(told.lines().filter_map(listed).collect())
    }

    fn options(&self) -> Vec<String> {
        let folder = &self.folder;
        vec![
            "--quiet".to_owned(),
            format!("--config-file={folder}/apt.conf"),
            format!("--option=Dir::Etc::sourcelist={folder}/sources.list"),
            "--option=Dir::Etc::sourceparts=/dev/null".to_owned(),
            // The machine's pins would hide another suite's packages.
            "--option=Dir::Etc::preferences=/dev/null".to_owned(),
            "--option=Dir::Etc::preferencesparts=/dev/null".to_owned(),
            format!("--option=Dir::State::Lists={folder}/lists"),
            format!("--option=Dir::Cache={folder}/cache"),
            // As root, apt would fetch as another user, who can't enter the repository's folder.
            "--option=APT::Sandbox::User=root".to_owned(),
        ]
    }
}

/// A version of a package in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The package.
    pub package: String,
    /// The version.
    pub version: String,
    /// Whether the list is that of security updates.
    pub is_security: bool,
}

/// ` libc6 | 2.36-9+deb12u13 | http://mirror bookworm-security/main amd64 Packages`
fn listed(line: &str) -> Option<Listed> {
    let mut fields = line.split('|').map(str::trim);
    let (package, version, source) = (fields.next()?, fields.next()?, fields.next()?);
    let is_binary = source.ends_with(" Packages");
    let suite = source.split(' ').nth(1)?;
    is_binary.then(|| Listed {
        package: package.to_owned(),
        version: version.to_owned(),
        is_security: suite.split('/').next().is_some_and(|suite| suite.ends_with("-security")),
    })
}

/// Turns off what the machine's configuration does after each `apt-get update`, which is meant for the machine's own lists:
/// Debian's container images empty the package cache, which another installation may be using.
const NO_HOOKS: &str = "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n\
                        #clear APT::Update::Post-Invoke-Success;\n";

/// Debian's signing keys, which the machine's configuration for other sources need not name.
pub const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The lines of a `sources.list` for one suite, with its security updates where it has them.
pub fn sources(mirror: &Mirror, suite: &str, rolling: bool, keyring: bool) -> String {
    let key = if keyring { format!(" signed-by={KEYRING}") } else { String::new() };
    let mut lines = format!("deb [target=Packages{key}] {} {suite} main\n", mirror.archive);
    if let (Some(security), false) = (&mirror.security, rolling) {
        lines += &format!("deb [target=Packages{key}] {security} {suite}-security main\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_machines_own() {
        let targets = "Other sid http://example.org/\n\
            Debian bookworm http://mirror.example/debian/\n\
            Debian bookworm-security http://mirror.example/debian-security/";
        let mirror = parse_mirror(targets).unwrap();
        assert_eq!(mirror.archive, "http://mirror.example/debian");
        assert_eq!(mirror.security.as_deref(), Some("http://mirror.example/debian-security"));
        assert_eq!(parse_mirror("Ubuntu noble http://mirror.example/ubuntu/"), None);
    }

    #[test]
    fn another_machine_is_told_the_proxy_and_nothing_that_is_only_here() {
        let dump = "Acquire \"\";\nAcquire::http::Proxy \"http://proxy.example:3128\";\n\
            Acquire::http::Proxy-Auto-Detect \"/usr/bin/here\";\nAcquire::https::CAInfo \"/etc/here.pem\";\n\
            Acquire::Check-Date \"false\";\nAcquire::Languages:: \"none\";";
        let proxies = |name: &str| Some(format!("http://{name}.example"));
        assert_eq!(
            way_in(dump, proxies),
            "Acquire::http::Proxy \"http://proxy.example:3128\";\nAcquire::Check-Date \"false\";\n\
             Acquire::https::Proxy \"http://https_proxy.example\";\n"
        );
        assert_eq!(way_in("", |_| Some("\"; DPkg::Pre-Invoke \"reboot".to_owned())), "");
    }

    #[test]
    fn the_versions_in_the_lists_are_told_from_each_other_by_the_suite() {
        let line = |suite: &str| {
            format!(" libc6 | 2.36-9+deb12u13 | http://mirror.example {suite}/main amd64 Packages")
        };
        let security = |suite: &str| listed(&line(suite)).map(|it| (it.package, it.version, it.is_security));
        let expected = |is_security| Some(("libc6".to_owned(), "2.36-9+deb12u13".to_owned(), is_security));
        assert_eq!(security("bookworm-security"), expected(true));
        assert_eq!(security("bookworm"), expected(false));
        assert_eq!(listed("libc6 | 2.36 | http://mirror.example bookworm/main Sources"), None);
    }

    #[test]
    fn a_rolling_suite_has_no_security_updates() {
        let mirror = Mirror {
            archive: "http://mirror.example".into(),
            security: Some("http://security.example".into()),
        };
        assert_eq!(
            sources(&mirror, "sid", true, false),
            "deb [target=Packages] http://mirror.example sid main\n"
        );
        assert!(
            sources(&mirror, "trixie", false, true).contains("http://security.example trixie-security main")
        );
    }
}
