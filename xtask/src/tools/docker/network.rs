//! Networks of containers.

use xshell::{Shell, cmd};

use crate::tools::process::{CommandError, Run};

/// The names of all networks that carry this label.
pub fn labelled(sh: &Shell, label: &str) -> Result<Vec<String>, CommandError> {
    let format = "{{.Name}}";
    let told = Run::new(cmd!(sh, "docker network ls --filter label={label} --format {format}")).text()?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// Removes a network that no container is on.
pub fn remove(sh: &Shell, name: &str) -> Result<(), CommandError> {
    Run::new(cmd!(sh, "docker network rm {name}")).run()
}
