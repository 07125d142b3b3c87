//! Where a request comes from: a network, as far as somebody who can be believed says so.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use tokio::net::lookup_host;
use tokio::sync::Mutex;

/// What one client is counted by: an address of IPv4, or the /64 of IPv6 in which a client has as many as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

/// The reverse proxy in front of this: whose word about where a request comes from is believed, and nobody else's.
#[derive(Debug, Default)]
pub struct Edge {
    name: Option<String>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    at: Option<Instant>,
    addresses: Vec<IpAddr>,
}

/// How long an address stays the edge's without being asked for again.
const KEPT: Duration = Duration::from_secs(30);
/// How soon it is asked for again on behalf of somebody who does not have it: the edge may have been replaced.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// How long the answer may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

impl Network {
    /// That of an address; IPv4 written as IPv6 is IPv4.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

impl Edge {
    /// The one of this host name, or address. Without a name there is none.
    pub fn named(name: Option<String>) -> Self {
        Self { name, seen: Mutex::default() }
    }

    /// Whether this is one of its addresses, which change when it is replaced.
    pub async fn has(&self, peer: IpAddr) -> bool {
        let Some(name) = &self.name else { return false };
        let peer = peer.to_canonical();
        let mut seen = self.seen.lock().await;
        let limit = if seen.addresses.contains(&peer) { KEPT } else { ASKED_AGAIN };
        if seen.at.is_none_or(|at| at.elapsed() > limit) {
            seen.at = Some(Instant::now());
            match tokio::time::timeout(LOOKUP_LIMIT, lookup_host((name.as_str(), 0))).await {
                Ok(Ok(found)) => seen.addresses = found.map(|found| found.ip().to_canonical()).collect(),
                // What was its address a moment ago probably is.
                Ok(Err(error)) => tracing::warn!("the address of the edge {name:?} is not known: {error}"),
                Err(_) => {
                    tracing::warn!("the address of the edge {name:?} was not found in {LOOKUP_LIMIT:?}")
                }
            }
        }
        seen.addresses.contains(&peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_counted_by_its_address_or_by_its_64() {
        for (address, network) in [
            ("198.51.100.7", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ] {
            assert_eq!(Network::of(address.parse().unwrap()).to_string(), network);
        }
    }

    #[tokio::test]
    async fn only_who_has_an_address_of_the_edge_s_name_is_the_edge() {
        let edge = Edge::named(Some("localhost".into()));
        assert!(edge.has("127.0.0.1".parse().unwrap()).await);
        assert!(edge.has("::ffff:127.0.0.1".parse().unwrap()).await);
        assert!(!edge.has("198.51.100.7".parse().unwrap()).await);
        assert!(!Edge::default().has("127.0.0.1".parse().unwrap()).await);
    }
}
