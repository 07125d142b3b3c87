//! Axum's extractors, with our [`Error`] for what they refuse, and stricter where they guess.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::{Error, FieldError};

/// A JSON body, either way.
pub struct Json<T>(pub T);

/// The query string.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Error))]
pub struct Query<T>(pub T);

/// The variable parts of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Error))]
pub struct Path<T>(pub T);

/// A UUID in the form of RFC 9562, with its hyphens; the crate reads three more.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub Uuid);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        is_plain_json(request.headers())?;
        let body = Bytes::from_request(request, state).await?;
        // serde takes a list for an object as well: its fields in their order.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(Error::Invalid(vec![FieldError::new(".", "must be an object, and not a list")]));
        }
        let axum::Json(body) = axum::Json::from_bytes(&body)?;
        Ok(Self(body))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a UUID such as 01946c1a-0000-7000-8000-000000000001")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
                let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
                id.map(Id).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What a request's cookies of this name say.
pub fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = values.flat_map(|value| value.split(';')).filter_map(|one| one.trim().split_once('='));
    cookies.filter_map(move |(it, value)| (it == name).then_some(value))
}

/// Whether a body says of itself that it is what it is read as: JSON, in UTF-8, and not compressed.
fn is_plain_json(headers: &HeaderMap) -> Result<(), Error> {
    let refused = |why: &str| Err(Error::Rejected(StatusCode::UNSUPPORTED_MEDIA_TYPE, why.into()));
    let mut kinds =
        headers.get_all(header::CONTENT_TYPE).iter().map(|kind| kind.to_str().unwrap_or_default());
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return refused("a body needs one content type: application/json");
    };
    let mut parts = kind.split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return refused("a body must be application/json");
    }
    let is_utf8 = |part: &str| {
        let charset = part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
        charset.is_none_or(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
    };
    if !parts.all(is_utf8) {
        return refused("JSON is UTF-8, and no other charset is read");
    }
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return refused("a body must not be compressed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf_8_is_read_as_that() {
        let check = |kind: &str| {
            is_plain_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())])).is_ok()
        };
        for taken in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
        {
            assert!(check(taken), "{taken}");
        }
        for refused in [
            "text/plain",
            "application/jsonp",
            "application/problem+json",
            "application/json; charset=utf-16",
            "application/json; charset=latin1",
        ] {
            assert!(!check(refused), "{refused}");
        }
        assert!(is_plain_json(&HeaderMap::new()).is_err());
        let compressed = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")];
        let compressed = compressed.map(|(name, value)| (name, value.parse().unwrap()));
        assert!(is_plain_json(&HeaderMap::from_iter(compressed)).is_err());
    }

    #[test]
    fn an_id_has_one_form() {
        let read = |text: &str| serde_json::from_value::<Id>(text.into()).is_ok();
        assert!(read("01946c1a-0000-7000-8000-000000000001"));
        for other in [
            "",
            "01946c1a000070008000000000000001",
            "{01946c1a-0000-7000-8000-000000000001}",
            "urn:uuid:01946c1a-0000-7000-8000-000000000001",
        ] {
            assert!(!read(other), "{other}");
        }
    }
}
