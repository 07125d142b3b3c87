//! The messages of cargo and the compiler for programs (`--message-format json`), which contain those for people.

use std::collections::HashSet;
use std::sync::Mutex;

use camino::Utf8PathBuf;
use serde::Deserialize;

use crate::tools::diagnostics::diagnostic::{Diagnostic, ParsedLine};

/// Reads the messages of one command, line by line.
#[derive(Debug, Default)]
pub struct Messages {
    /// The messages so far: for a file that belongs to two targets, each comes twice, and is shown once.
    told: Mutex<HashSet<String>>,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    message: Option<CompilerMessage>,
    target: Option<Target>,
    executable: Option<Utf8PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct CompilerMessage {
    rendered: Option<String>,
    message: String,
    level: String,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: Utf8PathBuf,
    line_start: u32,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Span,
}

impl Messages {
    /// Reads a line. One that is no message is shown as it is.
    pub fn read(&self, line: &str) -> ParsedLine {
        let as_it_is = || ParsedLine { text: Some(line.to_owned()), diagnostic: None };
        let Ok(message) = serde_json::from_str::<Message>(line) else { return as_it_is() };
        let Some(complaint) = message.message.filter(|_| message.reason == "compiler-message") else {
            return ParsedLine::default();
        };
        let rendered = complaint.rendered.as_deref().unwrap_or(&complaint.message).trim_end().to_owned();
        if !self.told.lock().expect("no holder panics").insert(rendered.clone()) {
            return ParsedLine::default();
        }
        ParsedLine { text: Some(rendered), diagnostic: complaint.diagnostic() }
    }
}

impl CompilerMessage {
    /// The place of an error; none of a warning.
    fn diagnostic(&self) -> Option<Diagnostic> {
        let mut span = self.spans.iter().find(|span| span.is_primary).filter(|_| self.level == "error")?;
        // Within a macro of another crate: the place of its call.
        while let Some(expansion) = span.expansion.as_ref().filter(|_| span.file_name.is_absolute()) {
            span = &expansion.span;
        }
        Some(Diagnostic {
            file: span.file_name.clone(),
            line: span.line_start,
            message: self.message.clone(),
        })
    }
}

/// The path of the binary of this name, from the messages of a build.
pub fn find_binary(messages: &str, name: &str) -> Option<Utf8PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use camino::Utf8Path;
    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell_in};

    /// Reads what the real compiler prints for a crate.
    fn said_of(source: &str) -> Vec<ParsedLine> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("UTF-8");
        fs::create_dir(root.join("src")).expect("made");
        fs::write(root.join("src/main.rs"), source).expect("written");
        let manifest = "[package]\nname = \"broken\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(root.join("Cargo.toml"), manifest).expect("written");
        let sh = shell_in(root);
        let check = cmd!(sh, "cargo check --offline --all-targets --message-format json");
        let check = check.env("CARGO_TARGET_DIR", root.join("target")).env("RUSTFLAGS", "-D unused");
        let (messages, all) = (Messages::default(), Mutex::new(Vec::new()));
        let read = |line: &str| all.lock().expect("no holder panics").push(messages.read(line));
        Run::new(check).each_line(&read).run().expect_err("it is broken");
        all.into_inner().expect("no holder panics")
    }

    #[test]
    fn an_error_is_read_as_people_know_it_once_and_has_a_place() {
        let said = said_of("fn main() {\n    let x: u32 = \"text\";\n    println!(\"{}\", 1, 2);\n}\n");
        let text: Vec<&str> = said.iter().filter_map(|said| said.text.as_deref()).collect();
        let text = text.join("\n");
        assert_eq!(
            text.matches("error[E0308]: mismatched types\n --> src/main.rs:2:18").count(),
            1,
            "{text}"
        );
        assert!(text.contains("could not compile `broken`"), "what cargo says besides: {text}");
        assert!(!text.contains("\"reason\""), "{text}");
        let diagnostics: Vec<(&str, u32, &str)> = said
            .iter()
            .filter_map(|said| said.diagnostic.as_ref())
            .map(|it| (it.file.as_str(), it.line, it.message.as_str()))
            .collect();
        assert!(diagnostics.contains(&("src/main.rs", 2, "mismatched types")), "{diagnostics:?}");
        assert!(diagnostics.contains(&("src/main.rs", 3, "argument never used")), "{diagnostics:?}");
    }

    #[test]
    fn the_binary_is_found_among_what_was_built() {
        let messages = r#"{"reason":"build-script-executed","package_id":"x"}
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"app"},"executable":null,"fresh":true}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"other"},"executable":"/t/release/other"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"app"},"executable":"/t/release/app"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(find_binary(messages, "app"), Some("/t/release/app".into()));
        assert_eq!(find_binary(messages, "absent"), None);
        assert_eq!(find_binary("", "app"), None);
    }
}
