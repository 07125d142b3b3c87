//! Tokens: JWTs, signed with HS256, good for half an hour.

use std::sync::Once;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

const ISSUER: &str = "tracehub";
const LIFETIME: TimeDelta = TimeDelta::minutes(30);
/// A line of the secret that is shorter is no key, so that a slip of the hand adds none that can be guessed.
const LEAST_BYTES: usize = 32;

/// What a token says. Whether it is still good is for the database to say, where its transaction begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    /// The user.
    pub sub: Uuid,
    /// The organisation that the user belongs to.
    pub org: Uuid,
    /// The version of the user whose token this is: there is another one once the user has logged out. None in tokens of
    /// releases that knew no versions, when each user had the first one.
    #[serde(default)]
    pub ver: i64,
    /// The session that the token was given with, and with which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    iat: i64,
    exp: i64,
}

/// What tokens are signed and checked with: by the first key, and by any.
#[derive(Clone)]
pub struct Keys {
    signing: EncodingKey,
    checking: Vec<DecodingKey>,
    /// The same for what `device.rs` makes.
    pub(super) devices: Vec<HmacSha256>,
}

/// What everything here is signed by.
pub(super) type HmacSha256 = Hmac<Sha256>;

impl Claims {
    /// Those of somebody who logs in now.
    pub fn new(user: Uuid, organisation: Uuid, version: i64, now: DateTime<Utc>) -> Self {
        let (iat, exp) = (now.timestamp(), (now + LIFETIME).timestamp());
        Self { iss: ISSUER.into(), sub: user, org: organisation, ver: version, sid: None, iat, exp }
    }

    /// When they cease to be believed.
    pub fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or_default()
    }
}

impl Keys {
    /// Made of the secret: a key a line, of which the first signs and all are believed. While a key is exchanged there are two.
    pub fn new(secret: &SecretString) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| HS256.install_default().expect("nobody else installs one"));
        let whole = secret.expose_secret();
        let mut keys: Vec<&[u8]> =
            whole.lines().map(|line| line.trim().as_bytes()).filter(|key| key.len() >= LEAST_BYTES).collect();
        if keys.is_empty() {
            keys.push(whole.as_bytes());
        }
        let device = |key: &&[u8]| HmacSha256::new_from_slice(key).expect("a key of any length will do");
        Self {
            signing: EncodingKey::from_secret(keys[0]),
            checking: keys.iter().map(|key| DecodingKey::from_secret(key)).collect(),
            devices: keys.iter().map(device).collect(),
        }
    }

    /// Makes a token of them.
    pub fn sign(&self, claims: &Claims) -> anyhow::Result<String> {
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing)?)
    }

    /// What a token says, if it is ours and still good. HS256 and nothing else, whatever its header claims.
    pub fn check(&self, token: &str) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        // One clock signs and checks, so there is no difference of clocks to forgive.
        validation.leeway = 0;
        let by = |key| Some(jsonwebtoken::decode(token, key, &validation).ok()?.claims);
        self.checking.iter().find_map(by)
    }
}

/// All the cryptography that we need. The crate's own sets bring RSA and elliptic curves along: minutes of building,
/// and an advisory against the RSA, for what no token of ours uses.
static HS256: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Hs256::new(algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| Ok(Box::new(Hs256::new(algorithm, key.try_get_as_bytes()?)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(HmacSha256);

impl Hs256 {
    fn new(algorithm: &Algorithm, secret: &[u8]) -> Result<Self, Error> {
        match algorithm {
            Algorithm::HS256 => {
                Ok(Self(HmacSha256::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?))
            }
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        }
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// In constant time.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0.clone().chain_update(message).verify_slice(signature).map_err(signature::Error::from_source)
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Keys {
        Keys::new(&secret.into())
    }

    fn claims(now: DateTime<Utc>) -> Claims {
        Claims::new(Uuid::now_v7(), Uuid::now_v7(), 7, now)
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let claims = claims(Utc::now());
        let checked = keys("one").check(&keys("one").sign(&claims).unwrap()).unwrap();
        assert_eq!((checked.sub, checked.org, checked.ver), (claims.sub, claims.org, 7));
    }

    #[test]
    fn a_token_without_a_version_is_of_the_first_one() {
        let mut claims = serde_json::to_value(claims(Utc::now())).unwrap();
        claims.as_object_mut().unwrap().remove("ver");
        let keys = keys("one");
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &keys.signing).unwrap();
        assert_eq!(keys.check(&token).unwrap().ver, 0);
    }

    #[test]
    fn a_token_of_another_key_is_not_believed() {
        assert!(keys("one").check(&keys("another").sign(&claims(Utc::now())).unwrap()).is_none());
    }

    #[test]
    fn while_a_key_is_exchanged_the_first_signs_and_both_are_believed() {
        let (old, new) =
            ("the old key, of 32 bytes or more than that", "the new key, of 32 bytes or more than that");
        let both = keys(&format!("{old}\n{new}\n"));
        let turned = keys(&format!("{new}\n{old}"));
        let of = |keys: &Keys| keys.sign(&claims(Utc::now())).unwrap();
        assert!(keys(old).check(&of(&both)).is_some() && keys(new).check(&of(&both)).is_none());
        assert!(keys(new).check(&of(&turned)).is_some() && both.check(&of(&turned)).is_some());
        assert!(turned.check(&of(&both)).is_some(), "what was signed before is believed until it expires");
        // A slip of the hand is no key.
        assert!(keys(&format!("{old}\nx")).check(&of(&keys("x"))).is_none());
    }

    #[test]
    fn a_token_is_good_for_half_an_hour_and_not_a_second_more() {
        let signed = |age| keys("one").sign(&claims(Utc::now() - age)).unwrap();
        assert!(keys("one").check(&signed(TimeDelta::minutes(29))).is_some());
        assert!(keys("one").check(&signed(TimeDelta::minutes(30) + TimeDelta::seconds(1))).is_none());
    }

    #[test]
    fn a_token_without_a_signature_is_not_believed() {
        let token = keys("one").sign(&claims(Utc::now())).unwrap();
        let (_, payload) = token.rsplit_once('.').unwrap().0.split_once('.').unwrap();
        // {"alg":"none","typ":"JWT"}
        assert!(keys("one").check(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")).is_none());
    }

    // RFC 4231, test case 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let signed = Hs256::new(&Algorithm::HS256, b"Jefe")
            .unwrap()
            .try_sign(b"what do ya want for nothing?")
            .unwrap();
        assert_eq!(signed[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
