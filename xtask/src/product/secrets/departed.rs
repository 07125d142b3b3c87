//! Values that stood in an environment's encrypted file while somebody could read it who no longer can: git keeps those files,
//! so they are known, however the list of recipients looks today.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::identity::Identity;
use super::recipients::{self, Recipients};
use super::{SealedFile, path};
use crate::project::Environment;
use crate::tools::git::objects;
use crate::tools::sops::{DataKey, SealedKey};
use crate::workspace;

/// At most so many earlier versions are opened, the newest first.
const AT_MOST: usize = 500;

/// Which of these are known to whom, as far as the private key that is here opens the earlier files. A value that was left as it is
/// for a reason is none of them.
pub fn known_to(environment: &Environment, values: &[(&str, &str)]) -> Result<BTreeSet<(String, String)>> {
    let mut known = BTreeSet::new();
    let (mut names, recipients) = (BTreeMap::new(), Recipients::of(environment)?);
    for text in earlier(&recipients::path(environment))? {
        let Ok(then) = Recipients::parse(&text) else { continue };
        names.extend(then.all().map(|(name, key)| (key.to_owned(), name.to_owned())));
    }
    let mut opened = Opened::default();
    for text in earlier(&path(environment))? {
        let Ok(file) = SealedFile::parse(&text) else { continue };
        let has_left = |key: &&SealedKey| recipients.all().all(|(_, now)| now != key.recipient);
        let left: Vec<&SealedKey> = file.keys().iter().filter(has_left).collect();
        if left.is_empty() {
            continue;
        }
        let Some(key) = opened.key(file.keys())? else { continue };
        let Ok(then) = file.open(&key) else { continue };
        let had = |(name, value): &&(&str, &str)| {
            then.iter().any(|it| (it.0.as_str(), it.1.as_str()) == (*name, *value))
        };
        for (name, _) in values.iter().filter(had) {
            let who = left.iter().map(|key| names.get(&key.recipient).unwrap_or(&key.recipient));
            let who = who.filter(|who| !recipients.is_waived(name, who));
            known.extend(who.map(|who| ((*name).to_owned(), who.clone())));
        }
    }
    Ok(known)
}

/// Data keys that were opened: many versions have the same.
#[derive(Default)]
struct Opened(Vec<(Vec<SealedKey>, Option<DataKey>)>);

impl Opened {
    fn key(&mut self, keys: &[SealedKey]) -> Result<Option<DataKey>> {
        if let Some((_, key)) = self.0.iter().find(|(known, _)| known == keys) {
            return Ok(key.clone());
        }
        let key = match Identity::find()? {
            Some(identity) => identity.open(keys)?,
            None => None,
        };
        self.0.push((keys.to_vec(), key.clone()));
        Ok(key)
    }
}

/// The texts that a file has had in any commit.
fn earlier(file: &camino::Utf8Path) -> Result<Vec<String>> {
    let (root, mut texts) = (workspace::root(), Vec::new());
    if !root.join(".git").exists() {
        return Ok(texts);
    }
    let name = file.strip_prefix(root).unwrap_or(file);
    let mut objects = objects::all(root, Some(name.as_str()))?;
    objects.truncate(AT_MOST);
    objects::read(root, &objects, |_, content| texts.push(String::from_utf8_lossy(content).into_owned()))?;
    Ok(texts)
}
