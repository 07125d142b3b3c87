//! The platform: its files, and with which of them its services run.

use std::collections::BTreeMap;
use std::fmt;

/// Of two platforms, which one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Era {
    /// The one that the host had.
    #[default]
    Before,
    /// The one that takes its place.
    New,
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Era::Before => "old",
            Era::New => "new",
        })
    }
}

/// The services of a platform.
pub const PLATFORM: [&str; 2] = ["a-database", "an-edge"];

/// What outlives releases.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Its files.
    pub files: Era,
    /// With which files each service was started.
    pub services: BTreeMap<String, Era>,
}

impl Default for Platform {
    fn default() -> Platform {
        let services = PLATFORM.map(|service| (service.to_owned(), Era::Before));
        Platform { files: Era::Before, services: services.into() }
    }
}

impl Platform {
    /// Whether files and services are of this one.
    pub fn is_all(&self, era: Era) -> bool {
        self.files == era && self.services.values().all(|service| *service == era)
    }
}
