//! How long the answers of a release take beside those of the one before it. Both are asked in turns, so that whatever else
//! keeps the host busy makes both slower.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::http::Keys;
use crate::monitor;
use crate::settings::Database;
use crate::smoke::{LIST, get, log_in};

/// The longest that all of it may take: answers that are slow are known by fewer of them.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// Prints how long each answer took, in microseconds, as one line of JSON.
#[derive(Args)]
pub struct Latency {
    /// The release that is tried
    #[arg(long, value_name = "ID")]
    release: String,
    /// The address of its API, without a path; no TLS
    #[arg(long, value_name = "URL")]
    api: String,
    /// The address of the API of the release before it
    #[arg(long, value_name = "URL")]
    before: String,
    /// How often each is asked
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    samples: usize,
}

/// How long the answers took, in microseconds. As many of both.
#[derive(Serialize, Default)]
struct Answers {
    release: Vec<u128>,
    before: Vec<u128>,
}

impl Latency {
    /// Asks, as a user that is removed again. It is not the smoke test's, which has a password already.
    pub async fn run(&self, database: Database, keys: &Keys) -> anyhow::Result<()> {
        let mut database = monitor::connect(database).await?;
        let name = format!("{}-latency", self.release);
        let credentials = monitor::begin(&mut database, keys, &name).await?;
        let answers = log_in(&self.api, &credentials).and_then(|token| self.ask(&token));
        monitor::end(&mut database, &name).await?;
        println!("{}", serde_json::to_string(&answers?)?);
        Ok(())
    }

    /// The first answer of each is not counted: the page of a table that nobody has read lately is slow for whoever comes
    /// first. Where the release before gives none, there is nothing to compare.
    fn ask(&self, token: &str) -> anyhow::Result<Answers> {
        let began = Instant::now();
        let mut answers = Answers::default();
        time(&self.api, token)?;
        if time(&self.before, token).is_err() {
            return Ok(answers);
        }
        for _ in 0..self.samples {
            if began.elapsed() > TIME_LIMIT {
                break;
            }
            answers.release.push(time(&self.api, token)?);
            answers.before.push(time(&self.before, token)?);
        }
        Ok(answers)
    }
}

fn time(api: &str, token: &str) -> anyhow::Result<u128> {
    let began = Instant::now();
    let answer = get(api, LIST, Some(token))?;
    anyhow::ensure!(answer.status == 200, "the list is answered {}", answer.status);
    Ok(began.elapsed().as_micros())
}
