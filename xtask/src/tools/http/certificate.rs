//! Certificates of servers: which are trusted, and when one ends.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts};
use ureq::{Agent, ProxyProtocol};
// These modules may change with a minor version of ureq: the lock file holds it.
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, SocksConnector, TcpConnector, Transport,
    TransportAdapter,
};

use super::proxy::Proxied;
use super::{Route, interruptible, is_https};

/// The longest that a server may take to show its certificate.
const TIMEOUT: Duration = Duration::from_secs(5);

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

/// The authorities that a request needs: none without TLS, since reading them takes some 30 ms.
pub fn roots_for(uri: &Uri, proxied: Option<&Proxied>) -> RootCerts {
    let needs = is_https(uri) || proxied.is_some_and(is_over_tls);
    RootCerts::Specific(if needs { Arc::clone(&ROOTS) } else { Arc::default() })
}

fn is_over_tls(proxied: &Proxied) -> bool {
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

/// In how many days the certificate ends that a server shows; none without HTTPS, or when the server does not show one.
/// Whether it is to be trusted is not the question here.
pub fn days(url: &str, now: SystemTime) -> Option<i64> {
    let uri: Uri = url.parse().ok().filter(is_https)?;
    let route = Route::to(&uri, TIMEOUT).ok()?;
    if route.proxied.as_ref().is_some_and(is_over_tls) {
        // The proxy would show its own.
        return None;
    }
    let connector = ().chain(SocksConnector::default()).chain(ConnectProxyConnector::default());
    let connector = connector.chain(TcpConnector::default()).chain(AtTheEndOfTime);
    let config = route.config(RootCerts::Specific(Arc::default()));
    let agent = Agent::with_parts(config, connector, DefaultResolver::default());
    let error = interruptible(agent, move |agent| agent.get(uri).call().map(drop)).ok()?.err()?;
    match rejection(&error)? {
        CertificateError::ExpiredContext { not_after, .. } => {
            let now = i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
            Some((i64::try_from(not_after.as_secs()).ok()? - now).div_euclid(86_400))
        }
        _ => None,
    }
}

/// Makes the TLS handshake by a clock that is at the end of time. rustls has no function that gives a certificate's end, but
/// it refuses one that has expired and says since when; it looks at that before it looks at the issuer and the name.
#[derive(Debug)]
struct AtTheEndOfTime;

impl TimeProvider for AtTheEndOfTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::MAX))
    }
}

impl<In: Transport> Connector<In> for AtTheEndOfTime {
    type Out = In;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<In>, ureq::Error> {
        // The connection to a proxy comes by first.
        if !details.needs_tls() {
            return Ok(chained);
        }
        let Some(transport) = chained else { return Ok(None) };
        let host = details.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|_| ureq::Error::Tls("no name for a certificate"))?;
        let config = ClientConfig::builder_with_details(provider(), Arc::new(AtTheEndOfTime))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let mut connection = ClientConnection::new(Arc::new(config), name)?;
        let mut stream = TransportAdapter::new(transport, details.current_time.clone());
        stream.set_timeout(details.timeout);
        connection.complete_io(&mut stream)?;
        Ok(None)
    }
}
