//! JUnit's form of what tests came to, as far as failures are concerned: runners write it for programs.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8Path;

/// A test that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failed {
    /// What it belongs to: a crate, a file.
    pub class: String,
    /// Its name.
    pub name: String,
    /// Why, each time that it was tried.
    pub faults: Vec<Fault>,
}

/// One time that a test failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// In a line.
    pub message: String,
    /// In full; empty when the line says all.
    pub text: String,
}

/// The tests that failed. A file that is not there holds none: the runner did not come so far.
pub fn failed(file: &Utf8Path) -> Result<Vec<Failed>> {
    match fs::read_to_string(file) {
        Ok(text) => parse(&text).with_context(|| format!("reading {file}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("reading {file}")),
    }
}

/// The elements that say that a test failed once. One that passed in the end has them too, but none of the first two.
const FAULTS: [&str; 4] = ["failure", "error", "flakyFailure", "rerunFailure"];

/// The tests that failed, in JUnit's XML.
pub fn parse(xml: &str) -> Result<Vec<Failed>> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let (mut test, mut has_failed) = (Failed::default(), false);
    for part in parts(xml) {
        match part? {
            Part::Begin { name, attributes, is_whole } => {
                let attribute = |name: &str| attributes.get(name).cloned().unwrap_or_default();
                if name == "testcase" {
                    let (class, name) = (attribute("classname"), attribute("name"));
                    (test, has_failed) = (Failed { class, name, faults: Vec::new() }, false);
                }
                if FAULTS.contains(&name) {
                    has_failed |= FAULTS[..2].contains(&name);
                    test.faults.push(Fault { message: attribute("message"), text: String::new() });
                }
                if !is_whole {
                    open.push(name.to_owned());
                }
            }
            Part::Text(text) => {
                let is_fault = open.last().is_some_and(|name| FAULTS.contains(&name.as_str()));
                if let Some(fault) = test.faults.last_mut().filter(|_| is_fault) {
                    fault.text.push_str(&text);
                }
            }
            Part::End(name) => {
                let last = open.pop().unwrap_or_default();
                ensure!(last == name, "</{name}> ends <{last}>");
                if name == "testcase" && has_failed {
                    found.push(std::mem::take(&mut test));
                }
            }
        }
    }
    ensure!(open.is_empty(), "<{}> does not end", open.join("> <"));
    Ok(found)
}

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Begin { name: &'a str, attributes: HashMap<&'a str, String>, is_whole: bool },
    End(&'a str),
    Text(String),
}

/// XML as runners write it: no document type, and no entities but XML's own.
fn parts(xml: &str) -> impl Iterator<Item = Result<Part<'_>>> {
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            if let Some(text) = take(&mut rest, "<![CDATA[", "]]>") {
                return Some(Ok(Part::Text(text.to_owned())));
            }
            if take(&mut rest, "<?", "?>").is_some() || take(&mut rest, "<!--", "-->").is_some() {
                continue;
            }
            if let Some(name) = take(&mut rest, "</", ">") {
                return Some(Ok(Part::End(name.trim())));
            }
            if rest.starts_with('<') {
                let begin = begin(&mut rest);
                if begin.is_err() {
                    rest = "";
                }
                return Some(begin);
            }
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            rest = after;
            return Some(Ok(Part::Text(unescaped(text))));
        }
    })
}

/// What stands between these, if it begins so and ends.
fn take<'a>(rest: &mut &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (inside, after) = rest.strip_prefix(begin)?.split_once(end)?;
    *rest = after;
    Some(inside)
}

/// `<name a="1" b='2'>` or `<name/>`; a `>` may stand within quotes.
fn begin<'a>(rest: &mut &'a str) -> Result<Part<'a>> {
    let mut inside = rest.strip_prefix('<').context("a tag begins with <")?;
    let end =
        inside.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).context("a tag has no end")?;
    let name = &inside[..end];
    ensure!(!name.is_empty(), "a tag has no name");
    inside = &inside[end..];
    let mut attributes = HashMap::new();
    loop {
        inside = inside.trim_start();
        for (end, is_whole) in [("/>", true), (">", false)] {
            if let Some(after) = inside.strip_prefix(end) {
                *rest = after;
                return Ok(Part::Begin { name, attributes, is_whole });
            }
        }
        let Some((key, after)) = inside.split_once('=') else { bail!("<{name} has no end") };
        let after = after.trim_start();
        let quote =
            after.chars().next().filter(|c| matches!(c, '"' | '\'')).context("a value has no quotes")?;
        let (value, after) = after[1..].split_once(quote).context("a value has no end")?;
        attributes.insert(key.trim(), unescaped(value));
        inside = after;
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut parts = text.split('&');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (entity, after) = part.split_once(';').unwrap_or((part, ""));
        let number = |digits: &str, base| u32::from_str_radix(digits, base).ok().and_then(char::from_u32);
        let meant = match entity {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => entity.strip_prefix('#').and_then(|code| match code.strip_prefix('x') {
                Some(digits) => number(digits, 16),
                None => number(code, 10),
            }),
        };
        match meant {
            Some(meant) => {
                plain.push(meant);
                plain.push_str(after);
            }
            None => {
                plain.push('&');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_test_that_failed_each_time_is_read_and_of_one_that_passed_nothing() {
        let xml = r#"<?xml version="1.0"?><!-- a > b -->
<testsuites><testsuite name="s"><testcase name="fine" classname="c"/>
<testcase name="twice" classname="c"><failure message="a &lt;b&gt; &#39;c&#x27; &amp; &unknown;"/>
<rerunFailure message="again"><![CDATA[whole <text>]]><system-out>no part of it</system-out></rerunFailure></testcase>
<testcase name="saved" classname="c"><flakyFailure message="the first time">text</flakyFailure></testcase>
<testcase name='e > f' classname="c"><error>&quot;out&quot;</error></testcase></testsuite></testsuites>"#;
        let fault = |message: &str, text: &str| Fault { message: message.to_owned(), text: text.to_owned() };
        let found = parse(xml).expect("read");
        assert_eq!(
            found.iter().map(|test| (test.name.as_str(), test.faults.clone())).collect::<Vec<_>>(),
            [
                ("twice", vec![fault("a <b> 'c' & &unknown;", ""), fault("again", "whole <text>")]),
                ("e > f", vec![fault("", "\"out\"")]),
            ]
        );
        assert!(found.iter().all(|test| test.class == "c"));
    }

    #[test]
    fn what_was_cut_off_is_an_error_and_what_is_not_there_is_none() {
        for broken in ["<testsuites><testcase name=\"a\">", "<testsuites", "<a></b>", "<a b=c>", "<>"] {
            assert!(parse(broken).is_err(), "{broken}");
        }
        assert_eq!(failed("/there/is/no/such/junit.xml".into()).expect("none"), []);
    }
}
