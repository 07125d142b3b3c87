//! What a server shows of itself in TLS, and what a browser would have against it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::RootCerts;
// These modules may change with a minor version of ureq: the lock file holds it.
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, SocksConnector, TcpConnector, Transport,
    TransportAdapter,
};

use super::certificate::{is_over_tls, provider, rejection, roots_for, tls};
use super::{At, Client, Route, Trust, interruptible, is_https, words};

/// The longest that a server may take to show its certificate.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a server shows of itself in TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// In how many seconds its certificate ends; none when it shows none.
    pub left: Option<i64>,
    /// Whether it ought to have another one by now: less than a quarter of its time is left, and those who renew do it when a
    /// third is.
    pub is_late: bool,
    /// Whether it is another name's.
    pub is_anothers: bool,
    /// What a browser would have against it.
    pub trouble: Option<Trouble>,
}

/// Why a browser would not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is a certificate, and it is refused: expired, another name's, of an unknown authority.
    Refused(String),
    /// There is none for this name.
    Absent(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Trouble::Refused(words) | Trouble::Absent(words)) = self;
        f.write_str(words)
    }
}

impl Shown {
    /// Why whoever has the certificate must ask for another one, by a clock that is so many seconds ahead of the one it was
    /// looked at by: it has ended, or is another name's. One that is refused for anything else, as its authority, is as good as
    /// the next one.
    pub fn why_another(&self, clock_ahead: i64) -> Option<&'static str> {
        let has_ended = self.left.is_some_and(|left| left - clock_ahead <= 0);
        match (has_ended, self.is_anothers) {
            (true, _) => Some("its certificate has ended"),
            (false, true) => Some("its certificate is another name's"),
            (false, false) => None,
        }
    }

    /// In how many whole days its certificate ends.
    pub fn days(&self) -> Option<i64> {
        self.left.map(|left| left.div_euclid(86_400))
    }
}

impl Client {
    /// What the server shows; none without HTTPS, and when nobody answers there or a proxy would show its own.
    pub fn certificate(&self, url: &str, now: SystemTime) -> Option<Shown> {
        let uri: Uri = url.parse().ok().filter(is_https)?;
        let route = Route::to(&uri, TIMEOUT, self).ok()?;
        if route.proxied.as_ref().is_some_and(is_over_tls) {
            return None;
        }
        let (trouble, is_anothers) = self.trouble(&uri, &route)?;
        if let Some(trouble @ Trouble::Absent(_)) = trouble {
            return Some(Shown { trouble: Some(trouble), ..Shown::default() });
        }
        let now = i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
        let [begins, ends] =
            [self.limit(&uri, &route, Duration::ZERO)?, self.limit(&uri, &route, Duration::MAX)?];
        let left = ends - now;
        Some(Shown { left: Some(left), is_late: left * 4 < ends - begins, is_anothers, trouble })
    }

    /// What is against its certificate by the rules, and whether that is its name; none at all when there was no handshake.
    fn trouble(&self, uri: &Uri, route: &Route) -> Option<(Option<Trouble>, bool)> {
        let agent = self.agent(route, roots_for(uri, route));
        let asked = uri.clone();
        let Err(error) = interruptible(agent, move |agent| agent.head(asked).call().map(drop)).ok()? else {
            return Some((None, false));
        };
        let words = || words::of(&error, route);
        let trouble = match (rejection(&error), tls(&error)) {
            (Some(refused), _) => {
                use CertificateError::{NotValidForName, NotValidForNameContext};
                let is_anothers = matches!(refused, NotValidForName | NotValidForNameContext { .. });
                return Some((Some(Trouble::Refused(words())), is_anothers));
            }
            // A server says by an alert that it has no certificate for the name.
            (None, Some(rustls::Error::AlertReceived(_))) => {
                Trouble::Absent(format!("{} has no certificate for this name (yet)", route.server))
            }
            (None, Some(_)) => Trouble::Absent(words()),
            (None, None) => return None,
        };
        Some((Some(trouble), false))
    }

    /// When the certificate ends, as somebody is told who comes at the end of time; or begins, at its beginning. In seconds
    /// since 1970.
    fn limit(&self, uri: &Uri, route: &Route, at: Duration) -> Option<i64> {
        let connector = ().chain(SocksConnector::default()).chain(ConnectProxyConnector::default());
        let connector = connector.chain(TcpConnector::default()).chain(AtAnotherTime(at));
        let config = Route { trust: Trust::Now, ..route.clone() }.config(RootCerts::Specific(Arc::default()));
        let uri = uri.clone();
        let ask = move |agent: &Agent| agent.get(uri).call().map(drop);
        let told = match route.address {
            Some(address) => interruptible(Agent::with_parts(config, connector, At(address)), ask),
            None => interruptible(Agent::with_parts(config, connector, DefaultResolver::default()), ask),
        };
        match rejection(&told.ok()?.err()?)? {
            CertificateError::ExpiredContext { not_after: limit, .. }
            | CertificateError::NotValidYetContext { not_before: limit, .. } => {
                i64::try_from(limit.as_secs()).ok()
            }
            _ => None,
        }
    }
}

/// Makes the TLS handshake by a clock that is at another time. rustls has no function that gives when a certificate begins and
/// ends, but it refuses one that has expired, or is not valid yet, and says since when and from when on; it looks at that before
/// it looks at the issuer and the name.
#[derive(Debug, Clone, Copy)]
struct AtAnotherTime(Duration);

impl TimeProvider for AtAnotherTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0))
    }
}

impl<In: Transport> Connector<In> for AtAnotherTime {
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
        let config = ClientConfig::builder_with_details(provider(), Arc::new(*self))
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
