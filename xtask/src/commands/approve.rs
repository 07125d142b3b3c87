//! `cargo xtask approve`: a person says yes to a commit for an environment, with their ssh key.

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use super::target::{self, gate, version};
use crate::exit::refuse;
use crate::product::approvals::{self, Approval};
use crate::product::images::{self, Registry};
use crate::project::Environment;
use crate::terminal::{self, paint};

/// Approve a commit for an environment, by your ssh key
///
/// The signature lies in the registry, beside the commit's images. A deploy to an environment that asks for approvals wants
/// one by somebody else than who deploys.
#[derive(Debug, Args)]
pub struct Approve {
    /// Which commit: a branch, a tag, or the beginning of its name
    commit: String,
    /// For which environment
    #[arg(long, value_name = "ENVIRONMENT", value_parser = target::environment)]
    env: Environment,
    /// The key: a private one, or the public one of a key that your agent has; without it, the first of ~/.ssh/id_ed25519,
    /// id_ecdsa, id_rsa
    #[arg(long, value_name = "FILE")]
    key: Option<Utf8PathBuf>,
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Approve {
    /// Signs what is in the registry at this moment: the same images must then be deployed.
    pub fn run(self) -> Result<()> {
        let environment = &self.env;
        if environment.is_here() {
            return Err(refuse(format!(
                "{} takes this tree as it is: nobody approves of it",
                environment.name
            )));
        }
        let key = self.key.clone().map_or_else(own_key, Ok)?;
        let commit = version::choose(environment, Some(&self.commit))?;
        images::ensure_publisher(self.yes)?;
        let registry = Registry::choose()?;
        let sha = gate::short(&commit.sha);
        let images = images::find(&registry, &commit)?.ok_or_else(|| {
            refuse(format!(
                "{registry} has no images of {sha} ({}): what is approved is images. Nothing was changed.",
                commit.subject
            ))
        })?;
        let approval = Approval::of(&commit, environment, &images);
        let (signed, who) = approval.sign(&key)?;
        approvals::put(&signed, &who, &registry, &approval)?;
        if environment.reviewers == 0 {
            terminal::warn(format_args!("{} asks for no approval: `reviewers` in its row", environment.name));
        }
        self.output.say(
            || json!({ "commit": commit.sha, "environment": environment.name, "by": who, "at": approval.at }),
            || {
                let done = paint::good("Approved:");
                terminal::say(format_args!(
                    "{done} {sha} ({}) for {}, by {who}",
                    commit.subject, environment.name
                ));
            },
        );
        Ok(())
    }
}

fn own_key() -> Result<Utf8PathBuf> {
    let home = std::env::home_dir().and_then(|home| Utf8PathBuf::from_path_buf(home).ok());
    let keys = ["id_ed25519", "id_ecdsa", "id_rsa"].into_iter().filter_map(|name| {
        let path = home.as_ref()?.join(".ssh").join(name);
        path.is_file().then_some(path)
    });
    keys.into_iter().next().ok_or_else(|| {
        refuse("no ssh key is in ~/.ssh: name one by `--key FILE`, or the public half of one that your agent has")
    })
}
