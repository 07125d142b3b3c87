//! SIGKILL of xtask between any two moves of a deploy and of a rollback, with clients all along: the next attempt
//! settles what is left, says so and writes it to the ledger, and no request fails.

use std::time::Instant;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::pause_points::Entry::{Begun, Event};
use crate::pause_points::PausePoint::{self, Done, Halfway, Written};
use crate::support::check;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::xtask::XtaskCommand;

/// What `recover` says of a deploy that was killed before its guard was armed.
const EARLY: &str = "never came to its switch, and is undone now";
/// What it says of one that was killed while its guard was armed.
const GUARDED: &str = "was not confirmed, and is undone now";
/// What it says of one whose guard was disarmed already.
const CONFIRMED: &str = "was confirmed";

/// Every pause point at which a killed deploy with a migration is undone.
const UNDONE: &[(PausePoint, &str)] = &[
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

/// Every pause point at which a killed deploy counts as succeeded.
const KEPT: &[(PausePoint, &str)] = &[
    (Done(Begun("confirm")), CONFIRMED),
    (Written(Event("confirmed")), CONFIRMED),
    (Written(Begun("retire")), CONFIRMED),
    (Done(Begun("retire")), CONFIRMED),
    (Written(Event("ended")), "nothing was left unsettled"),
];

/// Kills a call at this point. Gives what `recover` prints then.
fn kill_at(lab: &Lab, call: XtaskCommand, point: PausePoint) -> Result<String, Failed> {
    let host = lab.host();
    host.pause_at(point);
    let driver = call.spawn();
    let paused = host.wait_until_paused(&driver);
    driver.kill();
    match point {
        Written(_) => host.resume(),
        Done(_) | Halfway(_) => host.discard_and_resume(),
    }
    paused?;
    lab.wait_for_lease()?;
    lab.project.xtask(&["recover"]).succeeds()
}

/// This release serves, two run, no guard is armed, and the ledger's last attempt is this one: `deploy undone`.
fn is_settled(lab: &Lab, live: &str, last_attempt: &str) -> Result<(), Failed> {
    let (host, status) = (lab.host(), lab.project.status());
    check(host.live() == live && status["expected_active"] == live, || format!("{status}"))?;
    let release = get(lab.url(), "/health/ready")?.release();
    check(release.as_deref() == Some(live), || format!("{release:?} answers"))?;
    check(status["unfinished"].is_null() && status["unconfirmed"] == false, || format!("{status}"))?;
    host.last_attempt_is(last_attempt)?;
    host.two_releases_run()?;
    host.nothing_is_guarded()
}

fn contains(point: PausePoint, words: &str, output: &str) -> Result<(), Failed> {
    check(output.contains(words), || format!("{point:?}: recover did not print '{words}':\n{output}"))
}

/// Killed at each of these points, the deploy of a commit is undone; then it succeeds.
fn undone_at(lab: &Lab, message: &str, points: &[(PausePoint, &str)]) -> Result<(), Failed> {
    lab.push_release(message)?;
    let (client, live) = (Client::start(lab.url()), lab.host().live());
    for (point, words) in points {
        let began = Instant::now();
        let output = kill_at(lab, lab.project.deploy(), *point)?;
        contains(*point, words, &output)?;
        is_settled(lab, &live, "deploy undone").map_err(|error| at(*point, &error))?;
        println!("      {point:?}: {:.1} s", began.elapsed().as_secs_f64());
    }
    lab.project.deploy().succeeds()?;
    let new = lab.host().live();
    check(new != live, || "the deploy did not converge".into())?;
    is_settled(lab, &new, "deploy succeeded")?;
    client.stop().has_no_failures()
}

/// Killed at each of these points, a deploy counts as succeeded.
fn kept_at(lab: &Lab, points: &[(PausePoint, &str)]) -> Result<(), Failed> {
    let client = Client::start(lab.url());
    for (point, words) in points {
        let (began, live) = (Instant::now(), lab.host().live());
        lab.push_release(&format!("A release whose driver dies at {point:?}"))?;
        let output = kill_at(lab, lab.project.deploy(), *point)?;
        contains(*point, words, &output)?;
        let new = lab.host().live();
        check(new != live, || format!("{point:?}: it was confirmed, and has no traffic"))?;
        is_settled(lab, &new, "deploy succeeded").map_err(|error| at(*point, &error))?;
        println!("      {point:?}: {:.1} s", began.elapsed().as_secs_f64());
    }
    let output = lab.project.deploy().succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    client.stop().has_no_failures()
}

/// Names the point in an error.
fn at(point: PausePoint, error: &Failed) -> Failed {
    format!("{point:?}: {}", error.message().unwrap_or("failed")).into()
}

pub fn around_the_switch(lab: &Lab) -> Result<(), Failed> {
    let points = [(Done(Begun("guard")), GUARDED), (Done(Begun("switch")), GUARDED)];
    undone_at(lab, "A release whose driver dies around the switch", &points)?;
    kept_at(lab, &KEPT[..1])
}

pub fn undone_everywhere(lab: &Lab) -> Result<(), Failed> {
    let up = "-- expand\nCREATE TABLE one_more (id bigint PRIMARY KEY);\n";
    lab.project.add_migration("20990103000000_one_more", up, "DROP TABLE one_more;\n");
    undone_at(lab, "A migration whose driver dies everywhere", UNDONE)
}

pub fn kept_everywhere(lab: &Lab) -> Result<(), Failed> {
    kept_at(lab, KEPT)
}

pub fn rollback_everywhere(lab: &Lab) -> Result<(), Failed> {
    let (project, client) = (&lab.project, Client::start(lab.url()));
    let points = [
        (Written(Event("began")), EARLY, false),
        (Done(Begun("ready")), EARLY, false),
        (Written(Begun("switch")), EARLY, false),
        (Halfway(Begun("switch")), "had made its switch", true),
        (Done(Begun("switch")), "had made its switch", true),
        (Written(Event("confirmed")), CONFIRMED, true),
    ];
    for (point, words, moved) in points {
        let (live, warm) = (lab.host().live(), project.warm().ok_or("nothing is warm")?);
        let output = kill_at(lab, project.xtask(&["rollback", "--to", &warm]), point)?;
        contains(point, words, &output)?;
        let (live, warm, last_attempt) =
            if moved { (warm, live, "rollback succeeded") } else { (live, warm, "rollback undone") };
        is_settled(lab, &live, last_attempt).map_err(|error| at(point, &error))?;
        check(project.warm().as_ref() == Some(&warm), || format!("{point:?}: {}", project.status()))?;
    }
    project.deploy().succeeds()?;
    client.stop().has_no_failures()
}
