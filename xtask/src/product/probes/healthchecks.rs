//! Healthchecks, which notices that the watcher on a host is silent (its API version 3; healthchecks.io, or one's own).

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::call::Api;
use super::{BEAT, tag};
use crate::project::Environment;
use crate::tools::http::Method;

/// A project there.
pub struct Healthchecks(Api);

/// Where checks are kept unless `HEALTHCHECKS_URL` names another place.
const PLACE: &str = "https://healthchecks.io";

impl Healthchecks {
    /// The one that this key opens, where the operator has it.
    pub fn of_operator(key: &str) -> Healthchecks {
        let base = std::env::var("HEALTHCHECKS_URL").unwrap_or_else(|_| PLACE.to_owned());
        Healthchecks::new(&base, key.trim())
    }

    /// The one that this key opens, at this address.
    pub(super) fn new(base: &str, key: &str) -> Healthchecks {
        let base = format!("{}/api/v3", base.trim_end_matches('/'));
        Healthchecks(Api { base, header: ("x-api-key", key.to_owned()), name: "Healthchecks" })
    }

    /// Whether the environment's check is there as it ought to be.
    pub fn is_right(&self, environment: &Environment) -> Result<bool> {
        let tag = tag(environment);
        let list = self.0.call(&Method::GET, &format!("/checks/?slug={tag}"), None, false)?;
        let ought = body(&tag);
        let is_it =
            |check: &Value| ["slug", "timeout", "grace"].iter().all(|field| check[field] == ought[field]);
        Ok(list["checks"].as_array().context("Healthchecks's list has no checks")?.iter().any(is_it))
    }

    /// Makes the check, or makes it right: by its slug, so that there is only ever one. Gives the address that the watcher
    /// calls.
    pub fn apply(&self, environment: &Environment) -> Result<String> {
        let made = self.0.call(&Method::POST, "/checks/", Some(&body(&tag(environment))), false)?;
        Ok(made["ping_url"].as_str().context("Healthchecks does not say the check's address")?.to_owned())
    }
}

fn body(tag: &str) -> Value {
    let [timeout, grace] = BEAT;
    json!({ "name": format!("{tag} watcher"), "slug": tag, "tags": tag, "timeout": timeout, "grace": grace, "unique": ["slug"] })
}
