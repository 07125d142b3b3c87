//! `cargo xtask bench app`: what the backend answers, how soon, and what memory it takes, beside its database and who asks it.

mod beside;
mod load;
mod memory;
mod papers;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use xshell::cmd;

use self::beside::Beside;
use self::load::{Asking, Figures};
use self::memory::Memory;
use super::write_section;
use crate::product::database;
use crate::product::serving::{Demo, Serving};
use crate::project::{BACKEND, DATABASE};
use crate::setup::{self, Tool};
use crate::terminal::{Activity, millis};
use crate::tools::cargo::{self, Profile};
use crate::tools::database::{postgres::Server, psql};
use crate::tools::process::{Run, shell};
use crate::workspace;

/// As many shipments as a firm has, and as many as none will have.
const SHIPMENTS: [u32; 2] = [1_000, 100_000];
/// What is asked, its path (`{id}` is a shipment's), and how many ask at once. Of searches, and of a port's shipments, one
/// organisation gets no more at once: docs/limits.md.
const ASKED: [(&str, &str, u32); 5] = [
    ("a page of the list, 50", "/api/shipments?limit=50", 32),
    ("what is in transit, 50", "/api/shipments?limit=50&stage=in_transit", 32),
    ("one shipment", "/api/shipments/{id}", 32),
    ("what goes to a port, 50", "/api/shipments?limit=50&port=Antwerp", 8),
    ("a search, 50", "/api/shipments?limit=50&search=B-77", 8),
];

/// How many requests the backend answers, how soon, and what memory it takes for them
#[derive(Debug, Args)]
pub struct App {
    /// Install what is missing without asking
    #[arg(long)]
    yes: bool,
    /// Instead, what one thing costs: with it and without, in turns
    #[arg(long, value_name = "WHAT")]
    beside: Option<Beside>,
}

/// A database with a demo organisation, and the backend as it is shipped.
struct Ready {
    backend: Utf8PathBuf,
    server: Server,
    demo: Demo,
    papers: TempDir,
}

/// What a log-in answers.
#[derive(Deserialize)]
struct LogIn {
    token: String,
    organisation: Named,
}

/// Something with an id.
#[derive(Deserialize)]
struct Named {
    id: String,
}

impl App {
    /// Measures, and writes the section.
    pub fn run(self) -> Result<()> {
        setup::ensure(&[Tool::Postgres, Tool::Rust, Tool::Wrk], self.yes)?;
        if let Some(beside) = self.beside {
            return write_section(beside.section(), &beside.measure()?);
        }
        let ready = Ready::make()?;
        let began = Instant::now();
        let serving = ready.serve(&ready.backend, &[])?;
        let took = began.elapsed();
        let memory = Memory::of(serving.id());
        let mut text = beginning(took, memory.now()?);
        let log_in = log_in(&serving.url, &ready.demo)?;
        for count in SHIPMENTS {
            let id = fill(&ready.server, &log_in.organisation.id, count)?;
            let asking = Asking { url: &serving.url, token: &log_in.token };
            for (what, path, at_once) in ASKED {
                let figures = Activity::of(format!("{what}, of {count}"), |_| {
                    asking.measure(&path.replace("{id}", &id), at_once)
                })?;
                text += &row(count, what, at_once, &figures);
            }
        }
        let shipment = papers::shipment(&serving.url, &log_in.token)?;
        text += &papers::measure(&serving.url, &log_in.token, &shipment, &memory)?;
        serving.stop()?;
        write_section("app", &text)
    }
}

impl Ready {
    fn make() -> Result<Ready> {
        let backend = build(Profile::Release)?;
        let server = database::for_tests()?;
        server.create_database(DATABASE)?;
        let owner = server.owner_url(DATABASE);
        let demo = Activity::of("migrate, and fill a demo organisation", |_| {
            Run::new(cmd!(shell(), "{backend} migrate").env("DATABASE_URL", &owner)).run()?;
            let seed = Run::new(cmd!(shell(), "{backend} seed").env("DATABASE_URL", &owner)).text()?;
            serde_json::from_str(&seed).context("reading how to log in to the demo organisation")
        })?;
        let papers = tempfile::tempdir().context("making a folder for papers")?;
        Ok(Ready { backend, server, demo, papers })
    }

    /// Starts a build of the backend on it, with these settings beside those that it needs.
    fn serve(&self, backend: &Utf8Path, settings: &[(&str, &str)]) -> Result<Serving> {
        let serve = cmd!(shell(), "{backend} serve").env("PAPERS_FOLDER", self.papers.path());
        let serve = serve.envs(settings.iter().copied());
        Serving::start(serve.env("DATABASE_URL", self.server.user_url(DATABASE)))
    }
}

fn build(profile: Profile) -> Result<Utf8PathBuf> {
    Activity::of("compile the backend", |activity| {
        cargo::build(workspace::root(), BACKEND.image, profile, &|line| activity.line(line))
    })
}

fn log_in(url: &str, demo: &Demo) -> Result<LogIn> {
    let body = json!({ "email": demo.email, "password": demo.password }).to_string();
    let asked = ureq::post(format!("{url}/api/auth/login")).header("content-type", "application/json");
    let answer = asked.send(body).context("logging in")?.body_mut().read_to_string()?;
    serde_json::from_str(&answer).context("reading what a log-in answers")
}

/// Brings the organisation to so many shipments; the id of one of them.
fn fill(server: &Server, organisation: &str, count: u32) -> Result<String> {
    let script = format!(
        "BEGIN;
         SELECT set_config('app.organisation_id', '{organisation}', true) \\g /dev/null
         INSERT INTO shipments (id, organisation_id, reference, product, status, origin_port, destination_port, departs_on, arrives_on)
         SELECT gen_random_uuid(), '{organisation}', 'B-' || n, 'Cocoa beans, 25 t',
             (ARRAY['draft', 'booked', 'in_transit', 'arrived', 'delivered'])[1 + n % 5],
             (ARRAY['Abidjan', 'Tema', 'Lagos', 'Douala'])[1 + n % 4], (ARRAY['Antwerp', 'Hamburg', 'Rotterdam'])[1 + n % 3],
             date '2026-01-03' + n % 300, date '2026-02-03' + n % 300
         FROM generate_series((SELECT count(*)::int FROM shipments) + 1, {count}) n;
         SELECT id FROM shipments ORDER BY id LIMIT 1;
         COMMIT;
         VACUUM ANALYZE shipments;"
    );
    let owner = server.owner_url(DATABASE);
    let program: &Utf8Path = server.program();
    let id = Activity::of(format!("{count} shipments"), |_| psql::script(program, &owner, &script))?;
    ensure!(!id.trim().is_empty(), "no shipment was made");
    Ok(id.trim().to_owned())
}

fn beginning(ready: Duration, idle: u64) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "## The app\n\n`cargo xtask bench app`: the backend as it is shipped, each asked for {} seconds; PostgreSQL, without waiting for the disk, and who asks share the {cores} cores with it. It takes requests \
         {} ms after its start, and has {} MB of memory then.\n\n\
         | shipments | asked for | by so many at once | a second | half within | 99 of 100 within | failed |\n\
         | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n",
        load::SECONDS,
        millis(ready),
        memory::megabytes(idle),
    )
}

fn row(count: u32, what: &str, at_once: u32, figures: &Figures) -> String {
    format!(
        "| {count} | {what} | {at_once} | {:.0} | {:.1} ms | {:.1} ms | {} |\n",
        figures.a_second(),
        figures.half_within() * 1000.0,
        figures.most_within() * 1000.0,
        figures.failed,
    )
}
