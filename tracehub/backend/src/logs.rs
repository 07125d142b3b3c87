//! Structured logs, on standard output, one line an event; errors among them are told, where somebody is.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::reports;
use crate::settings::LogFormat;

/// Starts logging for the whole process. `RUST_LOG` filters, `info` unless told.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    match format {
        LogFormat::Text => logs.finish().with(reports::Errors).init(),
        LogFormat::Json => {
            logs.json().flatten_event(true).with_span_list(false).finish().with(reports::Errors).init()
        }
    }
    reports::log_panics();
}
