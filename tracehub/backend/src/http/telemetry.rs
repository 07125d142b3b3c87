//! What browsers report of the page, on its way to where errors are told: so that the page speaks to its own site alone,
//! and that nobody else's project can be written to by way of us.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use sentry::protocol::Event;
use serde_json::{Map, Value};

use super::client::Client;
use super::{App, Error};
use crate::client::Network;
use crate::lane::Full;
use crate::reports::{self, Script, Vitals};

/// How many reports a minute are taken of one network, and of all.
const OF_ONE: u32 = 10;
const OF_ALL: u32 = 120;
/// An error, and what caused it, come together.
const AT_ONCE: usize = 3;

/// Counts reports, by who sent them, in one minute.
#[derive(Debug, Default)]
pub struct Reporters(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    minute: u64,
    all: u32,
    by_network: HashMap<Option<Network>, u32>,
}

impl Reporters {
    fn let_in(&self, network: Option<Network>, minute: u64) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.minute != minute {
            *counted = Counted { minute, ..Counted::default() };
        }
        let Counted { all, by_network, .. } = &mut *counted;
        // Looked at first: however many networks there are, so many are kept.
        if *all >= OF_ALL {
            return false;
        }
        let own = by_network.entry(network).or_default();
        if *own >= OF_ONE {
            return false;
        }
        *own += 1;
        *all += 1;
        true
    }
}

/// Takes an envelope of Sentry's. Of what is in it, errors are told and nothing else; where nobody is to be told, there is
/// nothing here.
pub async fn take(State(app): State<App>, client: Client, body: Bytes) -> Result<StatusCode, Error> {
    if !reports::is_on() {
        return Err(Error::NotFound);
    }
    let minute = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
    if !app.reporters.let_in(client.network, minute) {
        return Err(Error::Busy(Full::ForOneKind));
    }
    let reports = reports(&body).ok_or_else(|| {
        Error::Rejected(StatusCode::UNPROCESSABLE_ENTITY, "this is no envelope of Sentry's".into())
    })?;
    reports.into_iter().take(AT_ONCE).for_each(|report| match report {
        Report::Error(event, scripts) => reports::of_page(*event, scripts),
        Report::Vitals(vitals) => reports::of_visit(&vitals),
    });
    Ok(StatusCode::NO_CONTENT)
}

/// What an error of the page is made of; whatever else a later release of Sentry's library adds is left.
const PARTS: [&str; 8] =
    ["event_id", "level", "timestamp", "message", "exception", "tags", "release", "transaction"];

/// What a page has to say.
enum Report {
    /// An error, and the scripts that it comes from.
    Error(Box<Event<'static>>, Vec<Script>),
    /// How fast it was.
    Vitals(Vitals),
}

/// What is in an envelope: a line about it, and two for each thing in it.
fn reports(envelope: &[u8]) -> Option<Vec<Report>> {
    let mut lines = envelope.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let object = |line: &[u8]| serde_json::from_slice::<Map<String, Value>>(line).ok();
    object(lines.next()?)?;
    let mut reports = Vec::new();
    while let Some(item) = lines.next() {
        let (item, content) = (object(item)?, lines.next()?);
        if item.get("type").is_some_and(|kind| kind == "vitals") {
            reports.push(Report::Vitals(serde_json::from_slice(content).ok()?));
        }
        if item.get("type").is_some_and(|kind| kind == "event") {
            let mut event = object(content)?;
            let mut images = event.remove("debug_meta").unwrap_or_default();
            let scripts = serde_json::from_value(images["images"].take()).unwrap_or_default();
            event.retain(|name, _| PARTS.contains(&name.as_str()));
            reports.push(Report::Error(serde_json::from_value(event.into()).ok()?, scripts));
        }
    }
    Some(reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_takes_nobody_elses_room_and_all_together_are_bounded() {
        let reporters = Reporters::default();
        let network = |number: u8| Some(Network::of([198, 51, 100, number].into()));
        let let_in = |number: u8| (0..20).filter(|_| reporters.let_in(network(number), 1)).count();
        assert_eq!((let_in(1), let_in(2)), (10, 10));
        assert_eq!((3..30).map(let_in).sum::<usize>(), 100);
        assert!(!reporters.let_in(network(99), 1));
        assert!(reporters.let_in(network(1), 2), "the next minute");
    }
}
