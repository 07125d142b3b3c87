//! Signatures by ssh keys over texts (`ssh-keygen -Y`): whoever has OpenSSH can make one and check one.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::cmd;

use super::keys::Key;
use crate::tools::files::private::Folder;
use crate::tools::process::{Run, shell};

/// The signature of a text, for one purpose: one that was made for another purpose is not taken for it.
pub fn sign(key: &Key, namespace: &str, text: &str) -> Result<String> {
    let folder = Folder::new()?;
    let (key, file) = (key.as_file(folder.path())?, folder.join("text"));
    fs::write(&file, text).with_context(|| format!("writing {file}"))?;
    // Without a terminal and an agent, so that a key with a passphrase is an error and no question.
    let sign = cmd!(shell(), "ssh-keygen -q -Y sign -f {key} -n {namespace} {file}")
        .env_remove("SSH_AUTH_SOCK")
        .env("SSH_ASKPASS_REQUIRE", "never");
    Run::new(sign)
        .stdin("")
        .run()
        .context("the key does not sign: is it a private key without a passphrase?")?;
    let signature = file.with_extension("sig");
    fs::read_to_string(&signature).with_context(|| format!("reading {signature}"))
}

/// The same by a person, who is at the terminal: with a private key that may have a passphrase, which is asked for, or with the
/// public one of a key that an agent has.
pub fn sign_in_person(key: &Utf8Path, namespace: &str, text: &str) -> Result<String> {
    let folder = Folder::new()?;
    let file = folder.join("text");
    fs::write(&file, text).with_context(|| format!("writing {file}"))?;
    let ended =
        Run::new(cmd!(shell(), "ssh-keygen -q -Y sign -f {key} -n {namespace} {file}")).interactive()?;
    anyhow::ensure!(ended.success(), "{key} does not sign");
    let signature = file.with_extension("sig");
    fs::read_to_string(&signature).with_context(|| format!("reading {signature}"))
}

/// Who of those in `signers`, the text of a file of allowed signers, has signed this text for this purpose.
///
/// # Errors
///
/// When nobody of them has, in the words of ssh-keygen: another key, another text, a key that is no longer valid.
pub fn verify(signers: &str, namespace: &str, text: &str, signature: &str) -> Result<String> {
    let folder = Folder::new()?;
    let (allowed, file) = (folder.join("signers"), folder.join("signature"));
    for (path, content) in [(&allowed, signers), (&file, signature)] {
        fs::write(path, content).with_context(|| format!("writing {path}"))?;
    }
    let find = cmd!(shell(), "ssh-keygen -Y find-principals -f {allowed} -s {file}");
    let found = Run::new(find).text().context("it is signed by a key that is not listed")?;
    let who = found.lines().next().unwrap_or_default().to_owned();
    let verify = cmd!(shell(), "ssh-keygen -Y verify -f {allowed} -I {who} -n {namespace} -s {file}");
    Run::new(verify)
        .stdin(text)
        .run()
        .context("its signature is not of this text, or not for this purpose")?;
    Ok(who)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of nobody's, and its line in a file of allowed signers.
    fn key(name: &str) -> (Key, String) {
        let folder = Folder::new().expect("a folder");
        let file = folder.join("key");
        Run::new(cmd!(shell(), "ssh-keygen -q -t ed25519 -N '' -f {file}")).run().expect("a key");
        let key = Key::parse(&fs::read_to_string(&file).expect("written")).expect("a key");
        let line = format!("{name} namespaces=\"a\" {}\n", key.public().expect("its public half"));
        (key, line)
    }

    #[test]
    fn only_the_very_text_signed_by_somebody_listed_for_this_purpose_is_believed() {
        let (ours, line) = key("ci");
        let (theirs, their_line) = key("stranger");
        let signature = sign(&ours, "a", "text\n").expect("signed");
        assert_eq!(verify(&line, "a", "text\n", &signature).expect("believed"), "ci");
        assert_eq!(
            verify(&format!("{their_line}{line}"), "a", "text\n", &signature).expect("believed"),
            "ci"
        );
        let refused = |signers: &str, text: &str, signature: &str| {
            format!("{:#}", verify(signers, "a", text, signature).expect_err("refused"))
        };
        refused(&line, "text", &signature);
        refused(&line, "text\n", &sign(&theirs, "a", "text\n").expect("signed"));
        refused(&line, "text\n", &sign(&ours, "b", "text\n").expect("signed"));
        refused("", "text\n", &signature);
        refused(&line, "text\n", "");
        let over = line.replace("namespaces", "valid-before=\"20200101\",namespaces");
        refused(&over, "text\n", &signature);
        assert!(
            verify(&line, "b", "text\n", &sign(&ours, "b", "text\n").unwrap()).is_err(),
            "a purpose not listed"
        );
    }
}
