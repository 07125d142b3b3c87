//! Compose and buildx: Debian 12 has neither, later suites do, and both programs need nothing but the C library.

use super::{Recipe, Tool, install, packages, table};
use crate::project::{PLUGINS_SUITE, Packages, Suite};
use crate::tools::apt;

const PACKAGES: Packages = Packages {
    suite: Suite::Own(PLUGINS_SUITE),
    names: &["docker-compose", "docker-buildx"],
    only: &["usr/libexec/docker/cli-plugins"],
};

/// Both at once: they come from the same suite, and nobody needs only one of them.
pub fn recipe(tool: Tool) -> Result<Recipe, String> {
    match apt::mirror() {
        Ok(Some(_)) => Ok(Recipe {
            how: format!("Debian {PLUGINS_SUITE}'s packages, unpacked into the folder for tools"),
            changes_machine: false,
            install: Box::new(move |activity| {
                // The other one's recipe may have brought this one.
                install::once(tool, &table::plugins_folder(), activity, |folder| {
                    packages::unpack(&PACKAGES, folder, activity).map(drop)
                })
            }),
        }),
        Ok(None) if packages::on_path("apt-get") => {
            Err(packages::by_hand(&["docker-compose-v2", "docker-buildx"]))
        }
        Ok(None) => Err(packages::by_hand(PACKAGES.names)),
        Err(error) => Err(format!("{tool}: this machine's package sources can't be read: {error:#}")),
    }
}
