//! Where the programs are that xtask calls, and what they say their versions are.

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

/// How long a program may take to say its version.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A program that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What to call.
    pub program: Utf8PathBuf,
    /// What it says its version is.
    pub version: Version,
}

/// What a program says when it is asked with these words, on either stream; none when it fails.
pub fn answer(program: &Utf8Path, words: &[&str]) -> Option<String> {
    let ask = with_libraries(cmd!(shell(), "{program} {words...}"), program);
    let told = Run::new(ask).timeout(ANSWER_TIMEOUT).finish().ok()?;
    told.status.success().then(|| told.stdout + &told.stderr)
}

/// Unpacked programs look for their libraries where they were unpacked; installed ones need no help.
pub fn with_libraries<'a>(cmd: xshell::Cmd<'a>, program: &Utf8Path) -> xshell::Cmd<'a> {
    let Some(root) = program.as_str().split_once("/usr/lib/").map(|(root, _)| root).filter(|r| !r.is_empty())
    else {
        return cmd;
    };
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    cmd.env("LD_LIBRARY_PATH", format!("{root}/usr/lib/{triplet}:{root}/lib/{triplet}"))
}
