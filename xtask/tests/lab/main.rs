#![expect(clippy::disallowed_methods, reason = "what is tested is the program, by what people start it with")]
//! The lab suite: xtask, as a user calls it, deploys over real ssh to machines that begin bare, with an engine and an
//! sshd of their own. One machine serves most of the trials, in order; conditions are waited for.

mod alarms;
mod backups;
mod by_hand;
mod commits;
mod drills;
mod environment;
mod full_disk;
mod gate;
mod hardening;
mod host;
mod https;
mod interruptions;
mod kills;
mod link;
mod lost_host;
mod model_conformance;
mod moving;
mod outages;
mod pause_points;
mod refusals;
mod rollouts;
mod rotation;
mod secrets;
mod shipping;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use environment::Lab;
use support::bad_releases as shared;
use support::trials::When::{Always, Deep};
use support::trials::{self, Row};

const TRIALS: &[Row<Lab>] = &[
    ("a_bare_machine_is_refused_and_host_setup_is_named", Always, refusals::bare_host),
    ("host_setup_shows_what_is_to_do_does_it_and_then_has_nothing_to_do", Always, rollouts::host_setup),
    ("root_no_longer_comes_in_and_a_line_of_the_set_up_can_be_taken_back", Always, hardening::lines),
    ("a_line_that_would_shut_out_who_deploys_is_not_begun", Deep, hardening::shut_out),
    ("a_host_whose_port_is_taken_is_refused_and_nothing_is_left_on_it", Always, refusals::taken_port),
    ("the_first_deploy_to_a_host_uses_one_connection", Always, rollouts::first_deploy),
    ("from_outside_a_host_is_reached_at_ssh_80_and_443_alone", Always, hardening::firewall),
    ("the_key_of_who_deploys_is_exchanged_for_a_new_one", Always, hardening::deploy_key),
    ("the_key_of_a_host_is_exchanged_for_a_new_one", Always, hardening::host_key),
    ("lynis_and_ssh_audit_find_little", Deep, hardening::audits),
    ("a_release_with_a_migration_takes_over_and_no_request_fails", Always, rollouts::second_release),
    ("a_rollback_is_immediate_and_no_request_fails", Always, rollouts::rollback),
    (
        "without_an_engine_that_answers_the_traffic_goes_back_and_users_are_asked_to_wait",
        Deep,
        outages::engine_silent,
    ),
    ("a_release_that_never_gets_ready_costs_users_nothing", Deep, |lab| shared::never_ready(&lab.project)),
    ("a_restore_brings_back_what_was_there_and_keeps_what_it_replaces", Always, backups::restore),
    (
        "a_backup_is_copied_off_the_host_where_nobody_but_the_holder_of_the_key_can_read_it",
        Always,
        backups::offsite,
    ),
    ("status_logs_migrations_and_releases_show_what_is_deployed", Always, rollouts::inspect),
    ("people_are_told_of_a_host_by_each_way", Always, alarms::ways),
    ("people_are_told_once_that_the_edge_has_stopped_and_once_that_it_is_back", Deep, alarms::edge_stopped),
    (
        "what_all_parts_write_is_shipped_and_nothing_is_lost_while_the_receiver_is_away",
        Deep,
        shipping::everything,
    ),
    ("a_secret_that_the_operator_changes_gets_a_new_version", Always, secrets::new_version),
    ("with_an_encrypted_file_its_key_is_all_that_a_deploy_is_given", Always, secrets::encrypted_file),
    ("a_secret_that_an_undone_deploy_brought_does_not_count_and_is_gone", Always, secrets::undone),
    ("a_revoked_secret_is_gone_and_a_rollback_takes_the_current_one", Always, secrets::revoked),
    (
        "a_key_that_signs_is_exchanged_under_load_with_rollbacks_and_nobody_is_logged_out",
        Deep,
        rotation::under_load,
    ),
    ("passwords_of_the_database_s_roles_are_exchanged_under_load_with_rollbacks", Deep, rotation::of_roles),
    ("a_release_that_crashes_at_its_start_costs_users_nothing", Deep, |lab| shared::crashes(&lab.project)),
    ("a_release_that_redirects_its_health_address_costs_users_nothing", Deep, |lab| {
        shared::redirects(&lab.project)
    }),
    ("a_release_that_is_slow_to_start_is_waited_for", Deep, |lab| shared::slow(&lab.project)),
    ("a_release_that_is_ready_and_then_answers_500_is_switched_back", Always, |lab| {
        shared::errors(&lab.project)
    }),
    ("a_release_that_answers_500_to_all_but_health_checks_is_switched_back", Deep, |lab| {
        shared::errors_beside_health(&lab.project)
    }),
    ("images_that_somebody_pruned_on_the_host_are_told_and_pulled_again", Always, rollouts::pruned_images),
    ("a_second_driver_at_once_is_told_who_has_the_lease", Always, interruptions::two_at_once),
    (
        "a_driver_killed_before_the_switch_costs_users_nothing",
        Always,
        interruptions::killed_before_the_switch,
    ),
    (
        "a_driver_killed_right_after_the_switch_is_undone_by_the_guard",
        Deep,
        interruptions::killed_after_the_switch,
    ),
    ("a_driver_killed_in_the_watch_is_undone_by_the_guard", Deep, interruptions::killed_in_the_watch),
    ("a_driver_killed_around_the_switch_is_settled_by_the_next_one", Always, kills::around_the_switch),
    ("a_deploy_killed_at_any_boundary_before_its_confirm_is_undone", Deep, kills::undone_everywhere),
    ("a_deploy_killed_at_any_boundary_after_its_confirm_counts_as_succeeded", Deep, kills::kept_everywhere),
    ("a_rollback_killed_at_any_boundary_is_completed_or_undone", Deep, kills::rollback_everywhere),
    (
        "a_link_that_is_cut_before_the_switch_leaves_the_old_release",
        Always,
        interruptions::cut_before_the_switch,
    ),
    (
        "a_link_that_falls_silent_in_the_watch_is_undone_by_the_guard",
        Always,
        interruptions::silent_in_the_watch,
    ),
    (
        "a_rollback_that_is_interrupted_at_its_rename_succeeds",
        Always,
        interruptions::interrupted_at_a_rollbacks_rename,
    ),
    (
        "a_deploy_that_is_interrupted_after_its_confirm_succeeds",
        Always,
        interruptions::interrupted_after_the_confirm,
    ),
    ("after_a_reboot_the_live_release_serves_again", Always, outages::reboot),
    (
        "after_a_power_cut_in_the_watch_the_release_from_before_serves_without_anybody_s_help",
        Deep,
        outages::power_fails_in_the_watch,
    ),
    (
        "of_two_deploys_in_the_same_moment_one_succeeds_and_one_is_refused",
        Deep,
        interruptions::two_in_the_same_moment,
    ),
    ("a_registry_that_fails_during_a_pull_costs_users_nothing", Deep, outages::registry_fails_during_a_pull),
    (
        "a_full_disk_costs_users_nothing_and_a_bad_release_is_still_switched_back",
        Deep,
        full_disk::costs_users_nothing,
    ),
    ("what_is_wrong_with_the_connection_to_a_host_is_said_in_one_sentence", Always, refusals::connection),
    ("what_a_host_lacks_is_said_in_one_sentence", Always, refusals::unfit_host),
    ("invalid_versions_are_refused_before_anything_is_touched", Always, refusals::versions),
    ("quoted_arguments_reach_the_host_s_shell_unchanged", Always, refusals::arguments),
    (
        "production_takes_what_staging_has_confirmed_and_nothing_else",
        Always,
        gate::production_takes_what_staging_confirmed,
    ),
    ("a_host_goes_from_http_to_https_and_back_by_platform_up", Deep, https::there_and_back),
    (
        "a_first_deploy_over_https_has_a_verified_certificate_and_one_that_ends_is_no_wall",
        Deep,
        https::certified,
    ),
    ("a_certificate_is_renewed_while_users_come_in_and_one_that_is_late_is_no_wall", Deep, https::renewed),
    ("down_leaves_nothing_running", Always, rollouts::down),
    (
        "the_simulated_host_looks_the_same_as_this_one_after_every_call",
        Deep,
        model_conformance::with_this_host,
    ),
    // The last ones: the environment leads to other machines from there on.
    ("a_host_run_by_hand_is_told_what_it_has_and_nothing_of_it_is_changed", Deep, by_hand::inventory),
    ("a_host_run_by_hand_is_adopted_under_load_also_after_a_kill_in_the_middle", Deep, by_hand::adopted),
    ("each_drill_of_the_runbook_ends_its_trouble", Deep, drills::all),
    (
        "an_adoption_that_is_killed_before_the_edge_has_its_ports_is_completed_by_recover",
        Deep,
        by_hand::killed_late,
    ),
    ("a_host_that_is_lost_is_made_again_from_its_copies_alone", Deep, lost_host::made_again),
    (
        "an_environment_moves_to_another_machine_while_users_come_in_also_after_a_kill_in_the_middle",
        Deep,
        moving::moved,
    ),
];

fn main() -> ExitCode {
    trials::run(TRIALS, Lab::up, Lab::down)
}
