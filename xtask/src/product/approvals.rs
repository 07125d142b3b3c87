//! That a person has approved of a commit for an environment: a note, signed with the person's ssh key, in the registry beside
//! the images that it is about.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::checks::{digests, why_other_images};
use super::images::Registry;
use super::signed::{Signed, listed, signers_of_tree};
use crate::exit::refuse;
use crate::project::{
    APPROVALS_IMAGE, APPROVALS_NAMESPACE, APPROVERS_FILE, DEFAULT_BRANCH, DEPLOY, Environment,
};
use crate::tools::files::hex::hex;
use crate::tools::git::{self, Commit};
use crate::tools::ssh::signature;

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
    signers: &str,
) -> Result<(Vec<String>, Vec<String>)> {
    let (mut given, mut not) = (Vec::new(), Vec::new());
    for name in names(signers) {
        let tag = tag(&commit.sha, &environment.name, name);
        let Some(signed) = Signed::get(registry, APPROVALS_IMAGE, &tag)? else { continue };
        match signed.verify::<Approval>(signers, APPROVALS_NAMESPACE) {
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
    signers_of_tree(&path())
}

/// Who may approve of what replaces the commit that is live: those whom that commit lists, so that no commit brings its own
/// approvers, or does without any. While it lists nobody, those of the default branch, or else of this tree. An error when the
/// live commit is not in this clone.
pub fn approvers_after(folder: &Utf8Path, live: Option<&str>, here: String) -> Result<String> {
    let is_listed = |signers: &String| names(signers).next().is_some();
    if let Some(live) = live {
        let found = git::history::show_if_there(folder, live, &path()).with_context(|| {
            format!("{} is read as the live commit {live} has it: `git fetch` brings it here", path())
        })?;
        if let Some(signers) = found.filter(is_listed) {
            return Ok(signers);
        }
    }
    let branch = format!("refs/remotes/origin/{DEFAULT_BRANCH}");
    let of_branch = match git::full_name(folder, &branch)? {
        Some(commit) => git::history::show_if_there(folder, &commit, &path())?,
        None => None,
    };
    Ok(of_branch.filter(is_listed).unwrap_or(here))
}

/// The file with who may approve, from the repository's root.
pub fn path() -> String {
    format!("{DEPLOY}/{APPROVERS_FILE}")
}

/// The names of those whose keys are listed.
pub fn names(signers: &str) -> impl Iterator<Item = &str> {
    listed(signers).flat_map(|line| line.split_whitespace().next().unwrap_or_default().split(','))
}

/// Whether the one who deploys, as the ledger calls them (`ada@machine`), has one of the names of this approver: a line lists all
/// names of a person.
pub fn is_the_same(signers: &str, deployer: &str, approver: &str) -> bool {
    let user = |name: &str| name.split('@').next().unwrap_or(name).to_lowercase();
    let lines = listed(signers).map(|line| names(line).map(user).collect::<Vec<_>>());
    lines.filter(|line| line.contains(&user(approver))).flatten().any(|name| name == user(deployer))
}

/// One a person, commit and environment. Names may hold what no tag does.
fn tag(sha: &str, environment: &str, who: &str) -> String {
    format!("{sha}-{environment}-{}", &hex(&Sha256::digest(who))[..16])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use xshell::cmd;

    use super::*;
    use crate::tools::files::private::Folder;
    use crate::tools::process::{Run, shell_in};

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
        let is_the_same = |deployer: &str, approver: &str| is_the_same(signers, deployer, approver);
        assert!(is_the_same("Ada@laptop", "ada@example.org") && !is_the_same("ada@laptop", "bob"));
        // On a laptop, and on GitHub.
        let signers = "ada,ada-lovelace,al ssh-ed25519 AAAA\nbob ssh-ed25519 BBBB";
        let is_the_same = |deployer: &str, approver: &str| super::is_the_same(signers, deployer, approver);
        assert!(is_the_same("Ada-Lovelace@runner", "ada") && is_the_same("ada@laptop", "al"));
        assert!(!is_the_same("ada-lovelace@runner", "bob") && !is_the_same("bob@laptop", "ada"));
        assert_ne!(tag("01", "production", "ada"), tag("01", "production", "bob"));
    }

    #[test]
    fn no_commit_brings_its_own_approvers_or_does_without_any() {
        let folder = Folder::new().unwrap();
        let folder = folder.path();
        let sh = shell_in(folder);
        let git = |words: &[&str]| {
            let told =
                Run::new(cmd!(sh, "git -c user.name=a -c user.email=a@b -c commit.gpgsign=false {words...}"));
            told.text().unwrap().trim().to_owned()
        };
        let commit = |signers: &str| {
            fs::create_dir_all(folder.join(DEPLOY)).unwrap();
            fs::write(folder.join(path()), signers).unwrap();
            git(&["add", "."]);
            git(&["commit", "--quiet", "--allow-empty", "--message", "c"]);
            git(&["rev-parse", "HEAD"])
        };
        git(&["init", "--quiet", "--initial-branch", "main"]);
        let after = |live: Option<&str>, here: &str| approvers_after(folder, live, here.to_owned());
        let nobody = commit("# nobody yet\n");
        let ada = commit("ada ssh-ed25519 AAAA\n");
        let mallory = "ada ssh-ed25519 AAAA\nmallory ssh-ed25519 MMMM\n";
        commit(mallory);
        for here in ["", mallory] {
            assert_eq!(after(Some(&ada), here).unwrap(), "ada ssh-ed25519 AAAA\n");
        }
        for live in [Some(nobody.as_str()), None] {
            assert_eq!(after(live, "bob ssh-ed25519 BBBB\n").unwrap(), "bob ssh-ed25519 BBBB\n");
        }
        git(&["update-ref", "refs/remotes/origin/main", &ada]);
        assert_eq!(after(None, "").unwrap(), "ada ssh-ed25519 AAAA\n");
        let unknown = "1".repeat(40);
        assert!(format!("{:#}", after(Some(&unknown), "").unwrap_err()).contains("git fetch"));
    }
}
