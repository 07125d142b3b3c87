//! That a person has approved of a commit for an environment: a note, signed with the person's ssh key, in the registry beside
//! the images that it is about.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::checks::{digests, why_other_images};
use super::images::Registry;
use super::signed::{Signed, listed};
use crate::exit::refuse;
use crate::project::{APPROVALS_IMAGE, APPROVALS_NAMESPACE, APPROVERS_FILE, DEPLOY, Environment};
use crate::tools::files::hex::hex;
use crate::tools::git::Commit;
use crate::tools::ssh::signature;
use crate::workspace;

/// What a person approves of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The commit, in full.
    pub commit: String,
    /// Where it may go.
    pub environment: String,
    /// Component to digest.
    pub images: BTreeMap<String, String>,
    /// When it was signed, RFC 3339 in UTC.
    pub at: String,
}

impl Approval {
    /// Of this commit with these images, component to name by digest.
    pub fn of(commit: &Commit, environment: &Environment, images: &BTreeMap<String, String>) -> Approval {
        Approval {
            commit: commit.sha.clone(),
            environment: environment.name.to_string(),
            images: digests(images),
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }

    /// Signs it with a person's key: a file with the private one, or with the public one of a key that an agent has. Gives who
    /// that is, by the list of approvers; refused when it is nobody.
    pub fn sign(&self, key: &Utf8Path) -> Result<(Signed, String)> {
        let text = serde_json::to_string(self)?;
        let signature = signature::sign_in_person(key, APPROVALS_NAMESPACE, &text)?;
        let signed = Signed { text, signature };
        let (_, who) = signed.verify::<Approval>(&approvers()?, APPROVALS_NAMESPACE).map_err(|error| {
            refuse(format!(
                "a signature by {key} would not be believed: {error:#}\n  {} lists who may approve: a line with a name, \
                 namespaces=\"{APPROVALS_NAMESPACE}\" and the public key. Nothing was changed.",
                path()
            ))
        })?;
        Ok((signed, who))
    }

    /// Why it does not approve of that.
    fn why_not(
        &self,
        environment: &Environment,
        sha: &str,
        images: &BTreeMap<String, String>,
    ) -> Option<String> {
        if self.commit != sha || self.environment != environment.name {
            return Some(format!("it is of {} for {}", self.commit, self.environment));
        }
        why_other_images(&self.images, images)
    }
}

/// Puts it beside the commit's images.
pub fn put(signed: &Signed, who: &str, registry: &Registry, approval: &Approval) -> Result<()> {
    signed.put(registry, APPROVALS_IMAGE, &tag(&approval.commit, &approval.environment, who))
}

/// Who has approved of this commit with these images, of those who are listed; and of those who did not count, why not.
pub fn given(
    registry: &Registry,
    environment: &Environment,
    commit: &Commit,
    images: &BTreeMap<String, String>,
) -> Result<(Vec<String>, Vec<String>)> {
    let signers = approvers()?;
    let (mut given, mut not) = (Vec::new(), Vec::new());
    for name in names(&signers) {
        let tag = tag(&commit.sha, &environment.name, name);
        let Some(signed) = Signed::get(registry, APPROVALS_IMAGE, &tag)? else { continue };
        match signed.verify::<Approval>(&signers, APPROVALS_NAMESPACE) {
            Ok((approval, who)) if who == name => match approval.why_not(environment, &commit.sha, images) {
                None => given.push(who),
                Some(why) => not.push(format!("{name}'s does not count: {why}")),
            },
            Ok((_, who)) => not.push(format!("{name}'s does not count: {who} has signed it")),
            Err(error) => not.push(format!("{name}'s does not count: {error:#}")),
        }
    }
    Ok((given, not))
}

/// Who may approve, as this tree has it, which is also what this program is compiled from.
pub fn approvers() -> Result<String> {
    let path = workspace::root().join(path());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("reading {path}")),
    }
}

/// The file with who may approve, from the repository's root.
pub fn path() -> String {
    format!("{DEPLOY}/{APPROVERS_FILE}")
}

/// The names of those whose keys are listed.
pub fn names(signers: &str) -> impl Iterator<Item = &str> {
    listed(signers).flat_map(|line| line.split_whitespace().next().unwrap_or_default().split(','))
}

/// Whether the one who deploys, as the ledger calls them (`ada@machine`), has this name among the approvers.
pub fn is_the_same(deployer: &str, approver: &str) -> bool {
    let user = |name: &str| name.split('@').next().unwrap_or(name).to_lowercase();
    user(deployer) == user(approver)
}

/// One a person, commit and environment. Names may hold what no tag does.
fn tag(sha: &str, environment: &str, who: &str) -> String {
    format!("{sha}-{environment}-{}", &hex(&Sha256::digest(who))[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_of_one_commit_one_environment_and_its_very_images() {
        let images = |digest: &str| BTreeMap::from([("backend".to_owned(), format!("r/b@sha256:{digest}"))]);
        let commit = Commit { sha: "0123".to_owned(), time: 0, subject: String::new() };
        let of = |name: &str| Environment::named(name).unwrap();
        let approval = Approval::of(&commit, &of("production"), &images("11"));
        assert_eq!(approval.why_not(&of("production"), "0123", &images("11")), None);
        assert!(approval.why_not(&of("staging"), "0123", &images("11")).is_some());
        assert!(approval.why_not(&of("production"), "4567", &images("11")).is_some());
        assert!(approval.why_not(&of("production"), "0123", &images("22")).is_some());
    }

    #[test]
    fn names_are_read_as_ssh_keygen_reads_them_and_nobody_is_two() {
        let signers =
            "# ada\n\nada@example.org,ada namespaces=\"x\" ssh-ed25519 AAAA\n bob ssh-ed25519 BBBB\n";
        assert_eq!(names(signers).collect::<Vec<_>>(), ["ada@example.org", "ada", "bob"]);
        assert!(is_the_same("Ada@laptop", "ada@example.org") && !is_the_same("ada@laptop", "bob"));
        assert_ne!(tag("01", "production", "ada"), tag("01", "production", "bob"));
    }
}
