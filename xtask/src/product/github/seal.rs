//! A secret as GitHub takes it: in a box that only its own key opens (libsodium's `crypto_box_seal`).

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;

/// The longest value that GitHub takes, in bytes.
const MAX: usize = 48 << 10;

/// Seals a value for a public key, which is in base64, as the box is.
pub fn seal(value: &str, key: &str) -> Result<String> {
    if value.len() > MAX {
        bail!("the value has {} bytes, and GitHub takes {MAX}", value.len());
    }
    let key = BASE64_STANDARD.decode(key).context("GitHub's public key is not in base64")?;
    let key: [u8; 32] = key.try_into().ok().context("GitHub's public key has not 32 bytes")?;
    let sealed = PublicKey::from(key).seal(&mut OsRng, value.as_bytes());
    Ok(BASE64_STANDARD.encode(sealed.ok().context("the value can't be sealed")?))
}
