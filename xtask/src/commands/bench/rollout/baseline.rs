//! The ways that people use today, on the same machine, with the same images, beside the same database.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::measure::{Done, Measured, under_load};
use super::{Row, Version, Versions, middle};
use crate::lab::Lab;
use crate::setup::{self, Tool};
use crate::terminal::Activity;
use crate::tools::process::{Run, shell};
use crate::tools::ssh::keys::{HostKeys, Key};
use crate::tools::ssh::{Connection, Destination};

/// What it is called, and the word by which the script knows it.
pub const WAYS: [(&str, &str); 3] = [
    ("the classic script: pull, migrate in the running container, up, sleep 15, up, sleep 10", "script"),
    ("docker compose up -d", "up"),
    ("docker-rollout's way: scale to two, wait, remove the old one", "rollout"),
];

const SCRIPT: &str = include_str!("baseline.sh");
const PROJECT: &str = include_str!("baseline.yaml");
const CADDYFILE: &str = include_str!("baseline.caddyfile");
const DEPLOY_TIMEOUT: Duration = Duration::from_secs(300);
/// What the answers say that come from either.
const FIRST: &str = "20260101t000000z-aaaaaaaaaaaa";
const SECOND: &str = "20260102t000000z-bbbbbbbbbbbb";

/// The lab's first machine, reached by a connection of its own for each deploy, as a script would.
pub struct Baseline<'a> {
    to: Destination,
    port: u16,
    registry: (u16, u16),
    versions: &'a Versions,
}

/// The images that our own edge and database ran.
fn bases_on(connection: &Connection) -> Result<(String, String)> {
    let words =
        ["sed", "-n", "s/^\\(CADDY\\|POSTGRES\\)_IMAGE=//p", "/opt/tracehub-app/platform/variables.env"];
    let told = Run::new(connection.command(shell(), &words)).text()?;
    let mut lines = told.lines().map(str::to_owned);
    let (postgres, caddy) =
        lines.next().zip(lines.next()).context("our own platform was never started there")?;
    Ok((caddy, postgres))
}

impl Baseline<'_> {
    /// Compose, the project and its proxy's configuration are on the machine.
    pub fn set_up<'a>(lab: &Lab, versions: &'a Versions) -> Result<Baseline<'a>> {
        let host = lab.first()?;
        let variables = lab.variables();
        let value = |name: &str| -> Result<String> {
            let found = variables.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
            found.with_context(|| format!("the lab says nothing of {name}"))
        };
        let key = Key::parse(&value("LAB_SSH_KEY")?).map_err(anyhow::Error::msg)?;
        let host_keys = HostKeys::parse(&value("LAB_HOST_KEY")?).map_err(anyhow::Error::msg)?;
        let (user, name) = (value("LAB_USER")?, value("LAB_HOST")?);
        let to = Destination { host: name, port: Some(host.ssh), user, key: Some(key), host_keys };
        let registry = (lab.registry, lab.registry_read_only);
        let baseline = Baseline { to, port: host.http, registry, versions };
        let connection = baseline.connect()?;
        let put = |path: &str, bytes: Vec<u8>| -> Result<()> {
            let words = ["sh", "-c", r#"mkdir -p "${0%/*}" && cat >"$0" && chmod 755 "$0""#, path];
            let run = Run::new(connection.command(shell(), &words)).stdin(bytes).timeout(DEPLOY_TIMEOUT);
            run.run().with_context(|| format!("putting {path} on the machine"))
        };
        put("bench/docker-compose", std::fs::read(Path::new(setup::require(Tool::Compose)?.as_str()))?)?;
        put("bench/edge/Caddyfile", CADDYFILE.into())?;
        let (caddy, postgres) = bases_on(&connection)?;
        let project = PROJECT.replace("${CADDY_IMAGE}", &caddy).replace("${POSTGRES_IMAGE}", &postgres);
        put("bench/compose.yaml", project.into())?;
        connection.close();
        Ok(baseline)
    }

    /// A deploy, its rollback, and a deploy that never gets ready, by one way.
    pub fn take(&self, way: &'static str, word: &str) -> Result<Row> {
        let Versions { first, changed, bad, .. } = self.versions;
        let round = |second| {
            self.reset()?;
            let deploy = self.measure("deploy", word, (FIRST, SECOND), second, "tracehub")?;
            anyhow::Ok((deploy, self.measure("rollback", word, (SECOND, FIRST), first, "tracehub")?))
        };
        let rounds = changed.iter().map(round).collect::<Result<Vec<_>>>()?;
        let (deploys, rollbacks): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        let (deploy, rollback) = (middle(deploys), middle(rollbacks));
        self.reset()?;
        let never_ready =
            self.measure("a release that never gets ready", word, (FIRST, ""), bad, "nowhere")?;
        Ok(Row { way, deploy, rollback, never_ready, rollback_to_stopped: None })
    }

    fn measure(
        &self,
        what: &str,
        way: &str,
        (before, after): (&str, &str),
        version: &Version,
        database: &str,
    ) -> Result<Measured> {
        Activity::of(what.to_owned(), |_| {
            under_load(self.port, before, || {
                let connection = self.connect()?;
                let release = if after.is_empty() { SECOND } else { after };
                let code = self.run(&connection, way, release, version, database)?;
                let (calls, traffic) = (connection.calls(), connection.close());
                let release = (!after.is_empty()).then(|| after.to_owned());
                Ok(Done { code, release, calls: Some(calls), bytes: Some(traffic.sent), ..Done::default() })
            })
        })
    }

    /// The first release serves, and the second one's images are not on the machine.
    fn reset(&self) -> Result<()> {
        Activity::of("back to the first release", |_| {
            let connection = self.connect()?;
            let code = self.run(&connection, "reset", FIRST, &self.versions.first, "tracehub")?;
            // With all that share its layers.
            let Versions { changed, reconfigured, bad, .. } = self.versions;
            for version in changed.iter().chain([reconfigured, bad]) {
                let forget = ["docker", "image", "rm", "--force", &version.backend];
                Run::new(connection.command(shell(), &forget)).finish()?;
            }
            connection.close();
            if code != 0 {
                bail!("the first release could not be started");
            }
            let began = Instant::now();
            let url = format!("http://127.0.0.1:{}/health/ready", self.port);
            while !crate::tools::http::Client::default()
                .get(&url, Duration::from_secs(2))
                .is_ok_and(|it| it.status == 200)
            {
                if began.elapsed() > Duration::from_secs(60) {
                    bail!("the first release does not answer");
                }
                thread::sleep(Duration::from_millis(200));
            }
            Ok(())
        })
    }

    /// Nothing of it is left running: the machine's port is free again.
    pub fn down(&self) -> Result<()> {
        let connection = self.connect()?;
        self.run(&connection, "down", FIRST, &self.versions.first, "tracehub")?;
        connection.close();
        Ok(())
    }

    fn connect(&self) -> Result<Connection> {
        let connection = Connection::open(&self.to)?;
        connection.open_reverse_tunnel(self.registry.0, self.registry.1)?;
        Ok(connection)
    }

    fn run(
        &self,
        connection: &Connection,
        way: &str,
        release: &str,
        version: &Version,
        database: &str,
    ) -> Result<i32> {
        let sh = shell();
        let Version { backend, frontend, .. } = version;
        let words = ["sh", "-s", "--", way, release, backend, frontend, database];
        let told = Run::new(connection.command(sh, &words)).stdin(SCRIPT).timeout(DEPLOY_TIMEOUT).finish()?;
        let code = told.status.code().unwrap_or(-1);
        if code != 0 && database == "tracehub" {
            crate::terminal::warn(format_args!("{way} ended with {code}: {}", told.stderr.trim()));
        }
        Ok(code)
    }
}
