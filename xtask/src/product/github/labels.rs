//! The labels.

use anyhow::Result;
use serde_json::json;

use super::{Call, Differences, name};
use crate::project::LABELS;
use crate::tools::github::{Api, Method};

pub(super) fn look(api: &Api, found: &mut Differences) -> Result<()> {
    let seen = api.all("/labels", None)?;
    for label in LABELS {
        let body = json!({ "name": label.name, "color": label.color, "description": label.about });
        let what = format!("label {}", label.name);
        match seen.iter().find(|it| name(it).eq_ignore_ascii_case(label.name)) {
            None => {
                found.change(what, "none", label.about, vec![Call::new(Method::POST, "/labels", body)]);
            }
            Some(seen) if seen["color"] == label.color && seen["description"] == label.about => {}
            Some(seen) => {
                let now = seen["description"].as_str().unwrap_or("without a description").to_owned();
                let body = json!({ "color": label.color, "description": label.about });
                let call = Call::new(Method::PATCH, format!("/labels/{}", label.name), body);
                found.change(what, now, label.about, vec![call]);
            }
        }
    }
    Ok(())
}
