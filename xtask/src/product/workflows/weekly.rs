//! The weekly workflow: every task on a bare machine, one pull request with all that can move, and the settings on GitHub.

use super::file::{File, READ, one_at_a_time, runs, workflow};
use super::jobs::{MACHINE, OLDER};
use super::steps::{self, Checkout, Step};
use super::yaml::{Yaml, map, text, words};
use crate::project::{DEFAULT_BRANCH, SETTINGS_TOKEN, UPDATES_TOKEN};

/// The job that looks whether something can move.
const MOVES: &str = "moves";
/// The job that runs it, and what has passed there.
const CHECKED: &str = "moved";
const PASSED: &str = "${{ needs.moved.outputs.passed }}";

/// Every task from nothing, what can move, and the settings on GitHub.
pub fn file() -> File {
    let on = map([
        ("schedule", Yaml::List(vec![map([("cron", text("17 3 * * 1"))])])),
        ("workflow_dispatch", map::<&str>([])),
    ]);
    let all = vec![
        steps::checkout(Checkout::Whole),
        steps::toolchain(),
        steps::xtask("ci --keep-going --deep"),
        // Whether what is remembered can be believed: some passes again, and some tasks with only what they declare.
        steps::xtask("ci --audit=3 lint"),
        steps::xtask(
            "ci --strict format prettier eslint api-types migrations schema workflow-files compose-files",
        ),
        // What of all that the images stand on has a newer version.
        steps::xtask("image outdated"),
        steps::upload_logs("weekly"),
    ];
    let job = runs("all tasks, from nothing", OLDER, &[READ], 330, &[], all);
    // A workflow's own token may read no settings.
    let token = [(SETTINGS_TOKEN.to_owned(), format!("${{{{ secrets.{SETTINGS_TOKEN} }}}}"))];
    let as_github = [("GITHUB_TOKEN".to_owned(), format!("${{{{ secrets.{SETTINGS_TOKEN} }}}}"))];
    let check =
        steps::xtask("github check").when(&format!("env.{SETTINGS_TOKEN} != ''")).env(token).env(as_github);
    let mut all = ready_afresh(Checkout::Shallow);
    all.push(check);
    let settings = runs("the settings on GitHub", MACHINE, &[READ], 15, &[], all);
    File {
        name: "weekly.yml".to_owned(),
        about: &[
            "Every task on one bare machine, without a cache, the long ones too: what a newcomer's first run does, and what",
            "has become wrong without a change of ours, such as a dependency that turned out to be vulnerable. Beside it what each",
            "push is checked by, with all that others make as new as it may be: it becomes one pull request when that has passed.",
        ],
        content: workflow(
            "Weekly",
            on,
            Some(one_at_a_time("weekly")),
            vec![
                ("all", job),
                (MOVES, moves()),
                (CHECKED, moved()),
                ("pull-request", pull_request()),
                ("settings", settings),
            ],
        ),
    }
}

/// Without a token there would be no pull request, and the long checks of it are for nothing.
fn moves() -> Yaml {
    let mut all = ready_afresh(Checkout::Shallow);
    all.extend([steps::node_without_cache(), with_updates_token(steps::xtask("update")).id("update")]);
    let outputs = [("outputs", map([("moved", text("${{ steps.update.outputs.moved }}"))]))];
    runs("what can move", MACHINE, &[READ], 20, &outputs, all)
}

/// The tasks of a pull request, also when a part could not be moved, by which the job before fails, and again with less where they
/// fail. It has no secret and no cache.
fn moved() -> Yaml {
    let place = [
        ("needs", words(&[MOVES])),
        ("if", text("${{ !cancelled() && needs.moves.outputs.moved == 'true' }}")),
        ("outputs", map([("passed", text("${{ steps.check.outputs.passed }}"))])),
    ];
    let all = vec![
        steps::checkout(Checkout::Whole),
        steps::toolchain(),
        steps::node_without_cache(),
        steps::xtask("update --check").id("check"),
        steps::upload_logs(CHECKED),
    ];
    runs("all tasks, with what has moved", OLDER, &[READ], 330, &place, all)
}

/// Nothing of what has moved is run here, beside a token that may write. What comes from the job before is a choice among what moves, and
/// a tree to compare with.
fn pull_request() -> Yaml {
    let place = [
        ("needs", words(&[CHECKED])),
        ("if", text("${{ !cancelled() && needs.moved.result == 'success' }}")),
    ];
    let publish =
        steps::xtask(r#"update --publish "$PASSED""#).env([("PASSED".to_owned(), PASSED.to_owned())]);
    let mut all = ready_afresh(Checkout::Shallow);
    all.extend([steps::node_without_cache(), with_updates_token(publish)]);
    runs("the pull request", MACHINE, &[READ], 15, &place, all)
}

/// Where that is not set, there is no pull request: a workflow's own token may change no workflow, and what it opens starts no
/// checks. Nor is there one of another branch, for which somebody has started the workflow by hand.
fn with_updates_token(step: Step) -> Step {
    let token = format!("${{{{ secrets.{UPDATES_TOKEN} }}}}");
    step.when(&format!("env.{UPDATES_TOKEN} != '' && github.ref == 'refs/heads/{DEFAULT_BRANCH}'"))
        .env([(UPDATES_TOKEN.to_owned(), token.clone()), ("GITHUB_TOKEN".to_owned(), token)])
}

/// A machine on which xtask is compiled without a cache, since there is time: what has moved runs on this branch, too, and could leave something in one.
fn ready_afresh(how: Checkout) -> Vec<Step> {
    vec![steps::checkout(how), steps::toolchain(), steps::compile()]
}
