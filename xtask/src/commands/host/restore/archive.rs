//! What a host has sent of itself: ledger, manifests, and what is told of it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;
use xshell::cmd;

use crate::commands::db::copies::About;
use crate::commands::db::store::Place;
use crate::exit::refuse;
use crate::project::Environment;
use crate::rollout::remake;
use crate::rollout::state::ledger::Ledger;
use crate::rollout::state::release::Release;
use crate::tools::age;
use crate::tools::files::private::Folder;
use crate::tools::process::{Run, shell};

/// The longest that an archive may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(300);

/// What a host has sent of itself, opened.
pub struct Archive {
    /// Its name in the store.
    pub name: String,
    /// What is told of the host.
    pub about: About,
    /// As it was.
    pub ledger: Ledger,
    folder: Folder,
}

impl Archive {
    /// Reads and decrypts it.
    pub fn open(
        name: &str,
        place: &Place,
        identity: &Utf8Path,
        environment: &Environment,
    ) -> Result<Archive> {
        let folder = Folder::new()?;
        let (sh, into) = (shell(), folder.path());
        let read = Run::new(place.read_object(name)).called("reading the ledger's copy");
        let unpack = Run::new(cmd!(sh, "tar -x -C {into}")).timeout(TRANSFER_TIMEOUT);
        read.pipe(Run::new(age::decrypt(sh, identity)), unpack)
            .with_context(|| format!("opening {name} of {}", place.address()))?;
        let text =
            |file: &str| fs::read_to_string(into.join(file)).with_context(|| format!("{name} has no {file}"));
        let about: About = serde_json::from_str(&text("about.json")?)?;
        ensure!(about.environment == environment.name, "{name} is of {}", about.environment);
        let ledger = Ledger::parse(&text("ledger.jsonl")?);
        Ok(Archive { name: name.to_owned(), about, ledger, folder })
    }

    /// Of one for each host, that of the host that was made last: its ledger goes on from those of the others, whatever these
    /// have sent since.
    pub fn last_made(archives: Vec<Archive>) -> Option<Archive> {
        archives.into_iter().max_by_key(|it| (remake::times_lost(&it.ledger), it.name.clone()))
    }

    /// What had the traffic.
    pub fn live(&self) -> Result<Release> {
        let name = &self.name;
        let id = self.ledger.expected_active().ok_or_else(|| {
            refuse(format!("no release had the traffic when {name} was sent: there is nothing to make again"))
        })?;
        let file = self.folder.join(&format!("releases/{id}/release.json"));
        let manifest = fs::read_to_string(file)
            .with_context(|| format!("{name} has no manifest of {id}, which had the traffic"))?;
        Release::of_manifest(&id, &manifest)
            .map_err(|broken| refuse(format!("what {name} has of {id} is damaged: {}", broken.why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::state::ledger::{Entry, Event, FORMAT, Kind, Outcome};

    fn entry(number: usize, event: Event) -> Entry {
        let text = |what: &str| format!("{what}{number}");
        Entry { v: FORMAT, id: text("e"), at: text("t"), attempt: text("a"), prev: String::new(), event }
    }

    /// One whose host was lost so many times.
    fn archive(name: &str, times: usize) -> Archive {
        let began = || Event::Began {
            kind: Kind::Down,
            by: "ada".to_owned(),
            lease: 1,
            from: None,
            to: None,
            plan: Vec::new(),
            overrides: Vec::new(),
            images: std::collections::BTreeMap::new(),
        };
        let ended = || Event::Ended {
            outcome: Outcome::Succeeded,
            detail: Some("the host was lost; it burnt".to_owned()),
            to_switch_ms: None,
        };
        let entries =
            (0..times).flat_map(|number| [entry(number, began()), entry(number, ended())]).collect();
        let about = serde_json::from_str(
            r#"{"environment":"lab","owner":"0a1b","host":"vps","port":22,"secrets":[]}"#,
        );
        Archive {
            name: name.to_owned(),
            about: about.unwrap(),
            ledger: Ledger { entries, ..Ledger::default() },
            folder: Folder::new().unwrap(),
        }
    }

    #[test]
    fn a_host_that_was_given_up_and_sends_on_is_not_the_one_that_comes_back() {
        let given_up = archive("20260109t010000z-host-aaaa.host.age", 0);
        let followed = archive("20260104t010000z-host-bbbb.host.age", 1);
        let found = Archive::last_made(vec![followed, given_up]).unwrap();
        assert_eq!(found.name, "20260104t010000z-host-bbbb.host.age");
        let two = ["20260104t010000z-host-bbbb.host.age", "20260105t010000z-host-cccc.host.age"];
        let found = Archive::last_made(two.map(|name| archive(name, 1)).into()).unwrap();
        assert_eq!(found.name, two[1]);
    }
}
