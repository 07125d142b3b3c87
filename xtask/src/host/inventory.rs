//! What a host has that somebody set up by hand: looked at as root, and nothing is changed. Of files that hold secrets, only names
//! are read.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

use super::other_projects::{EDGE_PORTS, OtherProject};
use super::ports;
use crate::setup::host::Admin;
use crate::tools::docker::condition::Condition;
use crate::tools::docker::container::Container;

const CONTAINERS: &str = r#"set -- $(docker ps --all --quiet --no-trunc) && { [ $# -gt 0 ] && docker inspect "$@" || echo '[]'; }"#;
const INVENTORY: &str = include_str!("scripts/inventory.sh");
pub(super) const OLD_DATABASE: &str = include_str!("scripts/old-database.sh");

/// What an old database says of itself in one line: its server, its name, its size, and whether it has a history of sqlx.
const FACTS: &str = "SELECT concat_ws('|', current_setting('server_version_num'), current_database(),
    pg_database_size(current_database()), to_regclass('public._sqlx_migrations'))";
const HISTORY: &str = "SELECT version FROM public._sqlx_migrations WHERE success ORDER BY version";
const NEIGHBOURS: &str = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database()) ORDER BY 1";
/// The rows of each table, by its name: in one statement, which sees one moment.
pub(super) const COUNTS: &str = "SELECT format('%I.%I', n.nspname, c.relname) || '|' ||
    (regexp_match(query_to_xml(format('SELECT count(*) AS n FROM %I.%I', n.nspname, c.relname), false, true, '')::text, '<n>([0-9]+)</n>'))[1]
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema)' AND c.relname <> '_sqlx_migrations' ORDER BY 1";

/// Rows are counted one by one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(900);

/// What there is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The engine's version; empty where none answers.
    pub engine: String,
    /// Bytes that are free where the engine has images and volumes, and where that is.
    pub disk: Option<(u64, String)>,
    /// The bytes of each volume.
    pub volumes: BTreeMap<String, u64>,
    /// The names in the project's `.env`.
    pub variables: Vec<String>,
    /// The commit that is checked out, and how many of its files were changed.
    pub checkout: Option<(String, usize)>,
    /// Jobs of cron.
    pub cron: Vec<Job>,
    /// What starts something in the project's folder when the machine boots.
    pub units: Vec<String>,
    /// Certificates: the file, and until when it is good.
    pub certificates: Vec<(String, String)>,
    /// What has a port that the edge wants and is no container, in words.
    pub taken: Vec<String>,
}

/// A line of a table of cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The table.
    pub file: String,
    /// The line's number.
    pub line: usize,
    /// What it runs; `?` where that can't be told from what may be a secret.
    pub program: String,
    /// Whether it names the project's folder, or Compose: it may start the project again.
    pub starts: bool,
}

/// A database that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldDatabase {
    /// The container that it is in.
    pub container: String,
    /// The major version of its server.
    pub major: u32,
    /// Its name.
    pub name: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The migrations that it says it has; none when it has no history.
    pub history: Vec<i64>,
    /// The rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Other databases of its server, which nothing takes over.
    pub neighbours: Vec<String>,
}

/// All containers of the machine, whoever's they are; none where no engine is.
pub fn containers(admin: &Admin) -> Result<Vec<Container>> {
    let told = admin.script(
        "listing the containers",
        &format!("command -v docker >/dev/null && docker info >/dev/null 2>&1 || {{ echo '[]'; exit; }}\n{CONTAINERS}"),
        &[],
    )?;
    serde_json::from_str(&told).context("reading what the engine says of its containers")
}

impl Inventory {
    /// Of the machine, on which these containers are, and of this project on it.
    pub fn of(admin: &Admin, project: &OtherProject, containers: &[Container]) -> Result<Inventory> {
        let mut arguments = vec![project.folder.as_str()];
        arguments.extend(project.services.iter().flat_map(|it| &it.volumes).map(String::as_str));
        let told = admin.long_script("looking at what there is", INVENTORY, &arguments, ANSWER_TIMEOUT)?;
        let mut inventory = Inventory::parse(&told);
        let (published, others) = (project.ports(), others(project, containers));
        for port in EDGE_PORTS.iter().filter(|port| !published.contains(port)) {
            if let Some((_, name)) = others.iter().find(|(theirs, _)| theirs == port) {
                inventory.taken.push(ports::of_container(*port, name));
                continue;
            }
            let listeners =
                admin.script(ports::LISTENERS.name, ports::LISTENERS.text, &[&port.to_string()])?;
            inventory.taken.extend(ports::in_words(*port, &listeners));
        }
        Ok(inventory)
    }

    fn parse(told: &str) -> Inventory {
        let mut inventory = Inventory::default();
        for line in told.lines() {
            let text = str::to_owned;
            match *line.split('\t').collect::<Vec<_>>().as_slice() {
                ["engine", version] => inventory.engine = text(version),
                ["disk", kib, path] => {
                    inventory.disk = kib.parse::<u64>().ok().map(|kib| (kib * 1024, text(path)));
                }
                ["volume", name, kib] => {
                    inventory.volumes.insert(text(name), kib.parse::<u64>().unwrap_or(0) * 1024);
                }
                ["variable", name] if !inventory.variables.iter().any(|it| it == name) => {
                    inventory.variables.push(text(name));
                }
                ["checkout", commit, changed] => {
                    inventory.checkout = Some((text(commit), changed.trim().parse().unwrap_or(0)));
                }
                ["cron", file, line, program, starts] => inventory.cron.push(Job {
                    file: text(file),
                    line: line.parse().unwrap_or(0),
                    program: text(program),
                    starts: !starts.is_empty(),
                }),
                ["unit", file] => inventory.units.push(text(file)),
                ["certificate", file, until] => inventory.certificates.push((text(file), text(until))),
                _ => {}
            }
        }
        inventory
    }
}

/// What running containers that are not this project's publish, each with its name.
pub(super) fn others(project: &OtherProject, containers: &[Container]) -> Vec<(u16, String)> {
    let is_its = |found: &&Container| project.services.iter().any(|it| it.container == found.plain_name());
    let running =
        containers.iter().filter(|found| !is_its(found) && found.state.status == Condition::Running);
    running
        .flat_map(|found| found.published().into_iter().map(|port| (port, found.plain_name().to_owned())))
        .collect()
}

impl OldDatabase {
    /// The one in this container.
    pub fn of(admin: &Admin, container: &str) -> Result<OldDatabase> {
        let ask = |sql: &str| {
            let arguments = [container, "sql", sql];
            let told = admin.long_script("asking the old database", OLD_DATABASE, &arguments, ANSWER_TIMEOUT);
            told.with_context(|| format!("the database in {container} does not answer"))
        };
        let facts = ask(FACTS)?;
        let fields: Vec<&str> = facts.trim().split('|').collect();
        let [version, name, bytes, rest @ ..] = fields.as_slice() else {
            anyhow::bail!("the database in {container} described itself as {facts:?}")
        };
        let history = match rest {
            [] => Vec::new(),
            _ => ask(HISTORY)?.lines().filter_map(|line| line.trim().parse().ok()).collect(),
        };
        Ok(OldDatabase {
            container: container.to_owned(),
            major: version.parse::<u32>().context("the version of the old server")? / 10_000,
            name: (*name).to_owned(),
            bytes: bytes.parse().context("the size of the old database")?,
            history,
            rows: counts(&ask(COUNTS)?),
            neighbours: ask(NEIGHBOURS)?
                .lines()
                .map(|line| line.trim().to_owned())
                .filter(|it| !it.is_empty())
                .collect(),
        })
    }

    /// Its schema as SQL, without owners and rights, which are of roles that ours does not have.
    pub fn schema(&self, admin: &Admin) -> Result<String> {
        let told = admin.script("the old database's schema", OLD_DATABASE, &[&self.container, "schema"])?;
        // What newer versions say to psql of their own version only.
        let lines =
            told.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    }
}

/// `public.users|12`, a line a table.
pub(super) fn counts(told: &str) -> BTreeMap<String, u64> {
    let of = |line: &str| {
        line.trim().rsplit_once('|').and_then(|(table, rows)| Some((table.to_owned(), rows.parse().ok()?)))
    };
    told.lines().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::process::{Run, shell};
    use xshell::cmd;

    #[test]
    fn what_a_machine_has_is_read_and_of_an_env_file_the_names_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        std::fs::write(
            folder.path().join(".env"),
            "# a comment\nJWT_SECRET=hunter2 DEBUG=x\nexport SENTRY_DSN = 'https://a@b'\nJWT_SECRET=again\n1BAD=x\nnothing\n",
        )
        .unwrap();
        let told = Run::new(cmd!(shell(), "sh -c {INVENTORY} inventory {path}")).finish().unwrap().stdout;
        assert!(!told.contains("hunter2") && !told.contains("https"), "{told}");
        let inventory = Inventory::parse(&told);
        assert_eq!(inventory.variables, ["JWT_SECRET", "SENTRY_DSN"]);
        let told = "engine\t20.10.24\ndisk\t2048\t/\nvolume\tx_data\t12\ncheckout\tabc\t2\ncron\t/etc/cron.d/x\t3\tpg_dump\tstarts\n\
            unit\t/etc/systemd/system/x.service\ncertificate\t/etc/letsencrypt/live/x/cert.pem\tJan 1 2027\nother\n";
        let inventory = Inventory::parse(told);
        assert_eq!(inventory.disk, Some((2 << 20, "/".to_owned())));
        assert_eq!(inventory.volumes["x_data"], 12 << 10);
        assert_eq!(inventory.checkout, Some(("abc".to_owned(), 2)));
        let job =
            Job { file: "/etc/cron.d/x".to_owned(), line: 3, program: "pg_dump".to_owned(), starts: true };
        assert_eq!(inventory.cron, [job]);
        assert_eq!((inventory.units.len(), inventory.certificates.len()), (1, 1));
    }

    #[test]
    fn of_a_job_of_cron_nothing_is_read_that_may_be_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("table");
        let lines = [
            ("PGPASSWORD2=hunter2 x y z pg_dump x", None),
            ("\"PGPASSWORD\" = hunter2 x y z pg_dump", None),
            ("0 3 * * * PGPASSWORD=hunter2 /usr/bin/pg_dump --password=hunter2", Some(("pg_dump", false))),
            ("0 3 * * * A1='hunter2 hunter2' pg_dump", Some(("?", false))),
            ("0 3 * * * A=\"hunter2\" B2='hunter2' C= pg_dump", Some(("pg_dump", false))),
            ("0 3 * * * A=hunter2\\ hunter2 pg_dump", Some(("?", false))),
            ("0 3 * * * (A=hunter2 pg_dump)", Some(("?", false))),
            ("0 3 * * * A=$(echo hunter2) pg_dump", Some(("?", false))),
            ("@reboot A=hunter2 cd /opt/x && A=hunter2 ./up", Some(("cd", true))),
            ("* * * * * docker-compose -p x up", Some(("docker-compose", true))),
            ("* * * * * /usr/bin/docker compose -p x up", Some(("docker", true))),
            ("* * * * *", Some(("?", false))),
        ];
        let text: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
        std::fs::write(&table, text.join("\n") + "\n").unwrap();
        let jobs = INVENTORY.split("jobs() {").nth(1).unwrap().split("\n}\n").next().unwrap();
        let script = format!("folder=/opt/x\njobs() {{{jobs}\n}}\njobs 5 \"$1\"");
        let told = Run::new(cmd!(shell(), "sh -c {script} jobs {table}")).finish().unwrap().stdout;
        assert!(!told.contains("hunter2"), "{told}");
        let seen: Vec<(String, bool)> =
            Inventory::parse(&told).cron.into_iter().map(|job| (job.program, job.starts)).collect();
        let ought: Vec<(String, bool)> = lines
            .iter()
            .filter_map(|(_, ought)| ought.map(|(program, starts)| (program.to_owned(), starts)))
            .collect();
        assert_eq!(seen, ought);
    }

    #[test]
    fn the_rows_of_tables_are_read() {
        let rows = counts("public.users|2\npublic.\"odd|name\"|7\nnonsense\n");
        assert_eq!(rows, BTreeMap::from([("public.users".into(), 2), ("public.\"odd|name\"".into(), 7)]));
    }
}
