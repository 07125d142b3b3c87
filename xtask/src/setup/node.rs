//! Node and npm: only found. Each team has its own way to keep several versions of them, and a second way hurts.

use super::Recipe;
use crate::project::NODE_VERSION;

/// A sentence: there is no recipe.
pub fn recipe() -> Result<Recipe, String> {
    Err(format!(
        "Node {NODE_VERSION} or later with npm 9 or later is needed: install it as you install Node elsewhere (nodejs.org, \
         nvm, your system's package `nodejs`), and see that `node --version` answers"
    ))
}
