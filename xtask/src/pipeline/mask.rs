//! Masks secrets in what tasks print.

use std::borrow::Cow;

/// What is printed instead of a secret.
const REPLACEMENT: &str = "***";
/// Shorter values are not masked, since they occur everywhere. In bytes.
const MIN_LENGTH: usize = 6;

/// The values to mask.
#[derive(Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Masks these values; one of several lines (a key) line by line, since output comes in lines.
    pub fn new(values: impl IntoIterator<Item = String>) -> Mask {
        let values: Vec<String> = values.into_iter().collect();
        let mut secrets: Vec<String> =
            values.iter().flat_map(|value| lines_to_mask(value)).map(str::to_owned).collect();
        // The longest first, so that a secret that contains another one is masked as a whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Mask(secrets)
    }

    /// The line without secrets.
    pub fn apply<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(line);
        for secret in self.0.iter().filter(|secret| line.contains(secret.as_str())) {
            masked = Cow::Owned(masked.replace(secret.as_str(), REPLACEMENT));
        }
        masked
    }
}

/// The lines of a value that are masked: all but short ones, and the first and the last of a key.
pub fn lines_to_mask(value: &str) -> impl Iterator<Item = &str> {
    value.lines().map(str::trim).filter(|line| line.len() >= MIN_LENGTH && !line.starts_with("-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_each_line_of_a_key_too_and_short_words_are_not() {
        let key = "-----BEGIN KEY-----\nAAAAB3NzaC1\nx\n-----END KEY-----\n";
        let mask =
            Mask::new(["hunter2hunter2".to_owned(), "hunter2".to_owned(), key.to_owned(), "no".to_owned()]);
        assert_eq!(mask.apply("password=hunter2hunter2;"), "password=***;");
        assert_eq!(mask.apply("hunter2 and AAAAB3NzaC1"), "*** and ***");
        assert_eq!(mask.apply("no secret, -----BEGIN KEY-----"), "no secret, -----BEGIN KEY-----");
    }
}
