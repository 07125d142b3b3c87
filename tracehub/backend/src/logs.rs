//! Structured logs, on standard output, one line an event.

use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// Starts logging for the whole process. `RUST_LOG` filters, `info` unless told.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).with_span_list(false).init(),
    }
}
