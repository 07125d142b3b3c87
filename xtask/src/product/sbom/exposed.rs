//! Which parts a question such as `openssl<3.0.18` is about.

use std::cmp::Ordering;
use std::str::FromStr;

use super::{Kind, Part};

/// A name, and which of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    kind: Option<Kind>,
    name: String,
    version: Option<(Sign, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Below,
    UpTo,
    Exactly,
}

impl Range {
    /// Whether this part is meant: by its own name, or by that of the source that it was built from.
    pub fn has(&self, part: &Part) -> bool {
        let is_meant = self.kind.is_none_or(|kind| kind == part.kind)
            && (part.name == self.name || part.source.as_ref() == Some(&self.name));
        is_meant
            && self.version.as_ref().is_none_or(|(sign, version)| {
                let order = part.kind.compare(&part.version, version);
                match sign {
                    Sign::Below => order == Ordering::Less,
                    Sign::UpTo => order != Ordering::Greater,
                    Sign::Exactly => order == Ordering::Equal,
                }
            })
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Range, String> {
        let (kind, rest) = match text.split_once(':') {
            Some((word, rest)) if Kind::ALL.iter().any(|kind| kind.name() == word) => {
                (Kind::ALL.into_iter().find(|kind| kind.name() == word), rest)
            }
            _ => (None, text),
        };
        let (name, version) = match rest.find(['<', '=']) {
            None => (rest, None),
            Some(at) => {
                let (name, behind) = rest.split_at(at);
                let signs =
                    [("<=", Sign::UpTo), ("<", Sign::Below), ("==", Sign::Exactly), ("=", Sign::Exactly)];
                let found =
                    signs.into_iter().find_map(|(sign, meant)| Some((meant, behind.strip_prefix(sign)?)));
                let (sign, version) = found.expect("it begins with one of them");
                (name, Some((sign, version.trim().to_owned())))
            }
        };
        let name = name.trim();
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_~@/:".contains(&byte))
        };
        let has_number = |version: &str| version.starts_with(|first: char| first.is_ascii_digit());
        if !is_plain(name) || version.as_ref().is_some_and(|(_, it)| !is_plain(it) || !has_number(it)) {
            return Err(
                "a name, and which versions: openssl<3.0.18, cargo:openssl<=0.10.70, npm:vite=6.0.0, zlib1g"
                    .to_owned(),
            );
        }
        Ok(Range { kind, name: name.to_owned(), version })
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{}:", kind.name())?;
        }
        f.write_str(&self.name)?;
        match &self.version {
            None => Ok(()),
            Some((Sign::Below, version)) => write!(f, "<{version}"),
            Some((Sign::UpTo, version)) => write!(f, "<={version}"),
            Some((Sign::Exactly, version)) => write!(f, "={version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: Kind, name: &str, version: &str) -> Part {
        let source = (name == "libssl3").then(|| "openssl".to_owned());
        Part { kind, name: name.to_owned(), version: version.to_owned(), source, sha256: None }
    }

    #[test]
    fn a_question_is_about_names_sources_and_versions_as_their_makers_compare_them() {
        let old = part(Kind::Deb, "libssl3", "3.0.17-1~deb12u2");
        let has = |question: &str, part: &Part| question.parse::<Range>().unwrap().has(part);
        for question in
            ["openssl<3.0.18", "libssl3", "deb:openssl<=3.0.17-1~deb12u2", "openssl=3.0.17-1~deb12u2"]
        {
            assert!(has(question, &old), "{question}");
        }
        for question in
            ["openssl<3.0.17-1~deb12u2", "openssl<3.0.9", "cargo:openssl<4", "ssl", "openssl=3.0.17"]
        {
            assert!(!has(question, &old), "{question}");
        }
        let crate_one = part(Kind::Cargo, "ring", "0.17.9");
        assert!(has("ring<0.17.12", &crate_one) && !has("ring<0.17.9-beta", &crate_one));
        assert!(has("npm:@mantine/core<10", &part(Kind::Npm, "@mantine/core", "9.7.4")));
    }

    #[test]
    fn what_is_no_question_is_refused_and_one_is_written_as_it_was() {
        for wrong in ["", "<3", "openssl<", "open ssl", "openssl<new", "a>b", "a;b<1"] {
            assert!(wrong.parse::<Range>().is_err(), "{wrong}");
        }
        for fine in ["deb:openssl<3.0.18", "npm:@a/b<=1", "zlib1g", "a=1"] {
            assert_eq!(fine.parse::<Range>().unwrap().to_string(), fine);
        }
    }
}
