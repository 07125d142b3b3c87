#![expect(clippy::disallowed_methods, reason = "what is tested is the program, by what people start it with")]
//! The deploy suite: xtask, as a user calls it, on a real engine, in an environment of its own beside the user's.
//!
//! One environment serves all trials, in order; each says in its name what must hold. Conditions are waited for.

mod backups;
mod bad_releases;
mod browser;
mod commits;
mod database;
mod development;
mod drivers;
mod edge;
mod environment;
mod maintenance;
mod manual_changes;
mod migrations;
mod moments;
mod ownership;
mod people;
mod platform;
mod rollouts;
mod secrets;
mod slow_line;
#[path = "../support/mod.rs"]
mod support;
mod upgrades;
mod workers;

use std::process::ExitCode;
use std::time::Duration;

use support::bad_releases as shared;
use support::project::Project;
use support::trials::When::{Always, Deep};
use support::trials::{self, Row};

/// The longest that a deploy may take to compile and build its images: the rest of CI keeps both processors busy meanwhile.
const BUILD_TIMEOUT: Duration = Duration::from_secs(900);

const TRIALS: &[Row<Project>] = &[
    (
        "a_first_deploy_that_is_interrupted_is_undone_and_one_that_is_killed_is_completed_by_the_next",
        Always,
        platform::first_deploy_is_cut,
    ),
    (
        "the_first_deploy_brings_everything_up_and_says_where_and_how_to_log_in",
        Always,
        rollouts::first_deploy,
    ),
    (
        "the_database_s_roles_are_only_for_who_works_on_it_in_its_container",
        Always,
        platform::superuser_is_asked_who_that_is,
    ),
    ("a_deploy_of_the_same_tree_has_nothing_to_do", Always, rollouts::nothing_to_do),
    (
        "settings_that_the_app_would_not_take_are_refused_and_each_says_where_it_comes_from",
        Always,
        rollouts::settings,
    ),
    (
        "secrets_are_files_that_only_the_app_reads_and_are_in_no_container_s_configuration",
        Always,
        secrets::are_files_of_the_app,
    ),
    (
        "a_failed_log_in_is_counted_for_the_client_that_the_edge_saw",
        Always,
        secrets::log_ins_are_counted_by_client,
    ),
    ("a_user_is_made_logs_in_and_is_suspended_and_the_ledger_says_so", Always, people::come_and_go),
    ("no_answer_leaves_the_edge_without_what_protects_who_gets_it", Always, edge::answers_of_its_own),
    ("a_body_that_is_not_whole_is_the_client_s_fault_and_is_not_passed_on", Always, edge::bodies),
    ("nobody_holds_the_edge_for_longer_than_its_time_limits", Deep, edge::slow_ones),
    ("a_connection_on_which_nothing_more_is_asked_is_closed", Deep, edge::idle_ones),
    ("as_much_as_may_be_held_at_once_ends_nothing_and_what_is_too_much_is_told_so", Deep, edge::crowd),
    ("what_is_worth_it_is_compressed", Always, edge::compression),
    ("each_request_leaves_one_line_without_secrets_and_a_failed_one_says_why", Always, edge::log),
    ("a_release_with_a_migration_takes_over_and_no_request_fails", Always, rollouts::second_release),
    (
        "a_database_that_was_made_by_other_means_gets_a_history_when_it_is_what_the_migrations_come_to",
        Deep,
        migrations::baseline,
    ),
    (
        "a_large_paper_comes_whole_over_a_slow_line_across_a_deploy_and_a_rollback",
        Deep,
        slow_line::large_paper,
    ),
    ("a_rollback_is_immediate_and_no_request_fails", Always, rollouts::rollback),
    ("a_release_that_never_gets_ready_costs_users_nothing", Always, shared::never_ready),
    ("a_release_that_crashes_at_its_start_costs_users_nothing", Always, shared::crashes),
    (
        "what_a_release_wrote_whose_containers_are_removed_can_still_be_read",
        Always,
        bad_releases::logs_are_kept,
    ),
    (
        "a_release_that_redirects_its_health_address_costs_users_nothing_and_the_redirect_is_named",
        Deep,
        shared::redirects,
    ),
    ("a_release_that_is_slow_to_start_is_waited_for", Deep, shared::slow),
    (
        "a_compose_file_that_is_not_valid_is_refused_before_anything_is_touched",
        Deep,
        bad_releases::invalid_compose_file,
    ),
    (
        "a_migration_that_fails_half_way_stops_everything_and_moves_no_traffic",
        Always,
        migrations::fails_half_way,
    ),
    (
        "a_history_of_migrations_that_was_rewritten_is_refused_though_nothing_is_pending",
        Deep,
        migrations::rewritten_history,
    ),
    (
        "a_migration_that_gets_no_lock_names_who_holds_it_and_blocks_no_user_for_long",
        Deep,
        migrations::gets_no_lock,
    ),
    (
        "a_database_that_is_stopped_in_a_migration_stops_the_deploy_and_moves_no_traffic",
        Deep,
        migrations::loses_the_database,
    ),
    (
        "a_migration_that_outlives_its_driver_is_waited_for_and_not_begun_again",
        Always,
        migrations::outlives_its_driver,
    ),
    ("a_second_deploy_at_once_is_told_who_has_the_lease", Always, drivers::two_at_once),
    ("nobody_who_fails_to_log_in_has_a_deploy_undone", Always, secrets::strangers_fail_to_log_in),
    ("a_rollback_to_an_older_release_starts_it_first", Always, rollouts::rollback_to_older),
    ("a_release_that_turns_bad_after_the_switch_is_switched_back", Always, bad_releases::turns_bad),
    ("a_release_that_is_ready_and_then_answers_500_is_switched_back", Deep, shared::errors),
    (
        "a_release_that_answers_500_to_all_but_health_checks_is_switched_back",
        Deep,
        shared::errors_beside_health,
    ),
    ("a_release_whose_answers_take_longer_is_switched_back", Deep, bad_releases::answers_late),
    ("a_release_that_strangers_flood_while_it_is_watched_stays", Deep, bad_releases::is_flooded),
    ("a_release_that_leaks_is_switched_back_long_before_it_is_ended", Deep, bad_releases::leaks_slowly),
    ("a_release_that_logs_errors_is_switched_back", Deep, bad_releases::logs_errors),
    ("a_release_that_leaks_is_ended_alone_at_its_limit_and_switched_back", Deep, bad_releases::leaks),
    ("status_says_that_a_part_of_the_platform_ran_out_of_memory", Always, bad_releases::runs_out_of_memory),
    (
        "a_release_whose_health_check_can_t_pass_gets_no_traffic_and_is_told_why",
        Deep,
        bad_releases::check_that_cant_pass,
    ),
    (
        "a_release_that_nobody_can_log_in_to_gets_no_traffic_though_it_calls_itself_ready",
        Always,
        bad_releases::nobody_logs_in,
    ),
    (
        "a_release_that_errs_at_every_tenth_request_is_switched_back_though_nobody_uses_it",
        Always,
        bad_releases::errs_now_and_then,
    ),
    (
        "a_release_that_ignores_sigterm_is_killed_in_the_end_and_no_request_fails",
        Deep,
        bad_releases::ignores_sigterm,
    ),
    ("when_both_releases_fail_for_one_cause_no_traffic_is_moved", Always, rollouts::both_fail),
    ("a_switch_that_nobody_confirms_undoes_itself", Deep, drivers::killed_in_the_watch),
    ("ctrl_c_before_the_switch_undoes_what_was_begun", Always, drivers::interrupted),
    (
        "a_contract_migration_removes_nothing_that_a_live_release_or_a_rollback_uses",
        Always,
        migrations::contract,
    ),
    ("settings_that_were_changed_by_hand_are_reported_and_written_again", Always, manual_changes::settings),
    ("platform_up_applies_a_changed_platform_after_a_backup_and_with_a_short_gap", Always, platform::up),
    ("an_interrupted_platform_up_leaves_the_platform_from_before", Deep, platform::up_interrupted),
    ("a_rollback_to_an_unknown_release_lists_those_that_are_kept", Always, rollouts::unknown_release),
    (
        "deployments_failures_and_what_was_caught_are_counted_as_the_ledger_has_them",
        Always,
        rollouts::metrics,
    ),
    ("what_helpers_get_holds_no_secret_and_nobody_s_name", Always, environment::support),
    (
        "a_live_file_that_was_edited_by_hand_is_believed_reported_and_written_again",
        Always,
        manual_changes::live_file,
    ),
    (
        "a_live_file_that_holds_no_id_is_refused_with_what_to_write_there",
        Deep,
        manual_changes::unreadable_live_file,
    ),
    (
        "recover_gives_the_traffic_back_to_the_release_that_ought_to_have_it",
        Always,
        manual_changes::recover_gives_traffic_back,
    ),
    (
        "on_the_word_of_a_lost_ledger_nothing_is_removed_and_it_is_made_anew_from_its_copies",
        Always,
        manual_changes::damaged_ledger,
    ),
    ("a_missing_live_file_is_written_again", Deep, manual_changes::missing_live_file),
    ("containers_that_were_removed_by_hand_are_started_again", Deep, manual_changes::removed_containers),
    ("a_guard_that_is_stopped_or_removed_is_replaced", Always, manual_changes::guard),
    ("a_secret_that_an_older_environment_lacks_is_made", Deep, secrets::missing_one_is_made),
    (
        "when_the_database_does_not_answer_status_shows_everything_else",
        Always,
        manual_changes::silent_database,
    ),
    ("a_platform_that_was_stopped_by_hand_is_started_again", Deep, manual_changes::stopped_platform),
    (
        "the_database_is_backed_up_each_night_and_after_migrations_by_nobody",
        Always,
        backups::each_night_and_after_migrations,
    ),
    (
        "a_scheduled_backup_that_is_cut_or_fails_leaves_nothing_that_counts_and_status_says_why",
        Deep,
        backups::cut_and_failed,
    ),
    (
        "a_platform_from_before_backups_by_themselves_deploys_as_ever_and_platform_up_starts_them",
        Deep,
        backups::older_platform,
    ),
    (
        "a_copy_of_a_backup_goes_into_a_store_encrypted_and_comes_back_when_the_backup_is_lost",
        Deep,
        backups::in_a_store,
    ),
    (
        "any_moment_since_the_base_backup_can_be_restored_and_a_store_that_is_away_stops_nobody",
        Deep,
        moments::restored,
    ),
    (
        "a_database_goes_to_another_major_version_and_back_and_is_as_before_wherever_it_is_cut",
        Deep,
        upgrades::there_and_back,
    ),
    ("maintenance_asks_users_to_wait_and_health_checks_go_on", Always, maintenance::on_and_off),
    ("only_the_live_release_does_background_jobs", Always, workers::only_the_live_release_works),
    ("somebody_logs_in_and_creates_a_shipment_in_a_browser", Always, browser::test),
    ("what_need_not_be_kept_is_named_with_its_size_and_then_removed", Deep, rollouts::prune),
    (
        "a_changed_backend_takes_over_while_a_developer_looks_and_a_broken_one_changes_nothing",
        Deep,
        development::changes_take_over,
    ),
    ("nothing_is_left_of_what_a_developer_ran_when_it_is_killed", Deep, development::nothing_is_left),
    ("down_leaves_nothing_running_and_the_edge_s_port_free", Always, rollouts::down),
    (
        "another_copy_of_the_repository_neither_takes_the_data_over_nor_deletes_them",
        Always,
        ownership::data_of_another_copy,
    ),
    ("another_copy_of_the_repository_takes_the_data_over_when_it_is_told_to", Deep, ownership::taken_over),
];

fn main() -> ExitCode {
    trials::run(TRIALS, || Project::copy(None), Project::tear_down)
}
