//! Incidents: what users suffered from, as people wrote it down. The ledger alone knows no such thing.

use serde::Serialize;

use super::{Event, Ledger, ReleaseId};

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// The release that users suffered from.
    pub caused_by: ReleaseId,
    /// When it was opened, RFC 3339 in UTC.
    pub opened: String,
    /// Who opened it.
    pub by: String,
    /// What users suffered, as that person says.
    pub why: String,
    /// When it was over; none while it is not.
    pub closed: Option<String>,
}

impl Ledger {
    /// All of them, the oldest first. A release has one that is open at most.
    pub fn incidents(&self) -> Vec<Incident> {
        let mut incidents: Vec<Incident> = Vec::new();
        for entry in &self.entries {
            let Event::Noted { by, why, incident: Some(mark), .. } = &entry.event else { continue };
            let open = incidents.iter_mut().rfind(|it| it.caused_by == mark.caused_by && it.closed.is_none());
            match open {
                Some(open) if mark.is_over => open.closed = Some(entry.at.clone()),
                None if !mark.is_over => incidents.push(Incident {
                    caused_by: mark.caused_by.clone(),
                    opened: entry.at.clone(),
                    by: by.clone(),
                    why: why.clone(),
                    closed: None,
                }),
                _ => {}
            }
        }
        incidents
    }

    /// Those that are not over.
    pub fn open_incidents(&self) -> Vec<Incident> {
        self.incidents().into_iter().filter(|it| it.closed.is_none()).collect()
    }
}
