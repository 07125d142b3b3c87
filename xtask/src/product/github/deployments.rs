//! What a deploy from somebody's own machine leaves on GitHub: a deployment and its statuses, as a job with an environment does.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::access;
use crate::project::{Environment, Site};
use crate::tools::github::{Api, Method};

/// A deployment that GitHub knows of.
pub struct Deployment {
    api: Api,
    id: u64,
    environment: String,
}

/// Who is told of deploys to this environment: nobody where GitHub has no such environment, no token is set, or the job itself
/// leaves a deployment.
pub fn whom(environment: &Environment) -> Result<Option<Api>> {
    let is_on_github = matches!(environment.site, Site::Remote { .. }) && !environment.is_for_trying;
    let is_a_job = std::env::var_os("GITHUB_ACTIONS").is_some();
    if !is_on_github || is_a_job {
        return Ok(None);
    }
    Ok(access()?.ok().map(|access| Api::new(&access.address, &access.repository, &access.token)))
}

impl Deployment {
    /// Says that this commit is being deployed. What must hold before that was asked already, so GitHub asks for no checks.
    pub fn begin(api: Api, environment: &Environment, commit: &str, release: &str) -> Result<Deployment> {
        let name = environment.name.to_string();
        let body = json!({
            "ref": commit,
            "environment": name,
            "description": format!("release {release}, by cargo xtask deploy"),
            "auto_merge": false,
            "required_contexts": [],
            "production_environment": environment.gate().is_some(),
        });
        let made = api.send(&Method::POST, "/deployments", &body)?;
        let id = made["id"].as_u64().context("GitHub has taken the deployment, and gives no number of it")?;
        let deployment = Deployment { api, id, environment: name };
        deployment.say("in_progress", None)?;
        Ok(deployment)
    }

    /// Says what has become of it; `url` is where users are.
    pub fn end(&self, has_succeeded: bool, url: &str) -> Result<()> {
        match has_succeeded {
            true => self.say("success", Some(url)),
            false => self.say("failure", None),
        }
    }

    fn say(&self, state: &str, url: Option<&str>) -> Result<()> {
        let mut body = json!({ "state": state, "environment": self.environment });
        if let Some(url) = url {
            body["environment_url"] = json!(url);
        }
        self.api.send(&Method::POST, &format!("/deployments/{}/statuses", self.id), &body).map(drop)
    }
}
