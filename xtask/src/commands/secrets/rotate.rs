//! `cargo xtask secrets rotate`: a key that signs is exchanged without anybody noticing, or at once when it leaked.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::values;
use crate::commands::output::OutputArgs;
use crate::commands::refuse;
use crate::commands::target::TargetArgs;
use crate::commands::target::access;
use crate::host::Machine;
use crate::product::secrets::rotation::{Keys, NotYet, Seen};
use crate::product::secrets::table::Row;
use crate::product::secrets::{self, OpenFile, Supplied, answers};
use crate::project::{Environment, SECRETS, Secret, TOKEN_LIFETIME};
use crate::rollout::host::Host as _;
use crate::rollout::state::ledger::{Event, Ledger};
use crate::rollout::state::release::{Release, ReleaseId};
use crate::terminal::{self, paint};
use crate::tools::files::hex::hex;
use crate::tools::files::random::random;

/// Exchange a key that signs, in three deploys that nobody notices
///
/// A new key is believed; then it signs; then the old one goes. Each call writes the next stage into the environment's encrypted
/// file, or says why it may not come yet. A key of somebody else's is written when the new one answers; for other secrets it says
/// how they are exchanged.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    target: TargetArgs,
    /// The variable, as `secrets check` has it
    name: String,
    /// It got out: a new key at once; who has a token logs in again
    #[arg(long)]
    leaked: bool,
    /// Say where the exchange is and what is next; change nothing
    #[arg(long, conflicts_with = "leaked")]
    plan: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Rotate {
    /// Looks at the host; then the file is written whole, or not at all.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment();
        let row = values::row(environment, &self.name)?;
        let Some(secret) = SECRETS.iter().find(|secret| secret.variable == row.name && secret.signs) else {
            return self.exchange(&row);
        };
        let _lock = secrets::lock(environment)?;
        let file = opened(environment)?;
        let given = given(environment, &file, secret)?;
        let made = hex(&random::<32>()?);
        if self.leaked {
            return self.write(&file, secret, &Keys::One(made));
        }
        let keys = Keys::parse(&given).map_err(|why| {
            refuse(format!(
                "{} of {}: {why}. `cargo xtask secrets edit` puts it right. Nothing was changed.",
                secret.variable, environment.name
            ))
        })?;
        let machine = reach(&self.target)?;
        let seen = look(&machine, secret)?.ok_or_else(|| {
            refuse(format!("what serves {} is not among its kept releases: deploy first", environment.name))
        })?;
        let not_yet = keys.why_not_yet(&seen, TOKEN_LIFETIME, SystemTime::now());
        let not_yet = not_yet.map(|why| words_of(&why, secret, environment));
        if self.plan {
            self.say_plan(&keys, not_yet.as_deref());
            return Ok(());
        }
        match not_yet {
            Some(why) => Err(refuse(format!("not yet: {why}. Nothing was changed; now {}.", keys.words()))),
            None => self.write(&file, secret, &keys.next(made)),
        }
    }

    /// Of a key that somebody else has made: a new one is asked for, and written when it answers. For all others it is said how
    /// they are exchanged.
    fn exchange(&self, row: &Row) -> Result<()> {
        let environment = self.target.environment();
        if self.leaked || !answers::are_asked(&row.name) {
            return Err(refuse(format!(
                "{} is not exchanged by stages: {}. Nothing was changed.",
                row.name, row.rotation
            )));
        }
        if self.plan {
            return self.say_plan_of_exchange(row);
        }
        let _lock = secrets::lock(environment)?;
        let file = opened(environment)?;
        if let Some(why) = wins(environment, &file, &row.name)? {
            return Err(refuse(format!("{why}. Nothing was changed.")));
        }
        let note = format!(
            "  Make a new one where {} was made, and leave the old one there until the end.",
            row.name
        );
        terminal::note(note);
        let value = values::given(environment, row)?;
        if let Err(error) = answers::check(environment, &row.name, &value) {
            return Err(refuse(format!(
                "by the new {} nothing is answered: {error:#}. Nothing was changed.",
                row.name
            )));
        }
        values::change(environment, &file, &[(&row.name, Some(&value))])?;
        let (path, then) = (secrets::path(environment), answers::taken_over_by(environment, &row.name));
        self.output.say(
            || json!({ "name": row.name, "written": true, "then": then }),
            || {
                let done = paint::good("It answers, and is written:");
                terminal::say(format_args!(
                    "{done} commit {path}; {then}. Then end the old one where it was made."
                ));
            },
        );
        Ok(())
    }

    fn write(&self, file: &OpenFile, secret: &Secret, keys: &Keys) -> Result<()> {
        let environment = self.target.environment();
        file.change(&[(secret.variable, Some(&keys.value()))])?;
        // While the old one is believed, who has left knows something that counts.
        if matches!(keys, Keys::One(_)) {
            values::are_other_now(environment, &[secret.variable])?;
        }
        let (env, path) = (&environment.name, secrets::path(environment));
        let then = match keys {
            Keys::One(_) if self.leaked => format!(
                "Who has a token logs in again. Then `cargo xtask secrets list --env {env}`, and `secrets revoke {} VERSION` for \
                 each but the current one: what ran with it takes the current one.",
                secret.name
            ),
            Keys::One(_) => "That is the end of it.".to_owned(),
            _ => "Then run this again.".to_owned(),
        };
        let words = keys.words();
        self.output.say(
            || json!({ "name": secret.variable, "stage": words, "written": true, "then": then }),
            || {
                let done = paint::good("Written:");
                terminal::say(format_args!(
                    "{done} {words}. Commit {path}, `cargo xtask deploy --env {env}`. {then}"
                ));
            },
        );
        Ok(())
    }

    fn say_plan_of_exchange(&self, row: &Row) -> Result<()> {
        let (name, environment) = (&row.name, self.target.environment());
        let not_yet = wins(environment, &opened(environment)?, name)?;
        let then = answers::taken_over_by(environment, name);
        let next = format!("a new value is asked for, and written when whoever it is for takes it; {then}");
        self.output.say(
            || json!({ "name": name, "stage": "one step", "next": next, "not_yet": not_yet, "written": false }),
            || {
                terminal::say(format_args!("Next: {next}."));
                not_yet.iter().for_each(|why| terminal::say(format_args!("Not yet: {why}.")));
            },
        );
        Ok(())
    }

    fn say_plan(&self, keys: &Keys, not_yet: Option<&str>) {
        let (now, next) = (keys.words(), keys.clone().next(String::new()).words());
        self.output.say(
            || json!({ "name": self.name, "stage": now, "next": next, "not_yet": not_yet, "written": false }),
            || {
                terminal::say(format_args!("Now: {now}.\nNext: {next}."));
                terminal::say(match not_yet {
                    Some(why) => format!("Not yet: {why}."),
                    None => "It may come now.".to_owned(),
                });
            },
        );
    }
}

/// Where the exchange of each key is that is being exchanged, as far as this machine can read the environment's file.
pub fn stages(machine: Machine) -> Result<BTreeMap<&'static str, String>> {
    let environment = machine.environment().clone();
    let (Ok(file), Some(bases)) = (opened(&environment), machine.platform().bases()?) else {
        return Ok(BTreeMap::new());
    };
    let machine = machine.with_bases(bases);
    let mut stages = BTreeMap::new();
    for secret in SECRETS.iter().filter(|secret| secret.signs) {
        let Ok(value) = given(&environment, &file, secret) else { continue };
        let words = match Keys::parse(&value) {
            Ok(Keys::One(_)) => continue,
            Err(why) => why.to_owned(),
            Ok(keys) => {
                let seen = look(&machine, secret)?;
                let not_yet = match &seen {
                    Some(seen) => keys
                        .why_not_yet(seen, TOKEN_LIFETIME, SystemTime::now())
                        .map(|why| words_of(&why, secret, &environment)),
                    None => Some(format!("nothing that is kept serves {}: deploy first", environment.name)),
                };
                let next = match not_yet {
                    Some(why) => format!("The next stage may not come yet: {why}"),
                    None => format!(
                        "Next: `cargo xtask secrets rotate {} --env {}`",
                        secret.variable, environment.name
                    ),
                };
                format!("{}. {next}", keys.words())
            }
        };
        stages.insert(secret.name, words);
    }
    Ok(stages)
}

fn opened(environment: &Environment) -> Result<OpenFile> {
    let file = values::encrypted(environment)?;
    let none =
        || format!("{} has no encrypted file, in which the stages lie: docs/secrets.md", environment.name);
    file.ok_or_else(|| refuse(none()))?.open()
}

/// What the file gives; refused where a variable wins over it.
fn given(environment: &Environment, file: &OpenFile, secret: &Secret) -> Result<String> {
    let (variable, env) = (secret.variable, &environment.name);
    let value = file.values()?.into_iter().find(|(name, _)| name == variable).map(|(_, value)| value);
    let value = value.ok_or_else(|| {
        refuse(format!(
            "{variable} is not in the file of {env}: the one on the host was made there. `cargo xtask secrets set {variable} \
             --env {env} --generate`, and a deploy, give it one at once; who has a token logs in again."
        ))
    })?;
    match wins(environment, file, variable)? {
        Some(why) => Err(refuse(format!("{why}. Nothing was changed."))),
        None => Ok(value),
    }
}

/// That a variable wins over the file, which has another value, or none: what is written into the file would count for nothing.
fn wins(environment: &Environment, file: &OpenFile, variable: &str) -> Result<Option<String>> {
    let supplied = Supplied::of(environment)?.get(variable)?;
    let values = file.values()?;
    let kept = values.iter().find(|(name, _)| name == variable).map(|(_, value)| value.as_bytes());
    Ok(supplied.filter(|it| Some(it.as_slice()) != kept).map(|_| {
        format!(
            "the variable {variable} has another value than the file of {}, and wins over it: unset it first. In a job it comes \
             from GitHub's secret of that name, which is to be removed",
            environment.name
        )
    }))
}

fn reach(target: &TargetArgs) -> Result<Machine> {
    let name = target.environment().name.clone();
    let machine = target.clone().reach()?;
    let bases = machine.platform().bases()?;
    let bases = bases.ok_or_else(|| refuse(format!("nothing runs on {name}: deploy first")))?;
    Ok(machine.with_bases(bases))
}

/// None while no kept release has the traffic.
fn look(machine: &Machine, secret: &Secret) -> Result<Option<Seen>> {
    let given = machine.secrets().compare(access::secrets_given(machine.environment())?)?;
    let versions = machine.secrets().versions()?;
    let current = versions.current.get(secret.name).copied().unwrap_or(0);
    let own = |release: &Release| release.contents.secrets.get(secret.name).copied().unwrap_or(0);
    let kept = machine.kept()?;
    let live = machine.live()?.active.filter(|live| kept.iter().any(|release| release.id == *live));
    let Some(live) = live else { return Ok(None) };
    // What was revoked since was in use when a release got the traffic.
    let is_new = |id: &ReleaseId| kept.iter().any(|release| release.id == *id && own(release) == current);
    let since = since(&machine.ledger()?, is_new);
    let would_run_with = |release: &Release| {
        let own = own(release);
        if versions.revoked.contains(&(secret.name.to_owned(), own)) { current } else { own }
    };
    let kept = kept.iter().map(|release| (release.id.clone(), would_run_with(release))).collect();
    Ok(Some(Seen { is_deployed: !given.changes(secret), current, live, kept, since }))
}

/// When the first release got the traffic of those after which none got it that is not `new`.
fn since(ledger: &Ledger, is_new: impl Fn(&ReleaseId) -> bool) -> Option<SystemTime> {
    let mut since = None;
    for entry in &ledger.entries {
        let Event::Confirmed { release, .. } = &entry.event else { continue };
        match is_new(release) {
            true => since = since.or_else(|| humantime::parse_rfc3339_weak(&entry.at).ok()),
            false => since = None,
        }
    }
    since
}

fn words_of(why: &NotYet, secret: &Secret, environment: &Environment) -> String {
    let (name, env) = (secret.name, &environment.name);
    match why {
        NotYet::NotDeployed => format!(
            "what serves {env} runs with another value than the file has: commit it, and `cargo xtask deploy --env {env}`"
        ),
        NotYet::Older { releases, versions } => {
            let releases: Vec<&str> = releases.iter().map(ReleaseId::as_str).collect();
            let revoke = |version: &u32| format!("`cargo xtask secrets revoke {name} {version} --env {env}`");
            format!(
                "a rollback to {} would log people out, since it runs with keys of before\n  {} makes it take today's; later \
                 deploys remove it too",
                releases.join(" or "),
                versions.iter().map(revoke).collect::<Vec<_>>().join(", ")
            )
        }
        NotYet::Lives { until } => {
            format!("what the old key signed is believed until {}", humantime::format_rfc3339_seconds(*until))
        }
        NotYet::SinceWhen => format!(
            "since when the new key signs is not known, as a release serves that was made before: deploy to {env} once more"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation;

    #[test]
    fn how_long_the_new_key_has_signed_is_counted_anew_after_a_rollback() {
        let id = |release: u32| simulation::release(release, 1).id;
        let ledger = |confirmed: &[(u32, u32)]| {
            let line = |(minute, release): &(u32, u32)| {
                let id = id(*release);
                format!(
                    r#"{{"v":1,"id":"{minute}","at":"2026-11-30T10:0{minute}:00Z","attempt":"a","prev":"","event":"confirmed","release":"{id}"}}"#
                )
            };
            Ledger::parse(&confirmed.iter().map(line).collect::<Vec<_>>().join("\n"))
        };
        let at = |minute: u32| humantime::parse_rfc3339_weak(&format!("2026-11-30T10:0{minute}:00Z")).ok();
        let since = |confirmed: &[(u32, u32)]| since(&ledger(confirmed), |it| *it != id(1));
        assert_eq!(since(&[(1, 1), (2, 2), (3, 3)]), at(2));
        assert_eq!(since(&[(1, 1), (2, 2), (3, 1), (4, 2)]), at(4));
        assert_eq!(since(&[(1, 2), (2, 1)]), None);
    }
}
