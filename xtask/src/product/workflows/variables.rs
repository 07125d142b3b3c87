//! What a deploy in a workflow is told, by name: secrets and variables of the environment on GitHub, under the very names
//! that `cargo xtask deploy` reads.

use crate::project::{
    Environment, HOST_VARIABLES, IDENTITY, LOGS_CA, LOGS_TO, OPERATOR_SECRETS, OWN_HOST_VARIABLES, SECRETS,
    Site,
};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name, on GitHub and in the process's environment.
    pub name: String,
    /// Whether GitHub keeps it as a secret, or as a variable that everybody may read.
    pub is_secret: bool,
    /// Whether nothing goes without it.
    pub is_required: bool,
}

impl Variable {
    /// What stands for its value in a workflow.
    pub fn expression(&self) -> String {
        let context = if self.is_secret { "secrets" } else { "vars" };
        format!("${{{{ {context}.{} }}}}", self.name)
    }
}

/// What a deploy to the environment reads.
pub fn of(environment: &Environment) -> Vec<Variable> {
    let mut all = way(environment);
    if let Some(before) = environment.gate() {
        all.extend(way_to_ledger(&before));
    }
    all.push(optional(IDENTITY));
    all.extend(SECRETS.iter().map(|secret| optional(secret.variable)));
    all.extend(told());
    all
}

/// The way to the environment's host.
pub fn way(environment: &Environment) -> Vec<Variable> {
    let named = HOST_VARIABLES.iter().filter(|(name, _)| !OWN_HOST_VARIABLES.contains(name));
    named.map(|(name, needed)| of_prefix(environment, name, *needed)).collect()
}

/// The way to read what another environment has confirmed, and to nothing else there.
fn way_to_ledger(environment: &Environment) -> Vec<Variable> {
    let mut way = way(environment);
    way.retain(|variable| !variable.name.ends_with("_SSH_KEY"));
    way.push(of_prefix(environment, "LEDGER_KEY", true));
    way
}

fn of_prefix(environment: &Environment, name: &str, is_required: bool) -> Variable {
    let Site::Remote { prefix, .. } = environment.site else { unreachable!("a workflow deploys to hosts") };
    Variable { name: format!("{prefix}_{name}"), is_secret: true, is_required }
}

/// Who is told of a deploy, and who takes the logs.
pub fn told() -> Vec<Variable> {
    let secrets = OPERATOR_SECRETS.iter().map(|name| optional(name));
    let [_, project @ ..] = sentry();
    secrets.chain(project).chain([LOGS_TO, LOGS_CA].map(public)).collect()
}

/// Which Sentry takes source maps. Without its address a token for somebody's own would go to sentry.io.
pub fn sentry() -> [Variable; 4] {
    [optional("SENTRY_AUTH_TOKEN"), public("SENTRY_URL"), public("SENTRY_ORG"), public("SENTRY_PROJECT")]
}

fn public(name: &str) -> Variable {
    Variable { is_secret: false, ..optional(name) }
}

fn optional(name: &str) -> Variable {
    Variable { name: name.to_owned(), is_secret: true, is_required: false }
}

/// As a step's environment.
pub fn as_env(variables: &[Variable]) -> Vec<(String, String)> {
    variables.iter().map(|variable| (variable.name.clone(), variable.expression())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(environment: &str) -> Vec<String> {
        of(&Environment::named(environment).unwrap()).into_iter().map(|variable| variable.name).collect()
    }

    #[test]
    fn production_may_read_staging_s_ledger_and_nothing_else_there() {
        let names = names("production");
        assert!(names.contains(&"STAGING_LEDGER_KEY".to_owned()), "{names:?}");
        assert!(names.contains(&"PRODUCTION_SSH_KEY".to_owned()), "{names:?}");
        assert!(!names.contains(&"STAGING_SSH_KEY".to_owned()), "{names:?}");
    }

    #[test]
    fn staging_knows_nothing_of_production() {
        assert!(!names("staging").iter().any(|name| name.starts_with("PRODUCTION")));
    }
}
