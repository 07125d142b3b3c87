//! PostgreSQL's server for tests and for development: unpacked, so that nothing is installed and no service starts.

use super::{Recipe, Tool, install, packages};
use crate::project::{POSTGRES_MAJOR, POSTGRES_PACKAGES, POSTGRES_SERVER, Packages};
use crate::tools::{apt, locate};

const LIBRARIES: Packages = Packages { names: POSTGRES_PACKAGES, only: &[], ..POSTGRES_SERVER };

/// Debian's packages with the libraries that they load; the C library is the machine's own.
pub fn recipe() -> Result<Recipe, String> {
    if !matches!(apt::mirror(), Ok(Some(_))) {
        return Err(format!(
            "PostgreSQL {POSTGRES_MAJOR}'s server is needed: {}",
            packages::by_hand(if cfg!(target_os = "macos") {
                &["postgresql@15"]
            } else {
                &["postgresql-15"]
            })
        ));
    }
    Ok(Recipe {
        how: "Debian's packages, unpacked into the folder for tools".to_owned(),
        changes_machine: false,
        install: Box::new(|activity| {
            install::once(Tool::Postgres, &locate::postgres_folder(), activity, |folder| {
                packages::unpack(&LIBRARIES, folder, activity)?;
                packages::unpack(&POSTGRES_SERVER, folder, activity).map(drop)
            })
        }),
    })
}
