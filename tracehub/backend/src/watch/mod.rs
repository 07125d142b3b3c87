//! Watching over an environment, from a container beside it: what does not hold is told to people, by the watcher itself.
//!
//! What is watched is a table that xtask gives ([`table`]); the looks are in [`look`], what is told and when in [`alarms`], the
//! ways to people in [`tell`]. It has neither the engine's socket nor the database's password: it reads what lies on the host,
//! read-only, and asks what a user asks.

pub mod alarms;
mod attempt;
mod certificate;
pub mod look;
mod parts;
pub mod table;
pub mod tell;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use self::alarms::State;
use self::look::Watcher;
use self::table::Table;
use self::tell::Ways;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often somebody outside is told that the watcher is alive.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// A state that was written longer ago is a watcher's that no longer looks.
const ALIVE: Duration = Duration::from_secs(90);

/// Where everything is.
#[derive(Args)]
pub struct Watch {
    /// What is watched, as JSON
    #[arg(long, global = true, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    table: String,
    /// A folder with the addresses of those who are told: `slack_webhook_url`, `alarm_smtp`, `heartbeat_url`
    #[arg(long, global = true, value_name = "FOLDER", default_value = "/run/secrets")]
    secrets: PathBuf,
    /// The folder that remembers what was told
    #[arg(long, global = true, value_name = "FOLDER", default_value = "/state")]
    state: PathBuf,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Send a test by each way, and print how long each took, as JSON
    Test {
        /// The environment that it says
        environment: String,
    },
    /// Say by the exit code whether the watcher looks
    Healthy,
}

impl Watch {
    /// Watches until it is stopped.
    pub fn run(self) -> anyhow::Result<()> {
        match &self.verb {
            Some(Verb::Healthy) => self.healthy(),
            Some(Verb::Test { environment }) => test(&self.secrets, environment),
            None => self.watch(),
        }
    }

    fn healthy(&self) -> anyhow::Result<()> {
        let state = State::read(&self.file())?;
        let age = now() - state.looked_at;
        if age > ALIVE.as_secs() as i64 { bail!("the watcher has not looked for {age} s") } else { Ok(()) }
    }

    fn watch(&self) -> anyhow::Result<()> {
        let (table, ways) = (Table::parse(&self.table)?, Ways::read(&self.secrets)?);
        let names: Vec<&str> = ways.names().collect();
        tracing::info!(environment = table.environment, rows = table.rows.len(), ?names, "watching");
        let remembered = Remembered::open(self.file())?;
        let teller = remembered.clone();
        let told_by = ways.clone();
        thread::spawn(move || deliver(&teller, &told_by));
        look_for_ever(&table, &ways, &remembered)
    }

    fn file(&self) -> PathBuf {
        self.state.join("state.json")
    }
}

fn test(secrets: &Path, environment: &str) -> anyhow::Result<()> {
    let tried = Ways::read(secrets)?.test(environment);
    println!("{}", serde_json::to_string(&tried)?);
    let failed: Vec<&str> = tried.iter().filter_map(|it| it.error.as_deref()).collect();
    if failed.is_empty() { Ok(()) } else { bail!("not everybody was told: {}", failed.join("; ")) }
}

/// Looks at each row when it is its turn, and puts what there is to tell into the outbox.
fn look_for_ever(table: &Table, ways: &Ways, remembered: &Remembered) -> anyhow::Result<()> {
    let mut watcher = Watcher::new(table)?;
    let mut next: Vec<Instant> = table.rows.iter().map(|_| Instant::now()).collect();
    let mut beat = Instant::now();
    loop {
        for (row, next) in table.rows.iter().zip(&mut next) {
            if *next > Instant::now() {
                continue;
            }
            *next = Instant::now() + Duration::from_secs(row.every);
            let finding = watcher.look(row);
            let excused = watcher.excuses(row, now());
            remembered.change(|state| state.see(table, row, finding, excused, now()));
        }
        remembered.change(|state| {
            state.looked_at = now();
            state.settle(table, &ways.names().collect::<Vec<_>>(), now());
        });
        if beat <= Instant::now() {
            beat = Instant::now() + HEARTBEAT;
            let ways = ways.clone();
            // Whoever listens may be slow: looking goes on.
            thread::spawn(move || ways.beat());
        }
        thread::sleep(TICK);
    }
}

/// Sends what is in the outbox, one after the other, each until it has arrived.
fn deliver(remembered: &Remembered, ways: &Ways) {
    loop {
        let Some((message, way)) = remembered.lock().next_due(now()) else {
            thread::sleep(TICK);
            continue;
        };
        let sent = ways.send(&way, &message.subject, &message.text);
        if let Err(error) = &sent {
            tracing::warn!(way, "an alarm was not told, and is tried again: {error}");
        }
        let retry_after = sent.as_ref().err().and_then(|error| error.retry_after);
        remembered.change(|state| state.sent(message.id, &way, sent.is_ok(), retry_after, now()));
    }
}

/// What was told, on the disk and at hand.
#[derive(Clone)]
struct Remembered {
    file: PathBuf,
    state: Arc<Mutex<State>>,
}

impl Remembered {
    fn open(file: PathBuf) -> anyhow::Result<Remembered> {
        let state = if file.exists() { State::read(&file)? } else { State::default() };
        Ok(Remembered { file, state: Arc::new(Mutex::new(state)) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Changes it, and has it on the disk when it is another one. A full disk is a reason for an alarm, and none to be silent.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        if let Err(error) = state.write(&self.file) {
            tracing::error!("what was told can't be written down: {error:#}");
        }
    }
}

impl State {
    /// Reads it. One that can't be read is begun anew: told twice is better than not told.
    fn read(file: &Path) -> anyhow::Result<State> {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::error!("what was told can't be read, and is begun anew: {error}");
            State::default()
        }))
    }

    fn write(&self, file: &Path) -> anyhow::Result<()> {
        let next = file.with_extension("next");
        let mut written = fs::File::create(&next)?;
        written.write_all(serde_json::to_string(self)?.as_bytes())?;
        written.sync_data()?;
        Ok(fs::rename(next, file)?)
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64
}
