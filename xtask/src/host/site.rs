//! Where users come to an environment on a host of its own: the address, the machine that is asked for it, and whether its
//! name and its certificate are what users need.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::OnceLock;
use std::time::SystemTime;

use super::other_projects::EDGE_PORTS;
use crate::tools::caa::{self, Allowed};
use crate::tools::http::{Authority, Client, Shown, Trust};

/// Whom the edge asks where no other authority is named, as CAA records call it.
const AUTHORITY: &str = "letsencrypt.org";

/// An environment's public address.
#[derive(Debug, Clone)]
pub struct PublicSite {
    /// As users type it.
    pub url: String,
    /// The machine, as the way to it by ssh has it.
    pub host: String,
    /// Who the edge has its certificates from, where it is not the public authority.
    pub acme: Option<Acme>,
    /// While somebody else has the ports of the edge: the port of the host's loopback that it listens on instead.
    pub beside: Option<u16>,
    client: OnceLock<Client>,
}

/// An authority that speaks ACME.
#[derive(Debug, Clone)]
pub struct Acme {
    /// The address of its directory.
    pub directory: String,
    /// Its own certificate, in PEM, where machines do not trust it anyway.
    pub root: Option<String>,
}

/// Why the edge will not be given a certificate, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameTrouble {
    /// The name leads elsewhere, or nowhere.
    Elsewhere(String),
    /// An authority asks at IPv6 first, and whether that is this host is not known.
    MaybeElsewhere(String),
    /// Its DNS allows other authorities alone (CAA).
    Forbidden(String),
}

impl PublicSite {
    /// What is known of it so far. Nobody is asked.
    pub fn new(url: String, host: String, acme: Option<Acme>) -> PublicSite {
        PublicSite { url, host, acme, beside: None, client: OnceLock::new() }
    }

    /// An edge that nobody comes to yet: it listens on `port` of its host's loopback, to which `here` of ours leads.
    pub fn beside_another(here: u16, port: u16) -> PublicSite {
        let url = format!("http://127.0.0.1:{here}");
        PublicSite { beside: Some(port), ..PublicSite::new(url, "127.0.0.1".to_owned(), None) }
    }

    /// The name, when users come by HTTPS.
    pub fn name(&self) -> Option<&str> {
        let rest = self.url.strip_prefix("https://")?;
        Some(rest.split([':', '/']).next().unwrap_or(rest))
    }

    /// The ports of the host that the edge has when users come so.
    pub fn ports(&self) -> &'static [u16] {
        if self.name().is_some() { &EDGE_PORTS } else { &EDGE_PORTS[..1] }
    }

    /// By which it is asked: this host, also where the name still leads to another one.
    pub fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let root = self.acme.as_ref().and_then(|acme| acme.root.as_deref());
            let name =
                self.url.split("://").nth(1).unwrap_or_default().split([':', '/']).next().unwrap_or_default();
            Client {
                address: pinned(&addresses(&self.host), || addresses(name)),
                authority: root.and_then(Authority::parse),
                trust: Trust::Now,
            }
        })
    }

    /// What the edge shows to whoever comes by HTTPS; none when nobody answers there.
    pub fn certificate(&self) -> Option<Shown> {
        self.client().certificate(&self.url, SystemTime::now())
    }

    /// Whether the name leads to this host, as whoever is to certify that will look.
    pub fn name_trouble(&self) -> Option<NameTrouble> {
        let name = self.name()?;
        name_trouble(name, &addresses(name), &addresses(&self.host)).or_else(|| {
            // Of one of somebody's own it is not known by which name it goes there.
            if self.acme.is_some() { None } else { forbidden(name, &caa::allowed(name)?) }
        })
    }
}

/// All addresses of a name; none when it has none, or nobody can say.
fn addresses(name: &str) -> BTreeSet<IpAddr> {
    let name = name.trim_matches(['[', ']']);
    match name.parse() {
        Ok(address) => BTreeSet::from([address]),
        Err(_) => (name, 0).to_socket_addrs().into_iter().flatten().map(|it| it.ip()).collect(),
    }
}

/// Whether it means another machine to each network.
fn is_private(address: &IpAddr) -> bool {
    match address {
        // Also the addresses that providers and private networks share (RFC 6598).
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || matches!(v4.octets(), [100, 64..=127, ..]),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The address that is asked, when it is not left to the name. Where a host is reached from within a network of its own, users'
/// way to it is another one.
fn pinned(host: &BTreeSet<IpAddr>, name: impl FnOnce() -> BTreeSet<IpAddr>) -> Option<IpAddr> {
    let first = *host.first()?;
    if !host.iter().all(is_private) {
        return Some(first);
    }
    let name = name();
    if name.is_empty() { Some(first) } else { host.intersection(&name).next().copied() }
}

fn forbidden(name: &str, allowed: &Allowed) -> Option<NameTrouble> {
    let Allowed { by, authorities } = allowed;
    let whom = if authorities.is_empty() { "nobody".to_owned() } else { authorities.join(", ") };
    (!authorities.iter().any(|it| it == AUTHORITY)).then(|| {
        NameTrouble::Forbidden(format!(
            "the CAA records of {by} let {whom} certify {name}, and the edge asks {AUTHORITY}"
        ))
    })
}

fn name_trouble(name: &str, leads_to: &BTreeSet<IpAddr>, host: &BTreeSet<IpAddr>) -> Option<NameTrouble> {
    let is_known = |address: &IpAddr| !is_private(address) && !address.is_loopback();
    if !host.iter().any(is_known) {
        return None;
    }
    let list = |all: &BTreeSet<IpAddr>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if leads_to.is_empty() {
        return Some(NameTrouble::Elsewhere(format!(
            "{name} has no address (no A and no AAAA record that is seen here)"
        )));
    }
    if leads_to.is_disjoint(host) {
        return Some(NameTrouble::Elsewhere(format!(
            "{name} leads to {}, and this host is {}",
            list(leads_to),
            list(host)
        )));
    }
    let strange: BTreeSet<IpAddr> =
        leads_to.difference(host).filter(|address| address.is_ipv6()).copied().collect();
    (!strange.is_empty()).then(|| {
        NameTrouble::MaybeElsewhere(format!(
            "{name} leads to {}, too: an authority asks there first, and it is not known whether that is this host",
            list(&strange)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(addresses: &[&str]) -> BTreeSet<IpAddr> {
        addresses.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[test]
    fn a_host_is_asked_by_its_own_address_and_by_the_name_where_its_address_is_of_a_network_within() {
        let asked = |host: &[&str], name: &[&str]| pinned(&set(host), || set(name)).map(|it| it.to_string());
        // A name that still leads to the host before.
        assert_eq!(asked(&["203.0.113.2"], &["203.0.113.1"]).as_deref(), Some("203.0.113.2"));
        assert_eq!(asked(&["127.0.0.1"], &[]).as_deref(), Some("127.0.0.1"));
        assert_eq!(asked(&["10.0.0.2"], &["203.0.113.1"]), None);
        assert_eq!(asked(&["10.0.0.2"], &[]).as_deref(), Some("10.0.0.2"));
        assert_eq!(asked(&["10.0.0.2"], &["10.0.0.2"]).as_deref(), Some("10.0.0.2"));
        assert_eq!(asked(&[], &["203.0.113.1"]), None);
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_said_to_lead_where() {
        let said = |name: &[&str], host: &[&str]| name_trouble("a.example", &set(name), &set(host));
        assert_eq!(said(&["203.0.113.2"], &["203.0.113.2"]), None);
        let Some(NameTrouble::Elsewhere(words)) = said(&["203.0.113.1"], &["203.0.113.2"]) else { panic!() };
        assert_eq!(words, "a.example leads to 203.0.113.1, and this host is 203.0.113.2");
        assert!(matches!(said(&[], &["203.0.113.2"]), Some(NameTrouble::Elsewhere(_))));
        let both = said(&["203.0.113.2", "2001:db8::1"], &["203.0.113.2"]);
        assert!(matches!(both, Some(NameTrouble::MaybeElsewhere(words)) if words.contains("2001:db8::1")));
        // From within its own network, nobody can say.
        assert_eq!(said(&["203.0.113.1"], &["10.0.0.2"]), None);
        assert_eq!(said(&[], &["127.0.0.1"]), None);
    }

    #[test]
    fn a_name_that_other_authorities_alone_may_certify_is_said_to_be() {
        let said = |authorities: &[&str]| {
            let authorities = authorities.iter().map(|it| (*it).to_owned()).collect();
            forbidden("a.b.example", &Allowed { by: "b.example".to_owned(), authorities })
        };
        assert_eq!(said(&["other.example", "letsencrypt.org"]), None);
        for (authorities, whom) in
            [(&["other.example", "second.example"][..], "other.example, second.example"), (&[], "nobody")]
        {
            let words = format!(
                "the CAA records of b.example let {whom} certify a.b.example, and the edge asks letsencrypt.org"
            );
            assert_eq!(said(authorities), Some(NameTrouble::Forbidden(words)));
        }
    }

    #[test]
    fn the_name_is_what_a_certificate_is_for() {
        let site = |url: &str| PublicSite::new(url.to_owned(), String::new(), None);
        assert_eq!(site("https://a.example:8443").name(), Some("a.example"));
        assert_eq!(site("http://a.example").name(), None);
    }
}
