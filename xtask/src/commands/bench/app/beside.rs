//! What one thing costs: two backends beside each other, one with it and one without, asked for the list in turns.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use clap::ValueEnum;

use super::load::{Asking, SECONDS};
use super::{ASKED, Ready, SHIPMENTS, build, fill, log_in};
use crate::commands::bench::time::processors_of;
use crate::lab::inbox::Inbox;
use crate::product::serving::Serving;
use crate::terminal::Activity;
use crate::tools::cargo::Profile;
use crate::tools::files::private;

/// How often each is asked. The middle of the ratios counts, so this is odd.
const ROUNDS: usize = 7;
/// Cargo's default: each crate is optimised once more as a whole, when its parts have been compiled.
const LTO: Profile = Profile::ReleaseWith("lto=false");

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Beside {
    /// Telling a Sentry beside it of one request in ten
    Sentry,
    /// `lto = "off"`, by which it is compiled sooner
    Lto,
}

/// One of the two.
struct Side {
    serving: Serving,
    token: String,
}

/// What came of one turn of it.
struct Turn {
    a_second: f64,
    /// What the backend took of the processors, in microseconds a request.
    effort: f64,
}

impl Beside {
    /// Of docs/benchmarks.md, what this writes.
    pub fn section(self) -> &'static str {
        match self {
            Beside::Sentry => "app-sentry",
            Beside::Lto => "app-lto",
        }
    }

    /// Measures.
    pub fn measure(self) -> Result<String> {
        let ready = Ready::make()?;
        let folder = private::Folder::new()?;
        let shipped = folder.join("shipped");
        // A copy: the other build takes the place of this one.
        fs::copy(&ready.backend, &shipped).context("copying the backend")?;
        let inbox = Inbox::at(&Ipv4Addr::LOCALHOST.to_string())?;
        let dsn = inbox.url.replacen("http://", "http://key@", 1).replace("/alarms", "/1");
        let (without, with) = match self {
            Beside::Sentry => (
                Side::start(&ready, &shipped, &[])?,
                Side::start(&ready, &shipped, &[("SENTRY_DSN", dsn.as_str())])?,
            ),
            Beside::Lto => (Side::start(&ready, &build(LTO)?, &[])?, Side::start(&ready, &shipped, &[])?),
        };
        let pairs = in_turns(&ready, &without, &with)?;
        let told = inbox.count();
        ensure!((told > 0) == (self == Beside::Sentry), "the Sentry beside it was told {told} times");
        [with, without].into_iter().try_for_each(|side| side.serving.stop().map(drop))?;
        Ok(self.text(&pairs, told))
    }

    fn text(self, pairs: &[(Turn, Turn)], told: usize) -> String {
        let (title, what, names) = match self {
            Beside::Sentry => (
                "What telling Sentry costs",
                format!(
                    "with `SENTRY_DSN`, of the default 10 % of the requests, and without. The Sentry is beside it, answers at once, \
                     shares the cores, and was told {told} times"
                ),
                ["without", "with"],
            ),
            Beside::Lto => (
                "What `lto = \"off\"` costs",
                "as it is shipped, and by cargo's default, which optimises each crate once more when its parts are compiled"
                    .to_owned(),
                ["cargo's default", "as it is shipped"],
            ),
        };
        let (what_is_asked, _, at_once) = ASKED[0];
        let row = |name: &str, cells: &dyn Fn(&Turn, &Turn) -> [f64; 3]| {
            let cells = pairs.iter().map(|(without, with)| cells(without, with));
            let [without, with, ratio] = columns(cells.collect());
            let (least, most) = (ratio[0], ratio[ratio.len() - 1]);
            format!(
                "| {name} | {:.0} | {:.0} | {:.3} | {least:.3} to {most:.3} |\n",
                middle(&without),
                middle(&with),
                middle(&ratio)
            )
        };
        let requests = row("requests a second", &|a, b| [a.a_second, b.a_second, b.a_second / a.a_second]);
        let effort =
            row("of the processors, µs a request", &|a, b| [a.effort, b.effort, b.effort / a.effort]);
        format!(
            "### {title}\n\n`cargo xtask bench app --beside {}`: {what_is_asked}, of {} shipments, by {at_once} at once: {what}. Each was asked {ROUNDS} times for {SECONDS} \
             seconds, in turns; the middle ones stand here, and the ratio is that of neighbours. Where its span holds 1, the machine's noise \
             is larger than what is looked for; what the backend itself took of the processors suffers less from that.\n\n\
             | | {} | {} | ratio | its span |\n| --- | ---: | ---: | ---: | ---: |\n{requests}{effort}",
            self.section().trim_start_matches("app-"),
            SHIPMENTS[0],
            names[0],
            names[1],
        )
    }
}

/// In the second of two rounds the other one begins, so that neither has always the warmer machine.
fn in_turns(ready: &Ready, without: &Side, with: &Side) -> Result<Vec<(Turn, Turn)>> {
    let organisation = log_in(&with.serving.url, &ready.demo)?.organisation.id;
    fill(&ready.server, &organisation, SHIPMENTS[0])?;
    let round = |number: usize| {
        Activity::of(format!("round {} of {ROUNDS}", number + 1), |_| {
            if number.is_multiple_of(2) {
                let first = without.turn()?;
                Ok((first, with.turn()?))
            } else {
                let first = with.turn()?;
                Ok((without.turn()?, first))
            }
        })
    };
    (0..ROUNDS).map(round).collect()
}

impl Side {
    fn start(ready: &Ready, backend: &Utf8Path, settings: &[(&str, &str)]) -> Result<Side> {
        let serving = ready.serve(backend, settings)?;
        let token = log_in(&serving.url, &ready.demo)?.token;
        Ok(Side { serving, token })
    }

    fn turn(&self) -> Result<Turn> {
        let (_, path, at_once) = ASKED[0];
        let asking = Asking { url: &self.serving.url, token: &self.token };
        let before = processors_of(self.serving.id())?;
        let figures = asking.measure(path, at_once)?;
        let took = processors_of(self.serving.id())? - before;
        ensure!(figures.failed == 0, "{} requests failed", figures.failed);
        let a_second = figures.a_second();
        // The second before, for which nothing is counted, was asked as much.
        Ok(Turn { a_second, effort: took.as_secs_f64() * 1e6 / (a_second * f64::from(SECONDS + 1)) })
    }
}

/// Sorted, each by itself.
fn columns(rows: Vec<[f64; 3]>) -> [Vec<f64>; 3] {
    [0, 1, 2].map(|column| {
        let mut all: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        all.sort_by(f64::total_cmp);
        all
    })
}

fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
