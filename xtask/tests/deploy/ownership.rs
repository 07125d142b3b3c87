//! Two copies of the repository on one machine, with an environment of one name: the data are those of one of them. Runs after
//! `down`: while containers run, everything else refuses already.

use std::fs;

use libtest_mimic::Failed;

use crate::support::check;
use crate::support::project::Project;

/// Another copy of the repository on this machine, with an environment of the same name.
fn beside(project: &Project) -> Project {
    let folder = project.folder.with_file_name("beside");
    let _ = fs::remove_dir_all(&folder);
    project.git(&["clone", "--quiet", ".", folder.as_str()]);
    let packages = "tracehub/frontend/node_modules";
    if project.folder.join(packages).exists() {
        std::os::unix::fs::symlink(project.folder.join(packages), folder.join(packages)).expect("a link");
    }
    let (environment, original) = (project.environment.clone(), project.original.clone());
    Project { environment, folder, original, variables: std::sync::Mutex::default() }
}

fn volume(project: &Project) -> String {
    project.docker(&[
        "volume",
        "inspect",
        "--format",
        "{{.CreatedAt}}",
        &format!("{}-database", project.prefix()),
    ])
}

pub fn data_of_another_copy(project: &Project) -> Result<(), Failed> {
    let (other, before) = (beside(project), volume(project));
    let refused = |words: &[&str]| -> Result<(), Failed> {
        let output = other.xtask(words).fails_with(3)?;
        let names_it = output.contains(&format!("that of {}", project.root()));
        check(names_it && output.contains("-database has the data of another environment"), || output)
    };
    refused(&["deploy", "--yes"])?;
    refused(&["down", "--volumes", "--yes"])?;
    check(volume(project) == before, || "the volume is another one, or gone".into())?;
    // One that was made before volumes said whose they are, for whoever has never released into it.
    let name = format!("{}-database", project.prefix());
    project.docker(&["volume", "rm", &name]);
    project.docker(&["volume", "create", &name]);
    let output = other.xtask(&["down", "--volumes", "--yes"]).fails_with(3)?;
    check(output.contains("was made by an older xtask"), || output)?;
    // For who has, it is their own.
    project.xtask(&["down", "--volumes", "--yes"]).succeeds()?;
    check(volume(project).is_empty(), || "the volume is still there".into())?;
    other.remove();
    Ok(())
}

pub fn taken_over(project: &Project) -> Result<(), Failed> {
    project.deploy().succeeds()?;
    project.xtask(&["down"]).succeeds()?;
    let (other, before) = (beside(project), volume(project));
    let output = other.xtask(&["deploy", "--yes", "--override", "owner=tried by this suite"]).succeeds()?;
    check(output.contains("Deployed") && volume(project) == before, || output)?;
    other.xtask(&["down"]).succeeds()?;
    let output = project.xtask(&["deploy", "--yes"]).fails_with(3)?;
    check(output.contains(&format!("that of {}", other.root())), || output)?;
    // It comes back as it went.
    project.xtask(&["deploy", "--yes", "--override", "owner=tried by this suite"]).succeeds()?;
    let output =
        project.xtask(&["down"]).succeeds().and_then(|_| other.xtask(&["deploy", "--yes"]).fails_with(3))?;
    other.remove();
    check(output.contains(&format!("that of {}", project.root())), || output)
}
