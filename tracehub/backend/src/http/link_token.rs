//! The token of a link: made of the key and of the link's id, and known by its hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::token::HmacSha256;
use super::{Error, FieldError, Keys};

/// Of base64url without padding, of 32 bytes.
const TOKEN: usize = 43;
/// Nothing else is signed with the key that begins like this.
const PURPOSE: &[u8] = b"a link of TraceHub's\0";

impl Keys {
    /// The token of a new link, and its hash. Nobody guesses one: it is made of the key and of the link's id, so that it can be
    /// made again for a mail and need not be kept.
    pub fn new_link(&self, link: Uuid) -> (String, [u8; 32]) {
        token_of(&self.devices[0], link)
    }

    /// Those that it may have: it may be from before the key was exchanged.
    pub fn links(&self, link: Uuid) -> impl Iterator<Item = (String, [u8; 32])> {
        self.devices.iter().map(move |key| token_of(key, link))
    }
}

fn token_of(key: &HmacSha256, link: Uuid) -> (String, [u8; 32]) {
    let made = key.clone().chain_update(PURPOSE).chain_update(link.as_bytes()).finalize();
    let token = URL_SAFE_NO_PAD.encode(made.into_bytes());
    let hash = Sha256::digest(&token).into();
    (token, hash)
}

/// Of a token that could be one.
pub(super) fn hash_of(token: &str) -> Result<[u8; 32], Error> {
    let is_token = token.len() == TOKEN
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_token {
        return Ok(Sha256::digest(token).into());
    }
    let why = "is not whole: a link's token has 43 letters, digits, - and _";
    Err(Error::Invalid(vec![FieldError::new("token", why)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_a_token_of_its_own_that_the_key_makes_again_and_no_other_key_does() {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let keys = |secret: &str| Keys::new(&secret.into());
        let old = "the old key, of 32 bytes or more than that";
        let both = keys(&format!("the new key, of 32 bytes or more than that\n{old}"));
        let (token, hash) = keys(old).new_link(one);
        assert_eq!((token.len(), hash_of(&token).unwrap()), (TOKEN, hash));
        assert!(keys(old).new_link(other).0 != token && both.new_link(one).0 != token);
        assert!(both.links(one).any(|made| made == (token.clone(), hash)));
    }
}
