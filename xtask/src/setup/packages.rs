//! Debian's packages, for the other recipes: installed on the machine, or unpacked into a folder from any suite.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};
use xshell::cmd;

use super::Recipe;
use crate::project::{Packages, Suite};
use crate::terminal::Activity;
use crate::tools::apt;
use crate::tools::files::hex::hex;
use crate::tools::files::lock::Lock;
use crate::tools::process::{Run, shell, shell_in};
use crate::workspace;

/// Package lists older than this are fetched again.
const LISTS_MAX_AGE: Duration = Duration::from_secs(24 * 3600);
const FETCH_TIMEOUT: Duration = Duration::from_secs(300);
const INSTALL_TIMEOUT: Duration = Duration::from_secs(900);

/// A tool that a package of the machine's own release brings.
pub fn recipe(packages: &'static [&'static str]) -> Result<Recipe, String> {
    let words = packages.join(" ");
    if !can_install() {
        return Err(by_hand(packages));
    }
    Ok(Recipe {
        how: format!("apt-get install {words}"),
        changes_machine: true,
        install: Box::new(|activity| install(packages, activity)),
    })
}

/// What a person types where xtask can't install.
pub fn by_hand(packages: &[&str]) -> String {
    let words = packages.join(" ");
    if on_path("apt-get") {
        return format!("{words} can be installed by root only: type `sudo apt-get install {words}`");
    }
    if cfg!(target_os = "macos") {
        return format!("install {words} with your package manager, for instance `brew install {words}`");
    }
    format!("install {words} with your system's package manager")
}

/// Whether this process may install packages on this machine.
pub fn can_install() -> bool {
    rustix::process::geteuid().is_root() && on_path("apt-get")
}

/// Whether a program of that name is on the PATH.
pub fn on_path(program: &str) -> bool {
    which::which(program).is_ok()
}

/// Whether the machine's suites have a package of that name.
pub fn known(package: &str) -> bool {
    Run::new(cmd!(shell(), "apt-cache show {package}")).succeeds().unwrap_or(false)
}

/// Installs packages on the machine; one caller at a time, since dpkg serves one.
pub fn install(packages: &[&str], activity: &Activity) -> anyhow::Result<()> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().expect("no holder panics");
    let sh = shell();
    let line = |line: &str| activity.line(line);
    // Old lists name files that the mirror has replaced since.
    if lists_age().is_none_or(|age| age > LISTS_MAX_AGE) {
        Run::new(apt::update(sh)).timeout(FETCH_TIMEOUT).each_line(&line).run()?;
    }
    Ok(Run::new(apt::install(sh, packages)).timeout(INSTALL_TIMEOUT).each_line(&line).run()?)
}

fn lists_age() -> Option<Duration> {
    let lists = fs::read_dir("/var/lib/apt/lists").ok()?.flatten();
    let fetched = lists
        .filter(|file| file.file_name().to_string_lossy().ends_with("InRelease"))
        .filter_map(|file| file.metadata().ok()?.modified().ok())
        .max()?;
    fetched.elapsed().ok()
}

/// Unpacks a row's packages into `root`, without their scripts and without installing anything. Gives the names of the
/// packages' files, which hold their versions.
pub fn unpack(packages: &Packages, root: &Utf8Path, activity: &Activity) -> anyhow::Result<Vec<String>> {
    let sh = shell();
    // Beside the root, so that whoever removes what a killed run left there can't miss it.
    let work = Utf8PathBuf::from(format!("{root}.packages"));
    sh.remove_path(&work)?;
    let (files, fresh) = (work.join("files"), work.join("fresh"));
    fs::create_dir_all(&files)?;
    fs::create_dir_all(&fresh)?;
    activity.line(&format!("fetching {}", packages.names.join(" ")));
    download(packages, &files, activity)?;

    let mut names = Vec::new();
    for file in sh.read_dir(&files)? {
        let file = Utf8Path::from_path(&file).context("a package's name is in UTF-8")?;
        let name = file.file_name().unwrap_or_default();
        activity.line(&format!("unpacking {name}"));
        names.push(name.to_owned());
        Run::new(apt::unpack(sh, file, &fresh)).run()?;
        note(file, name, root)?;
    }
    merge_usr(&fresh)?;
    copy(&fresh, packages.only, root)?;
    sh.remove_path(&work)?;
    names.sort();
    Ok(names)
}

/// Notes a package, with its sum, in the root where images without dpkg note theirs, a file each: so that one can say what they
/// have, by any tool that looks for known holes.
fn note(file: &Utf8Path, name: &str, root: &Utf8Path) -> anyhow::Result<()> {
    let notes = root.join("var/lib/dpkg/status.d");
    fs::create_dir_all(&notes).with_context(|| format!("making {notes}"))?;
    let note = notes.join(name.split('_').next().unwrap_or(name));
    let control = Run::new(apt::control(shell(), file)).text()?;
    let sum = hex(&Sha256::digest(fs::read(file).with_context(|| format!("reading {file}"))?));
    fs::write(&note, format!("{}\nSHA256: {sum}\n", control.trim_end()))
        .with_context(|| format!("writing {note}"))
}

/// The package lists of one suite, as the mirror has them that the machine is configured with.
pub struct Lists {
    apt: apt::Private,
    _one: Lock,
}

impl Lists {
    /// Those of today.
    pub fn of(suite: Suite) -> anyhow::Result<Lists> {
        let lists = Lists::locked(suite, &|| ())?;
        if lists.apt.age().is_none_or(|age| age > LISTS_MAX_AGE) {
            lists.apt.update().context("fetching the package lists")?;
        }
        Ok(lists)
    }

    /// Each version that they have of these packages.
    pub fn versions(&self, packages: &[&str]) -> anyhow::Result<Vec<apt::Listed>> {
        self.apt.versions(packages)
    }

    /// As they are, however old, while no other run reads or writes them.
    fn locked(suite: Suite, waiting: &dyn Fn()) -> anyhow::Result<Lists> {
        let mirror = apt::mirror()?.context(
        "Debian's packages are fetched from the mirror that the machine's own package sources name, and this machine is no \
         Debian\n  Let its container engine reach the registry (`docker pull`), or run this on Debian.",
    )?;
        let (name, rolling) = match suite {
            Suite::Own(name) => (name, false),
            Suite::Newest(name) => (name, true),
        };
        // Two runs on one folder would read lists that the other is writing.
        let lock = workspace::tools_dir().join(format!("locks/apt-{name}"));
        let _one = Lock::hold(&lock, waiting)?;
        let apt = apt::Private::new(workspace::tools_dir().join("apt").join(name), &mirror, name, rolling)?;
        Ok(Lists { apt, _one })
    }
}

/// Fetches packages of one suite.
fn download(packages: &Packages, into: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    let (Suite::Own(name) | Suite::Newest(name)) = packages.suite;
    let Lists { apt, _one } =
        &Lists::locked(packages.suite, &|| activity.line("waiting for another run that fetches packages"))?;
    let fresh = apt.age().is_some_and(|age| age < LISTS_MAX_AGE);
    if fresh && apt.download(packages.names, into).is_ok() {
        return Ok(());
    }
    // Even young lists may name versions that a rolling suite has replaced since.
    activity.line(&format!("fetching the package lists of {name}"));
    apt.update().with_context(|| format!("fetching the package lists of {name}"))?;
    activity.line(&format!("fetching {}", packages.names.join(" ")));
    apt.download(packages.names, into)
}

/// The folders of a root that are links into `usr`.
pub const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// Packages of that age still ship `/lib/…`: in a root where `/lib` is a link, that is `/usr/lib/…`.
fn merge_usr(folder: &Utf8Path) -> anyhow::Result<()> {
    for name in MERGED {
        let (outside, inside) = (folder.join(name), folder.join("usr").join(name));
        if outside.is_symlink() || !outside.is_dir() {
            continue;
        }
        fs::create_dir_all(&inside)?;
        Run::new(cmd!(shell(), "cp --archive --no-target-directory {outside} {inside}")).run()?;
        fs::remove_dir_all(&outside)?;
        symlink(format!("usr/{name}"), &outside)?;
    }
    Ok(())
}

/// Copies all of `from`, or `only` these paths, over `into`.
fn copy(from: &Utf8Path, only: &[&str], into: &Utf8Path) -> anyhow::Result<()> {
    let sh = shell_in(from);
    for left_out in only.iter().filter_map(|path| path.strip_prefix('!')) {
        sh.remove_path(left_out)?;
    }
    let wanted: Vec<&str> = only.iter().copied().filter(|path| !path.starts_with('!')).collect();
    let wanted = if wanted.is_empty() { vec!["."] } else { wanted };
    Ok(Run::new(cmd!(sh, "cp --archive --parents {wanted...} {into}")).run()?)
}
