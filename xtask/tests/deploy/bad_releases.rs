//! Releases that are no good, beside those that both suites try.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::support::bad_releases::{UNDONE_WITHIN, costs_nothing, is_as_before};
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::{Project, RELEASE_FILE};
use crate::support::{check, wait_until};

pub fn invalid_compose_file(project: &Project) -> Result<(), Failed> {
    let (live, attempts) = (project.live(), project.attempts());
    for (now, words) in [
        ("restart: [unless-stopped]", ["compose file is not valid", "restart"]),
        (
            "restart: unless-stopped\n  ports: [\"8000:8000\"]",
            ["reaches beyond the release", "publishes the port"],
        ),
        (
            "restart: unless-stopped\n  privileged: true",
            ["reaches beyond the release", "backend is privileged"],
        ),
    ] {
        project.replace(RELEASE_FILE, "restart: unless-stopped", now);
        project.commit("A compose file that will not do");
        let output = project.deploy().fails_with(3);
        project.drop_commit();
        let output = output?;
        check(words.iter().all(|word| output.contains(word)), || output.clone())?;
    }
    check(project.attempts() == attempts, || "a refused attempt is in the ledger".into())?;
    check(project.live() == live, || "another release has the traffic".into())
}

/// Goes on from the release that crashed at its start.
pub fn logs_are_kept(project: &Project) -> Result<(), Failed> {
    let last = project.attempts().pop().ok_or("the ledger is empty")?;
    let failed = last["to"].as_str().ok_or("the last attempt was to no release")?.to_owned();
    let label = format!("label=tracehub.release={failed}");
    let containers = project.docker(&["ps", "--all", "--quiet", "--filter", &label]);
    check(containers.is_empty(), || format!("{failed} still has containers"))?;
    let log = project.xtask(&["logs", "--release", &failed]).succeeds()?;
    check(log.contains("backend ") && log.contains("it crashes at its start, on purpose"), || log)?;
    let of_frontend = project.xtask(&["logs", "frontend", "--release", &failed]).succeeds()?;
    check(!of_frontend.contains("backend "), || of_frontend)?;
    // A release that still has containers is shown from those; a pipe or a file gets no escape code.
    let (live, warm) = (project.live().ok_or("nothing is live")?, project.warm().ok_or("nothing is warm")?);
    for release in [&["--release", live.as_str()][..], &["--release", &warm], &[]] {
        let log = project.xtask(&[&["logs"], release].concat()).succeeds()?;
        check(log.contains("backend-1 ") && !log.contains('\u{1b}'), || log)?;
    }
    let refused = project.xtask(&["logs", "--release", "20200101t000000z-000000000000"]).fails_with(3)?;
    check(refused.contains(&failed), || refused)
}

pub fn turns_bad(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    project.commit("A release whose backend dies");
    let client = Client::start(&project.url());
    let driver = project.deploy().spawn();
    project.wait_for_switch(&live)?;
    project.docker(&["kill", &project.container_of(&project.live_file(), "backend")]);
    let died = Instant::now();
    let undone = wait_until("the switch is undone", Duration::from_secs(25), || project.live_file() == live);
    let took = died.elapsed();
    let output = driver.exits_with(4);
    let report = client.stop();
    println!("    undone after {} ms", took.as_millis());
    undone?;
    let output = output?;
    check(output.contains("'watch': backend is exited") && output.contains("exit code 137"), || output)?;
    check(took < UNDONE_WITHIN, || format!("it took {} ms", took.as_millis()))?;
    // What it was answering when it died, and what the edge could not retry: three threads, one request each at a
    // time.
    check(report.failures.len() <= 12, || format!("{report}"))?;
    is_as_before(project, Some(live))
}

pub fn check_that_cant_pass(project: &Project) -> Result<(), Failed> {
    project.replace(RELEASE_FILE, "[CMD, wget, -q,", "[CMD, wgets, -q,");
    project.commit("A release whose page has a health check by a program that there is none of");
    costs_nothing(project, &["frontend-1 does not pass", "wgets"])?;
    // To go there would end the same way, two minutes later.
    let last = project.attempts().pop().ok_or("the ledger is empty")?;
    let failed = last["to"].as_str().ok_or("the last attempt was to no release")?.to_owned();
    check(project.kept("never ready").contains(&failed), || format!("{failed} is not called never ready"))?;
    let refused = project.xtask(&["rollback", "--to", &failed]).fails_with(3)?;
    check(refused.contains("it never got ready") && refused.contains("does not pass"), || refused)?;
    let plan = project.xtask(&["rollback", "--plan"]).succeeds()?;
    check(plan.contains(&format!("{failed} is passed over: it never got ready")), || plan)
}

pub fn nobody_logs_in(project: &Project) -> Result<(), Failed> {
    project.commit_fault("nobody-logs-in");
    costs_nothing(project, &["it calls itself ready, and does not serve", "a log-in is answered 500"])
}

/// While nobody uses it: our own requests find it.
pub fn errs_now_and_then(project: &Project) -> Result<(), Failed> {
    project.commit_fault("every-tenth");
    let live = project.live();
    let output = project.xtask(&["deploy", "--yes", "--bake", "20s"]).fails_with(4);
    project.drop_commit();
    let output = output?;
    // Its errors are counted, unless two tests in a row meet one.
    let was_found =
        ["of our own, ", "smoke tests in a row failed"].iter().any(|words| output.contains(words));
    check(output.contains("'watch'") && was_found, || output.clone())?;
    is_as_before(project, live)
}

/// A release that answers everything as it should is taken back all the same, for what it does beside that.
fn is_taken_back(project: &Project, fault: &str, words: &str) -> Result<(), Failed> {
    project.commit_fault(fault);
    let live = project.live();
    let client = Client::start(&project.url());
    let output = project.xtask(&["deploy", "--yes", "--bake", "40s"]).fails_with(4);
    let report = client.stop();
    project.drop_commit();
    let output = output?;
    check(output.contains("'watch'") && output.contains(words), || output.clone())?;
    report.has_no_failures()?;
    is_as_before(project, live)
}

pub fn answers_late(project: &Project) -> Result<(), Failed> {
    is_taken_back(project, "answers-late", "those of the release before, asked in turns")
}

/// It is slower than the one before it only while strangers, who come after the switch, ask more of it than anybody did before.
pub fn is_flooded(project: &Project) -> Result<(), Failed> {
    let before = project.live().ok_or("nothing is live")?;
    project.commit_fault("late-in-a-crowd");
    let driver = project.xtask(&["deploy", "--yes", "--bake", "20s"]).spawn();
    project.wait_for_switch(&before)?;
    let (url, is_over) = (project.url(), AtomicBool::new(false));
    let (output, asked) = thread::scope(|scope| {
        let flood = || {
            let mut asked = 0_u32;
            while !is_over.load(Ordering::Relaxed) && get(&url, "/api/version").is_ok() {
                asked += 1;
                thread::sleep(Duration::from_millis(10));
            }
            asked
        };
        let strangers: Vec<_> = (0..8).map(|_| scope.spawn(flood)).collect();
        let output = driver.exits_with(0);
        is_over.store(true, Ordering::Relaxed);
        (output, strangers.into_iter().map(|it| it.join().expect("no stranger panics")).sum::<u32>())
    });
    project.drop_commit();
    println!("    {asked} requests of strangers");
    let output = output?;
    check(output.contains("was left out of account"), || output.clone())?;
    project.last_attempt_is("deploy", "succeeded")
}

pub fn leaks_slowly(project: &Project) -> Result<(), Failed> {
    is_taken_back(project, "slow-leak", "the memory of backend grew from")
}

pub fn logs_errors(project: &Project) -> Result<(), Failed> {
    is_taken_back(project, "logs-errors", "and the release before 0 in as long a time")
}

/// What must not have been touched by somebody else's end: which process it is, and how often it was started again.
pub fn processes(project: &Project, containers: &[String]) -> Vec<String> {
    let format = "{{.Name}} {{.State.Pid}} {{.RestartCount}}";
    containers.iter().map(|name| project.docker(&["inspect", "--format", format, name])).collect()
}

pub fn leaks(project: &Project) -> Result<(), Failed> {
    let live = project.live().ok_or("nothing is live")?;
    let others = [
        project.platform_container("edge"),
        project.platform_container("postgres"),
        project.container_of(&live, "backend"),
        project.container_of(&live, "frontend"),
    ];
    let before = processes(project, &others);
    project.commit_fault("leak");
    let client = Client::start(&project.url());
    let output = project.deploy().fails_with(4);
    let report = client.stop();
    project.drop_commit();
    let output = output?;
    check(output.contains("'watch': backend is") && output.contains("out of memory"), || output)?;
    let after = processes(project, &others);
    check(before == after, || format!("others were ended, too: {before:?}, then {after:?}"))?;
    check(report.failed_for() < UNDONE_WITHIN, || format!("it took too long: {report}"))?;
    is_as_before(project, Some(live))
}

/// Beside the edge's own program, within its limit: the kernel ends what has taken most.
pub fn runs_out_of_memory(project: &Project) -> Result<(), Failed> {
    let edge = [project.platform_container("edge")];
    let before = processes(project, &edge);
    let client = Client::start(&project.url());
    project.docker(&["exec", &edge[0], "tail", "/dev/zero"]);
    let status = project.xtask(&["status"]).succeeds();
    let for_programs = project.status();
    let report = client.stop();
    let status = status?;
    check(status.contains("out of memory"), || status)?;
    let platform = for_programs["platform"].as_array().cloned().unwrap_or_default();
    let said = |part: &serde_json::Value| part["service"] == "edge" && part["exit_reason"] == "out of memory";
    check(platform.iter().any(said), || for_programs.to_string())?;
    check(processes(project, &edge) == before, || "the edge itself was ended".into())?;
    report.has_no_failures()
}

pub fn ignores_sigterm(project: &Project) -> Result<(), Failed> {
    project.commit_fault("stubborn");
    let client = Client::start(&project.url());
    let first = project.deploy().succeeds();
    let stubborn = project.live().unwrap_or_default();
    project.drop_commit();
    project.commit("A release after one that ignores SIGTERM");
    let second = project.deploy().succeeds();
    project.commit("And one more, for which it has to stop");
    let third = project.deploy().succeeds();
    let report = client.stop();
    first?;
    second?;
    third?;
    report.has_no_failures()?;
    check(report.releases.len() >= 3, || format!("{report}"))?;
    let format = "{{.State.Status}} {{.State.ExitCode}}";
    let state = project.docker(&["inspect", "--format", format, &project.container_of(&stubborn, "backend")]);
    check(state == "exited 137", || format!("the release that ignores SIGTERM is {state}"))?;
    check(project.running_releases() == 2, || format!("{} releases run", project.running_releases()))?;
    project.last_attempt_is("deploy", "succeeded")
}
