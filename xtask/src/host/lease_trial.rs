//! What must not compile: every change of an environment, asked of a [`Machine`](super::Machine) whose lease nobody has
//! taken. The test below has the compiler try it, and reads what it says.

use crate::host::SuppliedSecrets;
use crate::project::Secret;
use crate::rollout::host::{Arming, LeasedHost as _, Switching};
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
}

macro_rules! every_change {
    ($name:ident, $host:ty) => {
        fn $name(host: $host, subjects: &Subjects) {
            let Subjects { release, backup, copied, arming, switch, secret, supplied } = subjects;
            let (id, nobody) = (&release.id, |_: &str| {});
            let _ = host.append(&[]);
            let _ = host.pull(release);
            let _ = host.prune_release(id);
            let _ = host.start(release);
            let _ = host.stop(id);
            let _ = host.remove_containers(id);
            let _ = host.backup("", "");
            let _ = host.prune_backups();
            let _ = host.load_backup(backup);
            let _ = host.drop_loaded();
            let _ = host.swap_database("");
            let _ = host.swap_back("");
            let _ = host.migrate(release);
            let _ = host.undo_migrations(release, &[]);
            let _ = host.wait_for_migration();
            let _ = host.arm(arming);
            let _ = host.confirm("");
            let _ = host.trip("", "");
            let _ = host.dismiss_guard();
            let _ = host.set_warm(None, None);
            let _ = host.clear_live();
            let _ = host.switch(switch);
            let _ = host.set_maintenance(None);
            let _ = host.seed(id);
            let _ = host.keep(release);
            let _ = host.receive_dump("");
            let _ = host.take_dump("");
            let _ = host.discard_dump("");
            let _ = host.note_copy(backup, copied);
            let _ = host.rehearse(backup);
            let _ = host.platform_up(supplied, &nobody);
            let _ = host.platform_down();
            let _ = host.delete_data();
            let _ = host.write_platform();
            let _ = host.check_renewal();
            let _ = host.renew_platform(&[], &nobody);
            let _ = host.make_roles();
            let _ = host.take_secrets(supplied);
            let _ = host.revoke_secret(secret, 1);
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

    /// The methods by which an environment is changed: those that [`LeasedHost`](crate::rollout::host::LeasedHost) has,
    /// and those that verbs call on [`Leased`](crate::host::Leased) besides.
    fn changes() -> BTreeSet<String> {
        let src = Utf8Path::new(HERE).join("src");
        let read = |path: &Utf8Path| std::fs::read_to_string(path).expect("a source");
        let narrow = read(&src.join("rollout/host.rs"));
        let narrow = methods(block(&narrow, "pub trait LeasedHost {").expect("the trait"), "fn ");
        let looks = ["host", "number", "check"].map(str::to_owned);
        let mut all: BTreeSet<String> = narrow.filter(|name| !looks.contains(name)).collect();
        for file in src.join("host").read_dir_utf8().expect("the sources").flatten() {
            if file.path().extension() == Some("rs") {
                let text = read(file.path());
                all.extend(text.split("\nimpl Leased<").skip(1).flat_map(|rest| {
                    methods(rest.split("\n}\n").next().unwrap_or_default(), "pub fn ").collect::<Vec<_>>()
                }));
            }
        }
        all
    }

    fn block<'t>(text: &'t str, head: &str) -> Option<&'t str> {
        text.split_once(head)?.1.split("\n}\n").next()
    }

    fn methods(block: &str, keyword: &'static str) -> impl Iterator<Item = String> {
        let name =
            move |line: &str| Some(line.trim().strip_prefix(keyword)?.split(['(', '<']).next()?.to_owned());
        block.lines().filter_map(name)
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
            words.split_once("` found for reference `&").map(|(method, _)| method.to_owned())
        });
        assert_eq!(refused.collect::<BTreeSet<_>>(), changes(), "{told}");
    }
}
