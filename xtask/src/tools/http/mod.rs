//! HTTP, as a client: one request and its answer, or words for people about what came instead.
//!
//! Each request makes a connection of its own. Over one that was kept, a probe would go on to be answered by a server that
//! takes no new connections any more, which is what users would meet.

mod certificate;
mod forgiving;
mod proxy;
mod shown;
mod words;

use std::net::IpAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use ureq::http::uri::Scheme;
use ureq::http::{HeaderMap, Request, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody};
// These modules may change with a minor version of ureq: the lock file holds it.
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, Connector, DefaultConnector, NextTimeout, SocksConnector, TcpConnector,
};

use super::process::interrupt::{self, Interrupted};

pub use self::certificate::Authority;
pub use self::shown::{Shown, Trouble};
pub use ureq::http::Method;

use self::forgiving::Forgiving;
use self::proxy::Proxied;

/// The longest body that is read, in bytes. All that xtask asks for is short.
const MAX_BODY: u64 = 64 << 10;
/// The longest that whoever is told something by [`post`] may take.
const POST_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a wait looks whether somebody asks to stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What was answered, whatever its status. A redirect is an answer, too, and is not followed.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: HeaderMap,
    /// The body, as far as it is text.
    pub body: String,
}

impl Answer {
    /// The value of a header, in whatever case its name is written.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// How servers are asked.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The machine that is asked, whatever address the name has: one that a name does not lead to yet.
    pub address: Option<IpAddr>,
    /// An authority that is trusted beside those of this machine.
    pub authority: Option<Authority>,
    /// Which certificates are taken.
    pub trust: Trust,
}

/// Which certificates are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that a browser would take.
    #[default]
    Now,
    /// Those, and one that has ended since then.
    AsOf(SystemTime),
    /// Any.
    Any,
}

impl Client {
    /// A GET.
    ///
    /// # Errors
    ///
    /// When no answer came within the timeout, and why; when its body is longer than 64 KiB; when the user interrupts.
    pub fn get(&self, url: &str, timeout: Duration) -> Result<Answer> {
        self.ask(Request::get(url).body(())?, timeout)
    }

    /// A GET of one of these kinds. Fails as [`Client::get`] does.
    pub fn get_of_kind(&self, url: &str, accept: &str, timeout: Duration) -> Result<Answer> {
        self.ask(Request::get(url).header(ACCEPT, accept).body(())?, timeout)
    }

    /// A HEAD: what a GET that accepts these kinds would be answered, without the body. Fails as [`Client::get`] does.
    pub fn head(&self, url: &str, accept: &str, timeout: Duration) -> Result<Answer> {
        self.ask(Request::head(url).header(ACCEPT, accept).body(())?, timeout)
    }

    /// An OPTIONS, as a browser sends it ahead of a request. Fails as [`Client::get`] does.
    pub fn options(&self, url: &str, timeout: Duration) -> Result<Answer> {
        self.ask(Request::options(url).body(())?, timeout)
    }

    /// A GET by whoever has this token, which no error shows. Fails as [`Client::get`] does.
    pub fn get_as(&self, url: &str, token: &str, timeout: Duration) -> Result<Answer> {
        let bearer = format!("Bearer {token}");
        self.send(&Method::GET, url, &[(AUTHORIZATION.as_str(), &bearer)], None, timeout)
    }

    /// A POST of JSON, by a browser that keeps this cookie; no error shows either. Fails as [`Client::get`] does.
    pub fn post_json(
        &self,
        url: &str,
        cookie: Option<&str>,
        body: &serde_json::Value,
        timeout: Duration,
    ) -> Result<Answer> {
        let cookie: Vec<(&str, &str)> = cookie.map(|cookie| (COOKIE.as_str(), cookie)).into_iter().collect();
        self.send(&Method::POST, url, &cookie, Some(body), timeout)
    }

    /// Any request, with a body of JSON or none; no error shows headers or body. Fails as [`Client::get`] does.
    pub fn send(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&serde_json::Value>,
        timeout: Duration,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some(body) => {
                let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string())?;
                self.ask(request, timeout)
            }
            None => self.ask(request.body(())?, timeout),
        }
    }

    fn ask(&self, request: Request<impl AsSendBody + Send + 'static>, timeout: Duration) -> Result<Answer> {
        let route = Route::to(request.uri(), timeout, self)?;
        let agent = self.agent(&route, certificate::roots_for(request.uri(), &route));
        route.ask(agent, request)
    }

    fn agent(&self, route: &Route, roots: RootCerts) -> Agent {
        // A proxy in TLS is asked as always.
        if let Trust::AsOf(then) = route.trust
            && !route.proxied.as_ref().is_some_and(certificate::is_over_tls)
        {
            let then = then.duration_since(UNIX_EPOCH).unwrap_or_default();
            let connector = ().chain(SocksConnector::default()).chain(ConnectProxyConnector::default());
            let connector =
                connector.chain(TcpConnector::default()).chain(Forgiving { roots: roots.clone(), then });
            let config = route.config(roots);
            return match route.address {
                Some(address) => Agent::with_parts(config, connector, At(address)),
                None => Agent::with_parts(config, connector, DefaultResolver::default()),
            };
        }
        let config = route.config(roots);
        match route.address {
            Some(address) => Agent::with_parts(config, DefaultConnector::default(), At(address)),
            None => config.new_agent(),
        }
    }
}

/// Whatever is asked for is at this address.
#[derive(Debug)]
struct At(IpAddr);

impl Resolver for At {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        found.push((self.0, port_of(uri)).into());
        Ok(found)
    }
}

/// A POST of JSON. Another status than 2xx is an error. No error names more of the address than the host and its port, or
/// anything of headers, body or answer: any of them may be a secret.
pub fn post(url: &str, headers: &[(&str, &str)], body: &serde_json::Value) -> Result<()> {
    let mut request = Request::post(url).header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match Client::default().ask(request.body(body.to_string())?, POST_TIMEOUT)?.status {
        200..=299 => Ok(()),
        status => Err(anyhow!("it was answered with {status}")),
    }
}

/// The way of a request to its server.
#[derive(Clone)]
struct Route {
    /// The server's host and port: all of the address that an error may say.
    server: String,
    /// The machine that is asked, when it is not the one that the name leads to.
    address: Option<IpAddr>,
    authority: Option<Authority>,
    trust: Trust,
    proxied: Option<Proxied>,
    timeout: Duration,
}

impl Route {
    fn to(uri: &Uri, timeout: Duration, client: &Client) -> Result<Route> {
        let host = uri.host().context("the address has no host")?;
        let proxied = proxy::of_process(uri)?;
        Ok(Route {
            server: format!("{host}:{}", port_of(uri)),
            // A proxy finds the name's machine by itself.
            address: client.address.filter(|_| proxied.is_none()),
            authority: client.authority.clone(),
            trust: client.trust,
            proxied,
            timeout,
        })
    }

    fn config(&self, roots: RootCerts) -> Config {
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .disable_verification(self.trust == Trust::Any)
            .unversioned_rustls_crypto_provider(certificate::provider())
            .build();
        Agent::config_builder()
            .timeout_global(Some(self.timeout))
            // Shorter than the whole, so that an error can tell a server that accepts no connection from one that accepts
            // it and does not answer.
            .timeout_connect(Some(self.timeout * 9 / 10))
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .proxy(self.proxied.as_ref().map(|proxied| proxied.proxy.clone()))
            .tls_config(tls)
            .build()
    }

    fn ask(&self, agent: Agent, request: Request<impl AsSendBody + Send + 'static>) -> Result<Answer> {
        let answer = interruptible(agent, |agent| {
            let (head, mut body) = agent.run(request)?.into_parts();
            let body = body.with_config().limit(MAX_BODY).read_to_vec()?;
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        })?;
        answer.map_err(|error| anyhow!(words::of(&error, self)))
    }
}

/// Runs `work` on a thread of its own. When somebody asks to stop, the wait ends at once, and with it the connection; a name
/// that is being resolved and a connection that is being made end at their timeout.
fn interruptible<T: Send + 'static>(
    agent: Agent,
    work: impl FnOnce(&Agent) -> Result<T, ureq::Error> + Send + 'static,
) -> Result<Result<T, ureq::Error>, Interrupted> {
    let (done, result) = channel();
    let worker = agent.clone();
    // It can't be sent when the wait was interrupted.
    thread::spawn(move || drop(done.send(work(&worker))));
    loop {
        if let Err(interrupted) = interrupt::check() {
            agent.shutdown();
            return Err(interrupted);
        }
        match result.recv_timeout(POLL_INTERVAL) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("a request does not panic"),
        }
    }
}

fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if is_https(uri) { 443 } else { 80 })
}

/// Whether the address is one of HTTPS.
fn is_https(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

#[cfg(test)]
pub mod received;
#[cfg(test)]
mod tests;
