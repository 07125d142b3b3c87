//! The workflow files: when each runs, what it may, and its jobs.

use super::file::{ASK, Allowed, File, PULL, PUSH, READ, one_at_a_time, permissions, runs, workflow};
use super::jobs::{JOBS, Job, Kind, MACHINE};
use super::steps::{self, Checkout, Step};
use super::variables::{self, Variable};
use super::weekly;
use super::yaml::{Yaml, map, text, words};
use crate::project::{CHECKS_KEY, CHECKS_RESULTS, DEFAULT_BRANCH, ENVIRONMENTS, Environment, Site};

/// Where pushes are checked.
pub const BRANCHES: [&str; 3] = [DEFAULT_BRANCH, "staging", "develop"];
/// Where pull requests are checked.
pub const TARGETS: [&str; 2] = [DEFAULT_BRANCH, "staging"];
/// Minutes after which a deploy is ended by GitHub: not before its steps' own limits are over, since those undo what was
/// begun. A test holds both numbers to the limits.
pub const DEPLOY_TIMEOUT: u64 = 80;
/// The same of a rollback, which this workflow never offers with the database.
pub const ROLLBACK_TIMEOUT: u64 = 30;

/// The job that signs, and the environment on GitHub that has its key.
pub const CHECKS: &str = "checks";
const ON_PUSH: &str = "github.event_name == 'push'";

/// Every file there is.
pub fn all() -> Vec<File> {
    let mut all = vec![ci()];
    all.extend(hosts().map(deploy));
    all.extend([rollback(), weekly::file()]);
    all
}

fn ci() -> File {
    let on = map([
        ("push", map([("branches", words(&BRANCHES))])),
        ("pull_request", map([("branches", words(&TARGETS))])),
    ]);
    // A push is never cancelled: its last job may be deploying.
    let concurrency = map([
        ("group", text("ci-${{ github.ref }}")),
        ("cancel-in-progress", text("${{ github.event_name == 'pull_request' }}")),
    ]);
    let mut jobs: Vec<(String, Yaml)> = JOBS.iter().map(|job| (job.id.to_owned(), tasks_job(job))).collect();
    jobs.push((CHECKS.to_owned(), publish()));
    let by_itself = hosts().filter(|environment| environment.confirmed_in.is_none());
    jobs.extend(
        by_itself.map(|environment| (format!("deploy-{}", environment.name), call_deploy(environment))),
    );
    File {
        name: "ci.yml".to_owned(),
        about: &["What decides whether a change may be merged. A push to main that passes goes to staging."],
        content: workflow("CI", on, Some(concurrency), jobs),
    }
}

/// A job that runs some tasks of the table.
fn tasks_job(job: &Job) -> Yaml {
    let mut all = vec![steps::checkout(Checkout::Whole), steps::toolchain(), steps::rust_cache()];
    all.extend(job.has_node.then(steps::node));
    all.extend([steps::tools_cache(job.id), steps::passes_cache(job.id)]);
    // A push that finds three things wrong should say all three.
    all.push(steps::xtask(&format!("ci --keep-going {}", job.tasks.join(" "))));
    if job.pushes {
        all.extend([
            steps::login().when(ON_PUSH),
            steps::xtask("image push --unchecked --yes")
                .when(ON_PUSH)
                .env(variables::as_env(&variables::sentry())),
        ]);
    }
    all.extend(job.artifacts.iter().map(|artifact| steps::upload(job.id, artifact)));
    let coverage = job.artifacts.iter().filter(|artifact| artifact.kind == Kind::Coverage);
    all.extend(coverage.map(|artifact| steps::codecov(job.id, artifact.path)));
    all.push(steps::upload_logs(job.id));
    let allowed: &[Allowed] = if job.pushes { &[READ, PUSH] } else { &[READ] };
    runs(job.name, job.machine, allowed, job.timeout, &[], all)
}

/// The images get their names, and a note is signed that the jobs before have passed. The key belongs to an environment of its
/// own on GitHub, which may be kept to the branches that are checked: to sign is to let in.
fn publish() -> Yaml {
    let needs: Vec<&str> = JOBS.iter().map(|job| job.id).collect();
    let told = [
        (CHECKS_RESULTS.to_owned(), "${{ toJSON(needs) }}".to_owned()),
        (CHECKS_KEY.to_owned(), format!("${{{{ secrets.{CHECKS_KEY} }}}}")),
    ];
    let place =
        [("needs", words(&needs)), ("if", text(ON_PUSH)), ("environment", map([("name", text(CHECKS))]))];
    let mut all = ready(Checkout::Whole);
    all.extend([steps::login(), steps::xtask("image publish --yes").env(told)]);
    runs("publish the images", MACHINE, &[READ, PUSH], 15, &place, all)
}

/// A last job. Called and not triggered, so that it is this run's own, and sees what passed.
fn call_deploy(environment: &Environment) -> Yaml {
    let secrets = variables::of(environment).into_iter().filter(|variable| variable.is_secret);
    map([
        ("name", text(format!("deploy to {}", environment.name))),
        ("needs", words(&[CHECKS])),
        ("if", text(format!("github.event_name == 'push' && github.ref == 'refs/heads/{DEFAULT_BRANCH}'"))),
        ("permissions", permissions(&[READ, PULL, ASK])),
        ("uses", text(format!("./.github/workflows/{}", deploy_file(environment)))),
        ("secrets", map(secrets.map(|secret| (secret.name.clone(), text(secret.expression()))))),
    ])
}

fn deploy_file(environment: &Environment) -> String {
    format!("deploy-{}.yml", environment.name)
}

fn deploy(environment: &Environment) -> File {
    if environment.confirmed_in.is_none() {
        deploy_by_itself(environment)
    } else {
        deploy_by_hand(environment)
    }
}

/// What passes on the default branch goes there.
fn deploy_by_itself(environment: &Environment) -> File {
    let (name, variables) = (&environment.name, variables::of(environment));
    let declared =
        |secret: &Variable| (secret.name.clone(), map([("required", Yaml::Flag(secret.is_required))]));
    let secrets: Vec<_> = variables.iter().filter(|variable| variable.is_secret).map(declared).collect();
    let on =
        map([("workflow_call", map([("secrets", map(secrets))])), ("workflow_dispatch", map::<&str>([]))]);
    let step = steps::xtask(&format!("deploy --env {name}")).env(variables::as_env(&variables));
    File {
        name: deploy_file(environment),
        about: &["Called by ci.yml for each push to main that passes everything, and by hand."],
        content: workflow(
            &format!("Deploy to {name}"),
            on,
            None,
            vec![("deploy", deploy_job(environment, Checkout::Whole, step))],
        ),
    }
}

/// Only what another environment has confirmed goes there, when somebody says so.
fn deploy_by_hand(environment: &Environment) -> File {
    let name = &environment.name;
    let version = map([
        ("description", text("A branch, a tag, or the beginning of a commit's name")),
        ("default", text(DEFAULT_BRANCH)),
        ("required", Yaml::Flag(true)),
        ("type", text("string")),
    ]);
    let step = steps::xtask(&format!(r#"deploy --env {name} --version "$VERSION" --yes"#))
        .env([("VERSION".to_owned(), "${{ inputs.version }}".to_owned())])
        .env(variables::as_env(&variables::of(environment)));
    File {
        name: deploy_file(environment),
        about: &[
            "By hand. Its gate is xtask's own: only what is on main and was confirmed on staging, by the images' digests.",
        ],
        content: workflow(
            &format!("Deploy to {name}"),
            by_hand([("version", version)]),
            None,
            vec![("deploy", deploy_job(environment, Checkout::Branch(DEFAULT_BRANCH), step))],
        ),
    }
}

/// What a deploy's job has beside its one line.
fn deploy_job(environment: &Environment, how: Checkout, step: Step) -> Yaml {
    let name = &environment.name;
    let place = [
        ("environment", map([("name", text(name.as_ref())), ("url", text(url(environment)))])),
        // One at a time, and never ended half-way. xtask's own lease says the same to everybody else.
        ("concurrency", one_at_a_time(&format!("deploy-{name}"))),
    ];
    let mut all = ready(how);
    all.extend([steps::login(), step.env([("GITHUB_TOKEN".to_owned(), "${{ github.token }}".to_owned())])]);
    runs(&format!("deploy to {name}"), MACHINE, &[READ, PULL, ASK], DEPLOY_TIMEOUT, &place, all)
}

/// A machine on which xtask is compiled, by a step that has no secrets: what a dependency's build script could read, it
/// could send away.
fn ready(how: Checkout) -> Vec<Step> {
    vec![steps::checkout(how), steps::toolchain(), steps::rust_cache_of_xtask(), steps::compile()]
}

fn rollback() -> File {
    let names: Vec<&str> = hosts().map(|environment| environment.name.as_ref()).collect();
    let environment = map([
        ("description", text("Where")),
        ("required", Yaml::Flag(true)),
        ("type", text("choice")),
        ("options", words(&names)),
    ]);
    let release = map([
        ("description", text("A kept release; empty: the one before")),
        ("required", Yaml::Flag(false)),
        ("type", text("string")),
    ]);
    let input = |name: &str| format!("${{{{ inputs.{name} }}}}");
    let ways: Vec<Variable> = hosts().flat_map(variables::way).collect();
    let step = steps::xtask(r#"rollback --env "$ENVIRONMENT" ${RELEASE:+--to "$RELEASE"}"#)
        .env([("ENVIRONMENT".to_owned(), input("environment")), ("RELEASE".to_owned(), input("release"))])
        .env(variables::as_env(&ways))
        .env(variables::as_env(&variables::told()));
    let place = [
        ("environment", map([("name", text(input("environment")))])),
        // Not the deploys' group: while one is being watched, a rollback takes its switch back at once.
        ("concurrency", one_at_a_time("rollback-${{ inputs.environment }}")),
    ];
    let mut all = ready(Checkout::Shallow);
    all.push(step);
    File {
        name: "rollback.yml".to_owned(),
        about: &[
            "By hand: an earlier release gets the traffic again. Nothing is built; only images that are gone from the host are pulled.",
        ],
        content: workflow(
            "Roll back",
            by_hand([("environment", environment), ("release", release)]),
            None,
            vec![("rollback", runs("roll back", MACHINE, &[READ], ROLLBACK_TIMEOUT, &place, all))],
        ),
    }
}

fn by_hand<const N: usize>(inputs: [(&'static str, Yaml); N]) -> Yaml {
    map([("workflow_dispatch", map([("inputs", map(inputs))]))])
}

/// The environments with hosts that people use.
pub fn hosts() -> impl Iterator<Item = &'static Environment> {
    ENVIRONMENTS.iter().filter(|environment| !environment.is_here() && !environment.is_for_trying)
}

fn url(environment: &Environment) -> String {
    match environment.site {
        Site::Remote { domain, .. } => format!("https://{domain}"),
        Site::Here { .. } => unreachable!("a workflow deploys to hosts"),
    }
}
