//! Errors, told to a Sentry where one is set: what failed, in which release, at which request. Never who asked, what was
//! sent, or a secret: `sieve` lets through what it knows, and nothing else.

mod sieve;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::Method;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use sentry::protocol::{Event, SpanId, SpanStatus, TraceId};
use sentry::transports::UreqHttpTransportOptions;
use sentry::types::Dsn;
use sentry::{
    Client, ClientInitGuard, ClientOptions, Envelope, Hub, Level, SentryFutureExt, TransactionContext,
    Transport, TransportFactory, TransportOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use uuid::Uuid;

use crate::settings::Release;
use crate::tls;

/// How long what is still to be told may take when the process ends: behind the time that requests in flight have, both are
/// less than the 30 s until the engine kills.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// How long one report may take on its way: the last one is waited for.
const SEND_LIMIT: Duration = Duration::from_secs(3);
/// How many are told a minute: when a database is away, all of them say the same.
const A_MINUTE: u64 = 60;
/// Of how many requests a second it is told at most how long they took: telling of one costs what answering two or three does, and
/// more of them say nothing new.
const TRACES_A_SECOND: u64 = 2;

/// Where errors are told.
#[derive(Debug)]
pub struct Target {
    /// Sentry's address of a project, which has the right to write to it.
    pub dsn: SecretString,
    /// The environment's name.
    pub environment: String,
    /// Of how many requests in a hundred it is told how long they took.
    pub traces_percent: u8,
}

/// Begins to tell, until what is returned is dropped, which waits for what is on its way. To be called on the main thread.
pub fn start(target: &Target, release: &Release, secrets: Vec<SecretString>) -> ClientInitGuard {
    let sieve = sieve::Sieve::new(secrets.into_iter().chain([target.dsn.clone()]));
    let minute = Limit::of(A_MINUTE, 60);
    let traces =
        Traces { percent: target.traces_percent.into(), seen: 0.into(), told: Limit::of(TRACES_A_SECOND, 1) };
    let mut options = ClientOptions::new();
    options.dsn = dsn(target.dsn.expose_secret());
    options.release = Some(release.id.clone().into());
    options.environment = Some(target.environment.clone().into());
    options.default_integrations = false;
    options.max_breadcrumbs = 0;
    options.shutdown_timeout = FLUSH_LIMIT;
    options.before_send = Some(Arc::new(move |event| minute.has_room(now()).then(|| sieve.pass(event))));
    options.transport = Some(Arc::new(Ureq));
    sentry::init(options.traces_sampler(move |_| if traces.is_next_told(now()) { 1.0 } else { 0.0 }))
}

/// Reads an address; none where it is not one.
pub fn dsn(text: &str) -> Option<Dsn> {
    text.parse().ok()
}

/// Sentry's own transport, by the TLS that the rest of this program has. Never by a proxy that a variable names.
struct Ureq;

impl TransportFactory for Ureq {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(SEND_LIMIT))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .tls_config(tls::config(None))
            .build();
        Arc::new(UreqHttpTransportOptions::from(options).with_agent(config.into()).build())
    }
}

/// How much may be told in so many seconds.
struct Limit {
    most: u64,
    seconds: u64,
    current: AtomicU64,
    told: AtomicU64,
}

impl Limit {
    fn of(most: u64, seconds: u64) -> Limit {
        Limit { most, seconds, current: 0.into(), told: 0.into() }
    }

    /// At this second.
    fn has_room(&self, now: u64) -> bool {
        let current = now / self.seconds;
        if self.current.swap(current, Ordering::Relaxed) != current {
            self.told.store(0, Ordering::Relaxed);
        }
        self.told.fetch_add(1, Ordering::Relaxed) < self.most
    }
}

/// Chooses of which requests it is told how long they took.
struct Traces {
    percent: u64,
    seen: AtomicU64,
    told: Limit,
}

impl Traces {
    /// Evenly: of ten in a hundred, each tenth.
    fn is_next_told(&self, now: u64) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        (seen + 1) * self.percent / 100 > seen * self.percent / 100 && self.told.has_room(now)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What is logged as an error is told.
pub struct Errors;

impl<S: tracing::Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() != tracing::Level::ERROR || !is_on() {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        sentry::capture_event(Event {
            level: Level::Error,
            message: Some(words.0),
            logger: Some(event.metadata().target().to_owned()),
            ..Event::default()
        });
    }
}

/// The message of a log line, without its other fields.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Logs a panic where it happens, as the error that it is, with its place in the sources.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let words = panic.payload_as_str().unwrap_or("without words");
        match panic.location() {
            Some(place) => tracing::error!("panicked at {place}: {words}"),
            None => tracing::error!("panicked: {words}"),
        }
    }));
}

/// Whether there is somebody to tell.
pub fn is_on() -> bool {
    Hub::main().client().is_some_and(|client| client.is_enabled())
}

/// What is told of a request, should something fail: its id, and the route that it took.
pub async fn around(
    id: &str,
    method: &Method,
    route: Option<&str>,
    answer: impl Future<Output = Response>,
) -> Response {
    if !is_on() {
        return answer.await;
    }
    let hub = Arc::new(Hub::new_from_top(Hub::main()));
    let name = format!("{method} {}", route.unwrap_or("(no route)"));
    hub.configure_scope(|scope| {
        scope.set_tag("request_id", id);
        scope.set_transaction(Some(&name));
    });
    let transaction = hub.start_transaction(TransactionContext::new(&name, "http.server"));
    let response = answer.bind_hub(Arc::clone(&hub)).await;
    transaction.set_status(match response.status().as_u16() {
        ..400 => SpanStatus::Ok,
        500.. => SpanStatus::InternalError,
        _ => SpanStatus::FailedPrecondition,
    });
    Hub::run(hub, || transaction.finish());
    response
}

/// Says whose request it is that this task answers: the organisation, by its id, and no person.
pub fn of_organisation(id: Uuid) {
    if is_on() {
        sentry::configure_scope(|scope| scope.set_tag("organisation", id));
    }
}

/// A script of the page, and the id by which its source map is found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename = "sourcemap")]
pub struct Script {
    code_file: String,
    debug_id: Uuid,
}

/// Tells what a browser reports of the page: with the tags that it gives, and not those of the request that brings it.
pub fn of_page(event: Event<'static>, mut scripts: Vec<Script>) {
    let Some(client) = Hub::main().client() else { return };
    let options = client.options();
    let event = Event {
        logger: Some("page".to_owned()),
        platform: "javascript".into(),
        release: event.release.or_else(|| options.release.clone()),
        environment: options.environment.clone(),
        ..event
    };
    let Some(event) = options.before_send.as_ref().and_then(|sieve| sieve(event)) else { return };
    let traces = event.exception.values.iter().filter_map(|it| it.stacktrace.as_ref());
    let named: HashSet<_> = traces.flat_map(|it| &it.frames).filter_map(|it| it.filename.as_ref()).collect();
    // Nothing that the sieve has not let through.
    scripts.retain(|script| named.contains(&script.code_file));
    let id = event.event_id;
    let Ok(mut event) = serde_json::to_value(event) else { return };
    event["debug_meta"] = json!({ "images": scripts });
    send_plain(&client, "event", id, &event);
}

/// How soon a page was there, how soon it answered, both in milliseconds, and how much it moved.
#[derive(Debug, Clone, Deserialize)]
pub struct Vitals {
    route: String,
    release: Option<String>,
    measured: BTreeMap<String, f64>,
}

/// What is measured of a visit, its unit, and the most that is believed.
const VITALS: [(&str, &str, f64); 3] =
    [("LCP", "millisecond", 60_000.0), ("INP", "millisecond", 60_000.0), ("CLS", "", 100.0)];

/// Tells how fast a visit was, as the browser measured it.
pub fn of_visit(vitals: &Vitals) {
    let Some(client) = Hub::main().client() else { return };
    let measured = VITALS.iter().filter_map(|(name, unit, most)| {
        let value = vitals.measured.get(*name).filter(|value| (0.0..=*most).contains(*value))?;
        Some((name.to_lowercase(), json!({ "value": value, "unit": unit })))
    });
    let measured: Map<String, Value> = measured.collect();
    let is_plain = |word: &str| {
        word.len() <= 80 && word.bytes().all(|byte| b"/$-".contains(&byte) || byte.is_ascii_lowercase())
    };
    let is_release = |word: &&String| {
        word.len() <= 40 && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric())
    };
    let route = if is_plain(&vitals.route) { vitals.route.as_str() } else { "(another)" };
    let took = vitals.measured.get("LCP").copied().unwrap_or_default().clamp(0.0, 60_000.0) / 1000.0;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (id, trace) = (Uuid::now_v7(), TraceId::default());
    let transaction = json!({
        "event_id": id,
        "type": "transaction",
        "platform": "javascript",
        "transaction": route,
        "transaction_info": { "source": "route" },
        "start_timestamp": now - took,
        "timestamp": now,
        "release": vitals.release.as_ref().filter(is_release).map_or(client.options().release.as_deref(), |it| Some(it.as_str())),
        "environment": client.options().environment,
        "contexts": { "trace": { "trace_id": trace, "span_id": SpanId::default(), "op": "pageload" } },
        "measurements": measured,
    });
    send_plain(&client, "transaction", id, &transaction);
}

/// Sends what Sentry's library for Rust has no words for, as it goes over the line.
fn send_plain(client: &Client, kind: &str, id: Uuid, content: &Value) {
    let envelope = format!("{}\n{}\n{content}\n", json!({ "event_id": id }), json!({ "type": kind }));
    if let Ok(envelope) = Envelope::from_bytes_raw(envelope.into_bytes()) {
        client.send_envelope(envelope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenth_request_is_told_and_no_more_than_two_a_second() {
        let told = |percent: u64, most: u64, of: &dyn Fn(u64) -> u64| {
            let traces = Traces { percent, seen: 0.into(), told: Limit::of(most, 1) };
            (0..1000).filter(|number| traces.is_next_told(of(*number))).count()
        };
        assert_eq!([0, 10, 33, 100].map(|percent| told(percent, 1000, &|_| 7)), [0, 100, 330, 1000]);
        assert_eq!(told(10, TRACES_A_SECOND, &|_| 7), 2);
        // 100 requests in each of ten seconds.
        assert_eq!(told(10, TRACES_A_SECOND, &|number| number / 100), 20);
    }
}
