//! Certificates of servers: which are trusted.

use std::sync::{Arc, LazyLock};

use rustls::CertificateError;
use rustls::crypto::{CryptoProvider, ring};
use ureq::ProxyProtocol;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts};

use super::proxy::Proxied;
use super::{Route, is_https};

/// The authorities that this machine trusts: those of its distribution, with what its owner added, or those that
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name. Behind a company's proxy, its own authority is among them.
static ROOTS: LazyLock<Arc<Vec<Certificate<'static>>>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs().certs;
    Arc::new(found.iter().map(|root| Certificate::from_der(root).to_owned()).collect())
});

/// Whether this machine trusts any authority. A container may well not.
pub fn has_roots() -> bool {
    !ROOTS.is_empty()
}

/// The certificate of an authority of somebody's own.
#[derive(Debug, Clone)]
pub struct Authority(Certificate<'static>);

impl Authority {
    /// Reads the first one of a text in PEM.
    pub fn parse(pem: &str) -> Option<Authority> {
        Certificate::from_pem(pem.as_bytes()).ok().map(Authority)
    }
}

/// The authorities that a request needs: none without TLS, since reading them takes some 30 ms.
pub(super) fn roots_for(uri: &Uri, route: &Route) -> RootCerts {
    if !is_https(uri) && !route.proxied.as_ref().is_some_and(is_over_tls) {
        return RootCerts::Specific(Arc::default());
    }
    RootCerts::Specific(match &route.authority {
        None => Arc::clone(&ROOTS),
        Some(own) => Arc::new(ROOTS.iter().chain([&own.0]).cloned().collect()),
    })
}

pub(super) fn is_over_tls(proxied: &Proxied) -> bool {
    proxied.proxy.protocol() == ProxyProtocol::Https
}

/// The cryptography of TLS.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What rustls has against a certificate, when that is why a request failed.
pub fn rejection(error: &ureq::Error) -> Option<&CertificateError> {
    match tls(error)? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// What failed within TLS, when that is why a request failed.
pub fn tls(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}
