//! Moves of the copy's branch.

use crate::support::project::Project;

impl Project {
    /// The commit that is checked out.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Moves the branch, and the tree with it, to another commit.
    pub fn reset_to(&self, commit: &str) {
        self.git(&["reset", "--quiet", "--hard", commit]);
    }
}
