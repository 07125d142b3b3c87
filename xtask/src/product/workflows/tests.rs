use clap::Parser;

use super::*;
use crate::commands::Cli;
use crate::product::ci::tasks;
use crate::product::workflows::yaml::Yaml;
use crate::project::Environment;
use crate::rollout::host::Part;
use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;
use crate::rollout::plans;
use crate::rollout::rollback::RollbackRequest;
use crate::rollout::simulation::release;
use crate::rollout::state::guard::Traffic;
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::Release;
use crate::tools::docker::condition::{Condition, Health};

/// Each map in the files that has this key, with the file's name.
fn maps_with(key: &str) -> Vec<(String, Vec<(String, Yaml)>)> {
    fn walk(value: &Yaml, key: &str, found: &mut Vec<Vec<(String, Yaml)>>) {
        match value {
            Yaml::List(items) => items.iter().for_each(|item| walk(item, key, found)),
            Yaml::Map(pairs) => {
                if pairs.iter().any(|(name, _)| name == key) {
                    found.push(pairs.clone());
                }
                pairs.iter().for_each(|(_, value)| walk(value, key, found));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    for file in files::all() {
        let mut found = Vec::new();
        walk(&file.content, key, &mut found);
        all.extend(found.into_iter().map(|map| (file.name.clone(), map)));
    }
    all
}

fn get<'a>(pairs: &'a [(String, Yaml)], key: &str) -> Option<&'a Yaml> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn run_lines() -> Vec<(String, String)> {
    let steps = maps_with("run").into_iter();
    steps
        .map(|(file, step)| match get(&step, "run") {
            Some(Yaml::Text(run)) => (file, run.clone()),
            other => panic!("{file}: run is {other:?}"),
        })
        .collect()
}

#[test]
fn the_files_are_as_they_would_be_written_and_each_task_has_its_job() {
    check(&tasks::names()).expect("`cargo xtask workflows` writes the files");
}

#[test]
fn a_task_without_a_job_and_a_job_without_a_task_are_named() {
    let job = |id, tasks| Job { id, tasks, ..JOBS[0] };
    let task = |name, needs| TaskNames { name, needs };
    let tasks = [task("first", vec![]), task("second", vec!["first"]), task("lonely", vec![])];
    let problems =
        problems_of_jobs(&[job("a", &["second", "gone"]), job("b", &[]), job("c", &["second"])], &tasks);
    let said = problems.join("\n");
    for expected in [
        "the job a names gone, and there is no such task",
        "the job b names no task",
        "the task lonely is run by no job",
        "the task second is named by the jobs a and c",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(problems.len(), 4, "a need comes by itself: {said}");
}

#[test]
fn a_changed_file_a_missing_one_and_an_orphan_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Utf8Path::from_path(folder.path()).expect("UTF-8");
    for file in files::all() {
        fs::write(folder.join(&file.name), file.text()).expect("written");
    }
    assert_eq!(problems_of_files(folder).expect("read"), Vec::<String>::new());

    let ci = folder.join("ci.yml");
    let text = fs::read_to_string(&ci).expect("read");
    fs::write(&ci, text.replacen("contents: read", "contents: write", 1)).expect("written");
    fs::remove_file(folder.join("rollback.yml")).expect("removed");
    fs::write(folder.join("by-hand.yaml"), "on: push").expect("written");
    let said = problems_of_files(folder).expect("read").join("\n");
    for expected in ["contents: write", "rollback.yml: No such file", "by-hand.yaml is written by nobody"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn nothing_of_an_event_is_spliced_into_a_script() {
    for (file, run) in run_lines() {
        assert!(!run.contains("${{"), "{file}: {run}");
    }
}

#[test]
fn each_step_that_runs_something_is_one_command_that_xtask_understands() {
    for (file, run) in run_lines() {
        if run.starts_with("rustup ") {
            continue;
        }
        let words = run.strip_prefix("exec cargo xtask ").unwrap_or_else(|| panic!("{file}: {run}"));
        let words = words
            .replace("\"$ENVIRONMENT\"", "staging")
            .replace("\"$VERSION\"", "main")
            .replace("${RELEASE:+--to \"$RELEASE\"}", "--to release");
        let parsed = Cli::try_parse_from(["cargo xtask"].into_iter().chain(words.split(' ')));
        let is_understood = match &parsed {
            Ok(_) => true,
            Err(error) => error.kind() == clap::error::ErrorKind::DisplayVersion,
        };
        assert!(is_understood, "{file}: {run}: {}", parsed.err().map(|e| e.to_string()).unwrap_or_default());
    }
}

#[test]
fn actions_are_pinned_by_commit_with_the_tag_as_a_comment() {
    for (file, map) in maps_with("uses") {
        match get(&map, "uses") {
            Some(Yaml::Noted(action, tag)) => {
                let (_, commit) = action.split_once('@').expect("a pin");
                assert!(
                    commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
                    "{file}: {action}"
                );
                assert!(tag.starts_with('v'), "{file}: {tag}");
            }
            Some(Yaml::Text(local)) => assert!(local.starts_with("./.github/workflows/"), "{file}: {local}"),
            other => panic!("{file}: {other:?}"),
        }
    }
}

#[test]
fn each_job_has_a_time_limit_and_says_what_it_may() {
    let jobs = maps_with("steps");
    assert!(jobs.len() > JOBS.len());
    for (file, job) in jobs {
        assert!(matches!(get(&job, "timeout-minutes"), Some(Yaml::Number(1..=360))), "{file}");
        assert!(get(&job, "permissions").is_some(), "{file}");
    }
    for file in files::all() {
        let Yaml::Map(parts) = &file.content else { panic!("{}", file.name) };
        assert_eq!(get(parts, "permissions"), Some(&Yaml::Map(vec![])), "{}: nothing by default", file.name);
    }
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
    let back = RollbackRequest { to: Some(old.id.as_str()), with_database: false };
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
    };
    let traffic = Traffic {
        active: Some(kept[2].id.clone()),
        warm: Some(kept[1].id.clone()),
        guard: None,
        maintenance: None,
    };
    let parts = kept.iter().map(part).collect();
    Observed { traffic, ledger: Ledger::default(), kept: kept.to_vec(), parts, schema: vec![1, 2] }
}

/// The tasks of a job, with what they need.
fn tasks_of(job: &Job) -> Vec<crate::pipeline::Task> {
    let (mut names, mut at) = (job.tasks.to_vec(), 0);
    while let Some(name) = names.get(at).copied() {
        let table = tasks::table();
        let needs = table.iter().filter(|task| task.name == name).flat_map(|task| task.needs.clone());
        names.extend(needs.filter(|need| !names.contains(need)).collect::<Vec<_>>());
        at += 1;
    }
    tasks::table().into_iter().filter(|task| names.contains(&task.name)).collect()
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

fn longest_chain(task: &crate::pipeline::Task, all: &[crate::pipeline::Task]) -> u64 {
    let needs = all.iter().filter(|other| task.needs.contains(&other.name));
    task.timeout.as_secs() / 60 + needs.map(|need| longest_chain(need, all)).max().unwrap_or(0)
}

#[test]
fn what_a_job_compiles_for_images_runs_in_them() {
    for job in JOBS {
        let builds_images = tasks_of(job).iter().any(|task| task.name == "images");
        assert!(!builds_images || job.machine.glibc <= crate::project::RUNTIME_GLIBC, "{}", job.id);
    }
}

#[test]
fn secrets_reach_no_step_that_compiles_xtask() {
    for (file, step) in maps_with("run") {
        let has_secrets = get(&step, "env").is_some();
        let Some(Yaml::Text(run)) = get(&step, "run") else { panic!("{file}") };
        assert!(!(has_secrets && run.ends_with("--version")), "{file}: {run}");
    }
    for file in files::all().iter().filter(|file| file.text().contains("secrets.")) {
        let text = file.text();
        let (compiled, secret) = (text.find("xtask --version"), text.find("- env:"));
        assert!(file.name == "ci.yml" || compiled < secret && compiled.is_some(), "{}", file.name);
    }
}

#[test]
fn a_called_workflow_declares_each_secret_that_it_uses_and_its_caller_passes_each() {
    let text = |name: &str| files::all().into_iter().find(|file| file.name == name).expect("a file").text();
    let (ci, called) = (text("ci.yml"), text("deploy-staging.yml"));
    let used = called.split("secrets.").skip(1).map(|rest| rest.split(' ').next().unwrap_or_default());
    let used: Vec<&str> = used.collect();
    assert!(used.contains(&"STAGING_HOST_KEY"), "{used:?}");
    for secret in used {
        assert!(called.contains(&format!("      {secret}:\n        required:")), "{secret} is declared");
        assert!(ci.contains(&format!("      {secret}: ${{{{ secrets.{secret} }}}}\n")), "{secret} is passed");
    }
}

#[test]
fn a_deploy_is_never_cancelled_half_way() {
    for (file, job) in maps_with("concurrency") {
        let Some(Yaml::Map(concurrency)) = get(&job, "concurrency") else { panic!("{file}") };
        let cancels = get(concurrency, "cancel-in-progress");
        let expected = match file.as_str() {
            "ci.yml" => Yaml::Text("${{ github.event_name == 'pull_request' }}".to_owned()),
            _ => Yaml::Flag(false),
        };
        assert_eq!(cancels, Some(&expected), "{file}");
    }
}

#[test]
fn what_a_job_keeps_is_what_one_of_its_tasks_writes() {
    let table = tasks::table();
    for job in JOBS {
        let writes = table.iter().filter(|task| job.tasks.contains(&task.name)).flat_map(|task| &task.writes);
        let writes: Vec<&str> = writes.copied().collect();
        for artifact in job.artifacts {
            let found = writes.iter().any(|pattern| artifact.path.starts_with(pattern.trim_end_matches('/')));
            assert!(found, "{}: {} is written by none of its tasks", job.id, artifact.path);
        }
    }
}
