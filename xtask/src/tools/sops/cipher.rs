//! One value as sops encrypts it: AES-256 in GCM, with a nonce of 32 bytes, and the value's name as associated data.
//! Source: getsops/sops, `aes/cipher.go`.

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::generic_array::typenum::U32;
use aes_gcm::aes::Aes256;
use aes_gcm::{AeadInPlace as _, AesGcm, KeyInit as _};
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::tools::files::random::random;

/// What encrypts every value of one file: 32 bytes, and for each recipient encrypted in the file.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey([u8; 32]);

/// Not what it is: a log must not have it.
impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl DataKey {
    /// A new one.
    pub fn made() -> Result<DataKey> {
        random().map(DataKey)
    }

    /// Of what age decrypted.
    pub fn of(bytes: &[u8]) -> Result<DataKey> {
        let bytes = bytes.try_into();
        bytes.map(DataKey).ok().context("the data key in the file is not 32 bytes long")
    }

    /// Its bytes, for age to encrypt.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value encrypted, as it stands in the file; `context` is authenticated with it.
    pub fn seal(&self, plain: &str, context: &str) -> Result<String> {
        let nonce: [u8; 32] = random()?;
        let mut data = plain.as_bytes().to_vec();
        let tag = self
            .cipher()
            .encrypt_in_place_detached(GenericArray::from_slice(&nonce), context.as_bytes(), &mut data)
            .map_err(|_| anyhow::anyhow!("the value is too long to be encrypted"))?;
        let (data, nonce, tag) = (STANDARD.encode(data), STANDARD.encode(nonce), STANDARD.encode(tag));
        Ok(format!("ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:str]"))
    }

    /// The value behind what stands in the file. An error when it was encrypted with another key or for another name.
    pub fn open(&self, sealed: &str, context: &str) -> Result<String> {
        let parts = Parts::of(sealed).context("it is not encrypted as sops does it")?;
        let mut data = parts.data;
        self.cipher()
            .decrypt_in_place_detached(
                GenericArray::from_slice(&parts.nonce),
                context.as_bytes(),
                &mut data,
                GenericArray::from_slice(&parts.tag),
            )
            .map_err(|_| {
                anyhow::anyhow!("it was changed by hand, or stood under another name or in another file")
            })?;
        String::from_utf8(data).context("it is no text")
    }

    fn cipher(&self) -> AesGcm<Aes256, U32> {
        AesGcm::new(GenericArray::from_slice(&self.0))
    }
}

/// What stands in `ENC[…]`.
struct Parts {
    data: Vec<u8>,
    nonce: Vec<u8>,
    tag: Vec<u8>,
}

impl Parts {
    fn of(sealed: &str) -> Result<Parts> {
        let inner = sealed.strip_prefix("ENC[AES256_GCM,").and_then(|rest| rest.strip_suffix(']'));
        let fields: Vec<&str> = inner.context("no ENC[AES256_GCM,…]")?.split(',').collect();
        let field = |name: &str| {
            let value = fields.iter().find_map(|field| field.strip_prefix(name)?.strip_prefix(':'));
            value.with_context(|| format!("no '{name}'"))
        };
        ensure!(field("type")? == "str", "its type is not 'str'");
        let bytes =
            |name: &str| STANDARD.decode(field(name)?).with_context(|| format!("'{name}' is no base64"));
        let parts = Parts { data: bytes("data")?, nonce: bytes("iv")?, tag: bytes("tag")? };
        ensure!(parts.nonce.len() == 32 && parts.tag.len() == 16, "its nonce or its tag is cut");
        Ok(parts)
    }
}

/// Whether this stands for an encrypted value.
pub fn is_sealed(text: &str) -> bool {
    Parts::of(text).is_ok()
}
