//! The rows of CI and the jobs of the workflows fit each other.

use super::ci::tasks::{self, NoWords};
use super::workflows::jobs::{JOBS, Job};
use super::workflows::{self, files};
use crate::pipeline::Task;
use crate::project::{Environment, PAPERS_QUESTION, RUNTIME_GLIBC};
use crate::rollout::host::Part;
use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;
use crate::rollout::plans;
use crate::rollout::rollback::RollbackRequest;
use crate::rollout::simulation::release;
use crate::rollout::state::backup::KEPT_FOR;
use crate::rollout::state::guard::Traffic;
use crate::rollout::state::ledger::{Entry, Event, FORMAT, Kind, Ledger};
use crate::rollout::state::release::Release;
use crate::tools::docker::condition::{Condition, Health};

#[test]
fn the_files_are_as_they_would_be_written_and_each_task_has_its_job() {
    workflows::check(&tasks::names::<NoWords>()).expect("`cargo xtask workflows` writes the files");
}

/// A database that is restored names files that were taken away since.
#[test]
fn files_of_papers_are_kept_as_long_as_the_backups_that_name_them() {
    let source = crate::workspace::root().join("tracehub/backend/src/http/papers/forget.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let line = format!("const DAYS: i32 = {};", KEPT_FOR.as_secs() / 86_400);
    assert!(source.contains(&line), "{line}");
    // A backup of a paper's last day names its file for as long again.
    assert!(source.contains("const LATE: Duration = Duration::from_secs(DAYS as u64 * 24 * 60 * 60);"));
    let days = format!("interval '{} days'", KEPT_FOR.as_secs() / 86_400);
    assert!(PAPERS_QUESTION.contains(&days), "{days}");
}

/// What a job does before its plan begins: the checkout, xtask compiled, the platform started.
const BEFORE_PLAN: u64 = 10;

#[test]
fn a_deploy_and_a_rollback_are_not_ended_before_the_limits_of_their_own_steps_are_over() {
    let production = Environment::named("production").expect("an environment");
    let limits = production.limits.into();
    let seen = host_that_has_everything_to_do();
    let [old, new] = [release(1, 1), release(9, 5)];
    let contracts = seen.contracts(&new, |kept, _| kept.id == release(2, 2).id);
    let deploy = plans::deploy(&new, &seen, &contracts, &limits);
    assert_eq!(deploy.not_needed, Vec::<String>::new(), "nothing takes longer than all steps");
    let back = RollbackRequest { to: Some(old.id.as_str()), ..RollbackRequest::default() };
    let rollback = back.plan(&seen, &limits).expect("it is kept");
    for (what, plan, timeout) in
        [("a deploy", deploy, files::DEPLOY_TIMEOUT), ("a rollback", rollback, files::ROLLBACK_TIMEOUT)]
    {
        let minutes = minutes_of(&plan) + BEFORE_PLAN;
        assert!(timeout >= minutes, "{what} may take {minutes} minutes, and is ended after {timeout}");
    }
}

fn minutes_of(plan: &Plan) -> u64 {
    plan.steps().iter().map(|step| step.timeout()).sum::<std::time::Duration>().as_secs().div_ceil(60)
}

/// Release 3 has the traffic, 2 is warm, 1 still runs, and migrations are pending.
fn host_that_has_everything_to_do() -> Observed {
    let kept = [release(1, 1), release(2, 2), release(3, 2)];
    let part = |release: &Release| Part {
        release: release.id.clone(),
        service: "backend".to_owned(),
        container: String::new(),
        state: Condition::Running,
        health: Health::Unchecked,
        health_output: String::new(),
        since: String::new(),
        restarts: 0,
        exit_reason: String::new(),
        out_of_memory: false,
    };
    let traffic = Traffic {
        active: Some(kept[2].id.clone()),
        warm: Some(kept[1].id.clone()),
        guard: None,
        maintenance: None,
    };
    let parts = kept.iter().map(part).collect();
    let ledger = Ledger { entries: kept.iter().map(began).collect(), ..Ledger::default() };
    Observed {
        traffic,
        ledger,
        kept: kept.to_vec(),
        broken: Vec::new(),
        parts,
        schema: [1, 2].map(|version| (version, String::new())).into(),
        is_engine_silent: false,
        images_gone: std::collections::BTreeSet::new(),
    }
}

/// That it was to have the traffic, and no more than that.
fn began(release: &Release) -> Entry {
    let event = Event::Began {
        kind: Kind::Deploy,
        by: String::new(),
        lease: 1,
        from: None,
        to: Some(release.id.clone()),
        plan: Vec::new(),
        overrides: Vec::new(),
        images: std::collections::BTreeMap::new(),
    };
    let (id, attempt) = (release.id.to_string(), release.id.to_string());
    Entry { v: FORMAT, id, at: String::new(), attempt, prev: String::new(), event }
}

/// The tasks of a job, with what they need.
fn tasks_of(job: &Job) -> Vec<Task> {
    let (mut names, mut at) = (job.tasks.to_vec(), 0);
    while let Some(name) = names.get(at).copied() {
        let table = tasks::table::<NoWords>();
        let needs = table.iter().filter(|task| task.name == name).flat_map(|task| task.needs.clone());
        names.extend(needs.filter(|need| !names.contains(need)).collect::<Vec<_>>());
        at += 1;
    }
    tasks::table::<NoWords>().into_iter().filter(|task| names.contains(&task.name)).collect()
}

#[test]
fn a_job_is_not_ended_before_the_limits_of_its_own_tasks_are_over() {
    for job in JOBS {
        let tasks = tasks_of(job);
        for lane in tasks.iter().flat_map(|task| &task.lanes) {
            let in_lane = tasks.iter().filter(|task| task.lanes.iter().any(|it| it.name == lane.name));
            let minutes = in_lane.map(|task| task.timeout.as_secs() / 60).sum::<u64>();
            assert!(
                job.timeout >= minutes,
                "{}: its tasks in the lane {} may take {minutes}",
                job.id,
                lane.name
            );
        }
        let longest = tasks.iter().map(|task| longest_chain(task, &tasks)).max().unwrap_or(0);
        assert!(job.timeout >= longest, "{}: one after the other they may take {longest}", job.id);
    }
}

fn longest_chain(task: &Task, all: &[Task]) -> u64 {
    let needs = all.iter().filter(|other| task.needs.contains(&other.name));
    task.timeout.as_secs() / 60 + needs.map(|need| longest_chain(need, all)).max().unwrap_or(0)
}

#[test]
fn what_a_job_compiles_for_images_runs_in_them() {
    for job in JOBS {
        let builds_images = tasks_of(job).iter().any(|task| task.name == "images");
        assert!(!builds_images || job.machine.glibc <= RUNTIME_GLIBC, "{}", job.id);
    }
}

#[test]
fn what_a_job_keeps_is_what_one_of_its_tasks_writes() {
    let table = tasks::table::<NoWords>();
    for job in JOBS {
        let writes = table.iter().filter(|task| job.tasks.contains(&task.name)).flat_map(|task| &task.writes);
        let writes: Vec<&str> = writes.copied().collect();
        for artifact in job.artifacts {
            let found = writes.iter().any(|pattern| artifact.path.starts_with(pattern.trim_end_matches('/')));
            assert!(found, "{}: {} is written by none of its tasks", job.id, artifact.path);
        }
    }
}
