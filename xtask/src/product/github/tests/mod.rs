mod schema;
pub mod server;

use serde_json::json;

use self::server::{Plan, Server};
use super::deployments::Deployment;
use super::secrets::{Secret, Wanted};
use super::*;
use crate::product::workflows::files::CHECKS;
use crate::product::workflows::jobs::JOBS;
use crate::project::{CHECKS_KEY, Environment, IDENTITY, LABELS, SECRET_VERSIONS};
use crate::tools::github::{PER_PAGE, VERSION};

const VALUE: &str = "AGE-SECRET-KEY-OF-STAGING";
const SIGNING: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// What the tree would say: an encrypted file of staging, a list of signers; and the keys of both, where they are given.
fn keys(are_given: bool) -> Keys {
    let secret = |value: &str, version: &str| Secret { value: value.to_owned(), version: version.to_owned() };
    let wanted = |of: &str, name, known: &str| Wanted {
        of: of.to_owned(),
        name,
        known: vec![known.to_owned()],
        by_hand: vec!["STAGING_HOST".to_owned()],
    };
    let mut keys = Keys {
        wanted: vec![wanted("staging", IDENTITY, "age1one"), wanted(CHECKS, CHECKS_KEY, "AAAAone")],
        approvers: vec!["ada".to_owned()],
        ..Keys::default()
    };
    if are_given {
        keys.given.insert("staging".to_owned(), secret(VALUE, "age1one"));
        keys.given.insert(CHECKS.to_owned(), secret(SIGNING, "AAAAone"));
    }
    keys
}

fn look(server: &Server, keys: &Keys) -> Differences {
    Differences::of(&server.api(), keys).expect("GitHub answers")
}

fn apply(server: &Server, keys: &Keys) {
    let api = server.api();
    let found = Differences::of(&api, keys).expect("GitHub answers");
    found
        .changes
        .iter()
        .for_each(|change| change.apply(&api).unwrap_or_else(|error| panic!("{}: {error:#}", change.what)));
}

fn is_as_described(server: &Server) {
    assert_eq!(server.state().wrong, Vec::<String>::new());
}

fn whats(found: &Differences) -> Vec<&str> {
    found.changes.iter().map(|change| change.what.as_str()).collect()
}

#[test]
fn a_plan_sends_only_gets_and_what_is_applied_is_then_no_difference() {
    let server = Server::start(Plan::Public);
    let found = look(&server, &keys(true));
    assert!(server.state().log.iter().all(|(method, _)| method == "GET"), "{:?}", server.state().log);
    assert!(whats(&found).contains(&"secret SOPS_AGE_KEY of staging"), "{:?}", whats(&found));
    apply(&server, &keys(true));
    let api = server.api();
    let again = Differences::of(&api, &keys(true)).expect("it answers");
    assert!(again.is_none() && again.others.is_empty() && again.lacking.is_empty(), "{again:?}");
    assert_eq!(api.sent(), 20, "docs/github.md says it");
    is_as_described(&server);

    let state = server.state();
    let checks = &state.rulesets[0]["rules"][3]["parameters"]["required_status_checks"];
    let names: Vec<&str> =
        checks.as_array().unwrap().iter().filter_map(|it| it["context"].as_str()).collect();
    assert_eq!(names, JOBS.iter().map(|job| job.name).collect::<Vec<_>>());
    let reviewers =
        &state.environments.iter().find(|it| it["name"] == "production").unwrap()["protection_rules"][0];
    assert_eq!(
        (&reviewers["reviewers"][0]["reviewer"]["id"], &reviewers["prevent_self_review"]),
        (&json!(7), &json!(true))
    );
}

#[test]
fn github_opens_the_box_and_which_key_it_has_is_known_without_its_value() {
    let server = Server::start(Plan::Public);
    apply(&server, &keys(true));
    let at = |of: &str, name: &str| (of.to_owned(), name.to_owned());
    assert_eq!(server.state().secrets[&at("staging", IDENTITY)].0, VALUE);
    assert_eq!(server.state().secrets[&at(CHECKS, CHECKS_KEY)].0, SIGNING);
    let record = server.state().variables[&at("staging", SECRET_VERSIONS)].clone();
    assert!(record.contains("age1one") && !record.contains(VALUE), "{record}");
    // Whoever looks need not have the keys.
    assert!(look(&server, &keys(false)).is_none());

    server.state().set_secret("staging", IDENTITY, "something else");
    let found = look(&server, &keys(false));
    assert!(found.by_hand.len() == 1 && found.by_hand[0].contains("set by somebody else since"), "{found:?}");
    // What was taken is shown a while later.
    server.state().late = 3;
    apply(&server, &keys(true));
    assert!(look(&server, &keys(false)).is_none());
    assert_eq!(server.state().secrets[&at("staging", IDENTITY)].0, VALUE);

    let mut others = keys(false);
    others.wanted[0].known = vec!["age1two".to_owned()];
    let found = look(&server, &others);
    assert!(found.by_hand[0].contains("age1one, which is listed no more"), "{found:?}");
    is_as_described(&server);
}

#[test]
fn what_no_table_has_stays_and_is_named() {
    let server = Server::start(Plan::Public);
    apply(&server, &keys(true));
    {
        let mut state = server.state();
        state.set_secret("staging", "STAGING_HOST", "as docs/workflows.md says");
        state.set_secret("staging", "FORGOTTEN", "x");
        state
            .rulesets
            .push(json!({ "id": 90, "name": "theirs", "source": "a", "enforcement": "active", "rules": [] }));
        state.rulesets[0]["rules"].as_array_mut().unwrap().push(json!({ "type": "required_signatures" }));
        state.rulesets[0]["rules"][3]["parameters"]["required_status_checks"] =
            json!([{ "context": "gone" }]);
        state.rulesets[0]["bypass_actors"] = json!([{ "actor_id": 1, "actor_type": "Team" }]);
        state.selected["patterns_allowed"].as_array_mut().unwrap().push(json!("theirs/action@*"));
        state.selected["verified_allowed"] = json!(true);
        let production = state.environments.iter_mut().find(|it| it["name"] == "production").unwrap();
        let mut wait = production["protection_rules"].as_array().unwrap().clone();
        wait[0]["reviewers"][0]["reviewer"]["id"] = json!(8);
        wait.push(json!({ "id": 2, "node_id": "a", "type": "wait_timer", "wait_timer": 10 }));
        production["protection_rules"] = json!(wait);
        let policies = state.policies.get_mut("production").unwrap();
        policies.push(json!({ "id": 9, "node_id": "a", "name": "release/*", "type": "branch" }));
    }
    let found = look(&server, &keys(true));
    let said = found.others.join("\n");
    for words in [
        "the secret FORGOTTEN of staging",
        "the ruleset theirs",
        "required_signatures",
        "1 who need not keep",
        "theirs/action@*",
        "release/*",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("STAGING_HOST"), "{said}");
    assert_eq!(
        whats(&found),
        ["environment production: who may deploy", "ruleset of main", "actions of others"]
    );
    assert!(found.changes[1].now.contains("wants 'gone', which is no job"), "{}", found.changes[1].now);
    apply(&server, &keys(true));
    let again = look(&server, &keys(true));
    assert!(again.is_none() && again.others == found.others, "{again:?}");
    let state = server.state();
    assert_eq!(state.selected["patterns_allowed"].as_array().unwrap().len(), 4);
    let production = state.environments.iter().find(|it| it["name"] == "production").unwrap().to_string();
    assert!(production.contains(r#""id":8"#) && production.contains(r#""id":7"#), "{production}");
    assert!(production.contains(r#""wait_timer":10"#), "what is not sent would be gone: {production}");
    assert!(state.log.iter().all(|(method, _)| method != "DELETE"));
    drop(state);
    is_as_described(&server);
}

#[test]
fn what_the_plan_does_not_have_is_said_once_and_never_sent() {
    let server = Server::start(Plan::PrivateFree);
    let found = look(&server, &keys(true));
    assert!(
        found.lacking.len() == 2 && found.lacking[0].contains("xtask's own gates"),
        "{:?}",
        found.lacking
    );
    apply(&server, &keys(true));
    let log = server.state().log.clone();
    assert!(
        log.iter()
            .all(|(_, path)| !path.contains("/environments") && !path.contains("private-vulnerability")),
        "{log:?}"
    );
    assert!(log.iter().all(|(method, path)| method == "GET" || !path.contains("/rulesets")), "{log:?}");
    assert!(look(&server, &keys(true)).is_none());
    assert_eq!(server.state().secrets.len(), 1, "the age key would open all environments");
    is_as_described(&server);

    let server = Server::start(Plan::PrivatePro);
    apply(&server, &keys(true));
    let again = look(&server, &keys(true));
    assert!(again.is_none() && again.lacking.len() == 1, "{again:?}");
    assert!(server.state().environments.iter().all(|it| it["protection_rules"] == json!([])));
    is_as_described(&server);
}

#[test]
fn a_limit_is_waited_for_a_long_one_is_said_and_a_page_more_is_read() {
    let server = Server::start(Plan::Public);
    server.state().limited = (2, 0);
    {
        let mut state = server.state();
        let label = |at: usize| json!({ "id": at, "node_id": "a", "url": "a", "name": format!("theirs-{at}"), "description": null, "color": "000000", "default": false });
        state.labels = (0..PER_PAGE).map(label).collect();
        state.labels.push(json!({ "id": 99, "node_id": "a", "url": "a", "name": LABELS[0].name, "description": LABELS[0].about, "color": LABELS[0].color, "default": false }));
    }
    let found = look(&server, &keys(true));
    assert!(
        !whats(&found).contains(&format!("label {}", LABELS[0].name).as_str()),
        "it is on the second page"
    );
    server.state().limited = (1, 3600);
    let error = Differences::of(&server.api(), &keys(true)).unwrap_err().to_string();
    assert!(error.contains("no more requests for 1h"), "{error}");
    is_as_described(&server);
}

#[test]
fn what_a_token_may_not_is_said_with_what_it_needs() {
    let server = Server::start(Plan::Public);
    server.state().forbidden = vec!["GET /repos/ada/engine"];
    let error = Differences::of(&server.api(), &keys(true)).unwrap_err().to_string();
    assert!(error.contains("shows no repository ada/engine to this token"), "{error}");
    server.state().forbidden = vec!["PUT /repos/ada/engine/environments/staging"];
    let api = server.api();
    let found = Differences::of(&api, &keys(true)).expect("looking is allowed");
    let refused: Vec<String> =
        found.changes.iter().filter_map(|change| Some(format!("{:#}", change.apply(&api).err()?))).collect();
    assert!(
        refused.iter().all(|error| error.contains("administration=write") || error.contains("public key")),
        "{refused:?}"
    );
    assert!(refused[0].contains("404 to PUT /repos/ada/engine/environments/staging"), "{refused:?}");
    assert!(refused.iter().all(|error| !error.contains("github_pat") && !error.contains(VALUE)));
    let error = Api::new("http://127.0.0.1:9", "a/b", "github_pat_x").get("").unwrap_err();
    assert!(!format!("{error:#}").contains("github_pat"), "{error:#}");
}

#[test]
fn who_code_owners_names_and_github_does_not_know_is_for_people() {
    let server = Server::start(Plan::Public);
    apply(&server, &keys(true));
    server.state().code_owners = Some(json!({ "errors": [
        { "line": 3, "column": 1, "kind": "Unknown owner", "message": "a", "path": ".github/CODEOWNERS" }
    ] }));
    let mut keys = keys(true);
    keys.approvers.push("nobody".to_owned());
    let found = look(&server, &keys);
    assert!(found.by_hand.iter().any(|it| it == ".github/CODEOWNERS, line 3: Unknown owner"), "{found:?}");
    assert!(found.by_hand.iter().any(|it| it.contains("nobody on GitHub is called nobody")), "{found:?}");
    assert!(found.changes.is_empty(), "{found:?}");
    is_as_described(&server);
}

#[test]
fn a_deploy_from_a_laptop_is_a_deployment_with_its_statuses_as_github_describes_them() {
    let server = Server::start(Plan::PrivateFree);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let begin = |name: &str| {
        let environment = Environment::named(name).unwrap();
        Deployment::begin(server.api(), &environment, commit, "20261130t120000z-1a2b3c4d5e6f")
    };
    begin("staging").unwrap().end(false, "https://staging.example.org").unwrap();
    begin("production").unwrap().end(true, "https://example.org").unwrap();
    is_as_described(&server);
    let state = server.state();
    let [(staging, failed), (production, succeeded)] = state.deployments.as_slice() else { panic!("two") };
    let states = |told: &[serde_json::Value]| told.iter().map(|it| it["state"].clone()).collect::<Vec<_>>();
    assert_eq!(
        (states(failed), states(succeeded)),
        (vec![json!("in_progress"), json!("failure")], vec![json!("in_progress"), json!("success")])
    );
    assert_eq!(succeeded[1]["environment_url"], "https://example.org");
    assert_eq!(
        (&staging["production_environment"], &production["production_environment"]),
        (&json!(false), &json!(true))
    );
    drop(state);
    // One whose deploy was killed ends by the next; one of a job's, and one that has ended, stay as they are.
    let _cut = begin("staging").unwrap();
    begin("staging").unwrap();
    is_as_described(&server);
    let state = server.state();
    assert_eq!(states(&state.deployments[2].1), [json!("in_progress"), json!("error")]);
    assert_eq!(states(&state.deployments[3].1), [json!("in_progress")]);
    assert_eq!((state.deployments[0].1.len(), state.deployments[1].1.len()), (2, 2));
    let staging = &state.deployments[0].0;
    // GitHub would merge main into it, and refuse it over checks that the gate has asked for itself.
    assert!(
        staging["ref"] == commit
            && staging["auto_merge"] == false
            && staging["required_contexts"] == json!([])
    );
    drop(state);
    server.state().forbidden.push("POST /repos/ada/engine/deployments");
    let refused = format!("{:#}", begin("staging").err().expect("it may not"));
    assert!(refused.contains("404") && refused.contains("The token needs"), "{refused}");
    // Who deploys waits for no limit.
    server.state().limited = (1, 1);
    let limited = server.api().without_waiting().get("").unwrap_err();
    assert!(format!("{limited:#}").contains("wants no more requests"), "{limited:#}");
}
