//! What is on GitHub that no other table says.

use std::time::Duration;

/// A label of issues and pull requests.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// A word, which is also a part of an address.
    pub name: &'static str,
    /// Its colour, six hexadecimal digits.
    pub color: &'static str,
    /// What it means.
    pub about: &'static str,
}

/// The labels; others that people have made stay.
pub const LABELS: &[Label] = &[
    Label { name: "incident", color: "b60205", about: "Users noticed it, or would have" },
    Label { name: "security", color: "d93f0b", about: "A hole, or a way to close one" },
    Label { name: "dependencies", color: "0366d6", about: "A newer version of what others make" },
    Label { name: "delivery", color: "5319e7", about: "cargo xtask, the workflows, the hosts" },
];
/// The variable, of an environment or the repository, with which version of each secret xtask has put there.
pub const SECRET_VERSIONS: &str = "XTASK_SECRETS";
/// The variables that may hold a token to GitHub: that of a workflow, and that of GitHub's own program.
pub const GITHUB_TOKENS: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];
/// The secret of the repository with the token by which the weekly workflow looks at the settings.
pub const SETTINGS_TOKEN: &str = "SETTINGS_TOKEN";
/// The secret of the repository with the token by which the weekly workflow opens its pull request: a workflow's own may change no
/// workflow, and what it opens starts no checks.
pub const UPDATES_TOKEN: &str = "UPDATES_TOKEN";
/// How long a version of others has been published, at least, before an update takes it: most bad ones are taken back sooner.
pub const UPDATE_AGE: Duration = Duration::from_secs(3 * 86_400);
/// The branch of that pull request.
pub const UPDATES_BRANCH: &str = "updates";
