//! The private keys that workflows have: one an environment, which opens its encrypted file, and the one that signs that checks
//! have passed. All else is in those files.
//!
//! No value ever comes back from GitHub. Which one it has is known by the key's public half, which `XTASK_SECRETS` beside it
//! records together with the time at which GitHub took it: where that time is another one, somebody else has set it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::account::Account;
use super::{Change, Differences, Means, name, seal};
use crate::exit::refuse;
use crate::product::secrets as files;
use crate::product::secrets::identity::Identity;
use crate::product::secrets::recipients::Recipients;
use crate::product::workflows::files::{CHECKS, hosts};
use crate::product::workflows::variables;
use crate::product::{approvals, checks, signed};
use crate::project::{CHECKS_KEY, Environment, IDENTITY, SECRET_VERSIONS};
use crate::tools::github::{Api, Method, Refused};
use crate::tools::process::interrupt;
use crate::tools::ssh::keys::Key;

/// How often is looked whether GitHub shows what it has taken.
const LOOKS: usize = 10;

/// Whose keys count, by the tree; and the private ones that somebody gives for GitHub to have.
#[derive(Debug, Default)]
pub struct Keys {
    /// By the environment on GitHub whose they are.
    pub(super) given: BTreeMap<String, Secret>,
    /// Which ought to be there.
    pub(super) wanted: Vec<Wanted>,
    /// The people who may approve.
    pub(super) approvers: Vec<String>,
}

/// A value, with what everybody may know of it. Nobody prints it.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) value: String,
    pub(super) version: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.version)
    }
}

/// One value that goes to GitHub.
#[derive(Debug)]
pub(super) struct Exchange {
    place: String,
    name: &'static str,
    secret: Secret,
    /// When the one was set that is there.
    before: Option<String>,
    /// What is recorded there, and whether anything is.
    recorded: Option<Value>,
}

impl Keys {
    /// Reads `ENVIRONMENT=FILE` each; refused when the key is of no use there.
    pub fn read(given: &[(String, String)]) -> Result<Keys> {
        let mut keys = Keys { approvers: approvers()?, ..Keys::default() };
        for (place, file) in given {
            let text =
                fs::read_to_string(file).map_err(|error| refuse(format!("{file} can't be read: {error}")))?;
            let secret = match hosts().find(|environment| environment.name == *place) {
                Some(environment) => age_key(environment, text, file)?,
                None if place == CHECKS => signing_key(&text, file)?,
                None => {
                    let names: Vec<&str> = hosts().map(|row| row.name.as_ref()).chain([CHECKS]).collect();
                    bail!(refuse(format!("{place}={file}: keys are for {}", names.join(", "))));
                }
            };
            keys.given.insert(place.clone(), secret);
        }
        keys.wanted = wanted(&keys.given)?;
        Ok(keys)
    }
}

fn age_key(environment: &Environment, text: String, file: &str) -> Result<Secret> {
    let identity = Identity::checked(text.clone(), format!("the key in {file}"))?;
    let version = identity.recipients()?.join(" ");
    let name = &environment.name;
    if !is_believed(&version, &able(environment)?) {
        return Err(refuse(format!(
            "the key in {file} opens nothing of {name}: `cargo xtask secrets recipients add --env {name} ci {version}` \
             first. Nothing was changed."
        )));
    }
    Ok(Secret { value: text, version })
}

fn signing_key(text: &str, file: &str) -> Result<Secret> {
    let key = Key::parse(text).map_err(|why| refuse(format!("{file}: {why}")))?;
    let public = key.public()?;
    let version = public.split(' ').nth(1).unwrap_or_default().to_owned();
    if !is_believed(&version, &signing()?) {
        return Err(refuse(format!(
            "nobody would believe what the key in {file} signs: list its public half in {} first. Nothing was changed.",
            checks::signers_path()
        )));
    }
    Ok(Secret { value: text.to_owned(), version })
}

/// The public keys that open an environment's file.
fn able(environment: &Environment) -> Result<Vec<String>> {
    Ok(Recipients::of(environment)?.all().map(|(_, key)| key.to_owned()).collect())
}

/// The public keys whose signatures are believed.
fn signing() -> Result<Vec<String>> {
    let signers = checks::signers()?;
    Ok(signed::listed(&signers).flat_map(str::split_whitespace).map(str::to_owned).collect())
}

/// Whether each public key of it is one of those.
fn is_believed(version: &str, known: &[String]) -> bool {
    !version.is_empty() && version.split(' ').all(|key| known.iter().any(|known| known == key))
}

/// Those who may approve, as far as their names may be names on GitHub.
fn approvers() -> Result<Vec<String>> {
    let list = approvals::approvers()?;
    Ok(approvals::names(&list).filter(|name| !name.contains('@')).map(str::to_owned).collect())
}

/// One secret that ought to be there.
#[derive(Debug)]
pub(super) struct Wanted {
    /// What `--key` calls it.
    pub(super) of: String,
    pub(super) name: &'static str,
    /// The public keys of which one must be its.
    pub(super) known: Vec<String>,
    /// Which secrets beside it are set by hand, as docs/workflows.md says.
    pub(super) by_hand: Vec<String>,
}

fn wanted(given: &BTreeMap<String, Secret>) -> Result<Vec<Wanted>> {
    let mut all = Vec::new();
    for environment in hosts() {
        // Without an encrypted file, each value is a secret of its own.
        if files::find(environment)?.is_some() || given.contains_key(environment.name.as_ref()) {
            let by_hand = variables::of(environment).into_iter().map(|it| it.name).collect();
            all.push(Wanted {
                of: environment.name.to_string(),
                name: IDENTITY,
                known: able(environment)?,
                by_hand,
            });
        }
    }
    let known = signing()?;
    if !known.is_empty() || given.contains_key(CHECKS) {
        all.push(Wanted { of: CHECKS.to_owned(), name: CHECKS_KEY, known, by_hand: Vec::new() });
    }
    Ok(all)
}

/// `there` are the environments that GitHub has.
pub(super) fn look(
    api: &Api,
    account: &Account,
    keys: &Keys,
    there: &[String],
    found: &mut Differences,
) -> Result<()> {
    for wanted in &keys.wanted {
        let place = match account.has_environments {
            true => format!("/environments/{}", wanted.of),
            false => "/actions".to_owned(),
        };
        if !account.has_environments && wanted.name == IDENTITY {
            // One secret of the repository would open all environments, or one: that is for people to decide.
            continue;
        }
        let is_there = !account.has_environments || there.contains(&wanted.of);
        let secrets =
            if is_there { api.all(&format!("{place}/secrets"), Some("secrets"))? } else { Vec::new() };
        let record = match is_there {
            true => api.get(&format!("{place}/variables/{SECRET_VERSIONS}"))?,
            false => None,
        };
        let recorded = record.as_ref().and_then(|it| serde_json::from_str(it["value"].as_str()?).ok());
        let recorded = record.is_some().then(|| recorded.unwrap_or_else(|| json!({})));
        one(wanted, place, &secrets, recorded, keys.given.get(&wanted.of), found);
        let known = |it: &str| it == wanted.name || wanted.by_hand.iter().any(|name| name == it);
        let others = secrets.iter().map(name).filter(|it| account.has_environments && !known(it));
        found.others.extend(others.map(|it| format!("the secret {it} of {}", wanted.of)));
    }
    Ok(())
}

fn one(
    wanted: &Wanted,
    place: String,
    secrets: &[Value],
    recorded: Option<Value>,
    given: Option<&Secret>,
    found: &mut Differences,
) {
    let what = format!("secret {} of {}", wanted.name, wanted.of);
    let there = secrets.iter().find(|it| name(it).eq_ignore_ascii_case(wanted.name));
    let before = there.and_then(|it| it["updated_at"].as_str()).map(str::to_owned);
    let entry = recorded.as_ref().map(|all| &all[wanted.name]);
    let version = entry.and_then(|entry| entry[0].as_str()).map(str::to_owned);
    let is_as_put = entry.is_some_and(|entry| entry[1].as_str() == before.as_deref());
    let state = match (&before, &version) {
        (None, _) => Err("not there".to_owned()),
        (Some(at), None) => Err(format!("set by somebody else ({at}): which key it is, nobody knows")),
        (Some(at), Some(_)) if !is_as_put => Err(format!("set by somebody else since ({at})")),
        (Some(_), Some(version)) if !is_believed(version, &wanted.known) => {
            Err(format!("{}, which is listed no more", short(version)))
        }
        (Some(_), Some(version)) => Ok(version.clone()),
    };
    match (state, given) {
        (Ok(version), Some(secret)) if version != secret.version => {
            let now = short(&version).to_owned();
            found.exchange(what, now, wanted.name, place, secret, before, recorded);
        }
        (Ok(_), _) => {}
        (Err(now), Some(secret)) => found.exchange(what, now, wanted.name, place, secret, before, recorded),
        (Err(now), None) => found.by_hand.push(format!(
            "{what}: {now}. `cargo xtask github apply --key {}=FILE` puts the key of that file there",
            wanted.of
        )),
    }
}

impl Differences {
    #[expect(clippy::too_many_arguments, reason = "it is the one place where a value meets its place")]
    fn exchange(
        &mut self,
        what: String,
        now: String,
        name: &'static str,
        place: String,
        secret: &Secret,
        before: Option<String>,
        recorded: Option<Value>,
    ) {
        let wanted = short(&secret.version).to_owned();
        let exchange = Exchange { place, name, secret: secret.clone(), before, recorded };
        self.changes.push(Change { what, now, wanted, means: Means::Secret(exchange) });
    }
}

/// The beginning of a public key, which tells it from others.
fn short(version: &str) -> &str {
    // A key of ssh begins like every other.
    let version = version.strip_prefix("AAAAC3NzaC1lZDI1NTE5AAAAI").unwrap_or(version);
    version.get(..16).unwrap_or(version)
}

impl Exchange {
    /// Sealed for GitHub's key of this moment; then which one it is, and when GitHub took it, is recorded.
    pub(super) fn apply(&self, api: &Api) -> Result<()> {
        let Exchange { place, name, secret, .. } = self;
        let key = api.get(&format!("{place}/secrets/public-key"))?.context("GitHub shows no public key")?;
        let text =
            |field: &str| key[field].as_str().with_context(|| format!("GitHub's public key has no {field}"));
        let body =
            json!({ "encrypted_value": seal::seal(&secret.value, text("key")?)?, "key_id": text("key_id")? });
        let path = format!("{place}/secrets/{name}");
        api.send(&Method::PUT, &path, &body)?;
        let at = self.wait_until_shown(api, &path)?;
        let mut all = self.recorded.clone().unwrap_or_else(|| json!({}));
        all[*name] = json!([secret.version, at]);
        record(api, place, self.recorded.is_some(), &all.to_string())
    }

    /// What it has taken, it shows a while later. Gives the time at which it did.
    fn wait_until_shown(&self, api: &Api, path: &str) -> Result<String> {
        for _ in 0..LOOKS {
            let shown = api.get(path)?.and_then(|it| it["updated_at"].as_str().map(str::to_owned));
            if let Some(at) = shown.filter(|at| Some(at) != self.before.as_ref()) {
                return Ok(at);
            }
            interrupt::pause(api.pause)?;
        }
        bail!(
            "GitHub has taken {}, and does not show it: `cargo xtask github apply` again, in a while",
            self.name
        )
    }
}

fn record(api: &Api, place: &str, is_there: bool, value: &str) -> Result<()> {
    let (all, one) = (format!("{place}/variables"), format!("{place}/variables/{SECRET_VERSIONS}"));
    let body = json!({ "name": SECRET_VERSIONS, "value": value });
    if is_there {
        return api.send(&Method::PATCH, &one, &body).map(drop);
    }
    match api.send(&Method::POST, &all, &body) {
        // It was there, and not shown yet.
        Err(error) if error.downcast_ref::<Refused>().is_some_and(|it| it.status == 409) => {
            api.send(&Method::PATCH, &one, &body).map(drop)
        }
        sent => sent.map(drop),
    }
}
