//! Devices: browsers in which somebody has logged in before, as OWASP describes them ("Slow Down Online Guessing Attacks
//! with Device Cookies"). A stranger's wrong guesses make strangers wait, and not the customer at the usual desk.
//!
//! The cookie opens nothing: it only has the log-ins of its bearer, with the address that it was made for, counted by
//! themselves. Whoever comes with a link that was made for the address is given one as well.

use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::Mac;
use uuid::Uuid;

use super::Keys;
use super::extract::cookies;
use super::token::HmacSha256;
use crate::throttle::Account;

const COOKIE: &str = "tracehub_device";
/// Made anew by each log-in.
const LIFETIME: TimeDelta = TimeDelta::days(180);
/// Nothing else is signed with the key that begins like this.
const PURPOSE: &[u8] = b"a device of TraceHub's\0";

impl Keys {
    /// The header that makes a browser a known one, for this account.
    pub fn new_device(&self, account: &Account, now: DateTime<Utc>, is_secure: bool) -> String {
        let secure = if is_secure { "; Secure" } else { "" };
        format!(
            "{}; Path=/api/auth; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            self.known_device(account, now),
            LIFETIME.num_seconds()
        )
    }

    /// What such a browser sends from then on.
    pub fn known_device(&self, account: &Account, now: DateTime<Utc>) -> String {
        let (device, expires) = (Uuid::now_v7(), (now + LIFETIME).timestamp());
        let signature = signature(&self.devices[0], account, device, expires);
        let signature = hex::encode(signature.finalize().into_bytes());
        format!("{COOKIE}={}.{expires}.{signature}", device.simple())
    }

    /// The device that a request comes from, if it was made known by us, for this account, and not too long ago.
    pub fn device(&self, headers: &HeaderMap, account: &Account, now: DateTime<Utc>) -> Option<Uuid> {
        cookies(headers, COOKIE).find_map(|value| self.device_of(value, account, now))
    }

    fn device_of(&self, value: &str, account: &Account, now: DateTime<Utc>) -> Option<Uuid> {
        let mut parts = value.split('.');
        let device = Uuid::try_parse(parts.next()?).ok()?;
        let expires: i64 = parts.next()?.parse().ok()?;
        let shown = hex::decode(parts.next()?).ok()?;
        let by = |key| signature(key, account, device, expires).verify_slice(&shown).is_ok();
        let is_ours = self.devices.iter().any(by);
        (is_ours && parts.next().is_none() && now.timestamp() < expires).then_some(device)
    }
}

fn signature(key: &HmacSha256, account: &Account, device: Uuid, expires: i64) -> HmacSha256 {
    let signed = key.clone().chain_update(PURPOSE).chain_update(account.as_bytes());
    signed.chain_update(device.as_bytes()).chain_update(expires.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    fn keys() -> Keys {
        Keys::new(&"the key of the tests, 32 bytes or more".into())
    }

    fn cookie(set: &str) -> HeaderMap {
        let pair = set.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("theme=dark; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_device_is_known_for_its_own_account_until_it_is_too_old() {
        let (ada, bob, now) = (Account::of("ada@acme.example"), Account::of("bob@acme.example"), Utc::now());
        let sent = cookie(&keys().new_device(&ada, now, true));
        assert!(keys().device(&sent, &ada, now).is_some());
        assert!(keys().device(&sent, &bob, now).is_none());
        assert!(keys().device(&sent, &ada, now + LIFETIME).is_none());
        assert!(Keys::new(&"somebody else's key, also 32 bytes".into()).device(&sent, &ada, now).is_none());
    }

    #[test]
    fn a_cookie_that_was_changed_is_no_device() {
        let (ada, now) = (Account::of("ada@acme.example"), Utc::now());
        let set = keys().new_device(&ada, now, false);
        let value = set.split(['=', ';']).nth(1).unwrap();
        let (device, rest) = value.split_once('.').unwrap();
        let later = value.replacen(".1", ".9", 1);
        for changed in
            ["", "..", device, &format!("{}.{rest}", Uuid::nil().simple()), &later, &format!("{value}.")]
        {
            let sent = cookie(&format!("{COOKIE}={changed}"));
            assert_eq!(keys().device(&sent, &ada, now), None, "{changed}");
        }
    }
}
