//! `age`: encryption to a public key. Who encrypts can't read the result.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

/// Encrypts standard input to standard output; `recipient` is the public key (`age1…`), which is no secret.
pub fn encrypt<'a>(sh: &'a Shell, recipient: &str) -> Cmd<'a> {
    cmd!(sh, "age --encrypt --recipient {recipient}")
}

/// The same, as text.
pub fn encrypt_armoured<'a>(sh: &'a Shell, recipient: &str) -> Cmd<'a> {
    cmd!(sh, "age --encrypt --armor --recipient {recipient}")
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
