//! PostgreSQL's server for tests and for development: unpacked, so that nothing is installed and no service starts.

use std::fs;

use camino::Utf8Path;
use xshell::cmd;

use super::{Recipe, Tool, base_images, install, packages, table};
use crate::project::{POSTGRES, POSTGRES_MAJOR, POSTGRES_PACKAGES, POSTGRES_SERVER, Packages};
use crate::terminal::Activity;
use crate::tools::apt;
use crate::tools::docker::engine;
use crate::tools::process::{Run, interrupt, shell};

/// From Debian's packages on Debian; elsewhere on Linux (Ubuntu has one version only, and not this one) out of the
/// image that the environments run.
pub fn recipe() -> Result<Recipe, String> {
    let (how, fill): (_, fn(&Utf8Path, &Activity) -> anyhow::Result<()>) = match apt::mirror() {
        Ok(Some(_)) => ("Debian's packages, unpacked into the folder for tools", from_packages),
        _ if cfg!(target_os = "linux") && engine::ask().is_some() => {
            ("out of the image `postgres`, into the folder for tools", from_image)
        }
        _ if cfg!(target_os = "macos") => return Err(packages::by_hand(&["postgresql@15"])),
        _ => {
            return Err(format!(
                "PostgreSQL {POSTGRES_MAJOR}'s server is needed: install it, or start a Docker engine, from whose image \
                 `postgres` it is taken"
            ));
        }
    };
    Ok(Recipe {
        how: how.to_owned(),
        changes_machine: false,
        install: Box::new(move |activity| {
            install::once(Tool::Postgres, &table::postgres_folder(), activity, |folder| {
                fill(folder, activity)
            })
        }),
    })
}

/// The server with the libraries that it loads; the C library is the machine's own.
fn from_packages(folder: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    const LIBRARIES: Packages = Packages { names: POSTGRES_PACKAGES, only: &[], ..POSTGRES_SERVER };
    packages::unpack(&LIBRARIES, folder, activity)?;
    packages::unpack(&POSTGRES_SERVER, folder, activity).map(drop)
}

/// The same paths, copied out of the image.
fn from_image(folder: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    let image = base_images::one(&POSTGRES)?.reference;
    let sh = shell();
    let container = Run::new(cmd!(sh, "docker create {image}")).text()?;
    let copied = copy_out(&container, folder, activity);
    interrupt::shielded(|| Run::new(cmd!(sh, "docker rm {container}")).run())?;
    copied
}

fn copy_out(container: &str, folder: &Utf8Path, activity: &Activity) -> anyhow::Result<()> {
    let sh = shell();
    let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    for path in ["usr/lib/postgresql", "usr/share/postgresql", &libraries] {
        activity.line(&format!("copying /{path}"));
        let target = folder.join(path);
        fs::create_dir_all(target.parent().unwrap_or(folder))?;
        Run::new(cmd!(sh, "docker cp {container}:/{path} {target}")).run()?;
    }
    for library in sh.read_dir(folder.join(&libraries))? {
        let name = library.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if UNWANTED.iter().any(|prefix| name.starts_with(prefix)) {
            fs::remove_file(&library)?;
        }
    }
    Ok(())
}

/// The parts of a C library must come from one build, and the machine's is the one in use; and a compiler for queries
/// is a hundred megabytes.
const UNWANTED: &[&str] = &[
    "ld-linux",
    "libBrokenLocale.",
    "libLLVM",
    "libanl.",
    "libc.",
    "libc_malloc_debug.",
    "libdl.",
    "libm.",
    "libmvec.",
    "libnsl.",
    "libnss_",
    "libpthread.",
    "libresolv.",
    "librt.",
    "libthread_db.",
    "libutil.",
];
