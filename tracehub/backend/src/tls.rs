//! The TLS of what this program sends itself.

use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The authorities of this image, and one more.
pub fn config(authority: Option<&str>) -> TlsConfig {
    let found = rustls_native_certs::load_native_certs().certs;
    let own = authority.and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
    let all = found.iter().map(|root| Certificate::from_der(root).to_owned()).chain(own);
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(all.collect())))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}
