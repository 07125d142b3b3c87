//! The tasks about what people read.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use clap::error::ErrorKind;

use crate::pipeline::Context;
use crate::product::drills;
use crate::project;
use crate::tools::git;
use crate::workspace;

/// Each `cargo xtask …` in the documents is one that xtask understands, each link leads to a file, and a newcomer reads of
/// the versions that will do.
pub fn are_right<Cli: Parser>(task: &Context) -> Result<()> {
    let files = git::files(workspace::root(), ".")?;
    let mut problems = Vec::new();
    let mut count = 0;
    for file in files.iter().filter(|file| file.ends_with(".md")) {
        let path = workspace::root().join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {file}"))?;
        for command in commands_in(&text) {
            count += 1;
            problems.extend(misunderstood::<Cli>(&command).map(|why| format!("{file}: `{command}`: {why}")));
        }
        let folder = path.parent().unwrap_or(workspace::root());
        let gone = links_in(&text).into_iter().filter(|link| !folder.join(link).exists());
        problems.extend(gone.map(|link| format!("{file}: the link to {link} leads nowhere")));
    }
    let readme = fs::read_to_string(workspace::root().join("README.md")).context("reading README.md")?;
    let lacking = VERSIONS.iter().map(|(what, version)| format!("{what} {version} or later"));
    let lacking = lacking.filter(|words| !readme.contains(words));
    problems.extend(lacking.map(|words| format!("README.md does not say that {words} is needed")));
    let runbook =
        fs::read_to_string(workspace::root().join("docs/runbook.md")).context("reading docs/runbook.md")?;
    problems.extend(drills::problems(&runbook));
    task.line(&format!("{count} commands were read"));
    ensure!(count > 0, "no command was found in the documents, and there are many");
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// What a newcomer must have.
const VERSIONS: [(&str, &str); 2] = [("Rust", project::RUST_VERSION), ("Node", project::NODE_VERSION)];

/// What stands behind `cargo xtask` in code: between backticks, or on a line of a block.
fn commands_in(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            commands.extend(line.trim_start().strip_prefix("cargo xtask").map(without_comment));
        } else {
            let code = line.split('`').skip(1).step_by(2);
            commands.extend(code.filter_map(|code| code.strip_prefix("cargo xtask")).map(without_comment));
        }
    }
    // `cargo xtask` by itself is a name.
    commands.retain(|command| !command.is_empty());
    commands
}

fn without_comment(code: &str) -> String {
    code.split(" #").next().unwrap_or(code).trim().to_owned()
}

/// Why a command is none. What is written for people is read as they do: brackets are what may be left out, `…` is
/// more, words in capitals stand for something.
fn misunderstood<Cli: Parser>(command: &str) -> Option<String> {
    let full = without_brackets(command);
    let alternatives = full.split_whitespace().map(|word| word.split(['|']).filter(|word| !word.is_empty()));
    let mut lines: Vec<Vec<String>> = vec![vec!["cargo xtask".to_owned()]];
    for words in alternatives {
        let words: Vec<&str> = words.map(|word| word.trim_end_matches('\\')).collect();
        lines = lines
            .iter()
            .flat_map(|line| words.iter().map(move |word| [line.as_slice(), &[stand_in(word)]].concat()))
            .collect();
    }
    lines.iter().find_map(|line| {
        let error = Cli::try_parse_from(line).err()?;
        let is_short = matches!(
            error.kind(),
            ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        let said = error.to_string();
        let is_fine = is_short || said.contains(&format!("'{SOMETHING}'"));
        (!is_fine).then(|| said.lines().next().unwrap_or_default().to_owned())
    })
}

/// Without what may be left out: `[--to RELEASE]`.
fn without_brackets(command: &str) -> String {
    let mut depth = 0_usize;
    command
        .chars()
        .filter(|c| {
            depth += usize::from(*c == '[');
            let outside = depth == 0;
            depth -= usize::from(*c == ']' && depth > 0);
            outside
        })
        .collect()
}

/// What clap hears for a word that stands for something; it may well want something more exact.
const SOMETHING: &str = "something";

/// A word that stands for something, as something; quotes are the shell's.
fn stand_in(word: &str) -> String {
    let plain = word.trim_matches(['"', '\'', ',', '…']);
    let stands_for = plain.bytes().all(|byte| byte.is_ascii_uppercase());
    if stands_for { SOMETHING.to_owned() } else { plain.to_owned() }
}

/// The links of a document to files beside it, and the pictures that it shows, without the part after `#`.
fn links_in(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    // `<picture>` has one file for each colour scheme, and Markdown no word for it.
    let pictures = ["src=\"", "srcset=\""].into_iter().flat_map(|attribute| text.split(attribute).skip(1));
    let targets = links.chain(pictures.filter_map(|rest| rest.split('"').next()));
    let local = targets.filter(|target| {
        !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:")
    });
    local.map(|target| target.split('#').next().unwrap_or(target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command line with what documents say in each way.
    #[derive(Debug, Parser)]
    enum Cli {
        Ci {
            names: Vec<String>,
        },
        #[command(subcommand)]
        Image(Image),
        Deploy {
            #[arg(long, value_parser = ["staging", "production"])]
            env: String,
            #[arg(long)]
            version: Option<String>,
        },
        Rollback {
            #[arg(long)]
            to: Option<String>,
        },
    }

    #[derive(Debug, clap::Subcommand)]
    enum Image {
        Build,
        Push,
    }

    #[test]
    fn commands_are_found_in_code_and_not_in_prose() {
        let text = "Type `cargo xtask ci` or cargo xtask nothing; `cargo xtask` is a name.\n```sh\ncargo xtask deploy  # \
                    now\n```\n| `cargo xtask image build\\|push` |";
        assert_eq!(commands_in(text), ["ci", "deploy", "image build\\|push"]);
    }

    #[test]
    fn what_no_one_understands_is_named() {
        for fine in [
            "ci [TASK…]",
            "image build\\|push",
            "rollback [--to RELEASE]",
            "deploy --env production --version …",
            "deploy --env … --version …",
        ] {
            assert_eq!(misunderstood::<Cli>(fine), None, "{fine}");
        }
        for wrong in ["deplo", "ci --no-such-flag", "image build\\|pull", "deploy --env stagging"] {
            assert!(misunderstood::<Cli>(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn links_to_files_are_found() {
        assert_eq!(
            links_in(
                "[a](b.md#c) [d](https://e.org) [f](#g) ![h](docs/i.png) [j](mailto:k@l) [m](migrations.md)"
            ),
            ["b.md", "docs/i.png", "migrations.md"]
        );
        assert_eq!(links_in("<source srcset=\"a.svg\"><img alt=\"A\" src=\"b.svg\">"), ["b.svg", "a.svg"]);
    }
}
