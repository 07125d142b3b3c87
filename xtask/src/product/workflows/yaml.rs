//! Just enough YAML to write a workflow that people can read.

use std::fmt::Write as _;

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Yaml {
    /// A word or a sentence; quoted where YAML would take it for something else.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Words in brackets, on one line.
    Words(Vec<String>),
    /// One item below the other.
    List(Vec<Yaml>),
    /// Keys with what they hold, in this order. Empty: `{}`.
    Map(Vec<(String, Yaml)>),
    /// Something with a remark behind it.
    Noted(String, String),
}

/// A word or a sentence.
pub fn text(text: impl Into<String>) -> Yaml {
    Yaml::Text(text.into())
}

/// Words in brackets.
pub fn words<S: AsRef<str>>(words: &[S]) -> Yaml {
    Yaml::Words(words.iter().map(|word| word.as_ref().to_owned()).collect())
}

/// Keys with what they hold.
pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Yaml)>) -> Yaml {
    Yaml::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

impl Yaml {
    /// The document, with `comment` above it, a line each. Its parts, and those of the part `apart`, have an empty line
    /// between them.
    pub fn document(&self, comment: &[&str], apart: &str) -> String {
        let mut out: String =
            comment.iter().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect();
        let Yaml::Map(parts) = self else { return out };
        for (key, part) in parts {
            out += "\n";
            match part {
                Yaml::Map(inner) if key == apart => {
                    let _ = write!(out, "{key}:");
                    for (key, part) in inner {
                        out += "\n";
                        write_pair(&mut out, 2, key, part);
                    }
                }
                _ => write_pair(&mut out, 0, key, part),
            }
        }
        out
    }

    /// What stands behind the key on its line; none when it stands below.
    fn inline(&self) -> Option<String> {
        match self {
            Yaml::Text(text) => Some(scalar(text, false)),
            Yaml::Flag(flag) => Some(flag.to_string()),
            Yaml::Number(number) => Some(number.to_string()),
            Yaml::Noted(text, note) => Some(format!("{} # {note}", scalar(text, false))),
            Yaml::Words(words) => Some(format!(
                "[{}]",
                words.iter().map(|word| scalar(word, true)).collect::<Vec<_>>().join(", ")
            )),
            Yaml::Map(pairs) if pairs.is_empty() => Some("{}".to_owned()),
            Yaml::List(_) | Yaml::Map(_) => None,
        }
    }
}

fn write_pair(out: &mut String, indent: usize, key: &str, value: &Yaml) {
    let margin = " ".repeat(indent);
    match value.inline() {
        Some(inline) => writeln!(out, "{margin}{key}: {inline}"),
        None => writeln!(out, "{margin}{key}:"),
    }
    .expect("a string takes everything");
    write_below(out, indent + 2, value);
}

fn write_below(out: &mut String, indent: usize, value: &Yaml) {
    match value {
        Yaml::Map(pairs) => pairs.iter().for_each(|(key, value)| write_pair(out, indent, key, value)),
        Yaml::List(items) => items.iter().for_each(|item| write_item(out, indent, item)),
        _ => {}
    }
}

/// The first line of an item has a dash where the others have two spaces.
fn write_item(out: &mut String, indent: usize, item: &Yaml) {
    let margin = " ".repeat(indent);
    let mut below = String::new();
    match item.inline() {
        Some(inline) => below = format!("{margin}  {inline}\n"),
        None => write_below(&mut below, indent + 2, item),
    }
    out.push_str(&format!("{margin}- {}", &below[indent + 2..]));
}

/// Plain where every reader of YAML agrees on what it is, quoted as JSON elsewhere. Brackets around it make it harder.
fn scalar(text: &str, in_brackets: bool) -> String {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "$./~".contains(c));
    let is_another_kind = matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n")
        || text.bytes().all(|byte| byte.is_ascii_digit() || b".-:_".contains(&byte));
    let breaks = text.contains(['\n', '\t'])
        || (in_brackets && text.contains([',', '[', ']', '{', '}']))
        || text.contains(": ")
        || text.contains(" #")
        || text.ends_with([':', ' ']);
    if begins_well && !is_another_kind && !breaks {
        return text.to_owned();
    }
    serde_json::to_string(text).expect("a string is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_as_a_person_would_write_it() {
        let step =
            map([("uses", Yaml::Noted("a/b@abc".to_owned(), "v1".to_owned())), ("if", text("!failure()"))]);
        let job = map([("permissions", map::<&str>([])), ("steps", Yaml::List(vec![step, text("plain")]))]);
        let document = map([("name", text("CI")), ("on", words(&["push"])), ("jobs", map([("one", job)]))]);
        let expected = "# about it\n#\n\nname: CI\n\non: [push]\n\njobs:\n  one:\n    permissions: {}\n    steps:\n      - uses: \
                        a/b@abc # v1\n        if: \"!failure()\"\n      - plain\n";
        assert_eq!(document.document(&["about it", ""], "jobs"), expected);
    }

    #[test]
    fn what_yaml_would_take_for_something_else_is_quoted() {
        let odd =
            ["true", "1.95", "22", "- a", "a: b", "a #b", "", "@x", "'x'", "1:30", "{x}", "*", "no", "!x"];
        for odd in odd {
            assert!(scalar(odd, false).starts_with('"'), "{odd:?} is {}", scalar(odd, false));
        }
        for plain in ["a b", "${{ secrets.X }}", "exec cargo xtask ci a-b", "env.X != ''", "a, b", ".tools"] {
            assert_eq!(scalar(plain, false), plain);
        }
        assert_eq!(scalar("a, b", true), "\"a, b\"");
    }
}
