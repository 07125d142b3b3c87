//! The folders of this copy of the repository.

use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};

/// The repository's root: the nearest folder above the working directory that holds `xtask/Cargo.toml`.
pub fn root() -> &'static Utf8Path {
    static ROOT: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
        let here = std::env::current_dir().ok().and_then(|here| Utf8PathBuf::from_path_buf(here).ok());
        let found = here
            .as_deref()
            .into_iter()
            .flat_map(Utf8Path::ancestors)
            .find(|folder| folder.join("xtask/Cargo.toml").is_file());
        found.map_or_else(
            || Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")),
            Utf8Path::to_path_buf,
        )
    });
    &ROOT
}

/// Where tools are installed that live in the repository: git-ignored, shared by copies of the repository
/// through `XTASK_TOOLS_DIR`.
pub fn tools_dir() -> Utf8PathBuf {
    std::env::var("XTASK_TOOLS_DIR").map_or_else(|_| root().join(".tools"), Utf8PathBuf::from)
}

/// Where environments of this machine have their root folders, and everything else that a run leaves: git-ignored.
pub fn local_dir() -> Utf8PathBuf {
    root().join(".local")
}

/// Where cargo puts what it builds.
pub fn target_dir() -> Utf8PathBuf {
    std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root().join("target"), Utf8PathBuf::from)
}
