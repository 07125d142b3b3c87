//! pg-delta: what makes one database the other, as a list of statements in an order that works.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use xshell::cmd;

use crate::tools::process::{Run, shell};

const TIMEOUT: Duration = Duration::from_secs(120);

/// The program.
#[derive(Debug, Clone)]
pub struct PgDelta {
    /// Node, which runs it.
    pub node: Utf8PathBuf,
    /// The script that is the program.
    pub script: Utf8PathBuf,
}

/// What makes one database the other.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The statements, in an order that works.
    pub actions: Vec<Action>,
    /// What may be a new name of something, and is treated as one thing gone and another one made.
    #[serde(default)]
    pub rename_candidates: Vec<RenameCandidate>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// The statement, without the semicolon behind it.
    pub sql: String,
    /// `create`, `alter` or `drop`.
    pub verb: String,
    /// `none`, or whether rows are lost: `destructive`.
    #[serde(default)]
    pub data_loss: String,
    /// What is there when it has run, and was not before.
    #[serde(deserialize_with = "ids")]
    pub produces: BTreeSet<String>,
    /// What it needs.
    #[serde(deserialize_with = "ids")]
    pub consumes: BTreeSet<String>,
    /// What is gone when it has run.
    #[serde(deserialize_with = "ids")]
    pub destroys: BTreeSet<String>,
}

/// What may be a new name of something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RenameCandidate {
    /// `column:public.users.name`, as the program takes it.
    #[serde(deserialize_with = "label")]
    pub from: String,
    /// The same of the new name.
    #[serde(deserialize_with = "label")]
    pub to: String,
}

impl PgDelta {
    /// What makes the database at `from` the one at `to`, if these renames are meant (`from=to`, labels of candidates).
    pub fn plan(&self, from: &str, to: &str, renames: &[String]) -> Result<Plan> {
        let PgDelta { node, script } = self;
        let out = tempfile::NamedTempFile::new().context("making a file for pg-delta's plan")?;
        let path = Utf8Path::from_path(out.path())
            .context("the folder for temporary files has a name that is not UTF-8")?;
        let accept: Vec<&str> = renames.iter().flat_map(|it| ["--accept-rename", it]).collect();
        let plan = cmd!(
            shell(),
            "{node} {script} plan --source {from} --desired {to} --renames prompt {accept...} --strict-coverage --out {path}"
        );
        Run::new(plan)
            .timeout(TIMEOUT)
            .stdin(Vec::new())
            .run()
            .context("comparing two databases by pg-delta")?;
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
        serde_json::from_str(&text).context("pg-delta's plan is not in the form that xtask knows")
    }
}

fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    Ok(Vec::<Value>::deserialize(deserializer)?.iter().map(Value::to_string).collect())
}

fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = Value::deserialize(deserializer)?;
    let words: Vec<&str> = ["schema", "table", "name"].iter().filter_map(|word| id[word].as_str()).collect();
    Ok(format!("{}:{}", id["kind"].as_str().unwrap_or_default(), words.join(".")))
}
