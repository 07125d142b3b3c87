//! UptimeRobot, whose probes ask from outside (its API version 3).

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::call::Api;
use super::{Change, Found, Probe};
use crate::tools::http::Method;

/// Pages of a list, at most.
const PAGES: usize = 20;

/// An account there.
pub struct UptimeRobot(Api);

impl UptimeRobot {
    /// The one that this key opens; it never stands in an error.
    pub fn new(key: &str) -> UptimeRobot {
        UptimeRobot::at("https://api.uptimerobot.com/v3", key)
    }

    /// Like `new`, elsewhere.
    pub(super) fn at(base: &str, key: &str) -> UptimeRobot {
        let header = ("authorization", format!("Bearer {key}"));
        UptimeRobot(Api { base: base.to_owned(), header, name: "UptimeRobot" })
    }

    /// Those with this tag, and no others, whatever it answers.
    pub fn found(&self, tag: &str) -> Result<Vec<Found>> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let page = self.0.call(&Method::GET, &format!("/monitors?tags={tag}{cursor}"), None, false)?;
            let list = page["data"].as_array().context("UptimeRobot's list of monitors has no data")?;
            let has_tag = |probe: &&Value| {
                probe["tags"].as_array().is_some_and(|tags| tags.iter().any(|it| it["name"] == tag))
            };
            for probe in list.iter().filter(has_tag) {
                let id = probe["id"].as_u64().context("a monitor at UptimeRobot has no id")?;
                found.push(Found { id, probe: unescaped(probe) });
            }
            let next = page["nextLink"].as_str().and_then(|link| link.split_once("cursor="));
            let Some((_, next)) = next else { return Ok(found) };
            let next: String = next.chars().take_while(char::is_ascii_digit).collect();
            cursor = format!("&cursor={next}");
        }
        bail!("UptimeRobot's list of monitors has more than {PAGES} pages")
    }

    /// Does it.
    pub fn apply(&self, change: &Change) -> Result<()> {
        let done = match change {
            Change::Create(probe) => self.0.call(&Method::POST, "/monitors", Some(&probe.body()), false),
            Change::Update(id, probe, _) => {
                self.0.call(&Method::PATCH, &format!("/monitors/{id}"), Some(&probe.body()), false)
            }
            Change::Delete(id, _) => self.0.call(&Method::DELETE, &format!("/monitors/{id}"), None, true),
        };
        done.map(drop)
    }

    /// The probe that is there, as somebody would write it.
    pub fn plan(&self, wanted: &Probe) -> Result<Vec<Change>> {
        Ok(super::plan(wanted, &self.found(&wanted.tag)?))
    }
}

/// What it was given comes back escaped for HTML.
fn unescaped(probe: &Value) -> Value {
    let mut probe = probe.clone();
    for field in ["friendlyName", "url", "keywordValue"] {
        if let Some(text) = probe[field].as_str() {
            let plain = text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#39;", "'");
            let plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            probe[field] = plain.into();
        }
    }
    probe
}
