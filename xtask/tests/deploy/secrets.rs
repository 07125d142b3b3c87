//! Secrets on the host.

use std::fs;
use std::os::unix::fs::MetadataExt;

use libtest_mimic::Failed;

use crate::support::check;
use crate::support::project::Project;

/// The app's user in its image.
const APP_USER: u32 = 10001;

pub fn are_files_of_the_app(project: &Project) -> Result<(), Failed> {
    let containers = project.containers();
    check(containers.len() >= 4, || format!("{containers:?}"))?;
    let mut all = Vec::new();
    for name in ["jwt_secret", "database_app_password", "database_owner_password"] {
        let path = project.root().join("secrets").join(name).join("1");
        let file = fs::metadata(&path)?;
        let (mode, uid) = (file.mode(), file.uid());
        check(mode & 0o777 == 0o400 && uid == APP_USER, || format!("{name}: mode {mode:o}, uid {uid}"))?;
        all.push(project.as_root(&["cat", path.as_str()]));
    }
    for container in containers {
        let configuration = project.docker(&["inspect", &container]);
        check(!all.iter().any(|secret| configuration.contains(secret.as_str())), || {
            format!("{container} shows a secret")
        })?;
    }
    Ok(())
}

/// As in an environment that is older than the secret.
pub fn missing_one_is_made(project: &Project) -> Result<(), Failed> {
    let folder = project.root().join("secrets/jwt_secret");
    project.commit("A release that needs a secret which is not there");
    fs::remove_dir_all(&folder)?;
    project.deploy().succeeds()?;
    let made = project.as_root(&["cat", folder.join("1").as_str()]);
    check(made.len() == 64, || format!("it has {} bytes", made.len()))?;
    project.last_attempt_is("deploy", "succeeded")
}
