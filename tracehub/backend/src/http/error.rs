//! What can go wrong, and how it is answered: one enum, `application/problem+json` as RFC 9457 has it.

use std::any::Any;
use std::time::Duration;

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use tower_http::csrf::ProtectionError;
use utoipa::ToSchema;

use super::request;
use super::sql_state::{self, Meaning};
use crate::lane::Full;
use crate::password::Unchecked;
use crate::text;
use crate::throttle::{Failures, Wait};

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody has logged in, or not with this token.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Too many log-ins failed; it may be tried again after a while.
    #[error("too many log-ins {} have failed: please try again in {}", of(.0.of), minutes(.0.time))]
    TooManyLogIns(Wait),
    /// Too many want the same costly thing at this moment: others, or whoever asks.
    #[error("too many are asking for that at this moment: please try again in a moment")]
    Busy(Full),
    /// There is nothing here; or there is, and it is another organisation's, which must look the same.
    #[error("there is nothing here")]
    NotFound,
    /// There is something here, but not for this method.
    #[error("this address does not answer that method")]
    MethodNotAllowed,
    /// Something else has taken what must be unique.
    #[error("{0}")]
    Conflict(String),
    /// The request was understood, and some of its fields can't be.
    #[error("some fields are not right")]
    Invalid(Vec<FieldError>),
    /// It is refused for a reason of its own, with what one needs to know to go on.
    #[error("{}", .0.detail)]
    Explained(Box<Explained>),
    /// The request was not understood.
    #[error("{1}")]
    Rejected(StatusCode, String),
    /// Something that this depends on does not answer: trying again later may help.
    #[error("{0}")]
    Unavailable(String),
    /// It took longer than anybody should wait.
    #[error("the answer took too long")]
    TimedOut,
    /// A mistake of ours. What exactly is for the log, not for the answer.
    #[error("something went wrong here")]
    Internal(#[source] anyhow::Error),
    /// Another one, which was logged where it happened.
    #[error("something went wrong here")]
    Panicked,
}

/// A refusal that programs know by its type.
#[derive(Debug)]
pub struct Explained {
    /// The status.
    pub status: StatusCode,
    /// The problem's type.
    pub kind: &'static str,
    /// What went wrong, for people.
    pub detail: String,
    /// What stands beside the usual members of a problem, and under which name.
    pub more: Option<(&'static str, serde_json::Value)>,
}

/// What is wrong with one field.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Its name in the request.
    pub field: String,
    /// For people.
    pub message: String,
    /// Which rule it breaks, for programs and translations; absent where the words alone say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<Rule>,
    /// The number that the rule is about, if it is about one: how many characters, which digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limit: Option<usize>,
}

/// A rule for what people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nothing is in it.
    Empty,
    /// More characters than `limit`.
    TooLong,
    /// Fewer characters than `limit`.
    TooShort,
    /// More than one line.
    Lines,
    /// A character that nobody sees.
    Hidden,
    /// More accents than belong on a letter.
    Accents,
    /// Not as ISO 6346 has container numbers.
    ContainerNumber,
    /// Not the digit that fits the rest of a container number: that would be `limit`.
    CheckDigit,
    /// Not a size and type of ISO 6346.
    ContainerKind,
    /// Not six to eight digits of the Harmonized System.
    HsCode,
    /// Not two letters of ISO 3166.
    Country,
    /// Not a country, and up to 15 letters and digits.
    Eori,
    /// Not a number above nothing, or too large a one.
    Amount,
    /// More lines than `limit`.
    TooManyLines,
    /// The goods alone weigh more.
    LessThanNet,
    /// Not a day of this century.
    OutOfRange,
    /// An arrival before the departure.
    BeforeDeparture,
    /// Not a mail address.
    Email,
    /// Not the caller's password.
    NotYourPassword,
}

/// The body of every answer that is not what was asked for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem this is, where the status alone doesn't say.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// The address that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What to tell us, so that we find it in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields that are not right, where it is about fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
}

impl Error {
    /// A refusal that programs know by its type, and that says all in its words.
    pub fn of(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self::Explained(Box::new(Explained { status, kind, detail: detail.into(), more: None }))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::TooManyLogIns(_) | Self::Busy(Full::ForOneKind) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Explained(explained) => explained.status,
            Self::Rejected(status, _) => *status,
            // Not 408: that one invites browsers to send the request again by themselves.
            Self::Busy(Full::ForAll) | Self::Unavailable(_) | Self::TimedOut => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(_) | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match &self {
            Self::Internal(cause) => tracing::error!("{cause:#}"),
            Self::TimedOut => tracing::error!("{self}"),
            _ => {}
        }
        let status = self.status();
        let retry_after = match &self {
            Self::TooManyLogIns(wait) => Some(wait.time.as_secs()),
            Self::Busy(_) => Some(1),
            Self::Unavailable(_) | Self::TimedOut => Some(5),
            _ => None,
        };
        let (request_id, instance) = request::current().unzip();
        let problem = Problem {
            kind: match &self {
                Self::Explained(explained) => explained.kind.into(),
                Self::TooManyLogIns(_) => "/problems/too-many-log-ins".into(),
                Self::Busy(_) => "/problems/too-busy".into(),
                _ => "about:blank".into(),
            },
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: self.to_string(),
            instance,
            request_id,
            errors: Vec::new(),
        };
        let mut response = match self {
            Self::Invalid(errors) => (status, Json(Problem { errors, ..problem })).into_response(),
            Self::Explained(explained) => {
                let mut body = serde_json::to_value(problem).unwrap_or_default();
                if let Some((name, value)) = explained.more {
                    body[name] = value;
                }
                (status, Json(body)).into_response()
            }
            _ => (status, Json(problem)).into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn of(failures: Failures) -> &'static str {
    match failures {
        Failures::OfThisAccount => "with this address",
        Failures::FromThisClient => "from your network",
    }
}

/// For people, who need no more than that.
fn minutes(wait: Duration) -> String {
    match wait.as_secs().div_ceil(60) {
        ..=1 => "a minute".into(),
        minutes => format!("{minutes} minutes"),
    }
}

/// A panic is a mistake of ours like any other, and ends one request, not the process.
pub fn of_panic(_: Box<dyn Any + Send>) -> Response {
    Error::Panicked.into_response()
}

/// A browser that is shown another site sends what that site wants, with our cookie.
pub fn of_other_site(_: ProtectionError) -> Response {
    let words = "a page of another site asks for that, and may not";
    Error::of(StatusCode::FORBIDDEN, "/problems/other-site", words).into_response()
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl From<Full> for Error {
    fn from(full: Full) -> Self {
        Self::Busy(full)
    }
}

impl From<Unchecked> for Error {
    fn from(error: Unchecked) -> Self {
        match error {
            Unchecked::Full(full) => full.into(),
            Unchecked::Failed(cause) => cause.into(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let meaning = match &error {
            sqlx::Error::Database(error) => sql_state::meaning(&error.code().unwrap_or_default()),
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Meaning::Later,
            _ => Meaning::Ours,
        };
        match meaning {
            Meaning::Later => {
                tracing::error!("the database does not answer: {error}");
                Self::Unavailable("the database does not answer".into())
            }
            // Our own checks are to say which field; the log has what they let through.
            Meaning::Refused => {
                tracing::warn!("the database refused a value: {error}");
                Self::Rejected(StatusCode::UNPROCESSABLE_ENTITY, "a value is not one that can be kept".into())
            }
            Meaning::Conflict => {
                tracing::warn!("the database refused what does not go together: {error}");
                Self::Conflict("this does not go with what is there already".into())
            }
            Meaning::Ours => Self::Internal(error.into()),
        }
    }
}

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        match &rejection {
            JsonRejection::JsonDataError(error) => Self::Invalid(vec![FieldError::of_json(error)]),
            _ => Self::Rejected(rejection.status(), rejection.body_text()),
        }
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        Self::Rejected(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        Self::Rejected(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Error {
    /// An address with an id that can't be one is an address with nothing behind it.
    fn from(_: PathRejection) -> Self {
        Self::NotFound
    }
}

impl FieldError {
    /// Says what is wrong with this field.
    pub fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), code: None, limit: None }
    }

    /// Says which rule it breaks.
    pub fn breaks(field: &str, rule: Rule, message: impl Into<String>) -> Self {
        Self { code: Some(rule), ..Self::new(field, message) }
    }

    /// With the number that the rule is about.
    pub fn limit(self, number: usize) -> Self {
        Self { limit: Some(number), ..self }
    }

    /// What is wrong with a text.
    pub fn of_text(field: &str, wrong: text::Wrong) -> Self {
        let (rule, limit) = match wrong {
            text::Wrong::Empty => (Rule::Empty, None),
            text::Wrong::TooLong(limit) => (Rule::TooLong, Some(limit)),
            text::Wrong::Lines => (Rule::Lines, None),
            text::Wrong::Hidden(_) => (Rule::Hidden, None),
            text::Wrong::Marks => (Rule::Accents, None),
            text::Wrong::NoAddress => (Rule::Email, None),
        };
        Self { limit, ..Self::breaks(field, rule, wrong.to_string()) }
    }

    /// Finds the field in what serde says: its path, or nothing when the body as a whole is another thing.
    fn of_json(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        let found =
            causes.find_map(|cause| cause.downcast_ref::<serde_path_to_error::Error<serde_json::Error>>());
        match found {
            Some(error) => Self::new(&error.path().to_string(), error.inner().to_string()),
            None => Self::new(".", error.to_string()),
        }
    }
}
