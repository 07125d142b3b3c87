//! Whose the data of an environment are. On one engine, two copies of the repository have environments of one name; the data
//! that outlive containers belong to one of the two folders. Its volumes carry an id as a label, and the folder has that id in
//! a file, together with its own path: so it survives that the folder is moved, and a copy of the folder is no owner.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::platform::LeasedPlatform;
use super::{Leased, Machine};
use crate::exit::refuse;
use crate::project::{OWNER_FOLDER_LABEL, OWNER_LABEL, PAPERS_VOLUME};
use crate::rollout::host::Files;
use crate::tools::docker::volume;
use crate::tools::files::hex::hex;
use crate::tools::files::random::random;

/// The file, in an environment's folder: an id and the folder's path, or [`GIVEN`] and the path of the folder that has taken
/// the data over.
const FILE: &str = "owner";
const GIVEN: &str = "given";
/// More folders than this have not taken data over from each other.
const MOST_OWNERS: usize = 16;
/// What outlives containers.
const VOLUMES: [&str; 3] = ["database", "certificates", PAPERS_VOLUME];

/// What a folder says of its data.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    /// They have this id. The folder was at this path when it was written.
    Owner { id: String, path: Utf8PathBuf },
    /// Another folder has taken them over.
    Given { to: Utf8PathBuf },
}

/// A volume that is not this folder's.
#[derive(Debug, PartialEq, Eq)]
enum Stranger {
    /// It has this id, which another folder has now, as far as that is known.
    Labelled { volume: String, id: String, holder: Option<Utf8PathBuf> },
    /// It was made before volumes had one, and this folder has never had a release.
    Unlabelled { volume: String },
}

impl Machine {
    /// Refused when the environment's volumes are those of another folder; `way_out` says how they are taken over.
    pub fn check_data_are_ours(&self, files: &Files, way_out: &str) -> Result<()> {
        self.stranger(files)?.map_or(Ok(()), |stranger| Err(refuse(self.words(&stranger, way_out))))
    }

    fn stranger(&self, files: &Files) -> Result<Option<Stranger>> {
        let has_released = !files.kept.is_empty() || !files.ledger.confirmed().is_empty();
        for volume in VOLUMES.map(|what| self.named(what)) {
            let Some(labels) = volume::labels(self.docker(), &volume)? else { continue };
            let own = self.own_id()?;
            match labels.get(OWNER_LABEL) {
                Some(id) if own.as_ref() == Some(id) => {}
                Some(id) => {
                    let holder = self.holder(&labels)?;
                    return Ok(Some(Stranger::Labelled { volume, id: id.clone(), holder }));
                }
                None if has_released => {}
                None => return Ok(Some(Stranger::Unlabelled { volume })),
            }
        }
        Ok(None)
    }

    /// The id of this folder's data, when it has one and is not a copy of the folder that has it.
    pub(super) fn own_id(&self) -> Result<Option<String>> {
        let Some(Claim::Owner { id, path }) = self.claim(&self.root)? else { return Ok(None) };
        let is_copy = path != self.root
            && self
                .claim(&path)?
                .is_some_and(|claim| matches!(claim, Claim::Owner { id: other, .. } if other == id));
        Ok((!is_copy).then_some(id))
    }

    /// The folder that has the data now: the one that made the volume, or who has taken it over since.
    fn holder(&self, labels: &BTreeMap<String, String>) -> Result<Option<Utf8PathBuf>> {
        let Some(mut folder) = labels.get(OWNER_FOLDER_LABEL).map(Utf8PathBuf::from) else { return Ok(None) };
        for _ in 0..MOST_OWNERS {
            match self.claim(&folder)? {
                Some(Claim::Given { to }) => folder = to,
                Some(Claim::Owner { .. }) | None => break,
            }
        }
        Ok(Some(folder))
    }

    fn claim(&self, folder: &Utf8Path) -> Result<Option<Claim>> {
        Ok(self.read(&folder.join(FILE))?.and_then(|text| Claim::parse(&text)))
    }

    fn words(&self, stranger: &Stranger, way_out: &str) -> String {
        let (name, here) = (&self.environment.name, &self.root);
        match stranger {
            Stranger::Labelled { volume, holder, .. } => {
                let of = match holder {
                    Some(folder) if folder != here => format!("that of {folder}"),
                    _ => "of a folder that is gone, or of this one before it lost its id".to_owned(),
                };
                format!(
                    "the volume {volume} has the data of another environment of the name {name}, {of}, and not of {here}\n  {way_out}"
                )
            }
            Stranger::Unlabelled { volume } => format!(
                "the volume {volume} was made by an older xtask, which did not say for whom; {here} has never had a release of \
                 {name}\n  {way_out}"
            ),
        }
    }
}

impl Leased<'_> {
    /// Makes a volume for data, which says whose they are. One that is there already is left as it is; refused when another
    /// folder has made it meanwhile.
    pub(super) fn make_volume(&self, what: &str) -> Result<String> {
        let machine = self.fenced()?;
        let (volume, id) = (machine.named(what), self.owner_id()?);
        let folder = format!("{OWNER_FOLDER_LABEL}={}", machine.root);
        let labels = [machine.label(), format!("{OWNER_LABEL}={id}"), folder];
        volume::create(machine.docker(), &volume, &labels)?;
        let there = volume::labels(machine.docker(), &volume)?.unwrap_or_default();
        if there.get(OWNER_LABEL).is_some_and(|of| *of != id) {
            let holder = machine.holder(&there)?;
            return Err(refuse(
                machine.words(&Stranger::Labelled { volume, id, holder }, "It was made just now."),
            ));
        }
        Ok(volume)
    }

    /// The id of this folder's data. Where they have none yet, they get one.
    pub(super) fn owner_id(&self) -> Result<String> {
        let machine = self.fenced()?;
        let id = match machine.own_id()? {
            Some(id) => id,
            None => hex(&random::<16>()?),
        };
        self.claim_as(&machine.root, &Claim::Owner { id: id.clone(), path: machine.root.clone() })?;
        Ok(id)
    }

    fn claim_as(&self, folder: &Utf8Path, claim: &Claim) -> Result<()> {
        self.write(folder, &[(FILE, &claim.to_string())])
    }
}

impl LeasedPlatform<'_> {
    /// The data that are there become this folder's, and are no longer those of the folder that had them. Gives whose they
    /// were, in words; none when they were this one's already.
    pub fn take_data_over(&self, files: &Files) -> Result<Option<String>> {
        let machine = self.leased.fenced()?;
        let Some(stranger) = machine.stranger(files)? else { return Ok(None) };
        let Stranger::Labelled { volume, id, holder } = stranger else {
            return Ok(Some("nobody known".to_owned()));
        };
        let before = holder.filter(|folder| *folder != machine.root);
        if let Some(folder) = &before
            && machine.claim(folder)?.is_some()
        {
            let given = self.leased.claim_as(folder, &Claim::Given { to: machine.root.clone() });
            given.with_context(|| format!("taking {volume} over from {folder}"))?;
        }
        self.leased.claim_as(&machine.root, &Claim::Owner { id, path: machine.root.clone() })?;
        Ok(Some(before.map_or_else(|| "a folder that is gone".to_owned(), Utf8PathBuf::into_string)))
    }
}

impl Claim {
    fn parse(text: &str) -> Option<Claim> {
        let (word, path) = text.trim_end().split_once(' ')?;
        let path = Utf8PathBuf::from(path);
        Some(if word == GIVEN {
            Claim::Given { to: path }
        } else {
            Claim::Owner { id: word.to_owned(), path }
        })
    }
}

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Claim::Owner { id, path } => writeln!(f, "{id} {path}"),
            Claim::Given { to } => writeln!(f, "{GIVEN} {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_says_of_its_data_is_read_as_it_was_written() {
        for claim in [
            Claim::Owner { id: "0a1b".into(), path: "/home/ada/a repository".into() },
            Claim::Given { to: "/elsewhere".into() },
        ] {
            assert_eq!(Claim::parse(&claim.to_string()), Some(claim));
        }
        assert_eq!(Claim::parse("torn"), None);
    }
}
