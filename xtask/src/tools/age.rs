//! `age`: encryption to a public key. Who encrypts can't read the result.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

/// Encrypts standard input to standard output; `recipient` is the public key (`age1…`), which is no secret.
pub fn encrypt<'a>(sh: &'a Shell, recipient: &str) -> Cmd<'a> {
    cmd!(sh, "age --encrypt --recipient {recipient}")
}

/// Like `encrypt`, as text.
pub fn encrypt_armoured<'a>(sh: &'a Shell, recipient: &str) -> Cmd<'a> {
    cmd!(sh, "age --encrypt --armor --recipient {recipient}")
}

/// How big so many bytes are, encrypted to one such key: what age makes of nothing, and 16 bytes for each further 64 KiB.
pub fn encrypted_size(bytes: u64) -> u64 {
    200 + bytes + bytes.saturating_sub(1) / 65536 * 16
}

/// Whether this looks like a recipient: bech32 with the prefix `age1` (age-encryption.org/v1).
pub fn is_recipient(text: &str) -> bool {
    text.len() == 62
        && text.starts_with("age1")
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Decrypts standard input to standard output, with the private key in this file. It fails at the end of an input that was
/// cut off, when it has written what came before.
pub fn decrypt<'a>(sh: &'a Shell, identity: &Utf8Path) -> Cmd<'a> {
    cmd!(sh, "age --decrypt --identity {identity}")
}

/// Decrypts a file to standard output, with the private keys on standard input.
pub fn decrypt_file<'a>(sh: &'a Shell, file: &Utf8Path) -> Cmd<'a> {
    cmd!(sh, "age --decrypt --identity - {file}")
}

/// Prints the public keys of the private ones on standard input.
pub fn recipients_of(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "age-keygen -y")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::process::{Run, shell};

    #[test]
    fn what_is_encrypted_is_as_big_as_was_said() {
        let identity = Run::new(cmd!(shell(), "age-keygen")).bytes().unwrap();
        let recipient = Run::new(recipients_of(shell())).stdin(identity).text().unwrap();
        for bytes in [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 300_000_u64] {
            let content = vec![7; usize::try_from(bytes).unwrap()];
            let sealed = Run::new(encrypt(shell(), recipient.trim())).stdin(content).bytes().unwrap();
            assert_eq!(sealed.len() as u64, encrypted_size(bytes), "of {bytes}");
        }
    }
}
