//! `cargo xtask picture`: what a command leaves on a terminal, as pictures for the documents.

mod screen;
mod svg;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;

use self::screen::Screen;
use self::svg::THEMES;
use super::refuse;
use crate::terminal::{self, Activity};
use crate::tools::process::{Run, shell};
use crate::tools::script;
use crate::workspace;

/// How wide the terminal is, in characters: what GitHub shows of a document without making it smaller.
const COLUMNS: usize = 112;
/// A first deploy compiles everything.
const TIMEOUT: Duration = Duration::from_secs(1800);
/// Where pictures are, from the repository's root.
const FOLDER: &str = "docs/pictures";

/// Draw what a verb leaves on a terminal, for the documents
///
/// Runs the verb, and writes docs/pictures/NAME-light.svg and NAME-dark.svg when it succeeds.
#[derive(Debug, Args)]
pub struct Picture {
    /// What the pictures are called
    name: String,
    /// The verb with its flags, behind `--`
    #[arg(last = true, required = true, value_name = "VERB")]
    verb: Vec<String>,
}

impl Picture {
    /// Runs it, and writes both pictures when it ends with 0.
    pub fn run(self) -> Result<()> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || !self.name.bytes().all(is_plain) {
            return Err(refuse(format!("'{}' has more than small letters, digits and '-' in it", self.name)));
        }
        let typed = format!("cargo xtask {}", self.verb.join(" "));
        let shown = format!("$ \u{1b}[1m{typed}\u{1b}[m\r\n{}", self.output(&typed)?);
        let screen = Screen::after(&shown, COLUMNS);
        let folder = workspace::root().join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("making {folder}"))?;
        for theme in &THEMES {
            let name = format!("{}-{}.svg", self.name, theme.name);
            let path = folder.join(&name);
            fs::write(&path, svg::draw(&screen, &typed, theme)).with_context(|| format!("writing {path}"))?;
            terminal::say(format_args!("{FOLDER}/{name}"));
        }
        Ok(())
    }

    /// What the verb wrote, with all that a terminal is told by it.
    fn output(&self, typed: &str) -> Result<String> {
        let program = std::env::current_exe().context("finding this program")?;
        let program = program.to_str().context("this program's path is no UTF-8")?;
        let words: Vec<&str> = [program].into_iter().chain(self.verb.iter().map(String::as_str)).collect();
        let finished = Activity::of(typed, |activity| {
            let run = Run::new(script::on_terminal(shell(), COLUMNS, &words)).called(typed).timeout(TIMEOUT);
            run.each_line(&|line| activity.line(line)).checked()
        })?;
        Ok(finished.stdout)
    }
}
