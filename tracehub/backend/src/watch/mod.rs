//! Watching over an environment, from a container beside it: what does not hold is told to people, by the watcher itself.
//!
//! What is watched is a table that xtask gives ([`table`]); the looks are in [`look`], what is told and when in [`alarms`], the
//! ways to people in [`tell`]. It has neither the engine's socket nor the database's password: it reads what lies on the host,
//! read-only, and asks what a user asks.

pub mod alarms;
mod attempt;
mod certificate;
mod deliver;
pub mod look;
mod parts;
pub mod table;
pub mod tell;

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use clap::{Args, Subcommand};

use self::alarms::State;
use self::deliver::Delivery;
use self::look::Watcher;
use self::table::Table;
use self::tell::Ways;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often somebody outside is told that the watcher is alive.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// How often what was told is written down though nothing but the time is another.
const WRITTEN: i64 = 30;
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
        let state = State::read(&self.file());
        let age = (now() - state.looked_at).abs();
        if age > ALIVE.as_secs() as i64 { bail!("the watcher has not looked for {age} s") } else { Ok(()) }
    }

    fn watch(&self) -> anyhow::Result<()> {
        let (table, ways) = (Table::parse(&self.table)?, Ways::read(&self.secrets)?);
        tracing::info!(environment = table.environment, rows = table.rows.len(), names = ?ways.names(), "watching");
        let remembered = Remembered::open(self.file());
        let delivery = Delivery::start(&table.environment, &ways, &remembered);
        look_for_ever(&table, &ways, &remembered, &delivery)
    }

    fn file(&self) -> PathBuf {
        self.state.join("state.json")
    }
}

fn test(secrets: &Path, environment: &str) -> anyhow::Result<()> {
    let tried = Ways::read(secrets)?.test(environment, &format!("{environment}.test.{}", now()));
    println!("{}", serde_json::to_string(&tried)?);
    let failed: Vec<&str> = tried.iter().filter_map(|it| it.error.as_deref()).collect();
    if failed.is_empty() { Ok(()) } else { bail!("not everybody was told: {}", failed.join("; ")) }
}

/// Looks at each row when it is its turn, and puts what there is to tell into the outbox.
fn look_for_ever(
    table: &Table,
    ways: &Ways,
    remembered: &Remembered,
    delivery: &Delivery,
) -> anyhow::Result<()> {
    let names = ways.names();
    let mut watcher = Watcher::new(table, ways.clocks())?;
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
        remembered.change(|state| state.settle(table, &names, now()));
        if beat <= Instant::now() {
            beat = Instant::now() + HEARTBEAT;
            if remembered.lock().is_mute(now()) || !delivery.is_alive() {
                tracing::error!("no heartbeat: people can't be told");
            } else {
                let ways = ways.clone();
                // Whoever listens may be slow: looking goes on.
                thread::spawn(move || ways.beat());
            }
        }
        thread::sleep(TICK);
    }
}

/// What was told, on the disk and at hand.
#[derive(Clone)]
struct Remembered {
    file: PathBuf,
    state: Arc<Mutex<State>>,
    /// What the disk has.
    written: Arc<Mutex<Option<State>>>,
}

impl Remembered {
    fn open(file: PathBuf) -> Remembered {
        let mut state = State::read(&file);
        // So the first look is seen from outside, also where the watcher before has looked a moment ago.
        state.follow_clock(now());
        Remembered { file, state: Arc::new(Mutex::new(state)), written: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Changes it, and has it on the disk when it is another one, or has not been written for a while. A full disk is a reason
    /// for an alarm, and none to be silent.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let mut written = self.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if written.as_ref().is_some_and(|written| written.says_as_much_as(&state)) {
            return;
        }
        match state.write(&self.file) {
            Ok(()) => *written = Some(state.clone()),
            Err(error) => tracing::error!("what was told can't be written down: {error:#}"),
        }
    }
}

impl State {
    /// Reads it. One that can't be read, for whatever reason, is begun anew: told twice is better than not told.
    fn read(file: &Path) -> State {
        let read = match fs::read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return State::default(),
            Err(error) => Err(error.to_string()),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        };
        read.unwrap_or_else(|error| {
            tracing::error!("what was told can't be read, and is begun anew: {error}");
            State::default()
        })
    }

    /// Whether another one has nothing new, but the time of the last look, and that not by much.
    fn says_as_much_as(&self, now: &State) -> bool {
        (now.looked_at - self.looked_at).abs() < WRITTEN
            && State { looked_at: self.looked_at, ..now.clone() } == *self
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

#[cfg(test)]
mod tests;
