//! What reads the notes that tests with coverage leave.

use super::{Recipe, packages};

/// Debian's package; rustup has them as a component of the toolchain itself.
pub fn recipe() -> Result<Recipe, String> {
    if packages::known("llvm-19") {
        return packages::recipe(&["llvm-19"]);
    }
    Err("llvm-cov and llvm-profdata, of LLVM 19 or later, read what tests cover: `rustup component add llvm-tools`, or \
         your system's package `llvm`"
        .to_owned())
}
