//! Bytes that nobody can guess.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context, Result};

/// So many, out of the kernel's randomness.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(bytes)
}
