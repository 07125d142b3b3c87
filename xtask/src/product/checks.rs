//! The note that a commit's checks have passed: which commit, which images, which jobs. CI signs it when all of them have, and
//! whoever deploys believes it by the list of signers in the repository.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::images::Registry;
use super::signed::{Signed, listed, signers_of_tree};
use super::workflows::jobs::JOBS;
use crate::exit::refuse;
use crate::project::{CHECKS_IMAGE, CHECKS_KEY, CHECKS_NAMESPACE, CHECKS_RESULTS, DEPLOY, SIGNERS_FILE};
use crate::tools::git::Commit;
use crate::tools::ssh::keys::Key;
use crate::tools::ssh::signature;

/// What CI vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The commit, in full.
    pub commit: String,
    /// Component to digest.
    pub images: BTreeMap<String, String>,
    /// The jobs that have passed.
    pub passed: Vec<String>,
    /// When it was signed, RFC 3339 in UTC.
    pub at: String,
}

/// The jobs that have passed, as the last job of a workflow is told of those before it; refused unless each job of the table
/// has.
pub fn passed_jobs() -> Result<Vec<String>> {
    let told = std::env::var(CHECKS_RESULTS).unwrap_or_default();
    if told.trim().is_empty() {
        return Err(refuse(format!(
            "{CHECKS_RESULTS} is not set: it says what the jobs of CI have come to (`toJSON(needs)` of a workflow), and images \
             get their names only when all have passed. Nothing was changed."
        )));
    }
    passed(&told).map_err(refuse)
}

/// Like `passed_jobs`, from what a workflow writes.
fn passed(told: &str) -> Result<Vec<String>, String> {
    let results: BTreeMap<String, Value> = serde_json::from_str(told).map_err(|error| {
        format!("{CHECKS_RESULTS} is not what a workflow writes by toJSON(needs): {error}")
    })?;
    let outcome = |job: &str| results.get(job).and_then(|job| job["result"].as_str()).unwrap_or("not run");
    let failed: Vec<String> = JOBS
        .iter()
        .filter(|job| outcome(job.id) != "success")
        .map(|job| format!("{}: {}", job.name, outcome(job.id)))
        .collect();
    match failed.is_empty() {
        true => Ok(JOBS.iter().map(|job| job.id.to_owned()).collect()),
        false => Err(format!("not every job has passed ({}). Nothing was changed.", failed.join(", "))),
    }
}

/// The key by which CI signs; none where none is set.
pub fn key() -> Result<Option<Key>> {
    match std::env::var(CHECKS_KEY).ok().filter(|value| !value.trim().is_empty()) {
        Some(value) => Key::parse(&value).map(Some).map_err(|why| refuse(format!("{CHECKS_KEY}: {why}"))),
        None => Ok(None),
    }
}

impl Note {
    /// That these jobs have passed for this commit, whose images these are: component to name by digest.
    pub fn of(commit: &Commit, images: &BTreeMap<String, String>, passed: Vec<String>) -> Note {
        let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        Note { commit: commit.sha.clone(), images: digests(images), passed, at: now.to_string() }
    }

    /// Signs it.
    pub fn sign(&self, key: &Key) -> Result<Signed> {
        let text = serde_json::to_string(self)?;
        Ok(Signed { signature: signature::sign(key, CHECKS_NAMESPACE, &text)?, text })
    }

    /// Why it does not vouch for this commit with these images, and no others; where none are asked for, any will do.
    pub fn why_not(&self, sha: &str, images: Option<&BTreeMap<String, String>>) -> Option<String> {
        if self.commit != sha {
            return Some(format!("the note is of another commit, {}", self.commit));
        }
        why_other_images(&self.images, images?)
    }
}

/// Puts a note beside the commit's images.
pub fn put(note: &Signed, registry: &Registry, commit: &Commit) -> Result<()> {
    note.put(registry, CHECKS_IMAGE, &commit.sha)
}

/// The note that lies beside the commit's images; none where there is none.
pub fn get(registry: &Registry, sha: &str) -> Result<Option<Signed>> {
    Signed::get(registry, CHECKS_IMAGE, sha)
}

/// The file with who may sign, from the repository's root.
pub fn signers_path() -> String {
    format!("{DEPLOY}/{SIGNERS_FILE}")
}

/// Who may sign, as this tree has it, which is also what this program is compiled from: whoever can change the one can change
/// the other. Not as the commit has it that is to be deployed: it could list whom it likes.
pub fn signers() -> Result<String> {
    signers_of_tree(&signers_path())
}

/// Whether anybody is listed in a file of allowed signers.
pub fn lists_somebody(signers: &str) -> bool {
    listed(signers).next().is_some()
}

/// Why these images, component to name, are not those of a note, component to digest.
pub fn why_other_images(
    noted: &BTreeMap<String, String>,
    images: &BTreeMap<String, String>,
) -> Option<String> {
    let images = digests(images);
    let all: BTreeSet<&String> = images.keys().chain(noted.keys()).collect();
    let differing = |component: &&String| images.get(*component) != noted.get(*component);
    let others: Vec<&str> = all.into_iter().filter(differing).map(String::as_str).collect();
    (!others.is_empty()).then(|| format!("they were of other images ({})", others.join(", ")))
}

/// Component to digest, without the registry's name in front.
pub fn digests(images: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let digest = |image: &str| image.rsplit('@').next().unwrap_or(image).to_owned();
    images.iter().map(|(component, image)| (component.clone(), digest(image))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(outcome: &str, of: usize) -> String {
        let one = |(at, job): (usize, &super::super::workflows::jobs::Job)| {
            let result = if at == of { outcome } else { "success" };
            (job.id.to_owned(), serde_json::json!({ "result": result, "outputs": {} }))
        };
        serde_json::Value::Object(JOBS.iter().enumerate().map(one).collect()).to_string()
    }

    #[test]
    fn a_job_that_failed_was_skipped_or_is_not_told_of_is_no_pass() {
        assert_eq!(passed(&results("success", 0)).map(|all| all.len()), Ok(JOBS.len()));
        for outcome in ["failure", "skipped", "cancelled", ""] {
            for (at, job) in JOBS.iter().enumerate() {
                let why = passed(&results(outcome, at)).unwrap_err();
                assert!(why.contains(job.name), "{why}");
            }
        }
        assert!(passed("{}").unwrap_err().contains("not run"));
        for wrong in ["", "success", "[]"] {
            assert!(passed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_note_vouches_for_its_commit_and_its_very_images() {
        let images = |digest: &str| {
            let name = |it: &str| (it.to_owned(), format!("registry/{it}@sha256:{digest}"));
            BTreeMap::from(["backend", "frontend"].map(name))
        };
        let commit = Commit { sha: "0123".to_owned(), time: 0, subject: String::new() };
        let note = Note::of(&commit, &images("11"), vec!["all".to_owned()]);
        let elsewhere: BTreeMap<_, _> = images("11")
            .into_iter()
            .map(|(name, image)| (name, image.replace("registry", "localhost:1")))
            .collect();
        assert_eq!(note.why_not("0123", Some(&elsewhere)), None);
        assert_eq!(note.why_not("0123", None), None);
        assert!(note.why_not("4567", Some(&images("11"))).is_some());
        assert!(note.why_not("0123", Some(&images("22"))).unwrap().contains("backend, frontend"));
        let mut more = images("11");
        more.insert("worker".to_owned(), "registry/worker@sha256:33".to_owned());
        assert!(note.why_not("0123", Some(&more)).unwrap().contains("worker"));
        assert!(
            note.why_not("0123", Some(&BTreeMap::new())).is_some(),
            "none are there, and others would be built"
        );
    }
}
