//! What was found on a host, each with what adopting it would do: the part that people decide by.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use super::env_file;
use crate::host::{EDGE_PORTS, Inventory, Job, OtherProject};
use crate::product::secrets::{self, table};
use crate::product::settings::Settings;
use crate::project::{Environment, FREE_DISK, SECRETS};
use crate::workspace;

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is: port 80, volume, job.
    pub what: String,
    /// What was seen; of secrets never more than the name.
    pub found: String,
    /// What would become of it, or why nothing can.
    pub then: String,
    /// Whether the host can't be adopted as long as it is so.
    #[serde(rename = "refused")]
    pub is_refused: bool,
}

impl Finding {
    /// One that is no hindrance.
    pub fn of(what: impl Into<String>, found: impl Into<String>, then: impl Into<String>) -> Finding {
        Finding { what: what.into(), found: found.into(), then: then.into(), is_refused: false }
    }

    /// One that is.
    pub fn refused(what: impl Into<String>, found: impl Into<String>, then: impl Into<String>) -> Finding {
        Finding { is_refused: true, ..Finding::of(what, found, then) }
    }
}

/// Bytes, for people.
pub fn size(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// All but the database.
pub fn findings(
    project: &OtherProject,
    inventory: &Inventory,
    environment: &Environment,
) -> Result<Vec<Finding>> {
    let mut findings =
        vec![Finding::of("engine", inventory.engine.clone(), "it stays, and so does what runs on it")];
    findings.extend(disk(project, inventory));
    findings.push(Finding::of(
        "project",
        project.words(),
        "stopped at the cut-over, and kept: it can be started again until it is forgotten",
    ));
    findings.extend(inventory.checkout.iter().map(|(commit, changed)| {
        let changed = if *changed > 0 { format!(", {changed} files changed by hand") } else { String::new() };
        Finding::of(
            "checkout",
            format!("{commit}{changed}"),
            "it stays where it is; what was changed is in no release",
        )
    }));
    findings.extend(ports(project, inventory));
    findings.extend(volumes(project, inventory));
    findings.extend(variables(inventory, environment)?);
    findings.extend(inventory.cron.iter().map(of_job));
    findings.extend(inventory.units.iter().map(|unit| {
        let then =
            "it would start the old project at the next boot, beside ours: `systemctl disable` it first";
        Finding::refused("boot", unit.clone(), then)
    }));
    findings.extend(inventory.certificates.iter().map(|(file, until)| {
        Finding::of(
            "certificate",
            format!("{file}, until {until}"),
            "it stays; the edge has one of its own from its authority, and renews it",
        )
    }));
    Ok(findings)
}

fn of_job(job: &Job) -> Finding {
    let found = format!("{} ({}, line {})", job.program, job.file, job.line);
    if job.starts {
        let then = "it names the old project's folder, or Compose: it would start that again, beside ours, or fail. Take it out first";
        return Finding::refused("job", found, then);
    }
    Finding::of("job", found, "it stays: look whether it is still wanted. Backups are made by ours")
}

/// Room for images, two dumps and a second database.
fn disk(project: &OtherProject, inventory: &Inventory) -> Option<Finding> {
    let (free, path) = inventory.disk.as_ref()?;
    let databases = project.services.iter().filter(|it| it.is_database).flat_map(|it| &it.volumes);
    let data: u64 = databases.filter_map(|name| inventory.volumes.get(name)).sum();
    let wanted = FREE_DISK + 3 * data;
    let found = format!("{} free under {path}", size(*free));
    Some(match free.checked_sub(wanted) {
        Some(_) => Finding::of(
            "disk",
            found,
            format!("{} of it are wanted, for images, dumps and a second database", size(wanted)),
        ),
        None => Finding::refused(
            "disk",
            found,
            format!("{} are wanted: free {} more", size(wanted), size(wanted - free)),
        ),
    })
}

fn ports(project: &OtherProject, inventory: &Inventory) -> Vec<Finding> {
    let of_project = project.services.iter().filter(|it| it.runs).flat_map(|service| {
        service.ports.iter().map(|port| match EDGE_PORTS.contains(port) {
            true => Finding::of(
                format!("port {port}"),
                service.container.clone(),
                "the edge takes it at the cut-over",
            ),
            false => Finding::of(
                format!("port {port}"),
                service.container.clone(),
                "free after the cut-over: users come by 80 and 443 alone",
            ),
        })
    });
    let others = inventory
        .taken
        .iter()
        .map(|words| Finding::refused("port", words.clone(), "the edge could not have it: free it first"));
    of_project.chain(others).collect()
}

fn volumes(project: &OtherProject, inventory: &Inventory) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let all =
        project.services.iter().flat_map(|service| service.volumes.iter().map(move |name| (service, name)));
    all.filter(|(_, name)| seen.insert((*name).clone()))
        .map(|(service, name)| {
            let bytes =
                inventory.volumes.get(name).map_or("of unknown size".to_owned(), |bytes| size(*bytes));
            let then = match service.is_database {
                true => "it stays as it is: what is in it is dumped into ours",
                false => "it stays, and nothing of it is taken: bring what users put there over by hand",
            };
            Finding::of("volume", format!("{name} ({}), {bytes}", service.service), then)
        })
        .collect()
}

/// Each name of `.env`, by where it has a place; and what has none there that ours can't do without.
fn variables(inventory: &Inventory, environment: &Environment) -> Result<Vec<Finding>> {
    let (rows, settings) = (table::rows(environment), Settings::of_tree()?);
    let file = environment.settings_path();
    let given = std::fs::read_to_string(workspace::root().join(&file)).unwrap_or_default();
    let is_set = |name: &str| given.lines().any(|line| line.split('=').next() == Some(name));
    let has_file = secrets::find(environment)?.is_some();
    let then = |name: &str| {
        let secret = SECRETS.iter().find(|secret| secret.variable == name);
        match (secret, rows.iter().any(|row| row.name == name)) {
            (Some(secret), _) if secret.roles.is_some() => "not taken: ours makes its own".to_owned(),
            (Some(_), _) => "taken as a secret of ours".to_owned(),
            (None, true) if env_file::is_taken(name) && has_file => {
                "taken into the environment's encrypted file".to_owned()
            }
            (None, true) if env_file::is_taken(name) => {
                "not taken as long as there is no encrypted file: `cargo xtask secrets recipients add` makes it".to_owned()
            }
            (None, true) => format!("not taken: xtask reads it; `cargo xtask secrets set {name}`"),
            (None, false) if settings.names().any(|it| it == name) && is_set(name) => {
                format!("not taken: {file} has it")
            }
            (None, false) if settings.names().any(|it| it == name) => {
                format!("a setting of the app: put its value into {file} where ours is to have it")
            }
            (None, false) => "has no place: nothing of ours reads it".to_owned(),
        }
    };
    let mut findings: Vec<Finding> =
        inventory.variables.iter().map(|name| Finding::of("variable", name.clone(), then(name))).collect();
    let lacking = SECRETS.iter().filter(|secret| {
        secret.roles.is_none() && !inventory.variables.iter().any(|it| it == secret.variable)
    });
    findings.extend(lacking.map(|secret| {
        let then = match secret.is_optional {
            true => "the app goes without",
            false => "given by the environment's secrets, or made on the host",
        };
        Finding::of("lacking", secret.variable, then)
    }));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::OtherService;

    fn project(ports: &[u16]) -> OtherProject {
        let service = |service: &str, ports: &[u16], is_database| OtherService {
            service: service.to_owned(),
            container: format!("x-{service}-1"),
            runs: true,
            restart: "always".to_owned(),
            ports: ports.to_vec(),
            volumes: vec![format!("x_{service}")],
            is_database,
        };
        OtherProject {
            name: "x".to_owned(),
            folder: "/opt/x".to_owned(),
            services: vec![service("db", &[], true), service("web", ports, false)],
        }
    }

    fn refused(findings: &[Finding]) -> Vec<&str> {
        findings.iter().filter(|it| it.is_refused).map(|it| it.what.as_str()).collect()
    }

    #[test]
    fn each_thing_that_was_found_has_its_place_and_what_hinders_is_refused() {
        let staging = Environment::named("staging").unwrap();
        let names = [
            "JWT_SECRET",
            "DATABASE_OWNER_PASSWORD",
            "POSTGRES_PASSWORD",
            "LOG_FORMAT",
            "SLACK_WEBHOOK_URL",
            "BACKUP_S3_SECRET",
        ];
        let mut inventory = Inventory {
            disk: Some((FREE_DISK + (400 << 20), "/".to_owned())),
            volumes: [("x_db".to_owned(), 100 << 20), ("x_web".to_owned(), 1)].into(),
            variables: names.map(str::to_owned).to_vec(),
            ..Inventory::default()
        };
        let all = findings(&project(&[80, 8000]), &inventory, &staging).unwrap();
        assert_eq!(refused(&all), Vec::<&str>::new());
        let then = |what: &str, found: &str| {
            let it = all.iter().find(|it| it.what == what && it.found.contains(found));
            it.unwrap_or_else(|| panic!("no {what} {found} in {all:#?}")).then.clone()
        };
        assert!(then("port 80", "x-web-1").contains("the edge takes it"));
        assert!(then("port 8000", "x-web-1").contains("80 and 443 alone"));
        assert!(then("volume", "x_db").contains("dumped into ours"));
        assert!(then("volume", "x_web").contains("by hand"));
        assert!(then("variable", "JWT_SECRET").contains("taken as a secret"));
        assert!(then("variable", "DATABASE_OWNER_PASSWORD").contains("makes its own"));
        assert!(then("variable", "POSTGRES_PASSWORD").contains("no place"));
        assert!(then("variable", "SLACK_WEBHOOK_URL").contains("recipients add"));
        assert!(then("variable", "BACKUP_S3_SECRET").contains("secrets set"));
        assert!(then("lacking", "SENTRY_DSN").contains("goes without"));

        inventory.disk = Some((FREE_DISK + (200 << 20), "/".to_owned()));
        let job = |program: &str, starts| Job {
            file: "x".to_owned(),
            line: 1,
            program: program.to_owned(),
            starts,
        };
        inventory.cron = vec![job("pg_dump", false), job("docker", true)];
        inventory.units = vec!["/etc/systemd/system/x.service".to_owned()];
        inventory.taken = vec!["port 443 is taken by nginx, process 12".to_owned()];
        let all = findings(&project(&[80]), &inventory, &staging).unwrap();
        assert_eq!(refused(&all), ["disk", "port", "job", "boot"]);
    }
}
