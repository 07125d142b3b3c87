//! The message of a panic in a Rust test, which the standard library prints and which names the place.

use super::diagnostic::{Diagnostic, ParsedLine};

/// `thread 'tests::a' (42) panicked at src/a.rs:12:5:`, the name of the thread being the message.
pub fn diagnostic(line: &str) -> Option<Diagnostic> {
    let (thread, position) = line.trim().strip_prefix("thread ")?.split_once(" panicked at ")?;
    let mut parts = position.trim_end_matches(':').rsplitn(3, ':');
    let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let name = thread.rsplit_once(" (").map_or(thread, |(name, _)| name).trim_matches('\'');
    Some(Diagnostic { file: file.into(), line: line.parse().ok()?, message: format!("{name} panicked") })
}

/// Reads a line of a test suite that has no other output than this.
pub fn read(line: &str) -> ParsedLine {
    ParsedLine { text: Some(line.to_owned()), diagnostic: diagnostic(line) }
}

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell_in};

    #[test]
    fn a_real_panic_of_this_compiler_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sh = shell_in(folder.path());
        sh.write_file("broken.rs", "fn main() {\n    panic!(\"of no use\");\n}\n").expect("written");
        Run::new(cmd!(sh, "rustc broken.rs")).run().expect("it compiles");
        let said = Run::new(cmd!(sh, "./broken")).finish().expect("it ends").stderr;
        let diagnostics: Vec<Diagnostic> = said.lines().filter_map(diagnostic).collect();
        let expected = Diagnostic { file: "broken.rs".into(), line: 2, message: "main panicked".to_owned() };
        assert_eq!(diagnostics, [expected], "{said}");
    }

    #[test]
    fn what_only_looks_alike_is_no_panic() {
        assert_eq!(diagnostic("thread 'a' (7) panicked at src/a.rs:12:5:").map(|it| it.line), Some(12));
        for line in ["nobody panicked at all", "thread 'a' panicked at dawn", "thread"] {
            assert_eq!(diagnostic(line), None, "{line}");
        }
    }
}
