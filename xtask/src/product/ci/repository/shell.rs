//! Shell scripts, those included that xtask hands to `sh` on a host.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::pipeline::Context;
use crate::product::ci::files;
use crate::setup::{self, Tool};
use crate::tools::diagnostics::lint;
use crate::workspace;

/// Every shell script, those included that xtask hands to `sh` on a host.
pub fn shell_scripts(task: &Context) -> Result<()> {
    let (named, text) = scripts()?;
    ensure!(!named.is_empty() && !text.is_empty(), "no shell script was found, and there are some");
    let shellcheck = setup::require(Tool::Shellcheck)?;
    task.run(lint::shellcheck(&task.sh, &shellcheck, &named))?;
    task.run(lint::shellcheck_sh(&task.sh, &shellcheck, &text))
}

/// Scripts that say what runs them, and those that are handed to `sh` as text.
fn scripts() -> Result<(Vec<String>, Vec<String>)> {
    let (mut named, mut text) = (Vec::new(), Vec::new());
    // As the task's row says.
    let wanted =
        |path: &str| path.ends_with(".sh") || path.starts_with(".ci/") || path.starts_with("scripts/");
    for path in files::present(wanted)? {
        let content = fs::read(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
        let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match kind_of(&path, &String::from_utf8_lossy(first)) {
            Kind::Script => named.push(path),
            Kind::Text => text.push(path),
            Kind::Other => {}
        }
    }
    Ok((named, text))
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Script,
    Text,
    Other,
}

fn kind_of(path: &str, first_line: &str) -> Kind {
    let program = first_line.strip_prefix("#!").and_then(|line| line.split(['/', ' ']).next_back());
    match program {
        Some("sh" | "bash" | "dash") => Kind::Script,
        None if path.ends_with(".sh") => Kind::Text,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_by_its_first_line_or_its_name() {
        for (path, first, kind) in [
            (".ci/run", "#!/usr/bin/env bash", Kind::Script),
            ("a.sh", "#!/bin/sh", Kind::Script),
            ("lease.sh", "# Holds the lease", Kind::Text),
            ("a.py", "#!/usr/bin/env python3", Kind::Other),
            ("lib.rs", "#![allow(x)]", Kind::Other),
            ("README.md", "# TraceHub", Kind::Other),
        ] {
            assert_eq!(kind_of(path, first), kind, "{path}");
        }
    }

    #[test]
    fn the_scripts_of_the_repository_are_seen() {
        let (named, text) = scripts().expect("git answers");
        assert!(named.iter().any(|path| path == ".ci/run"), "{named:?}");
        assert!(text.iter().any(|path| path.ends_with("host/scripts/lease.sh")), "{text:?}");
    }
}
