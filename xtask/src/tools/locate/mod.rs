//! Where the programs are that xtask calls, and their versions.

mod places;
mod version;
mod version_cache;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

pub use self::places::{docker_plugin, llvm_cov, on_path, postgres};
pub use self::version::Version;
pub use self::version_cache::{VersionCache, toolchains};

use super::process::{Run, shell};

/// The longest that a program may take to print its version.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub program: Utf8PathBuf,
    /// Its version, as it prints it.
    pub version: Version,
}

/// What a program prints when it is called with these words, on both streams; none when it fails.
pub fn answer(program: &Utf8Path, words: &[&str]) -> Option<String> {
    let ask = with_libraries(cmd!(shell(), "{program} {words...}"), program);
    let told = Run::new(ask).timeout(ANSWER_TIMEOUT).finish().ok()?;
    told.status.success().then(|| told.stdout + &told.stderr)
}

/// Sets the path for libraries of a program that was unpacked into a folder. An installed one is left as it is.
pub fn with_libraries<'a>(cmd: xshell::Cmd<'a>, program: &Utf8Path) -> xshell::Cmd<'a> {
    let Some(root) = program.as_str().split_once("/usr/lib/").map(|(root, _)| root).filter(|r| !r.is_empty())
    else {
        return cmd;
    };
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    cmd.env("LD_LIBRARY_PATH", format!("{root}/usr/lib/{triplet}:{root}/lib/{triplet}"))
}
