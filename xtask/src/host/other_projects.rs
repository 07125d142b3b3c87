//! Compose projects on a host that are not ours: what somebody runs there by hand.

use serde::{Deserialize, Serialize};

use super::Machine;
use crate::exit::{Exit, Failure};
use crate::project::{EDGE, ENVIRONMENT_LABEL, Environment};
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container::{self, Container};
use crate::workspace;

const PROJECT: &str = "com.docker.compose.project";
/// Where the images of PostgreSQL have their data.
const DATA: &str = "/var/lib/postgresql";
/// The ports that an edge has.
pub const EDGE_PORTS: [u16; 2] = [80, 443];

/// One project, as its containers tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherProject {
    /// As compose calls it.
    pub name: String,
    /// Where its files are.
    pub folder: String,
    /// In the order of their names.
    pub services: Vec<OtherService>,
}

/// A container of such a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherService {
    /// As the compose file calls it.
    pub service: String,
    /// The container's name.
    pub container: String,
    /// Whether it runs.
    pub runs: bool,
    /// When the engine starts it again by itself.
    pub restart: String,
    /// What it publishes on the host.
    pub ports: Vec<u16>,
    /// The named volumes that it has.
    pub volumes: Vec<String>,
    /// Whether it is a PostgreSQL: its data are where those are.
    pub is_database: bool,
}

impl OtherProject {
    /// Those of these containers, by name.
    pub fn all(containers: &[Container]) -> Vec<OtherProject> {
        let mut projects: Vec<OtherProject> = Vec::new();
        for found in containers.iter().filter(|found| found.label(ENVIRONMENT_LABEL).is_none()) {
            let Some(name) = found.label(PROJECT) else { continue };
            let folder = found.label("com.docker.compose.project.working_dir").unwrap_or_default();
            let place = projects.iter().position(|it| it.name == name && it.folder == folder);
            let place = place.unwrap_or_else(|| {
                let (name, folder) = (name.to_owned(), folder.to_owned());
                projects.push(OtherProject { name, folder, services: Vec::new() });
                projects.len() - 1
            });
            projects[place].services.push(OtherService::of(found));
        }
        projects.iter_mut().for_each(|it| it.services.sort_by(|a, b| a.container.cmp(&b.container)));
        projects.sort_by(|a, b| (&a.name, &a.folder).cmp(&(&b.name, &b.folder)));
        projects
    }

    /// Whether anything of it runs.
    pub fn runs(&self) -> bool {
        self.services.iter().any(|service| service.runs)
    }

    /// What it publishes on the host, each once.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.services.iter().flat_map(|it| it.ports.iter().copied()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Whether it runs where ours would: it has a port of the edge, or lives in the environment's folder.
    pub fn is_in_the_way_of(&self, environment: &Environment) -> bool {
        let root = environment.root(&workspace::local_dir());
        let has_port = self.ports().iter().any(|port| EDGE_PORTS.contains(port));
        self.runs() && (has_port || camino::Utf8Path::new(&self.folder).starts_with(root))
    }

    /// In a line: its folder, what runs of it, and what it publishes.
    pub fn words(&self) -> String {
        let running: Vec<&str> =
            self.services.iter().filter(|it| it.runs).map(|it| it.service.as_str()).collect();
        let running = if running.is_empty() { "nothing of it runs".to_owned() } else { running.join(", ") };
        let ports: Vec<String> = self.ports().iter().map(ToString::to_string).collect();
        let ports = if ports.is_empty() { String::new() } else { format!("; ports {}", ports.join(", ")) };
        format!("{} in {} ({running}{ports})", self.name, self.folder)
    }
}

impl OtherService {
    fn of(found: &Container) -> OtherService {
        let volumes = found.mounts.iter().filter(|mount| !mount.name.is_empty());
        OtherService {
            service: found.label("com.docker.compose.service").unwrap_or_default().to_owned(),
            container: found.plain_name().to_owned(),
            runs: matches!(found.state.status, Condition::Running | Condition::Restarting),
            restart: match found.host_config.restart_policy.maximum_retry_count {
                0 => found.host_config.restart_policy.name.clone(),
                times => format!("{}:{times}", found.host_config.restart_policy.name),
            },
            ports: found.published(),
            volumes: volumes.map(|mount| mount.name.clone()).collect(),
            is_database: found.mounts.iter().any(|mount| mount.destination.starts_with(DATA)),
        }
    }
}

/// Whether the edge of the environment runs and has these ports: then the environment is served by it.
pub fn edge_has_ports(containers: &[Container], environment: &Environment, ports: &[u16]) -> bool {
    containers.iter().any(|found| {
        found.label(ENVIRONMENT_LABEL) == Some(&environment.name)
            && found.label("com.docker.compose.service") == Some(EDGE.name)
            && found.state.status == Condition::Running
            && ports.iter().all(|port| found.published().contains(port))
    })
}

/// Refused when somebody's own project has one of the `ports` that the edge is to have, and does not have yet: what to do instead.
/// `so_far` is what was done until now.
pub fn check_none_in_the_way(
    containers: &[Container],
    environment: &Environment,
    ports: &[u16],
    was_adopted: bool,
    so_far: &str,
) -> anyhow::Result<()> {
    if edge_has_ports(containers, environment, ports) {
        return Ok(());
    }
    let projects = OtherProject::all(containers);
    let has_port = |it: &OtherService| it.runs && it.ports.iter().any(|port| ports.contains(port));
    let Some(project) = projects.iter().find(|it| it.services.iter().any(has_port)) else { return Ok(()) };
    let (name, words, folder) = (&environment.name, project.words(), &project.folder);
    let what_to_do = match was_adopted {
        true => format!(
            "its data came into ours long ago: stop it (`docker compose stop` in {folder}), then `cargo xtask recover --env {name}`"
        ),
        false => format!(
            "where it is this app, `cargo xtask host adopt --env {name}` takes its data and its place over, and says first how \
             (`--plan`); any other one must give its port up"
        ),
    };
    let message = format!("a compose project that is not ours runs here: {words}\n  {what_to_do}. {so_far}");
    Err(Failure { exit: Exit::HostUnfit, message }.into())
}

impl Machine {
    /// Whether the environment's edge runs, and has the ports that users come by.
    pub fn edge_has_its_ports(&self) -> anyhow::Result<bool> {
        let Some(site) = self.site() else { return Ok(true) };
        let containers = container::labelled(self.docker(), &[self.label()])?;
        Ok(edge_has_ports(&containers, &self.environment, site.ports()))
    }

    /// Refused when somebody's own compose project has a port of the edge.
    pub fn check_no_other_project(&self, so_far: &str) -> anyhow::Result<()> {
        let Some(site) = self.site().filter(|_| !self.environment.is_here()) else { return Ok(()) };
        let containers = container::labelled(self.docker(), &[PROJECT.to_owned()])?;
        let was_adopted = self.adoption().record()?.is_some_and(|it| it.is_made());
        check_none_in_the_way(&containers, &self.environment, site.ports(), was_adopted, so_far)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(name: &str, labels: &Value, ports: &Value, destination: &str) -> Container {
        let state = json!({ "Status": "running", "StartedAt": "", "ExitCode": 0, "OOMKilled": false, "Health": null });
        let config = json!({ "Image": "", "Labels": labels, "Healthcheck": null });
        let host = json!({ "Memory": 0, "PortBindings": ports, "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 } });
        let mounts = json!([{ "Type": "volume", "Name": format!("{name}-data"), "Source": "/v", "Destination": destination }]);
        serde_json::from_value(
            json!({ "Name": format!("/{name}"), "State": state, "RestartCount": 0, "Config": config,
            "HostConfig": host, "Mounts": mounts }),
        )
        .unwrap()
    }

    fn of_project(name: &str, folder: &str, service: &str) -> Value {
        json!({ PROJECT: name, "com.docker.compose.project.working_dir": folder, "com.docker.compose.service": service })
    }

    #[test]
    fn what_somebody_runs_by_hand_is_told_from_what_is_ours_and_from_what_is_in_nobody_s_way() {
        let staging = Environment::named("staging").unwrap();
        let root = staging.root(&workspace::local_dir());
        let mut ours =
            of_project("x-staging-platform", root.join("platform").as_str(), crate::project::EDGE.name);
        ours[ENVIRONMENT_LABEL] = json!("staging");
        let inside = root.join("x");
        let containers = [
            found(
                "x-web-1",
                &of_project("x", inside.as_str(), "web"),
                &json!({ "80/tcp": [{ "HostIp": "", "HostPort": "80" }] }),
                "/w",
            ),
            found("x-db-1", &of_project("x", inside.as_str(), "db"), &json!({}), "/var/lib/postgresql/data"),
            found(
                "blog-1",
                &of_project("blog", "/srv/blog", "blog"),
                &json!({ "80/tcp": [{ "HostIp": "", "HostPort": "8080" }] }),
                "/w",
            ),
            found("alone", &json!({}), &Value::Null, "/w"),
            found("ours", &ours, &json!({ "80/tcp": [{ "HostIp": "", "HostPort": "80" }] }), "/w"),
        ];
        let projects = OtherProject::all(&containers);
        let names: Vec<&str> = projects.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["blog", "x"]);
        assert!(!projects[0].is_in_the_way_of(&staging), "it has a folder and a port of its own");
        assert!(projects[1].is_in_the_way_of(&staging));
        let databases: Vec<bool> = projects[1].services.iter().map(|it| it.is_database).collect();
        assert_eq!(databases, [true, false]);
        assert_eq!(projects[1].services[1].restart, "on-failure:3");
        let others = crate::host::inventory::others(&projects[1], &containers);
        assert_eq!(others, [(8080, "blog-1".to_owned()), (80, "ours".to_owned())]);
        let check = |containers: &[Container], ports: &[u16], was_adopted| {
            check_none_in_the_way(containers, &staging, ports, was_adopted, "Nothing was changed.")
        };
        let refused = check(&containers[..4], &[80], false).unwrap_err().to_string();
        assert!(refused.contains("x in /") && refused.contains("(db, web; ports 80)"), "{refused}");
        assert!(refused.contains("host adopt --env staging"), "{refused}");
        let refused = check(&containers[..4], &[80], true).unwrap_err().to_string();
        assert!(refused.contains("recover") && !refused.contains("host adopt"), "{refused}");
        // Ours serves by it already; it is a port that ours does not want, or not of TCP; nothing of it runs.
        check(&containers, &[80], false).unwrap();
        check(&containers, &[80, 443], false).unwrap_err();
        check(&containers[1..4], &[80], false).unwrap();
        let quic = json!({ "443/udp": [{ "HostIp": "", "HostPort": "443" }] });
        check(&[found("quic", &of_project("quic", "/q", "q"), &quic, "/w")], &[80, 443], false).unwrap();
        let mut stopped = found(
            "x-web-1",
            &of_project("x", "/x", "web"),
            &json!({ "80/tcp": [{ "HostIp": "", "HostPort": "80" }] }),
            "/w",
        );
        stopped.state.status = Condition::Exited;
        check(&[stopped], &[80], false).unwrap();
    }
}
