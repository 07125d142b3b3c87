use super::*;
use crate::product::workflows::yaml::Yaml;

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

/// What each step runs, with the name of its file.
pub fn run_lines() -> Vec<(String, String)> {
    let steps = maps_with("run").into_iter();
    steps
        .map(|(file, step)| match get(&step, "run") {
            Some(Yaml::Text(run)) => (file, run.clone()),
            other => panic!("{file}: run is {other:?}"),
        })
        .collect()
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

#[test]
fn secrets_reach_no_step_that_compiles_xtask() {
    for (file, step) in maps_with("run") {
        let has_secrets = get(&step, "env").is_some();
        let Some(Yaml::Text(run)) = get(&step, "run") else { panic!("{file}") };
        assert!(!(has_secrets && run.ends_with("--version")), "{file}: {run}");
    }
    for file in files::all().iter().filter(|file| file.text().contains("secrets.")) {
        let text = file.text();
        let (compiled, secret) = (text.find("xtask --version"), text.find("secrets."));
        assert!(file.name == "ci.yml" || compiled < secret && compiled.is_some(), "{}", file.name);
    }
}

#[test]
fn beside_what_has_moved_and_a_token_of_each_week_there_is_no_cache() {
    let jobs: Vec<_> = maps_with("steps").into_iter().filter(|(file, _)| file == "weekly.yml").collect();
    assert!(jobs.len() >= 5, "{jobs:?}");
    let mut found = 0;
    for (_, job) in jobs {
        let words = format!("{job:?}");
        assert!(!words.contains("cache"), "{words}");
        let runs_what_has_moved = words.contains("update --check");
        found += usize::from(runs_what_has_moved);
        assert!(!(runs_what_has_moved && words.contains("secrets.")), "{words}");
    }
    assert_eq!(found, 1);
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
