//! The lab suite: xtask, as a user calls it, deploys over real ssh to machines that begin bare, with an engine and an
//! sshd of their own. One machine serves most of the tests, in order; conditions are waited for.

#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/call.rs"]
mod call;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/client.rs"]
mod client;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/commits.rs"]
mod commits;
mod faults;
mod host;
mod https;
mod kills;
#[path = "../support/link.rs"]
mod link;
mod model;
#[path = "../support/moods.rs"]
mod moods;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/project.rs"]
mod project;
mod promises;
mod refusals;
#[allow(dead_code, reason = "each suite uses its part of it")]
#[path = "../support/releases.rs"]
mod releases;
mod stand;
#[path = "../support/streams.rs"]
mod streams;
#[path = "../support/trials.rs"]
mod trials;
mod world;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use call::wait_until;
use host::Host;
use link::Link;
use project::Project;
use trials::Row;
use trials::When::{Always, Deep};

/// The copy of the repository, and the machines that it deploys to.
pub struct Lab {
    project: Project,
    /// Most tests' own, staging's, and production's.
    hosts: Vec<Host>,
    /// The operator's way to the first machine; users have another.
    link: Link,
}

const TESTS: &[Row<Lab>] = &[
    ("a_machine_that_is_no_host_yet_is_said_to_be_none", Always, refusals::bare),
    ("host_setup_shows_what_is_to_do_does_it_and_then_has_nothing_to_do", Always, promises::host_setup),
    ("the_first_deploy_to_a_bare_host_is_one_connection", Always, promises::first_deploy),
    ("a_release_with_a_migration_takes_over_and_no_request_fails", Always, promises::second_release),
    ("a_rollback_is_at_once_and_no_request_fails", Always, promises::rollback),
    ("a_release_that_never_gets_ready_costs_users_nothing", Always, promises::never_ready),
    ("a_restore_brings_back_what_was_there_and_keeps_what_it_replaces", Always, promises::restore),
    (
        "a_backup_is_copied_off_the_host_where_nobody_but_the_holder_of_the_key_can_read_it",
        Always,
        promises::offsite,
    ),
    ("what_is_there_can_be_looked_at", Always, promises::look),
    ("a_secret_that_the_operator_changes_is_one_more_version", Always, promises::secret),
    ("a_revoked_secret_is_gone_and_a_rollback_takes_the_current_one", Always, promises::revoked),
    ("a_release_that_crashes_at_its_start_costs_users_nothing", Deep, |lab| releases::crashes(&lab.project)),
    ("a_release_that_redirects_its_health_address_costs_users_nothing", Deep, |lab| {
        releases::redirects(&lab.project)
    }),
    ("a_release_that_is_slow_to_start_is_waited_for", Deep, |lab| releases::slow(&lab.project)),
    ("a_release_that_is_ready_and_then_answers_500_is_taken_back", Always, |lab| {
        releases::errors(&lab.project)
    }),
    ("a_release_that_answers_500_to_all_but_who_asks_for_its_health_is_taken_back", Deep, |lab| {
        releases::errors_beside_health(&lab.project)
    }),
    ("a_second_driver_at_once_is_told_who_has_the_lease", Always, faults::two_at_once),
    ("a_driver_killed_before_the_switch_costs_users_nothing", Always, faults::killed_before_the_switch),
    (
        "a_driver_killed_right_after_the_switch_is_undone_by_the_guard",
        Always,
        faults::killed_after_the_switch,
    ),
    ("a_driver_killed_in_the_watch_is_undone_by_the_guard", Always, faults::killed_in_the_watch),
    ("a_driver_killed_around_the_switch_is_settled_by_the_next_one", Always, kills::around_the_switch),
    ("a_deploy_killed_at_any_boundary_before_its_confirm_is_undone", Deep, kills::undone_everywhere),
    ("a_deploy_killed_at_any_boundary_from_its_confirm_on_counts", Deep, kills::kept_everywhere),
    ("a_rollback_killed_at_any_boundary_is_made_or_not_made", Deep, kills::rollback_everywhere),
    ("a_link_that_is_cut_before_the_switch_leaves_the_old_release", Always, faults::cut_before_the_switch),
    ("a_link_that_falls_silent_in_the_watch_is_undone_by_the_guard", Always, faults::silent_in_the_watch),
    (
        "a_rollback_that_is_interrupted_at_its_rename_counts",
        Always,
        faults::interrupted_at_a_rollbacks_rename,
    ),
    (
        "a_deploy_that_is_interrupted_behind_its_confirm_has_succeeded",
        Always,
        faults::interrupted_behind_the_confirm,
    ),
    ("after_a_reboot_exactly_the_right_release_serves", Always, faults::reboot),
    (
        "a_power_cut_in_the_watch_leaves_the_release_before_and_nobody_has_to_come",
        Deep,
        world::power_fails_in_the_watch,
    ),
    ("of_two_deploys_in_one_moment_one_is_made", Deep, world::two_in_one_moment),
    ("a_registry_that_goes_away_in_mid_pull_costs_users_nothing", Deep, world::registry_gone_in_mid_pull),
    (
        "a_disk_that_is_full_costs_users_nothing_and_a_bad_release_is_taken_back_all_the_same",
        Deep,
        world::disk_full,
    ),
    ("what_is_wrong_with_the_way_to_a_host_is_said_in_one_sentence", Always, refusals::way),
    ("what_a_host_lacks_is_said_in_one_sentence", Always, refusals::unfit),
    ("versions_that_are_none_are_refused_before_anything_is_touched", Always, refusals::versions),
    ("words_arrive_at_the_host_s_own_sh_as_they_are", Always, refusals::words),
    ("production_takes_what_staging_has_confirmed_and_nothing_else", Always, refusals::gate),
    ("a_host_goes_from_http_to_https_and_back_by_platform_up", Deep, https::there_and_back),
    ("down_leaves_nothing_running", Always, promises::down),
    ("the_simulated_host_looks_the_same_as_this_one_after_every_call", Deep, model::held_to_this_host),
];

fn main() -> ExitCode {
    trials::run(TESTS, Lab::up, Lab::down)
}

impl Lab {
    fn up() -> Lab {
        let began = Instant::now();
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
        println!("the lab is up after {} s", began.elapsed().as_secs());
        Lab { project, hosts, link }
    }

    fn down(&self) {
        self.project.raw(&["lab", "down", "--keep-image"]).succeeds().expect("the lab goes down");
        self.project.forget();
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
