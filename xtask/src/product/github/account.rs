//! What the account's plan has for this repository.

use anyhow::Result;
use serde_json::Value;

use crate::exit::refuse;
use crate::tools::github::{Api, Refused};

/// A repository, and what there is for it.
pub struct Account {
    /// Whether everybody can read it: then there is everything.
    pub is_public: bool,
    /// Environments with secrets of their own and rulesets: not of a private repository on the plan Free.
    pub has_environments: bool,
    /// The rulesets that there are.
    pub rulesets: Vec<Value>,
}

impl Account {
    /// Asks. What there is, is known by what GitHub says of rulesets: no token of one repository may read the plan itself.
    pub fn of(api: &Api) -> Result<Account> {
        let repository = api.get("")?.ok_or_else(|| {
            refuse(format!(
                "GitHub shows no repository {} to this token: it is another one's, or it has not the permissions that \
                 docs/github.md lists. Nothing was changed.",
                api.repository()
            ))
        })?;
        let is_public = repository["private"] == Value::Bool(false);
        let rulesets = match api.all("/rulesets?includes_parents=false", None) {
            Ok(rulesets) => Some(rulesets),
            Err(error) => match error.downcast_ref::<Refused>() {
                Some(refused)
                    if !is_public && refused.status == 403 && refused.message.contains("Upgrade") =>
                {
                    None
                }
                _ => return Err(error),
            },
        };
        let has_environments = rulesets.is_some();
        Ok(Account { is_public, has_environments, rulesets: rulesets.unwrap_or_default() })
    }

    /// Who must be asked before a deploy goes on: of a private repository only on the plan Enterprise.
    pub fn has_reviewers(&self) -> bool {
        self.is_public
    }

    /// What is not there, a sentence each, with what does the same here.
    pub fn lacking(&self) -> Vec<&'static str> {
        let mut lacking = Vec::new();
        if !self.has_environments {
            lacking.push(
                "a private repository on the plan Free has no environments and no rulesets. What may be deployed is held by \
                 xtask's own gates (branch, staging, checks, approval); SOPS_AGE_KEY can only be a secret of the repository, which \
                 every workflow reads: set it by hand if you accept that, with the keys of all environments, a line each",
            );
        }
        if !self.has_reviewers() {
            lacking.push(
                "required reviewers and private reports of holes are for public repositories, or Enterprise: `cargo xtask \
                 approve` and the gate `approval` ask for a second person",
            );
        }
        lacking
    }
}
