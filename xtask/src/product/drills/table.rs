//! Which drills there are, and why some pages of the runbook have none.

use super::{Drill, SILENCE, ends, lost_host, troubles, visits};

/// All of them.
pub const DRILLS: &[Drill] = &[
    Drill {
        name: "bad-release",
        page: "The newest release is bad",
        alarm: Some("site"),
        users: visits::visitors,
        trouble: troubles::bad_release,
        end: ends::site_is_over,
    },
    Drill {
        name: "edge-stopped",
        page: "Nothing answers",
        alarm: Some("site"),
        users: visits::visitors,
        trouble: troubles::edge_stopped,
        end: ends::site_is_over,
    },
    Drill {
        name: "driver-killed",
        page: "The driver died (closed laptop, cancelled job)",
        alarm: Some("guard"),
        users: visits::visitors,
        trouble: troubles::driver_killed,
        end: ends::well_serves,
    },
    Drill {
        name: "log-ins-locked",
        page: "Somebody can't log in: 'too many log-ins … have failed'",
        alarm: None,
        users: visits::who_log_in,
        trouble: troubles::log_ins_locked,
        end: ends::forgotten,
    },
    Drill {
        name: "disk-full",
        page: "The disk fills",
        alarm: Some("disk-90"),
        users: visits::visitors,
        trouble: troubles::disk_full,
        end: ends::room,
    },
    Drill {
        name: "secret-leaked",
        page: "A secret got out",
        alarm: None,
        users: visits::who_are_robbed,
        trouble: troubles::secret_leaked,
        end: ends::revoked,
    },
    Drill {
        name: "certificate-ended",
        page: "The certificate",
        alarm: Some("site"),
        users: visits::visitors,
        trouble: troubles::certificate_ended,
        end: ends::site_is_over,
    },
    Drill {
        name: "database-lost",
        page: "The data is damaged",
        alarm: Some("site"),
        users: visits::readers,
        trouble: troubles::database_lost,
        end: ends::site_is_over,
    },
    Drill {
        name: "migration-stuck",
        page: "A migration failed",
        alarm: None,
        users: visits::readers,
        trouble: troubles::migration_stuck,
        end: ends::migrated,
    },
    Drill {
        name: "host-lost",
        page: "The host is lost",
        alarm: Some(SILENCE),
        users: visits::visitors,
        trouble: lost_host::host_lost,
        end: lost_host::made_again,
    },
];

/// Pages that no drill follows, and why.
pub(super) const UNDRILLED: &[(&str, &str)] = &[
    ("The way to a host", REFERENCE),
    ("A new machine", "each drill begins with it"),
    ("A host that is run by hand becomes ours", "the lab suite's trials of `by_hand` do all of it"),
    (
        "The environment has to leave its machine",
        "no trouble; the lab suite's trial of `moving` does it under load",
    ),
    (
        "A deploy failed",
        "what ends it is another deploy, which `migration-stuck` drills after one that failed",
    ),
    (
        "A deploy is refused: the data are of another environment",
        "nothing is wrong for users; the deploy suite's trials of `ownership` do it",
    ),
    (
        "The link to the host is gone in the middle of a deploy",
        "nobody has anything to do at once; the lab suite's trials of `interruptions` cut it",
    ),
    (
        "A rollback is refused: 'it can't serve on this database'",
        "nothing is wrong for users; the deploy suite's trials of `migrations` do it",
    ),
    (
        "The database's passwords want to be others",
        "no trouble; the lab suite's trials of `rotation` do it under load",
    ),
    ("A hole in a package is known", "no trouble that can be made: somebody must find one"),
    (
        "Somebody was there by hand",
        "users notice nothing; the deploy suite's trials of `manual_changes` do it",
    ),
    (
        "A kept release is 'damaged', 'bad', has 'images gone', or was 'never ready'",
        "users notice nothing; the deploy suite's trials of `manual_changes` and of `rollouts` do it",
    ),
    (
        "'the ledger is gone', 'is damaged in line …', 'lacks its end'",
        "users notice nothing; the deploy suite's trials of `manual_changes` do it",
    ),
    (
        "The platform has changed in the repository",
        "no trouble; the deploy suite's trials of `platform` do it under load",
    ),
    ("What is going on?", REFERENCE),
    ("Reminders don't come", "it says where to read why, and no more: there is no one command that ends it"),
    ("Mails are not sent", "it takes a mail server that refuses; the backend's tests have one"),
    (
        "Somebody begins, forgets a password, or leaves",
        "no trouble; the deploy suite's trial of `people` does it",
    ),
    ("Somebody tries passwords", "who is kept out by it is let in by what `log-ins-locked` drills"),
    ("A part is started again and again", "what ends it is a rollback, which `bad-release` drills"),
    ("Memory or processors are short", "what ends it is a rollback, which `bad-release` drills"),
    ("The host's clock is wrong", "machines of a lab have the clock of the machine that they are on"),
    (
        "The database's WAL is not archived",
        "users notice nothing; the deploy suite's trial of `moments` has the store hang, and makes a hole",
    ),
    ("The last good backup is old", "users notice nothing; the lab suite's trials of `backups` do it"),
    (
        "An undone deploy has left a migration",
        "users notice nothing; the deploy suite's trials of `migrations` do it",
    ),
    ("The minutes of the workflows run out", "users notice nothing; GitHub alone can count them"),
    ("Users must wait", "no trouble; the deploy suite's trial of `maintenance` does it"),
    ("Production, against its own gate", "the lab suite's trials of `gate` do it"),
    ("Will a deploy go through?", REFERENCE),
    (
        "A deploy would replace a commit that it does not contain",
        "nothing is wrong for users; the lab suite's trials of `gate` do it",
    ),
    ("Try all of this", REFERENCE),
];
/// Of a page that is none of trouble.
pub(super) const REFERENCE: &str = "it says where to look, and nothing to do";
