//! Failed tests in JUnit's XML, which test runners write for programs.

use std::borrow::Cow;
use std::fs;

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

/// A test that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failed {
    /// The crate or the file that it belongs to.
    pub class: String,
    /// Its name.
    pub name: String,
    /// Its failures, one for each time that it was run.
    pub faults: Vec<Fault>,
}

/// One time that a test failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// The message.
    pub message: String,
    /// The full text; may be empty.
    pub text: String,
}

/// The tests that failed, read from a file. None when there is no file: the runner ended before it wrote one.
pub fn failed(file: &Utf8Path) -> Result<Vec<Failed>> {
    match fs::read_to_string(file) {
        Ok(text) => parse(&text).with_context(|| format!("reading {file}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("reading {file}")),
    }
}

/// The elements of a failure. A test that passed in the end has none of the first two.
const FAULTS: [&str; 4] = ["failure", "error", "flakyFailure", "rerunFailure"];

/// The tests that failed, in JUnit's XML. An error when it is no XML, or was cut off.
pub fn parse(xml: &str) -> Result<Vec<Failed>> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let (mut test, mut has_failed) = (Failed::default(), false);
    loop {
        let text = match reader.read_event()? {
            Event::Start(tag) => {
                let name = tag.name().as_ref().to_owned();
                if name == "testcase" {
                    let (class, name) = (attribute(&tag, "classname")?, attribute(&tag, "name")?);
                    (test, has_failed) = (Failed { class, name, faults: Vec::new() }, false);
                }
                if FAULTS.contains(&name.as_str()) {
                    has_failed |= FAULTS[..2].contains(&name.as_str());
                    test.faults.push(Fault { message: attribute(&tag, "message")?, text: String::new() });
                }
                open.push(name);
                continue;
            }
            Event::End(tag) => {
                open.pop();
                if tag.name().as_ref() == "testcase" && has_failed {
                    found.push(std::mem::take(&mut test));
                }
                continue;
            }
            Event::Text(text) => text.into_inner().into_owned(),
            Event::CData(text) => text.into_inner().into_owned(),
            Event::GeneralRef(entity) => unescaped(&format!("&{};", &*entity)),
            Event::Eof => break,
            _ => continue,
        };
        let is_fault = open.last().is_some_and(|name| FAULTS.contains(&name.as_str()));
        if let Some(fault) = test.faults.last_mut().filter(|_| is_fault) {
            fault.text.push_str(&text);
        }
    }
    ensure!(open.is_empty(), "<{}> does not end", open.join("> <"));
    Ok(found)
}

/// The value of an attribute; empty when the tag has none of this name.
fn attribute(tag: &BytesStart, name: &str) -> Result<String> {
    let found = tag.try_get_attribute(name)?;
    Ok(found.map(|found| unescaped(&found.value)).unwrap_or_default())
}

/// Text with XML's own entities replaced. Not by `normalized_value`, which makes spaces of the line ends in messages. Text
/// with another entity is left as it is.
fn unescaped(text: &str) -> String {
    unescape(text).map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_test_that_failed_each_time_is_read_and_of_one_that_passed_nothing() {
        let xml = r#"<?xml version="1.0"?><!-- a > b -->
<testsuites><testsuite name="s"><testcase name="fine" classname="c"/>
<testcase name="twice" classname="c"><failure message="a &lt;b&gt; &#39;c&#x27; &amp;
d"/>
<rerunFailure message="again"><![CDATA[whole <text>]]><system-out>no part of it</system-out></rerunFailure></testcase>
<testcase name="saved" classname="c"><flakyFailure message="the first time">text</flakyFailure></testcase>
<testcase name='e > f' classname="c"><error message="&unknown;">&quot;out&quot; &unknown;</error></testcase></testsuite></testsuites>"#;
        let fault = |message: &str, text: &str| Fault { message: message.to_owned(), text: text.to_owned() };
        let found = parse(xml).expect("read");
        assert_eq!(
            found.iter().map(|test| (test.name.as_str(), test.faults.clone())).collect::<Vec<_>>(),
            [
                ("twice", vec![fault("a <b> 'c' &\nd", ""), fault("again", "whole <text>")]),
                ("e > f", vec![fault("&unknown;", "\"out\" &unknown;")]),
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
