//! What must not compile: every change of an environment, asked of a [`Machine`](super::Machine) whose lease nobody has
//! taken. The test below has the compiler try it, and reads what it says.

use crate::host::{
    AdoptionRecord, Archiving, MoveRecord, OldDatabase, PublicSite, Sending, Shipping, SuppliedSecrets,
    UpgradeRecord, Watching,
};
use crate::project::Secret;
use crate::rollout::host::{Arming, Files, LeasedHost as _, Switching};
use crate::rollout::state::backup::{Backup, Copied};
use crate::rollout::state::release::Release;

/// What the changes are about.
struct Subjects<'a> {
    release: &'a Release,
    backup: &'a Backup,
    copied: &'a Copied,
    arming: &'a Arming,
    switch: &'a Switching,
    secret: &'a Secret,
    supplied: &'a SuppliedSecrets,
    files: &'a Files,
    watching: &'a Watching,
    archiving: &'a Archiving,
    sending: &'a Sending,
    shipping: &'a Shipping,
    adoption: &'a AdoptionRecord,
    old_database: &'a OldDatabase,
    moved: &'a MoveRecord,
    upgraded: &'a UpgradeRecord,
    site: &'a PublicSite,
}

macro_rules! every_change {
    ($name:ident, $host:ty) => {
        fn $name(host: $host, subjects: &Subjects) {
            let Subjects {
                release,
                backup,
                copied,
                arming,
                switch,
                secret,
                supplied,
                files,
                watching,
                archiving,
                sending,
                shipping,
                adoption,
                old_database,
                moved,
                upgraded,
                site,
            } = subjects;
            let (id, nobody) = (&release.id, |_: &str| {});
            let _ = host.append(&[]);
            let _ = host.replace_ledger(&[]);
            let _ = host.pull(release);
            let _ = host.prune_release(id);
            let _ = host.start(release);
            let _ = host.stop(id);
            let _ = host.remove_containers(id);
            let _ = host.backup("", "");
            let _ = host.prune_backups();
            let _ = host.load_backup(backup, false);
            let _ = host.drop_loaded();
            let _ = host.swap_database("");
            let _ = host.swap_back("");
            let _ = host.migrate(release);
            let _ = host.undo_migrations(release, &[]);
            let _ = host.wait_for_migration();
            let _ = host.write_platform();
            let _ = host.bring_back_platform_files();
            let _ = host.renew_platform("");
            let _ = host.smoke_test(release);
            let _ = host.smoke_test_through_edge(release);
            let _ = host.end_smoke_tests(release);
            let _ = host.vitals(release, None, std::time::Duration::ZERO);
            let _ = host.arm(arming);
            let _ = host.confirm("");
            let _ = host.trip("", "");
            let _ = host.dismiss_guard();
            let _ = host.set_warm(None, None);
            let _ = host.clear_live();
            let _ = host.switch(switch);
            let _ = host.live_folder().set_maintenance(None);
            let _ = host.live_folder().set_former(None);
            let _ = host.live_folder().ask_to_wait();
            let _ = host.releases().keep(release);
            let _ = host.releases().seed(id);
            let _ = host.releases().user(id, &[], "");
            let _ = host.database().make_roles();
            let _ = host.database().make_roles_of(&std::collections::BTreeMap::new());
            let _ = host.database().end_role(secret, 1, 1);
            let _ = host.database().write_history("");
            let _ = host.database().note_copy(backup, copied);
            let _ = host.database().want(backup);
            let _ = host.database().receive_dump("");
            let _ = host.database().receive_list("");
            let _ = host.database().take_dump("", "");
            let _ = host.database().run_script("");
            let _ = host.database().drop_parked("");
            let _ = host.adoption().copy_database(old_database, "");
            let _ = host.adoption().rehearse(&adoption.project);
            let _ = host.adoption().begin(adoption);
            let _ = host.adoption().stop_writers(adoption);
            let _ = host.adoption().undo(adoption);
            let _ = host.adoption().settle();
            let _ = host.adoption().make_ours(adoption);
            let _ = host.adoption().keep_stopped(adoption);
            let _ = host.adoption().forget(adoption);
            let _ = host.moving().note(moved);
            let _ = host.moving().begin(&moved.other);
            let _ = host.moving().freeze();
            let _ = host.moving().hold();
            let _ = host.moving().let_write();
            let _ = host.moving().undo();
            let _ = host.moving().settle();
            let _ = host.moving().leave();
            let _ = host.moving().hand_on(&moved.other, site, true);
            let _ = host.moving().retire();
            let _ = host.moving().receive_secrets();
            let _ = host.moving().receive_certificates();
            let _ = host.moving().forget_files();
            let _ = host.moving().forget(&moved.other);
            let _ = host.moving().note_forgotten();
            let _ = host.moving().drop_database();
            let _ = host.upgrade().start_beside(upgraded);
            let _ = host.upgrade().load(true);
            let _ = host.upgrade().begin(upgraded);
            let _ = host.upgrade().freeze();
            let _ = host.upgrade().end_beside(upgraded);
            let _ = host.upgrade().switch(upgraded);
            let _ = host.upgrade().open(upgraded);
            let _ = host.upgrade().undo();
            let _ = host.upgrade().settle();
            let _ = host.upgrade().forget(upgraded, &upgraded.from);
            let _ = host.upgrade().platform_record();
            let _ = host.database().discard_dump("");
            let _ = host.database().forget("");
            let _ = host.database().rehearse(backup);
            let _ = host.database().rehearse_rows(backup);
            let _ = host.papers().receive();
            let _ = host.platform().take_data_over(files);
            let _ = host.platform().settle(supplied, &nobody);
            let _ = host.platform().making(supplied);
            let _ = host.platform().make(supplied, &|_| Ok(()), &nobody);
            let _ = host.platform().down();
            let _ = host.platform().delete_data();
            let _ = host.platform().write_files();
            let _ = host.platform().check_renewal();
            let _ = host.watcher().start(watching);
            let _ = host.watcher().look_again();
            let _ = host.watcher().stop();
            let _ = host.archiver().start(archiving);
            let _ = host.archiver().renew(archiving);
            let _ = host.archiver().exists();
            let _ = host.archiver().stop();
            let _ = host.archiver().forget();
            let _ = host.sender().start(sending);
            let _ = host.sender().renew(sending);
            let _ = host.sender().wait_until_sent("", "", None);
            let _ = host.sender().look_again();
            let _ = host.sender().stop();
            let _ = host.sender().forget_secrets();
            let _ = host.sender().owner();
            let _ = host.shipper().start(shipping);
            let _ = host.shipper().renew(shipping);
            let _ = host.shipper().wait_until_taken();
            let _ = host.shipper().stop();
            let _ = host.shipper().forget_secrets();
            let _ = host.secrets().supply(supplied);
            let _ = host.secrets().settle();
            let _ = host.secrets().revoke(secret, 1);
        }
    };
}

// This one compiles: else the other one would be refused for another reason than the lease.
#[cfg(test)]
every_change!(under_the_lease, &super::Leased);
#[cfg(lease_trial)]
every_change!(without_the_lease, &super::Machine);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use camino::Utf8Path;
    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell_in};

    const HERE: &str = env!("CARGO_MANIFEST_DIR");

    /// Where the changes would be looked for, and their names: those that [`LeasedHost`](crate::rollout::host::LeasedHost)
    /// has, on the machine, and those that verbs call besides on a part of [`Leased`](crate::host::Leased), on the part of the
    /// same name of the machine.
    fn changes() -> BTreeSet<String> {
        let src = Utf8Path::new(HERE).join("src");
        let narrow = read(&src.join("rollout/host.rs"));
        let narrow = narrow.split_once("\npub trait LeasedHost {").expect("the trait").1;
        let looks = ["host", "number", "check"].map(str::to_owned);
        let of_trait = methods(narrow, "    fn ").filter(|name| !looks.contains(name));
        let mut all: BTreeSet<String> = of_trait.map(|name| format!("Machine::{name}")).collect();
        for text in sources(&src.join("host")) {
            for block in text.split("\nimpl").skip(1) {
                let head = block.lines().next().unwrap_or_default();
                let Some((_, part)) = head.split_once(" Leased") else { continue };
                let part = part.split('<').next().unwrap_or_default();
                all.extend(methods(block, "    pub fn ").map(|name| format!("{part}::{name}")));
            }
        }
        // They give a part, and change nothing.
        all.retain(|name| !name.starts_with("::"));
        all
    }

    fn sources(folder: &Utf8Path) -> Vec<String> {
        let entries = folder.read_dir_utf8().expect("the sources").flatten();
        let texts = entries.flat_map(|entry| match entry.path() {
            path if path.is_dir() => sources(path),
            path if path.extension() == Some("rs") => vec![read(path)],
            _ => Vec::new(),
        });
        texts.collect()
    }

    fn read(path: &Utf8Path) -> String {
        std::fs::read_to_string(path).expect("a source")
    }

    /// Up to the end of the block.
    fn methods(block: &str, keyword: &'static str) -> impl Iterator<Item = String> {
        let name = move |line: &str| Some(line.strip_prefix(keyword)?.split(['(', '<']).next()?.to_owned());
        block.lines().take_while(|line| *line != "}").filter_map(name)
    }

    #[test]
    fn no_change_of_an_environment_compiles_without_its_lease() {
        let _ = under_the_lease;
        let (sh, cargo) = (shell_in(HERE), env!("CARGO"));
        let form = ["--message-format", "short", "--color", "never"];
        let rustc =
            cmd!(sh, "{cargo} rustc --quiet --locked --offline --package xtask --bin xtask {form...}");
        // In the folder of what is built already, where cargo keeps apart what has a flag more.
        let trial = Run::new(rustc.args(["--", "--cfg", "lease_trial"]));
        let told = trial.timeout(Duration::from_secs(1200)).finish().expect("cargo").stderr;
        let refused = told.lines().filter_map(|line| {
            let words =
                line.split_once("lease_trial.rs:")?.1.split_once("error[E0599]: no method named `")?.1;
            let (method, of) = words.split_once("` found for ")?;
            let of = of.split('`').nth(1)?.rsplit("::").next()?.split('<').next()?;
            Some(format!("{}::{method}", of.trim_start_matches('&')))
        });
        assert_eq!(refused.collect::<BTreeSet<_>>(), changes(), "{told}");
    }
}
