//! What a release may do that nobody should have to live with, and streams that go on for as long as somebody listens.
//! The suites add this to a copy of the backend; the variable `MOOD` says what it does.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

fn is(mood: &str) -> bool {
    std::env::var("MOOD").is_ok_and(|found| found == mood)
}

/// Before it listens.
pub async fn begin() {
    if is("crash") {
        eprintln!("it crashes at its start, on purpose");
        std::process::exit(7);
    }
    if is("slow") {
        // Longer than the engine's checks are patient: it is called unhealthy in between.
        tokio::time::sleep(Duration::from_secs(25)).await;
    }
}

/// When it was asked to stop.
pub async fn stop(asked: impl Future<Output = ()>) {
    asked.await;
    if is("stubborn") {
        std::future::pending::<()>().await;
    }
}

/// What it answers.
pub fn with(router: Router) -> Router {
    Router::new()
        .route("/api/mood/events", get(events))
        .route("/api/mood/echo", get(echo))
        .fallback_service(router)
        .layer(from_fn(answer))
}

async fn answer(request: Request, next: Next) -> Response {
    if is("redirect") {
        let to = [(header::LOCATION, "https://elsewhere.invalid/")];
        return (StatusCode::MOVED_PERMANENTLY, to).into_response();
    }
    // Users come through the edge; who asks whether it is ready does not.
    let of_user = request.headers().contains_key("x-forwarded-for");
    let of_health = request.uri().path().starts_with("/health");
    let mut response = next.run(request).await;
    if of_user && (is("errors") || is("errors-beside-health") && !of_health) {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

fn release() -> (HeaderName, String) {
    (HeaderName::from_static("x-tracehub-release"), std::env::var("RELEASE").unwrap_or_default())
}

async fn events() -> Response {
    let events = futures_util::stream::unfold(0, |number| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, Infallible>(format!("data: {number}\n\n")), number + 1))
    });
    let kind = (header::CONTENT_TYPE, "text/event-stream".to_owned());
    ([kind, release()], Body::from_stream(events)).into_response()
}

async fn echo(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (mut input, mut output) = tokio::io::split(hyper_util::rt::TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut input, &mut output).await;
    });
    let words =
        [(header::CONNECTION, "upgrade".to_owned()), (header::UPGRADE, "websocket".to_owned()), release()];
    (StatusCode::SWITCHING_PROTOCOLS, words).into_response()
}
