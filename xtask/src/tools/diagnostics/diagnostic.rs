//! What a tool finds wrong, with the line of the file, for whoever shows it beside the code.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

/// A line of a file, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The path of the file: from the folder in which the tool ran, or absolute.
    pub file: Utf8PathBuf,
    /// The number of the line, from 1.
    pub line: u32,
    /// The tool's message.
    pub message: String,
}

/// What a line of a tool's output contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedLine {
    /// The text for people; none when the line is for programs alone.
    pub text: Option<String>,
    /// What it finds wrong, if anything.
    pub diagnostic: Option<Diagnostic>,
}

impl Diagnostic {
    /// With the file as seen from `root`, when the tool ran in `folder`; none when the file is not below `root`, such as one
    /// in a dependency.
    pub fn seen_from(self, root: &Utf8Path, folder: &Utf8Path) -> Option<Diagnostic> {
        // An absolute path replaces the folder.
        let file = folder.join(&self.file);
        let file = file.strip_prefix(root).ok()?.to_owned();
        Some(Diagnostic { file, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_from_the_root_and_one_elsewhere_is_none_of_ours() {
        let seen = |file: &str| {
            let diagnostic = Diagnostic { file: file.into(), line: 3, message: String::new() };
            diagnostic
                .seen_from("/repository".into(), "/repository/app".into())
                .map(|diagnostic| diagnostic.file)
        };
        assert_eq!(seen("src/a.ts"), Some("app/src/a.ts".into()));
        assert_eq!(seen("/repository/xtask/src/main.rs"), Some("xtask/src/main.rs".into()));
        assert_eq!(seen("/rustc/1/library/core/src/option.rs"), None);
    }
}
