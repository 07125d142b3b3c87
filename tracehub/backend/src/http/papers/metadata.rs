//! What a client says of a file that it is about to bring: tus' pairs of a key and a text in base64.

use std::collections::HashMap;

use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use uuid::Uuid;

use super::kind::Kind;
use super::name::label;
use crate::day::Day;
use crate::http::{Error, FieldError};
use crate::text;

const HEADER: &str = "upload-metadata";
const NUMBER: usize = 64;

/// What is said of a file.
#[derive(Debug)]
pub struct Metadata {
    pub kind: Kind,
    pub number: Option<String>,
    pub name: String,
    /// The content type that its sender knows.
    pub filetype: Option<String>,
    pub expires_on: Option<NaiveDate>,
    /// The paper of which it is to be another version.
    pub paper: Option<Uuid>,
}

impl Metadata {
    /// Reads the header; keys that nobody asked for are nobody's matter.
    pub fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let pairs = pairs(headers).ok_or_else(|| {
            let why =
                "the header upload-metadata must be pairs of a key and a text in base64, with commas between";
            Error::Rejected(StatusCode::BAD_REQUEST, why.into())
        })?;
        let given = |key: &str| pairs.get(key).filter(|value| !value.is_empty());
        let mut errors = Vec::new();
        let mut wrong = |field: &str, why: &str| errors.push(FieldError::new(field, why));
        let kind = given("kind").and_then(|kind| Kind::parse(kind));
        if kind.is_none() {
            wrong("kind", "must be one of the kinds of papers, such as bill_of_lading, or other");
        }
        let mut of_number = None;
        let number = match given("number").map(|number| text::plain(number, NUMBER)).transpose() {
            Ok(number) => number,
            Err(why) => {
                of_number = Some(FieldError::of_text("number", why));
                None
            }
        };
        let expires_on = given("expires_on").map(|day| Day::parse(day));
        if expires_on == Some(None) {
            wrong("expires_on", "must be a day between 2000-01-01 and 2099-12-31, as YYYY-MM-DD");
        }
        let paper = given("paper").map(|id| Uuid::try_parse(id).ok());
        if paper == Some(None) {
            wrong("paper", "must be the id of a paper of this shipment");
        }
        errors.extend(of_number);
        match kind {
            Some(kind) if errors.is_empty() => Ok(Self {
                kind,
                number,
                name: label(given("filename").map_or("", String::as_str)),
                filetype: given("filetype").filter(|kind| kind.len() <= 100).cloned(),
                expires_on: expires_on.flatten().map(Day::date),
                paper: paper.flatten(),
            }),
            _ => Err(Error::Invalid(errors)),
        }
    }
}

fn pairs(headers: &HeaderMap) -> Option<HashMap<String, String>> {
    let header = headers.get(HEADER)?.to_str().ok()?;
    let pairs = header.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        Some((key.to_owned(), value))
    };
    pairs.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Metadata, Error> {
        let pairs = pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
        let header = pairs.collect::<Vec<_>>().join(",");
        Metadata::of(&HeaderMap::from_iter([(HEADER.parse().unwrap(), header.parse().unwrap())]))
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let whole = read(&[
            ("kind", "phytosanitary"),
            ("filename", "x/é.pdf"),
            ("expires_on", "2027-01-31"),
            ("uppy", "1"),
        ]);
        let whole = whole.unwrap();
        assert_eq!((whole.kind, whole.name.as_str()), (Kind::Phytosanitary, "é.pdf"));
        let wrong = read(&[
            ("kind", "passport"),
            ("number", "a\u{202E}b"),
            ("expires_on", "31.1.2027"),
            ("paper", "1"),
        ]);
        let Err(Error::Invalid(errors)) = wrong else { panic!("it was taken") };
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["kind", "expires_on", "paper", "number"]);
        for torn in ["kind ***", "kind /w=="] {
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), torn.parse().unwrap())]);
            assert!(
                matches!(Metadata::of(&headers), Err(Error::Rejected(StatusCode::BAD_REQUEST, _))),
                "{torn}"
            );
        }
    }
}
