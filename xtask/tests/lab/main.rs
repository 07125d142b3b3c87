//! The lab suite: xtask, as a user calls it, deploys over real ssh to machines that begin bare, with an engine and an
//! sshd of their own. One machine serves most of the tests, in order; conditions are waited for.

#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/call.rs"]
mod call;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/client.rs"]
mod client;
mod faults;
mod host;
#[path = "../support/link.rs"]
mod link;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/project.rs"]
mod project;
mod promises;
mod refusals;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use call::wait_until;
use host::Host;
use link::Link;
use project::Project;

/// The copy of the repository, and the machines that it deploys to.
pub struct Lab {
    project: Project,
    /// Most tests' own, staging's, and production's.
    hosts: Vec<Host>,
    /// The operator's way to the first machine; users have another.
    link: Link,
}

type Test = fn(&Lab) -> Result<(), Failed>;

const TESTS: &[(&str, Test)] = &[
    ("a_machine_that_is_no_host_yet_is_said_to_be_none", refusals::bare),
    ("host_setup_shows_what_is_to_do_does_it_and_then_has_nothing_to_do", promises::host_setup),
    ("the_first_deploy_to_a_bare_host_is_one_connection", promises::first_deploy),
    ("a_release_with_a_migration_takes_over_and_no_request_fails", promises::second_release),
    ("a_rollback_is_at_once_and_no_request_fails", promises::rollback),
    ("a_release_that_never_gets_ready_costs_users_nothing", promises::never_ready),
    ("a_restore_brings_back_what_was_there_and_keeps_what_it_replaces", promises::restore),
    ("a_backup_is_copied_off_the_host_where_nobody_but_the_holder_of_the_key_can_read_it", promises::offsite),
    ("what_is_there_can_be_looked_at", promises::look),
    ("a_secret_that_the_operator_changes_is_one_more_version", promises::secret),
    ("a_revoked_secret_is_gone_and_a_rollback_takes_the_current_one", promises::revoked),
    ("a_second_driver_at_once_is_told_who_has_the_lease", faults::two_at_once),
    ("a_driver_killed_before_the_switch_costs_users_nothing", faults::killed_before_the_switch),
    ("a_driver_killed_right_after_the_switch_is_undone_by_the_guard", faults::killed_after_the_switch),
    ("a_driver_killed_in_the_watch_is_undone_by_the_guard", faults::killed_in_the_watch),
    ("a_link_that_is_cut_before_the_switch_leaves_the_old_release", faults::cut_before_the_switch),
    ("a_link_that_falls_silent_in_the_watch_is_undone_by_the_guard", faults::silent_in_the_watch),
    ("after_a_reboot_exactly_the_right_release_serves", faults::reboot),
    ("what_is_wrong_with_the_way_to_a_host_is_said_in_one_sentence", refusals::way),
    ("what_a_host_lacks_is_said_in_one_sentence", refusals::unfit),
    ("versions_that_are_none_are_refused_before_anything_is_touched", refusals::versions),
    ("words_arrive_at_the_host_s_own_sh_as_they_are", refusals::words),
    ("production_takes_what_staging_has_confirmed_and_nothing_else", refusals::gate),
    ("down_leaves_nothing_running", promises::down),
];

fn main() -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    if arguments.list {
        let names = TESTS.iter().map(|(name, _)| Trial::test(*name, || Ok(())));
        return libtest_mimic::run(&arguments, names.collect()).exit_code();
    }
    let began = Instant::now();
    let lab = Arc::new(Lab::up());
    println!("the lab is up after {} s", began.elapsed().as_secs());
    let trial = |(name, test): &(&'static str, Test)| {
        let (lab, name, test) = (Arc::clone(&lab), *name, *test);
        Trial::test(name, move || {
            let began = Instant::now();
            let result = test(&lab);
            println!("    {name}: {:.1} s", began.elapsed().as_secs_f64());
            result
        })
    };
    let conclusion = libtest_mimic::run(&arguments, TESTS.iter().map(trial).collect());
    lab.project.raw(&["lab", "down", "--keep-image"]).succeeds().expect("the lab goes down");
    lab.project.forget();
    conclusion.exit_code()
}

impl Lab {
    fn up() -> Lab {
        let project = Project::copy(Some("lab"));
        // What a run left that was killed.
        project.raw(&["lab", "down", "--keep-image"]).succeeds().expect("the lab goes down");
        project.raw(&["lab", "up", "--hosts", "3", "--yes"]).succeeds().expect("the lab comes up");
        let told = project.raw(&["lab", "status", "--json"]).json().expect("the lab's state");
        let hosts: Vec<Host> =
            told["lab"]["hosts"].as_array().expect("machines").iter().map(Host::read).collect();
        let env = project.raw(&["lab", "env"]).succeeds().expect("variables");
        for line in env.lines().filter_map(|line| line.strip_prefix("export ")) {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            project.tell(name, value.trim_matches('\''));
        }
        let link = Link::to(hosts[0].ssh);
        project.tell("LAB_PORT", &link.port().to_string());
        for (prefix, host) in [("STAGING", &hosts[1]), ("PRODUCTION", &hosts[2])] {
            project.tell(&format!("{prefix}_PORT"), &host.ssh.to_string());
            project.tell(&format!("{prefix}_HOST_KEY"), &host.key);
            project.tell(&format!("{prefix}_URL"), &host.url);
        }
        Lab { project, hosts, link }
    }

    fn host(&self) -> &Host {
        &self.hosts[0]
    }

    fn url(&self) -> &str {
        &self.hosts[0].url
    }

    /// Waits until the last attempt does this step.
    fn wait_for_step(&self, step: &str) -> Result<(), Failed> {
        wait_until(&format!("it is at '{step}'"), Duration::from_secs(180), || self.host().is_at(step))
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
