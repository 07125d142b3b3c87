//! Programs in Python, with all that they stand on: nothing is compiled, and nothing of the machine's own packages is used.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::Context;
use camino::Utf8Path;
use xshell::cmd;

use super::{Recipe, Tool, install, table, wheels};
use crate::project::pins::PythonProgram;
use crate::terminal::Activity;
use crate::tools::process::{Run, shell};

/// `pip install` into the folder for tools, of exactly the files that were looked at.
pub fn recipe(tool: Tool, program: &'static PythonProgram) -> Result<Recipe, String> {
    let (package, version, (major, minor)) = (program.package, program.version, program.python);
    let new_enough = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    if !Run::new(cmd!(shell(), "python3 -c {new_enough}")).succeeds().unwrap_or(false) {
        return Err(format!(
            "{package} runs on Python {major}.{minor} or later, as `python3`: install that by hand"
        ));
    }
    wheels::with_pip(format!("pip install {package} {version} into the folder for tools"), move |activity| {
        install::once(tool, &table::python_folder(program), activity, |folder| {
            fill(program, folder, activity)
        })
    })
}

fn fill(program: &PythonProgram, folder: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    wheels::install(program.requirements, folder, activity)?;
    let launcher = folder.join(table::PYTHON_LAUNCHER);
    fs::write(&launcher, launch(program)).with_context(|| format!("writing {launcher}"))?;
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {launcher} a program"))
}

/// pip's own one looks for the packages among the machine's.
fn launch(program: &PythonProgram) -> String {
    format!("#!/bin/sh\nPYTHONPATH=$(dirname \"$0\") exec python3 -m {} \"$@\"\n", program.module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::pins;

    #[test]
    fn every_package_is_pinned_with_its_hashes_and_the_program_is_among_them() {
        let PythonProgram { package, version, requirements, .. } = pins::SCHEMATHESIS;
        assert!(
            requirements.contains(&format!("\n{package}=={version} \\\n    --hash=sha256:")),
            "{requirements}"
        );
        let whole = requirements.replace("\\\n", "");
        for line in whole.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.contains("==") && line.contains(" --hash=sha256:"), "{line}");
        }
    }
}
