//! `cargo xtask bench`: the figures of `docs/benchmarks.md`, measured here, all in one run on one machine. No test looks
//! at a time.

mod app;
mod compile;
mod page;
mod pipeline;
mod rollout;
mod time;

use std::fs;

use crate::workspace;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};

/// Measure, and write what was found into docs/benchmarks.md
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Deploys and rollbacks beside the ways that people use today, under load, on the lab
    Rollout(rollout::Rollout),
    /// A run of CI in which nothing is to be done, beside make, just and turbo; or a first one
    Pipeline(pipeline::Pipeline),
    /// The first build of xtask beside that of an empty program, and one after a changed line
    Compile(compile::Compile),
    /// How many requests the backend answers, how soon, and what memory it takes for them
    App(app::App),
    /// How soon the page is there on a phone, by Lighthouse
    Page(page::Page),
    #[command(hide = true)]
    Noop(pipeline::Noop),
}

impl Bench {
    /// Dispatches.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Rollout(rollout) => rollout.run(),
            Verb::Pipeline(pipeline) => pipeline.run(),
            Verb::Compile(compile) => compile.run(),
            Verb::App(app) => app.run(),
            Verb::Page(page) => page.run(),
            Verb::Noop(noop) => noop.run(),
        }
    }
}

/// Puts `text` in the place of a section of docs/benchmarks.md, or at its end when there is none of this name yet.
pub fn write_section(name: &str, text: &str) -> Result<()> {
    write_section_of("docs/benchmarks.md", name, text)
}

/// Like `write_section`, of another document.
pub fn write_section_of(document: &str, name: &str, text: &str) -> Result<()> {
    let path = workspace::root().join(document);
    let page = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    fs::write(&path, with_section(&page, name, text)).with_context(|| format!("writing {path}"))
}

fn with_section(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let section = format!("{begin}\n{}\n\n{end}", text.trim());
    let place = page.find(&begin).zip(page.find(&end));
    match place {
        Some((from, to)) => format!("{}{section}{}", &page[..from], &page[to + end.len()..]),
        None => format!("{}\n\n{section}", page.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_its_own_place_and_touches_no_other() {
        let page = with_section("# Figures\n", "one", "1");
        assert_eq!(page, "# Figures\n\n<!-- one -->\n\n1\n\n<!-- end of one -->\n");
        let page = with_section(&page, "two", "2");
        let again = with_section(&page, "one", "one again");
        assert_eq!(again, page.replace("\n1\n", "\none again\n"));
    }
}
