//! Why there was no answer, in words for people: who was asked, and what happened. They never hold the path of the address,
//! a header or a password.

use std::io::ErrorKind;
use std::time::{Duration, UNIX_EPOCH};

use humantime::{format_duration, format_rfc3339_seconds};
use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use ureq::{Error, Timeout};

use super::{MAX_BODY, Route, certificate};

/// How the standard library begins what it says of a name that has no address.
const UNRESOLVED: &str = "failed to lookup address information: ";
/// How rustls says that a certificate may sign others, as those do that `openssl req -x509` makes.
const SELF_SIGNED: &str = "CaUsedAsEndEntity";

/// What became of a request instead of an answer.
pub fn of(error: &Error, route: &Route) -> String {
    let server = match &route.proxied {
        None => route.server.clone(),
        Some(proxied) => format!(
            "{} through the proxy {}:{} ({})",
            route.server,
            proxied.proxy.host(),
            proxied.proxy.port(),
            proxied.variable
        ),
    };
    if let Some(error) = certificate::rejection(error) {
        return of_certificate(error, &server);
    }
    if let Some(error) = certificate::tls(error) {
        return of_tls(error, &server);
    }
    match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            format!("no connection to {server} within {}", format_duration(route.timeout * 9 / 10))
        }
        Error::Timeout(_) => format!("no answer from {server} within {}", format_duration(route.timeout)),
        Error::Io(error) => of_connection(error, &server),
        Error::HostNotFound => format!("{server} could not be resolved: the name has no address"),
        Error::BodyExceedsLimit(_) => format!("the answer of {server} is longer than {MAX_BODY} bytes"),
        Error::Protocol(error) => format!("what {server} answers is not HTTP: {error}"),
        Error::ConnectProxyFailed(why) => format!("no connection to {server}: {why}"),
        // It would say the whole address.
        Error::BadUri(_) => format!("{server} is not asked: its address is not one of HTTP"),
        other => format!("no answer from {server}: {other}"),
    }
}

fn of_connection(error: &std::io::Error, server: &str) -> String {
    let text = error.to_string();
    match (error.kind(), text.strip_prefix(UNRESOLVED)) {
        (_, Some(why)) => format!("{server} could not be resolved: {why}"),
        (ErrorKind::ConnectionRefused, _) => format!("the connection to {server} was refused"),
        (ErrorKind::UnexpectedEof, _) => {
            format!("{server} closed the connection before its answer was whole")
        }
        _ => format!("the connection to {server} failed: {text}"),
    }
}

fn of_certificate(error: &CertificateError, server: &str) -> String {
    let date = |time: &UnixTime| format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the certificate of {server} expired at {}", date(not_after))
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the certificate of {server} is valid from {} on, and the clock of this machine says {}",
            date(not_before),
            date(time)
        ),
        CertificateError::UnknownIssuer if !certificate::has_roots() => format!(
            "the certificate of {server} can't be checked: this machine has no certificates of authorities (Debian's \
             package ca-certificates has them)"
        ),
        CertificateError::UnknownIssuer => {
            format!("the certificate of {server} was issued by an authority that this machine does not trust")
        }
        CertificateError::Other(why) if why.to_string() == SELF_SIGNED => {
            format!(
                "the certificate of {server} is one of an authority, as self-signed ones are, and of no server"
            )
        }
        other => format!("the certificate of {server} is refused: {other}"),
    }
}

fn of_tls(error: &rustls::Error, server: &str) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => {
            format!("{server} does not answer in TLS: it may speak plain HTTP")
        }
        other => format!("no TLS with {server}: {other}"),
    }
}
