//! Changing something: some of its fields, by somebody who has seen the version that is changed.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::error::Explained;
use super::{App, Error, Problem};

/// The header, for the API's document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is read by `Seen`, which looks at it more closely")]
pub struct Header {
    /// The `ETag` of what is changed, as it was seen.
    #[param(rename = "if-match", value_type = String, pattern = "^\"[0-9]{1,18}\"$")]
    seen: String,
}

/// The version that whoever changes something has seen.
pub struct Seen(i64);

impl Seen {
    /// Whether it is this one.
    pub fn is(&self, version: i64) -> bool {
        self.0 == version
    }
}

impl FromRequestParts<App> for Seen {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        let mut seen = parts.headers.get_all(header::IF_MATCH).iter();
        let (Some(first), second) = (seen.next(), seen.next()) else {
            let why = "If-Match must say which version of it was seen: its ETag";
            return Err(Error::Rejected(StatusCode::PRECONDITION_REQUIRED, why.into()));
        };
        let version = first.to_str().ok().and_then(version_of).filter(|_| second.is_none());
        let why = "If-Match must be one ETag, such as \"3\"";
        version.map(Self).ok_or_else(|| Error::Rejected(StatusCode::BAD_REQUEST, why.into()))
    }
}

/// What is in an ETag of ours. An edge that compresses an answer says so in its ETag: `"3-gzip"`, or `W/"3"`.
fn version_of(etag: &str) -> Option<i64> {
    let quoted = etag.strip_prefix("W/").unwrap_or(etag);
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let version = inner.split_once('-').map_or(inner, |(version, _)| version);
    version.parse().ok().filter(|_| version.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Of this version.
pub fn etag(version: i64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

/// That somebody else was quicker.
#[derive(Serialize, ToSchema)]
pub struct ChangedSince<T> {
    #[serde(flatten)]
    problem: Problem,
    /// It as it is now.
    current: T,
}

/// A [`ChangedSince`] with it as it is now, to be answered.
pub fn changed_since(current: &impl Serialize) -> Result<Error, Error> {
    Ok(Error::Explained(Box::new(Explained {
        status: StatusCode::PRECONDITION_FAILED,
        kind: "/problems/changed-since",
        detail: "somebody has changed it since you saw it".into(),
        more: Some(("current", serde_json::to_value(current).map_err(anyhow::Error::from)?)),
    })))
}

/// Unlike what is left out, `null` is something that was sent.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What it is with a change: a field that the change leaves out stays.
pub fn merged<T: Serialize + DeserializeOwned>(current: &T, change: &impl Serialize) -> Result<T, Error> {
    let mut fields = as_object(current)?;
    fields.extend(as_object(change)?);
    Ok(serde_json::from_value(Value::Object(fields)).map_err(anyhow::Error::from)?)
}

/// Its fields, by their names.
pub fn as_object(value: &impl Serialize) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(value).map_err(anyhow::Error::from)? {
        Value::Object(fields) => Ok(fields),
        other => Err(anyhow::anyhow!("no object: {other}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_its_etag_however_the_edge_has_sent_it() {
        for etag in ["\"3\"", "W/\"3\"", "\"3-gzip\"", "W/\"3-zstd\""] {
            assert_eq!(version_of(etag), Some(3), "{etag}");
        }
        for other in ["", "3", "*", "\"\"", "\"+3\"", "\"x\"", "\"3\", \"4\"", "\"99999999999999999999\""] {
            assert_eq!(version_of(other), None, "{other}");
        }
    }
}
