//! Secrets that must not be read in what tasks print, although they got hold of them.

use std::borrow::Cow;

/// What stands in a secret's place.
const COVER: &str = "***";
/// What is shorter is no secret, and would cover half of all output.
const LEAST: usize = 6;

/// The secrets.
#[derive(Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Covers these values; a value of several lines (a key) line by line, as output comes.
    pub fn new(values: impl IntoIterator<Item = String>) -> Mask {
        let lines = values.into_iter().flat_map(|value| {
            let lines: Vec<String> = value.lines().map(|line| line.trim().to_owned()).collect();
            lines
        });
        let mut secrets: Vec<String> =
            lines.filter(|line| line.len() >= LEAST && !line.starts_with("-----")).collect();
        // A secret that holds another one is covered whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Mask(secrets)
    }

    /// The line without them.
    pub fn cover<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let mut covered = Cow::Borrowed(line);
        for secret in self.0.iter().filter(|secret| line.contains(secret.as_str())) {
            covered = Cow::Owned(covered.replace(secret.as_str(), COVER));
        }
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_covered_each_line_of_a_key_too_and_short_words_are_not() {
        let key = "-----BEGIN KEY-----\nAAAAB3NzaC1\nx\n-----END KEY-----\n";
        let mask =
            Mask::new(["hunter2hunter2".to_owned(), "hunter2".to_owned(), key.to_owned(), "no".to_owned()]);
        assert_eq!(mask.cover("password=hunter2hunter2;"), "password=***;");
        assert_eq!(mask.cover("hunter2 and AAAAB3NzaC1"), "*** and ***");
        assert_eq!(mask.cover("no secret, -----BEGIN KEY-----"), "no secret, -----BEGIN KEY-----");
    }
}
