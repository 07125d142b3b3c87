//! `readelf`: the version of glibc that a binary needs.

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::{Shell, cmd};

use super::process::Run;

/// A version of glibc: 2.36 is `Glibc(2, 36)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(pub u32, pub u32);

impl Glibc {
    /// From its major and its minor number.
    pub fn of((major, minor): (u32, u32)) -> Glibc {
        Glibc(major, minor)
    }
}

impl std::fmt::Display for Glibc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The newest version of glibc that a binary needs; none when it needs no glibc at all.
pub fn needed_glibc(sh: &Shell, binary: &Utf8Path) -> Result<Option<Glibc>> {
    let told = Run::new(cmd!(sh, "readelf --version-info --wide {binary}")).text();
    Ok(newest(
        &told.with_context(|| format!("reading what {binary} needs (readelf is in the package binutils)"))?,
    ))
}

/// Each needed version is listed as `Name: GLIBC_2.34`.
fn newest(version_info: &str) -> Option<Glibc> {
    let versions = version_info.split("Name: GLIBC_").skip(1).filter_map(|rest| {
        let (major, rest) = rest.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Glibc(major.parse().ok()?, minor.parse().ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_and_it_is_no_decimal() {
        let told = "  0x0010: Version: 1  File: libc.so.6  Cnt: 3\n  0x0020:   Name: GLIBC_2.34  Flags: none  Version: 5\n\
                    0x0030:   Name: GLIBC_2.9  Flags: none  Version: 4\n  0x0040:   Name: GLIBC_2.2.5  Flags: none\n";
        assert_eq!(newest(told), Some(Glibc(2, 34)));
        assert!(Glibc(2, 9) < Glibc(2, 34));
        assert_eq!(newest("No version information found in this file."), None);
    }
}
