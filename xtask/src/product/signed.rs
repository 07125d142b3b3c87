//! A note that somebody has signed with an ssh key. It lies in the registry, beside the images that it is about: whoever may pull
//! those can read it, from a laptop as in a workflow, and who pushes them needs no right to write to the repository. It is
//! public; what counts is its signature.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use super::images::Registry;
use crate::project::{NOTE_LABEL, SIGNATURE_LABEL};
use crate::tools::files::hex::{hex, unhex};
use crate::tools::ssh::signature;
use crate::workspace;

/// A note as a registry has it, which nobody has looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The note, as it was signed.
    pub text: String,
    /// ssh-keygen's signature of it.
    pub signature: String,
}

impl Signed {
    /// The note and who has signed it, for this purpose; an error when nobody of those who may has.
    pub fn verify<T: DeserializeOwned>(&self, signers: &str, namespace: &str) -> Result<(T, String)> {
        let who = signature::verify(signers, namespace, &self.text, &self.signature)?;
        Ok((serde_json::from_str(&self.text).context("the signed note can't be read")?, who))
    }

    /// Puts it into the registry, under this image's name.
    pub fn put(&self, registry: &Registry, image: &str, tag: &str) -> Result<()> {
        let labels = [(NOTE_LABEL, &self.text), (SIGNATURE_LABEL, &self.signature)];
        let labels = labels.map(|(label, text)| (label.to_owned(), hex(text.as_bytes())));
        registry.put_labels(image, tag, &labels)
    }

    /// The one that lies there; none where there is none.
    pub fn get(registry: &Registry, image: &str, tag: &str) -> Result<Option<Signed>> {
        let Some(labels) = registry.labels(image, tag)? else { return Ok(None) };
        let text = |label: &str| String::from_utf8(unhex(labels.get(label)?)?).ok();
        let signed = text(NOTE_LABEL).zip(text(SIGNATURE_LABEL));
        Ok(signed.map(|(text, signature)| Signed { text, signature }))
    }
}

/// Who may sign, as a file of this tree has it, whose path is from its root; nobody where there is none.
pub fn signers_of_tree(path: &str) -> Result<String> {
    let path = workspace::root().join(path);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("reading {path}")),
    }
}

/// Those who may sign, in a file of allowed signers: its lines that are neither empty nor comments.
pub fn listed(signers: &str) -> impl Iterator<Item = &str> {
    signers.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
