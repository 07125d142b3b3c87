//! Which proxy a request goes through, by the variables of the environment that curl and most other programs read.

use std::net::IpAddr;

use anyhow::{Context, Result};
use ureq::Proxy;
use ureq::http::Uri;

use super::is_https;

/// The variables for addresses of HTTPS; the first that is set is taken.
const OF_HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// The same for plain HTTP.
const OF_HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
/// Who is asked without a proxy.
const EXEMPT: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// A proxy, and who named it.
#[derive(Clone)]
pub struct Proxied {
    /// With the password, if it has one: not for an error's words.
    pub proxy: Proxy,
    /// The variable that names it.
    pub variable: &'static str,
}

/// The proxy for this address; none for this machine itself.
///
/// # Errors
///
/// When a variable holds something else than a proxy's address. Its value may hold a password and is not shown.
pub fn of_process(uri: &Uri) -> Result<Option<Proxied>> {
    choose(uri, |name| std::env::var(name).ok())
}

/// Like `of_process`, by other variables. ureq's own choice would look neither at the address's scheme nor at the domains under a name
/// of `NO_PROXY`.
pub fn choose(uri: &Uri, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxied>> {
    let first = |names: &[&'static str]| {
        let values = names.iter().filter_map(|name| Some((*name, variable(name)?)));
        values.map(|(name, value)| (name, value.trim().to_owned())).find(|(_, value)| !value.is_empty())
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_lowercase();
    let is_exempt = first(&EXEMPT).is_some_and(|(_, exempt)| is_among(&host, &exempt));
    if is_loopback(&host) || is_exempt {
        return Ok(None);
    }
    let Some((variable, value)) = first(if is_https(uri) { &OF_HTTPS } else { &OF_HTTP }) else {
        return Ok(None);
    };
    let proxy =
        Proxy::new(&value).ok().with_context(|| format!("{variable} is not the address of a proxy"))?;
    Ok(Some(Proxied { proxy, variable }))
}

fn is_loopback(host: &str) -> bool {
    let is_address = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    is_address || host == "localhost" || host.ends_with(".localhost")
}

/// `NO_PROXY`: names, each with all domains under it, or `*` for all hosts.
fn is_among(host: &str, exempt: &str) -> bool {
    exempt.split([',', ' ']).any(|entry| {
        let name = entry.trim_start_matches(['*', '.']).to_lowercase();
        let rest = host.strip_suffix(name.as_str());
        entry == "*" || !name.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}
