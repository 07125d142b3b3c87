//! Whoever has given a link's passcode once need not give it with each paper: a cookie says so, for a while, on that page.

use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::Mac;
use uuid::Uuid;

use crate::http::Keys;
use crate::http::extract::cookies;
use crate::http::token::HmacSha256;

const COOKIE: &str = "tracehub_shared";
const LIFETIME: TimeDelta = TimeDelta::hours(12);
/// Nothing else is signed with the key that begins like this.
const PURPOSE: &[u8] = b"a passcode of TraceHub's\0";

impl Keys {
    /// The header by which a browser is let in to this link from now on.
    pub fn new_pass(&self, share: Uuid, now: DateTime<Utc>, is_secure: bool) -> String {
        let secure = if is_secure { "; Secure" } else { "" };
        let expires = (now + LIFETIME).timestamp();
        let signature = hex::encode(signed(&self.devices[0], share, expires).finalize().into_bytes());
        format!(
            "{COOKIE}={}.{expires}.{signature}; Path=/shared; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            share.simple(),
            LIFETIME.num_seconds()
        )
    }

    /// Whether a request comes from such a browser.
    pub fn has_pass(&self, headers: &HeaderMap, share: Uuid, now: DateTime<Utc>) -> bool {
        cookies(headers, COOKIE).any(|value| self.is_pass(value, share, now).unwrap_or(false))
    }

    fn is_pass(&self, value: &str, share: Uuid, now: DateTime<Utc>) -> Option<bool> {
        let mut parts = value.split('.');
        let of = Uuid::try_parse(parts.next()?).ok()?;
        let expires: i64 = parts.next()?.parse().ok()?;
        let shown = hex::decode(parts.next()?).ok()?;
        let is_ours = self.devices.iter().any(|key| signed(key, share, expires).verify_slice(&shown).is_ok());
        Some(is_ours && of == share && parts.next().is_none() && now.timestamp() < expires)
    }
}

fn signed(key: &HmacSha256, share: Uuid, expires: i64) -> HmacSha256 {
    key.clone().chain_update(PURPOSE).chain_update(share.as_bytes()).chain_update(expires.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn a_pass_is_good_for_its_link_and_for_a_while() {
        let keys = Keys::new(&"a key of the tests, of 32 bytes or more".into());
        let (share, now) = (Uuid::now_v7(), Utc::now());
        let cookie = keys.new_pass(share, now, true);
        let cookie = cookie.split(';').next().unwrap();
        let sent = |cookie: &str| HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())]);
        assert!(keys.has_pass(&sent(&format!("a=b; {cookie}")), share, now));
        assert!(!keys.has_pass(&sent(cookie), Uuid::now_v7(), now));
        assert!(!keys.has_pass(&sent(cookie), share, now + LIFETIME));
        let others = Keys::new(&"another key of the tests, of 32 bytes or more".into());
        assert!(!others.has_pass(&sent(cookie), share, now));
    }
}
