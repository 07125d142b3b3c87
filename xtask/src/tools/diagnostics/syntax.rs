//! The statements of a file of SQL, by squawk's own parser: its lossless tree, as `--debug parse` prints it. squawk is pinned to
//! one version, so that this form is as well.

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::cmd;

use crate::tools::process::{Run, shell};

/// A part of the text: a statement, a clause of one, a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `ALTER_TABLE`, `DROP_COLUMN`, `IDENT`.
    pub kind: String,
    /// The first byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
    /// What it consists of, without white space and comments.
    pub parts: Vec<Node>,
}

/// What a text consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The statements, in order.
    pub statements: Vec<Node>,
    /// What is no SQL: where, and what was expected there.
    pub errors: Vec<(usize, String)>,
}

impl Node {
    /// What it is made of that is of this kind.
    pub fn part(&self, kind: &str) -> Option<&Node> {
        self.parts.iter().find(|part| part.kind == kind)
    }

    /// Itself and all below it, in the order of the text; not below what `within` says no to.
    pub fn all<'a>(&'a self, within: &dyn Fn(&Node) -> bool) -> Vec<&'a Node> {
        let below = self.parts.iter().filter(|part| within(part)).flat_map(|part| part.all(within));
        std::iter::once(self).chain(below).collect()
    }

    /// Whether something of this kind is anywhere in it.
    pub fn holds(&self, kind: &str) -> bool {
        self.kind == kind || self.parts.iter().any(|part| part.holds(kind))
    }

    /// Its text.
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.start..self.end).unwrap_or_default()
    }
}

/// The number of the line that this byte is on.
pub fn line_of(source: &str, byte: usize) -> usize {
    1 + source.bytes().take(byte).filter(|it| *it == b'\n').count()
}

/// Parses a text.
pub fn parse(squawk: &Utf8Path, sql: &str) -> Result<Parsed> {
    let parse = cmd!(shell(), "{squawk} --debug parse").env("NO_COLOR", "1");
    let printed = Run::new(parse).stdin(sql).text()?;
    let tree: Vec<&str> = printed.lines().take_while(|line| !line.is_empty()).collect();
    let (root, rest) = node(&tree, 0).context("squawk prints its tree in a form that xtask does not know")?;
    anyhow::ensure!(
        rest.is_empty() && root.kind == "SOURCE_FILE",
        "squawk prints its tree in a form that xtask does not know: {rest:?}"
    );
    let errors = printed.lines().skip(tree.len()).filter_map(error).collect();
    let is_statement = |part: &Node| !matches!(part.kind.as_str(), "ERROR" | "EMPTY_STMT" | "SEMICOLON");
    Ok(Parsed { statements: root.parts.into_iter().filter(is_statement).collect(), errors })
}

/// The node of the first line, with all lines that are further in, and the lines behind those.
fn node<'a, 'b>(lines: &'b [&'a str], depth: usize) -> Option<(Node, &'b [&'a str])> {
    let (first, mut rest) = lines.split_first()?;
    let (kind, place) = first.get(depth * 2..)?.split_once('@')?;
    let (start, end) = place.split(' ').next()?.split_once("..")?;
    let mut parts = Vec::new();
    while rest.first().is_some_and(|line| indent(line) > depth) {
        let (part, behind) = node(rest, depth + 1)?;
        if !matches!(part.kind.as_str(), "WHITESPACE" | "COMMENT") {
            parts.push(part);
        }
        rest = behind;
    }
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    Some((Node { kind: kind.to_owned(), start, end, parts }, rest))
}

fn indent(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count() / 2
}

/// `ERROR@797 "expected command, found IDENT"`.
fn error(line: &str) -> Option<(usize, String)> {
    let (at, what) = line.strip_prefix("ERROR@")?.split_once(' ')?;
    Some((at.split("..").next()?.parse().ok()?, what.trim_matches('"').to_owned()))
}
