//! What a deploy from somebody's own machine leaves on GitHub: a deployment and its statuses, as a job with an environment does.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Access, access};
use crate::project::{Environment, Site};
use crate::tools::github::{Api, Method, PER_PAGE};

/// How the description of one ends that a deploy from somebody's own machine has left.
const BY_US: &str = ", by cargo xtask deploy";

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
    // Who deploys waits for no limit of GitHub's.
    let api = |access: Access| Api::new(&access.address, &access.repository, &access.token).without_waiting();
    Ok(access()?.ok().map(api))
}

impl Deployment {
    /// Says that this commit is being deployed. What must hold before that was asked already, so GitHub asks for no checks.
    pub fn begin(api: Api, environment: &Environment, commit: &str, release: &str) -> Result<Deployment> {
        let name = environment.name.to_string();
        end_cut_one(&api, &name)?;
        let body = json!({
            "ref": commit,
            "environment": name,
            "description": format!("release {release}{BY_US}"),
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
        self.api.send(&Method::POST, &statuses(self.id), &body).map(drop)
    }
}

/// The one before is in progress for ever when its deploy was killed: nobody else deploys now, so it is none any more.
fn end_cut_one(api: &Api, environment: &str) -> Result<()> {
    let newest = api.get(&format!("/deployments?environment={environment}&per_page={PER_PAGE}"))?;
    let newest = newest.as_ref().and_then(Value::as_array).into_iter().flatten();
    let mut ours = newest.filter(|it| it["description"].as_str().is_some_and(|told| told.ends_with(BY_US)));
    let Some(before) = ours.next().and_then(|it| it["id"].as_u64()) else { return Ok(()) };
    let told = api.get(&format!("{}?per_page=1", statuses(before)))?.unwrap_or_default();
    if told[0]["state"] == "in_progress" {
        let body = json!({ "state": "error", "environment": environment, "description": "it was cut" });
        api.send(&Method::POST, &statuses(before), &body)?;
    }
    Ok(())
}

fn statuses(deployment: u64) -> String {
    format!("/deployments/{deployment}/statuses")
}
