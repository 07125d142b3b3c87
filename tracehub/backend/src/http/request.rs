//! What happens around every request, whoever answers it: an id, one line in the log, a time limit, and the headers
//! that no answer leaves without.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use super::{App, BODY_LIMIT, Error, papers};
use crate::lane::Full;
use crate::reports;

/// Below the time that a stopping process has for what is in flight.
const TIME_LIMIT: Duration = Duration::from_secs(20);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RELEASE: HeaderName = HeaderName::from_static("x-tracehub-release");

tokio::task_local! {
    /// The id and the path of the request that this task answers.
    static CURRENT: (String, String);
}

/// The id and the path of the request that is being answered: for problems, which name both.
pub fn current() -> Option<(String, String)> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The middleware.
pub async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    // At the highest level, so that the id is with every line that RUST_LOG lets through.
    let span = tracing::error_span!("request", request_id = %id, %method, %path);
    let current = (id.clone(), path.clone());
    let answer = async move {
        let began = Instant::now();
        let (request, part) = part_of(request);
        let within = async {
            let answered = timeout(TIME_LIMIT, next.run(request)).await;
            answered.unwrap_or_else(|_| Error::TimedOut.into_response())
        };
        let route = route.as_ref().map(MatchedPath::as_str);
        let mut response = match is_health(&path) {
            true => within.await,
            false => reports::around(&id, &method, route, within).await,
        };
        if let Some(mut part) = part
            && !part.read_to_end().await
        {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        add_headers(response.headers_mut(), &id, &app.release.id);
        let took = began.elapsed();
        app.figures.answered(&method, route, response.status(), took);
        log(&path, &response, took);
        response
    };
    // What has begun is finished, also when its client has gone away. The database goes on with a query that nobody waits for
    // any more, and its connection would be lost: whoever only asks and hangs up would make room for one more, and one
    // more, beyond every limit.
    let answered = tokio::spawn(CURRENT.scope(current, answer.instrument(span))).await;
    answered.unwrap_or_else(|error| Error::Internal(error.into()).into_response())
}

/// Lets so many in, and tells the others at once. Who asks how this is must always learn it: a process that is thought to
/// be ill because it is busy would be started anew, with all that it is busy with.
pub async fn if_not_too_many(State(app): State<App>, request: Request, next: Next) -> Response {
    if is_health(request.uri().path()) {
        return next.run(request).await;
    }
    match app.in_flight.try_acquire() {
        Ok(_in_flight) => next.run(request).await,
        Err(_) => Error::Busy(Full::ForAll).into_response(),
    }
}

/// Has the whole of a request before anybody answers it. An answer that comes before the body (a POST of somebody who is
/// not logged in, or one too many) makes hyper close the connection, just when the edge has begun to send somebody else's
/// request on it; and what is not safe to be repeated is then lost.
///
/// A part of a paper is written to its file as it comes, so that what came of one that was cut is not lost; what nobody has read
/// of it by the time of its answer is read then.
pub async fn whole(request: Request, next: Next) -> Response {
    if papers::is_part(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match to_bytes(body, BODY_LIMIT).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(_) => {
            let why = format!("a request may hold {} KiB", BODY_LIMIT / 1024);
            Error::Rejected(StatusCode::PAYLOAD_TOO_LARGE, why).into_response()
        }
    }
}

/// The body of a request that brings a part of a paper, for whoever answers it and for who reads what is left of it.
#[derive(Clone)]
struct Part(Arc<Mutex<Body>>);

fn part_of(request: Request) -> (Request, Option<Part>) {
    if !papers::is_part(request.method(), request.uri().path()) {
        return (request, None);
    }
    let (parts, body) = request.into_parts();
    let part = Part(Arc::new(Mutex::new(body)));
    (Request::from_parts(parts, Body::new(part.clone())), Some(part))
}

impl Part {
    /// So much of it as a part may hold, and not for long; whether that was all.
    async fn read_to_end(&mut self) -> bool {
        let rest = async {
            let mut read = 0;
            while let Some(frame) = self.frame().await {
                let data = frame.ok().and_then(|frame| frame.into_data().ok());
                read += data.map_or(papers::PART, |data| data.len() as u64);
                if read > papers::PART {
                    return false;
                }
            }
            true
        };
        timeout(Duration::from_secs(2), rest).await.unwrap_or(false)
    }
}

impl HttpBody for Part {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Nobody reads while somebody else does.
        Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }
}

/// The id that came along, when it is one that can safely be logged and returned, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (8..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn add_headers(headers: &mut HeaderMap, id: &str, release: &str) {
    let value = |text: &str| HeaderValue::from_str(text).expect("checked where it came in");
    headers.insert(REQUEST_ID, value(id));
    headers.insert(RELEASE, value(release));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// One line a request. What was searched for stays out of it, and health checks, one every other second, out of sight.
fn log(path: &str, response: &Response, latency: Duration) {
    let status = response.status().as_u16();
    let latency_ms = latency.as_secs_f64() * 1000.0;
    if is_health(path) {
        tracing::debug!(status, latency_ms, "answered");
    } else {
        tracing::info!(status, latency_ms, "answered");
    }
}

/// These and no others: no limit holds for them, and nobody reads of them.
fn is_health(path: &str) -> bool {
    matches!(path.strip_prefix("/api").unwrap_or(path), "/health" | "/health/live" | "/health/ready")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_begins_like_a_health_check_is_none() {
        for path in ["/health", "/health/live", "/api/health/ready"] {
            assert!(is_health(path), "{path}");
        }
        for path in ["/healthy", "/health/", "/health/nothing", "/api/api/health", "/api/shipments"] {
            assert!(!is_health(path), "{path}");
        }
    }

    #[test]
    fn only_a_sane_request_id_is_kept() {
        let returned = |given: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            request_id(&headers)
        };
        assert_eq!(returned("edge-1234_5.6"), "edge-1234_5.6");
        for odd in ["short", "with space", "quote\"d-and-long", &"x".repeat(65)] {
            assert_ne!(returned(odd), odd);
        }
    }
}
