//! Versions, to be compared.

use std::fmt;

/// The first three numbers of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The first version in `text`: `Docker version 28.2.2, build e6534b4`, `v20.19.2`, `psql (PostgreSQL) 15.13`.
    pub fn parse(text: &str) -> Option<Version> {
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ','));
        words.filter_map(|word| Self::of_word(word.trim_start_matches('v'))).next()
    }

    fn of_word(word: &str) -> Option<Version> {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        let mut numbers = word[..end].split('.').map(|number| number.parse().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some(Version(major, minor, numbers.next().flatten().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_tools_say() {
        for (text, version) in [
            ("Docker version 28.2.2, build e6534b4", Version(28, 2, 2)),
            ("Docker Compose version 2.26.1-4", Version(2, 26, 1)),
            ("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", Version(0, 13, 1)),
            ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", Version(15, 13, 0)),
            ("v20.19.2", Version(20, 19, 2)),
            ("git version 2.49.0", Version(2, 49, 0)),
            ("GNU readelf (GNU Binutils for Debian) 2.40", Version(2, 40, 0)),
            ("Chromium 137.0.7151.55 built on Debian", Version(137, 0, 7151)),
            ("v2.11.4 h1:abc=", Version(2, 11, 4)),
        ] {
            assert_eq!(Version::parse(text), Some(version), "{text}");
        }
        assert_eq!(Version::parse("no number here"), None);
    }
}
