//! SIGKILL of xtask at every boundary of a deploy and of a rollback, with the client sending all along: what is left is
//! settled by the next one, with the right words and the right entry, and nobody notices.

use std::time::Instant;

use libtest_mimic::Failed;

use crate::call::Call;
use crate::client::{Client, get};
use crate::faults::{lease_is_freed, nothing_failed};
use crate::stand::Entry::{Begun, Event};
use crate::stand::Moment::{self, Done, Halfway, Written};
use crate::{Lab, check};

/// What `recover` says of a deploy that was killed before its guard was armed.
const EARLY: &str = "never came to its switch, and is undone now";
/// Of one that was killed under its armed guard.
const GUARDED: &str = "was not confirmed, and is undone now";
/// Of one whose guard was disarmed already.
const CONFIRMED: &str = "was confirmed";

/// Every boundary at which a deploy with a migration is undone.
const UNDONE: &[(Moment, &str)] = &[
    (Written(Event("began")), EARLY),
    (Written(Begun("pull")), EARLY),
    (Done(Begun("pull")), EARLY),
    (Written(Begun("backup")), EARLY),
    (Done(Begun("backup")), EARLY),
    (Written(Begun("migrate")), EARLY),
    (Done(Begun("migrate")), EARLY),
    (Written(Begun("start")), EARLY),
    (Done(Begun("start")), EARLY),
    (Written(Begun("ready")), EARLY),
    (Done(Begun("ready")), EARLY),
    (Written(Begun("guard")), EARLY),
    (Done(Begun("guard")), GUARDED),
    (Written(Begun("switch")), GUARDED),
    (Done(Begun("switch")), GUARDED),
    (Written(Begun("watch")), GUARDED),
    (Done(Begun("watch")), GUARDED),
    (Written(Begun("confirm")), GUARDED),
];

/// Every boundary behind which it counts.
const KEPT: &[(Moment, &str)] = &[
    (Done(Begun("confirm")), CONFIRMED),
    (Written(Event("confirmed")), CONFIRMED),
    (Written(Begun("retire")), CONFIRMED),
    (Done(Begun("retire")), CONFIRMED),
    (Written(Event("ended")), "nothing was left unsettled"),
];

/// A call is killed at the moment. Gives what `recover` says then.
fn kill_at(lab: &Lab, call: Call, moment: Moment) -> Result<String, Failed> {
    let host = lab.host();
    host.stand_at(moment);
    let driver = call.starts();
    let stands = host.wait_until_it_stands(&driver);
    driver.kill();
    host.let_go(matches!(moment, Done(_) | Halfway(_)));
    stands?;
    lease_is_freed(lab)?;
    lab.project.xtask(&["recover"]).succeeds()
}

/// The release serves, two run, no guard is left, and the ledger says how it ended.
fn is_settled(lab: &Lab, live: &str, ended: &str) -> Result<(), Failed> {
    let (host, status) = (lab.host(), lab.project.status());
    check(host.live() == live && status["expected_active"] == live, || format!("{status}"))?;
    check(get(lab.url(), "/health/ready")?.release.as_deref() == Some(live), || "another answers".into())?;
    check(status["unfinished"].is_null() && status["unconfirmed"] == false, || format!("{status}"))?;
    check(host.ended() == ended, || format!("{} instead of {ended}", host.ended()))?;
    check(host.running() == 2, || format!("{} releases run", host.running()))?;
    check(host.sh("cat /opt/tracehub-app/live/guard /opt/tracehub-app/live/arming").is_empty(), || {
        "something is guarded still".into()
    })
}

fn with_words(moment: Moment, words: &str, told: &str) -> Result<(), Failed> {
    check(told.contains(words), || format!("{moment:?}: recover did not say '{words}':\n{told}"))
}

/// Killed at each of these, the deploy of the commit is undone; then it goes well.
fn undone_at(lab: &Lab, moments: &[(Moment, &str)]) -> Result<(), Failed> {
    lab.project.raw(&["image", "push", "--yes"]).succeeds()?;
    let (client, live) = (Client::start(lab.url()), lab.host().live());
    for (moment, words) in moments {
        let began = Instant::now();
        let told = kill_at(lab, lab.project.deploy(), *moment)?;
        with_words(*moment, words, &told)?;
        is_settled(lab, &live, "deploy undone").map_err(|error| at(*moment, &error))?;
        println!("      {moment:?}: {:.1} s", began.elapsed().as_secs_f64());
    }
    lab.project.deploy().succeeds()?;
    let new = lab.host().live();
    check(new != live, || "the deploy did not converge".into())?;
    is_settled(lab, &new, "deploy succeeded")?;
    nothing_failed(client)
}

/// Killed at each of these, a deploy counts all the same.
fn kept_at(lab: &Lab, moments: &[(Moment, &str)]) -> Result<(), Failed> {
    let client = Client::start(lab.url());
    for (moment, words) in moments {
        let (began, live) = (Instant::now(), lab.host().live());
        lab.project.commit(&format!("A release whose driver dies at {moment:?}"));
        lab.project.raw(&["image", "push", "--yes"]).succeeds()?;
        let told = kill_at(lab, lab.project.deploy(), *moment)?;
        with_words(*moment, words, &told)?;
        let new = lab.host().live();
        check(new != live, || format!("{moment:?}: it was confirmed, and has no traffic"))?;
        is_settled(lab, &new, "deploy succeeded").map_err(|error| at(*moment, &error))?;
        println!("      {moment:?}: {:.1} s", began.elapsed().as_secs_f64());
    }
    let told = lab.project.deploy().succeeds()?;
    check(told.contains("Nothing to do"), || told)?;
    nothing_failed(client)
}

fn at(moment: Moment, error: &Failed) -> Failed {
    format!("{moment:?}: {}", error.message().unwrap_or("failed")).into()
}

pub fn around_the_switch(lab: &Lab) -> Result<(), Failed> {
    lab.project.commit("A release whose driver dies around the switch");
    undone_at(lab, &[(Done(Begun("guard")), GUARDED), (Done(Begun("switch")), GUARDED)])?;
    kept_at(lab, &KEPT[..1])
}

pub fn undone_everywhere(lab: &Lab) -> Result<(), Failed> {
    let migration = "tracehub/backend/migrations/20990103000000_one_more";
    lab.project
        .write(&format!("{migration}.up.sql"), "-- expand\nCREATE TABLE one_more (id bigint PRIMARY KEY);\n");
    lab.project.write(&format!("{migration}.down.sql"), "DROP TABLE one_more;\n");
    lab.project.commit("A migration whose driver dies everywhere");
    undone_at(lab, UNDONE)
}

pub fn kept_everywhere(lab: &Lab) -> Result<(), Failed> {
    kept_at(lab, KEPT)
}

pub fn rollback_everywhere(lab: &Lab) -> Result<(), Failed> {
    let (project, client) = (&lab.project, Client::start(lab.url()));
    let moments = [
        (Written(Event("began")), EARLY, false),
        (Done(Begun("ready")), EARLY, false),
        (Written(Begun("switch")), EARLY, false),
        (Halfway(Begun("switch")), "had made its switch", true),
        (Done(Begun("switch")), "had made its switch", true),
        (Written(Event("confirmed")), CONFIRMED, true),
    ];
    for (moment, words, moved) in moments {
        let (live, warm) = (lab.host().live(), project.warm().ok_or("nothing is warm")?);
        let told = kill_at(lab, project.xtask(&["rollback", "--to", &warm]), moment)?;
        with_words(moment, words, &told)?;
        let (serves, before, ended) =
            if moved { (warm, live, "rollback succeeded") } else { (live, warm, "rollback undone") };
        is_settled(lab, &serves, ended).map_err(|error| at(moment, &error))?;
        check(project.warm().as_ref() == Some(&before), || format!("{moment:?}: {}", project.status()))?;
    }
    project.deploy().succeeds()?;
    nothing_failed(client)
}
