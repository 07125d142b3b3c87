//! Figures of this process for a Prometheus: what was answered, how long that took, the database's connections, the rounds of
//! work. On an address of their own, which the edge does not lead to. Labels are routes as they are written here, never what
//! somebody asks for, so that nobody can make more of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::jobs::State;
use crate::settings::Release;

/// In seconds: from what the list takes to what users give up at.
const BUCKETS: [f64; 11] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Where no route is known: of those there may be any number.
const NO_ROUTE: &str = "none";

/// How many requests wait for a connection to the database.
static WAITING: AtomicI64 = AtomicI64::new(0);

/// Somebody who waits for a connection, until it is dropped.
pub struct Waiting(());

impl Waiting {
    /// From now on.
    pub fn begin() -> Self {
        WAITING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    route: String,
}

/// What is counted where it happens.
#[derive(Clone)]
pub struct Figures {
    answers: Family<Answered, Counter>,
    seconds: Family<Asked, Histogram, fn() -> Histogram>,
    rounds: Counter,
    failed_rounds: Counter,
    last_round: Gauge,
    jobs_waiting: Gauge,
    jobs_oldest: Gauge,
    jobs_dead: Gauge,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            answers: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            rounds: Counter::default(),
            failed_rounds: Counter::default(),
            last_round: Gauge::default(),
            jobs_waiting: Gauge::default(),
            jobs_oldest: Gauge::default(),
            jobs_dead: Gauge::default(),
        }
    }
}

impl Figures {
    /// A request was answered.
    pub fn answered(&self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        let (method, route) = (known(method), route.unwrap_or(NO_ROUTE).to_owned());
        let answered = Answered { method, route: route.clone(), status: status.as_u16() };
        self.answers.get_or_create(&answered).inc();
        self.seconds.get_or_create(&Asked { method, route }).observe(took.as_secs_f64());
    }

    /// A round of work has ended.
    pub fn worked(&self, has_failed: bool, is_ours: bool) {
        match (has_failed, is_ours) {
            (true, _) => drop(self.failed_rounds.inc()),
            (false, true) => {
                self.rounds.inc();
                self.last_round.set(chrono::Utc::now().timestamp());
            }
            // It was not this release's to work.
            (false, false) => drop(self.last_round.set(0)),
        }
    }

    /// How the jobs are, as far as it is this release's to do them.
    pub fn jobs(&self, state: State) {
        self.jobs_waiting.set(state.waiting);
        self.jobs_oldest.set(state.oldest_seconds);
        self.jobs_dead.set(state.dead);
    }

    /// All of them, with those of the pool as they are now.
    fn text(&self, pool: &PgPool, release: &Release) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("tracehub");
        let release = Info::new(vec![("id", release.id.clone())]);
        registry.register("release", "What runs here", release);
        registry.register("http_requests", "Requests that were answered", self.answers.clone());
        registry.register("http_request_seconds", "How long that took", self.seconds.clone());
        registry.register("work_rounds", "Rounds of work that came to their end", self.rounds.clone());
        registry.register("work_rounds_failed", "Those that did not", self.failed_rounds.clone());
        registry.register(
            "work_last_round_timestamp_seconds",
            "When the last one came to its end; 0 while another release has the traffic",
            self.last_round.clone(),
        );
        registry.register("jobs_waiting", "Mails that are to be sent", self.jobs_waiting.clone());
        registry.register(
            "jobs_oldest_seconds",
            "For how long the oldest of them has been",
            self.jobs_oldest.clone(),
        );
        registry.register("jobs_dead", "Mails that were given up within a day", self.jobs_dead.clone());
        let size = i64::from(pool.size());
        let idle = i64::try_from(pool.num_idle()).unwrap_or(size);
        let gauge = |value: i64| {
            let gauge: Gauge = Gauge::default();
            gauge.set(value);
            gauge
        };
        registry.register("database_connections", "Connections to the database", gauge(size));
        registry.register("database_connections_in_use", "Those that somebody uses", gauge(size - idle));
        let waiting = gauge(WAITING.load(Ordering::Relaxed));
        registry.register("database_waiting", "Requests that wait for one", waiting);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// Methods are as many as clients make up.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Answers `/metrics`, until it is dropped.
pub async fn serve(
    listener: TcpListener,
    figures: Figures,
    pool: PgPool,
    release: Arc<Release>,
) -> io::Result<()> {
    axum::serve(listener, router(figures, pool, release)).await
}

/// What answers `/metrics`.
pub fn router(figures: Figures, pool: PgPool, release: Arc<Release>) -> Router {
    Router::new().route("/metrics", get(answer)).with_state((figures, pool, release))
}

async fn answer(
    extract::State((figures, pool, release)): extract::State<(Figures, PgPool, Arc<Release>)>,
) -> Response {
    match figures.text(&pool, &release) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
