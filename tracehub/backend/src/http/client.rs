//! Who sends a request, by what the edge says of it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::App;
use crate::client::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a request comes from, and how it came to the edge.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client {
    /// Unknown only where nobody can say: the edge names whom it speaks for.
    pub network: Option<Network>,
    /// Whether it came over HTTPS.
    pub is_secure: bool,
}

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>().copied() else {
            return Ok(Self::default());
        };
        if !app.edge.has(peer.ip()).await {
            // Whatever else it says of itself.
            return Ok(Self { network: Some(Network::of(peer.ip())), is_secure: false });
        }
        let network = last(&parts.headers, &FORWARDED_FOR).and_then(|address| address.parse::<IpAddr>().ok());
        let is_secure = last(&parts.headers, &FORWARDED_PROTO) == Some("https");
        Ok(Self { network: network.map(Network::of), is_secure })
    }
}

/// What the edge itself wrote: the last part, since what came before came from whoever asked it.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}
