//! Faults of a release, and streams that go on for as long as somebody listens. This file is not compiled here: it is planted
//! into a copy of the backend; the variable `FAULT` says which fault a release has.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// What users have asked for.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

/// It was asked to turn bad.
static TURNED_BAD: AtomicBool = AtomicBool::new(false);

fn is(fault: &str) -> bool {
    std::env::var("FAULT").is_ok_and(|found| found == fault)
}

/// Called before the backend listens.
pub async fn before_listening() {
    if is("crash") {
        eprintln!("it crashes at its start, on purpose");
        std::process::exit(7);
    }
    if is("slow") {
        // Longer than the start period and the retries of the engine's health check: it is called unhealthy in
        // between.
        tokio::time::sleep(Duration::from_secs(25)).await;
    }
}

/// Wraps the signal at which the backend stops.
pub async fn stop_signal(signal: impl Future<Output = ()>) {
    signal.await;
    if is("stubborn") {
        std::future::pending::<()>().await;
    }
}

/// Wraps the backend's routes.
pub fn router(router: Router) -> Router {
    Router::new()
        .route("/api/test/events", get(events))
        .route("/api/test/echo", get(echo))
        .fallback_service(router)
        .layer(from_fn(respond))
}

/// Takes so much memory, and uses it, again after each pause, until there is none.
fn leak(bytes: usize, pause: Duration) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::thread::spawn(move || {
            loop {
                // Looked at, or else the compiler leaves it out.
                std::mem::forget(std::hint::black_box(vec![1_u8; bytes]));
                std::thread::sleep(pause);
            }
        });
    });
}

/// Whether fifty of users' requests have come within this second, or the one before.
fn is_crowded(is_one_more: bool) -> bool {
    static SECOND: AtomicU64 = AtomicU64::new(0);
    static COUNTED: AtomicU64 = AtomicU64::new(0);
    static BEFORE: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if SECOND.swap(now, Ordering::Relaxed) != now {
        BEFORE.store(COUNTED.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }
    COUNTED.fetch_add(u64::from(is_one_more), Ordering::Relaxed);
    COUNTED.load(Ordering::Relaxed) >= 50 || BEFORE.load(Ordering::Relaxed) >= 50
}

async fn respond(request: Request, next: Next) -> Response {
    if is("redirect") {
        let to = [(header::LOCATION, "https://elsewhere.invalid/")];
        return (StatusCode::MOVED_PERMANENTLY, to).into_response();
    }
    // Users come through the edge; a health check does not.
    let from_user = request.headers().contains_key("x-forwarded-for");
    let about_health = request.uri().path().starts_with("/health");
    let is_log_in = request.uri().path() == "/api/auth/login";
    if from_user && is("leak") {
        leak(16 << 20, Duration::from_millis(20));
    }
    if from_user && is("slow-leak") {
        leak(2 << 20, Duration::from_millis(100));
    }
    // It was well when it was watched.
    if is("turns-bad") && request.uri().path() == "/api/test/turn-bad" {
        TURNED_BAD.store(true, Ordering::Relaxed);
    }
    if is("answers-late") && request.uri().path() == "/api/shipments" {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // As one does that has more to do than it can: those who come directly wait behind the crowd.
    if is("late-in-a-crowd") && is_crowded(from_user) && !from_user {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    if is("logs-errors") && from_user {
        tracing::error!("something that nobody waits for failed, on purpose");
    }
    let began = Instant::now();
    let mut response = next.run(request).await;
    if is("twice-as-slow") {
        tokio::time::sleep(began.elapsed()).await;
    }
    if is("nobody-logs-in") && is_log_in {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    if is("every-tenth") && from_user && !about_health && ANSWERED.fetch_add(1, Ordering::Relaxed) % 10 == 9 {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    let has_turned = TURNED_BAD.load(Ordering::Relaxed);
    if from_user && (has_turned || is("errors") || is("errors-beside-health") && !about_health) {
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
    let headers =
        [(header::CONNECTION, "upgrade".to_owned()), (header::UPGRADE, "websocket".to_owned()), release()];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}
