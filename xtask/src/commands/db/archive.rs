//! What archives the database's WAL beside the copies, where a key for it is given: what it is started with.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::exit::refuse;
use crate::host::{Archiving, Leased, Machine};
use crate::product::images::{self, Registry};
use crate::product::secrets::Supplied;
use crate::project::{ARCHIVE_KEY, STORE_VARIABLES};
use crate::tools::rclone::Access;

/// Amazon's own region where none is named, and what others are told who have none.
const REGION: &str = "us-east-1";
/// Of the key, in characters: it is all that stands between who may read the store and the database.
const KEY_AT_LEAST: usize = 32;

/// Where an environment's archive goes, and with what.
pub struct Archive {
    place: String,
    endpoint: String,
    region: String,
    authority: String,
    secrets: BTreeMap<String, String>,
}

impl Archive {
    /// None where there is no key. What is wrong with what is given is said before anything is touched.
    pub fn of(place: &str, access: &Access, supplied: &Supplied) -> Result<Option<Archive>> {
        let Some(key) = supplied.text(ARCHIVE_KEY)?.map(|key| key.trim().to_owned()) else { return Ok(None) };
        let (endpoint, region) = address(access).map_err(refuse)?;
        check_key(&key).map_err(refuse)?;
        let [.., key_id, secret] = STORE_VARIABLES;
        let secrets = [(key_id, &access.key_id), (secret, &access.secret), (ARCHIVE_KEY, &key)];
        Ok(Some(Archive {
            place: place.to_owned(),
            endpoint,
            region,
            authority: access.authority.clone().unwrap_or_default(),
            secrets: secrets.map(|(name, value)| (name.to_lowercase(), value.clone())).into(),
        }))
    }

    /// What the archiver is told.
    pub fn archiving(
        &self,
        leased: &Leased,
        machine: &Machine,
        registry: Option<&Registry>,
    ) -> Result<Archiving> {
        let Archive { place, endpoint, region, authority, secrets } = self;
        Ok(Archiving {
            image: images::archiver_beside(machine, registry).context("the image of the archiver")?,
            place: place.clone(),
            endpoint: endpoint.clone(),
            region: region.clone(),
            authority: authority.clone(),
            owner: leased.sender().owner()?,
            secrets: secrets.clone(),
        })
    }
}

/// Host and port of the store as pgBackRest wants them, and the region. It speaks TLS and nothing else.
fn address(access: &Access) -> Result<(String, String), String> {
    let [endpoint, ..] = STORE_VARIABLES;
    let region = access.region.clone().unwrap_or_else(|| REGION.to_owned());
    let Some(given) = &access.endpoint else { return Ok((format!("s3.{region}.amazonaws.com"), region)) };
    let host = given.strip_prefix("https://").map(|host| host.trim_end_matches('/'));
    let is_plain =
        |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    match host.filter(|host| !host.is_empty()).filter(is_plain) {
        Some(host) => Ok((host.to_owned(), region)),
        None => Err(format!(
            "{endpoint} is {given}: with {ARCHIVE_KEY}, the database's WAL is archived by pgBackRest, which takes https://HOST or \
             https://HOST:PORT and nothing else"
        )),
    }
}

/// It stands in a line of a file of settings.
fn check_key(key: &str) -> Result<(), String> {
    let is_plain = key.len() >= KEY_AT_LEAST && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain.then_some(()).ok_or_else(|| {
        format!(
            "{ARCHIVE_KEY} must have {KEY_AT_LEAST} characters at least, without spaces: `openssl rand -base64 48` prints one. Keep it \
             where the host's end does not reach it: without it nothing of the archive can be read"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_without_tls_a_path_and_a_short_key_are_refused_before_anything_is_touched() {
        let access = |endpoint: Option<&str>, region: Option<&str>| Access {
            endpoint: endpoint.map(str::to_owned),
            region: region.map(str::to_owned),
            authority: None,
            key_id: "id".into(),
            secret: "hidden".into(),
        };
        let address = |endpoint, region| super::address(&access(endpoint, region));
        let both = |host: &str, region: &str| Ok((host.to_owned(), region.to_owned()));
        assert_eq!(address(None, Some("eu-west-3")), both("s3.eu-west-3.amazonaws.com", "eu-west-3"));
        assert_eq!(address(Some("https://store:9000/"), None), both("store:9000", "us-east-1"));
        for wrong in ["http://store", "store", "https://store/path", "https://", "https://a\nb"] {
            assert!(address(Some(wrong), None).unwrap_err().contains("https://HOST"), "{wrong}");
        }
        check_key(&"k".repeat(32)).unwrap();
        for wrong in [&"k".repeat(31), &format!("{} k", "k".repeat(40)), &format!("{}\nk", "k".repeat(40))] {
            let error = check_key(wrong).unwrap_err();
            assert!(error.contains("openssl rand") && !error.contains("kkk"), "{error}");
        }
    }
}
