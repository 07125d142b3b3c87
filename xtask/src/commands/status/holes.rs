//! Packages of the platform's images that a security update of the distribution mends: a warning with the day on which the
//! distribution's lists were asked, and no wall.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::host::Machine;
use crate::product::images;
use crate::product::outdated::Report;
use crate::rollout::state::ledger::Ledger;
use crate::terminal::{self, paint};

/// How many are named.
const SHOWN: usize = 3;

/// Nothing when `cargo xtask image outdated` was never asked on this machine.
#[derive(Debug, Serialize)]
pub struct Holes {
    /// When the lists were asked.
    day: String,
    /// Service to packages, each in words; a service whose packages can't be looked at is left out.
    of: BTreeMap<String, Vec<String>>,
}

impl Holes {
    /// By the last answer, and the images that the ledger names. What an image has is looked for once.
    pub fn of(machine: &Machine, ledger: &Ledger) -> Option<Holes> {
        let (report, record) = (Report::last()?, ledger.platform()?);
        let holes = |(service, image): (&String, &String)| {
            let copy =
                |paths: &[&str], into: &camino::Utf8Path| machine.copy_out_of_image(image, paths, into);
            let parts = images::known_packages(image, copy).ok()?;
            Some((service.clone(), report.holes(&parts)))
        };
        let of = record.images.iter().filter_map(holes).filter(|(_, holes)| !holes.is_empty()).collect();
        Some(Holes { day: report.day, of })
    }

    /// A line a service.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.of.iter().map(|(service, holes)| {
            let more = holes.len().saturating_sub(SHOWN);
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            let named = holes.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
            format!(
                "the image of {service} has packages with known holes, by the security updates of {}: {named}{more}",
                self.day
            )
        })
    }

    /// Like `lines`, for people.
    pub fn say(&self) {
        self.lines().for_each(|line| terminal::say(paint::warn(line)));
    }
}
