//! TraceHub's API: what small exporters ship, where it is, and nobody else's business.
//!
//! [`http`] is the API, one file for each part of the domain; the other modules are the commands of the binary and
//! what they stand on.

pub mod client;
pub mod codes;
pub mod container_number;
pub mod database;
pub mod day;
pub mod figures;
pub mod healthcheck;
pub mod http;
pub mod http_client;
pub mod jobs;
pub mod lane;
pub mod latency;
pub mod logs;
pub mod mail;
pub mod migrate;
pub mod monitor;
pub mod outbox;
pub mod papers;
pub mod password;
pub mod people;
pub mod reports;
pub mod seed;
pub mod serve;
pub mod settings;
pub mod smoke;
pub mod text;
pub mod throttle;
mod tls;
pub mod watch;
pub mod worker;
