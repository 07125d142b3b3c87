//! The browser in which the page is tested: the distribution's, since no tool may download one of its own here.

use super::{Recipe, packages};

/// Debian's package; Ubuntu's is a stub that fetches a snap, which does not run without a service manager.
pub fn recipe() -> Result<Recipe, String> {
    let ubuntu = std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.contains("ID=ubuntu"));
    if ubuntu {
        return Err("no browser for the page's tests is here: install Google Chrome or Chromium so that \
                    `google-chrome --version` or `chromium --version` answers"
            .to_owned());
    }
    packages::recipe(&["chromium"])
}
