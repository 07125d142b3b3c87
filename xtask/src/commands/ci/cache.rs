//! The cache of passes: where it is, how big it may become, and which files are part of every task.

use crate::pipeline::Store;
use crate::workspace;

/// The files that are part of every task: xtask's own sources, and what they are built with. A change of one runs everything.
pub const OWN_SOURCES: &[&str] = &[
    "xtask/src/",
    "xtask/Cargo.toml",
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/",
    "rust-toolchain",
    "rust-toolchain.toml",
];

/// How big it may become, in bytes: 512 MiB.
pub const STORE_LIMIT: u64 = 512 << 20;

/// The store of passes: one folder, which a workflow keeps between its runs.
pub fn store() -> Store {
    Store::new(workspace::local_dir().join("ci/store"))
}
