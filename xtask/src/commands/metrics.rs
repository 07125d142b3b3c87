//! `cargo xtask metrics`: how delivery does, by DORA's five figures.

mod picture;

use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::output::OutputArgs;
use super::refuse;
use super::target::TargetArgs;
use crate::product::metrics::{Figure, Metrics as Measured};
use crate::rollout::host::Host;
use crate::terminal::{self, paint};
use crate::tools::git;
use crate::workspace;

/// How delivery does: DORA's five figures, of the ledger and git
#[derive(Debug, Args)]
pub struct Metrics {
    #[command(flatten)]
    target: TargetArgs,
    /// How far back
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = span)]
    since: Duration,
    /// As a table in Markdown
    #[arg(long, conflicts_with_all = ["json", "svg"])]
    markdown: bool,
    /// As a picture, light or dark as its reader has it
    #[arg(long, conflicts_with = "json")]
    svg: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|why| format!("{why}; a time like 90d or 12weeks"))?;
    let (day, ten_years) = (Duration::from_secs(86_400), Duration::from_secs(10 * 365 * 86_400));
    match (day..=ten_years).contains(&span) {
        true => Ok(span),
        false => Err("from a day (1d) to ten years (3650d)".to_owned()),
    }
}

impl Metrics {
    /// Refused where the answer would be wrong: of a ledger with damage, and of a clone without its history.
    pub fn run(self) -> Result<()> {
        if git::history::is_shallow(workspace::root())? {
            return Err(refuse(
                "this clone lacks older commits, and lead times would be wrong: `git fetch --unshallow` brings them",
            ));
        }
        let machine = self.target.reach()?;
        let name = machine.environment().name.clone();
        let files = machine.files()?;
        if let Some(damage) = files.damage().first() {
            return Err(refuse(format!(
                "{damage}, and the figures would be wrong: `cargo xtask recover --ledger --env {name}` makes it anew"
            )));
        }
        let now = SystemTime::now();
        let measured = Measured::of(&files.ledger, workspace::root(), now - self.since, now)?;
        if self.markdown {
            terminal::say(markdown(&measured).trim_end());
        } else if self.svg {
            terminal::say(picture::draw(&measured, &format!("How delivery to {name} does")).trim_end());
        } else {
            self.output.say(|| for_programs(&measured), || for_people(&measured, self.since));
        }
        Ok(())
    }
}

/// A value as people read it.
pub(super) fn shown(figure: &Figure) -> String {
    match (figure.value, figure.unit) {
        (None, _) => "none".to_owned(),
        (Some(value), "s") => time(Duration::from_secs_f64(value)),
        (Some(value), "%") => format!("{value:.0} %"),
        (Some(value), unit) => format!("{value:.1} {unit}"),
    }
}

fn days(time: Duration) -> String {
    match time.as_secs() / 86_400 {
        1 => "day".to_owned(),
        days => format!("{days} days"),
    }
}

/// In the two units that count.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn for_people(measured: &Measured, since: Duration) {
    let row = |figure: &Figure| {
        let value = match figure.is_met {
            Some(true) => paint::good(shown(figure)),
            Some(false) => paint::bad(shown(figure)),
            None => shown(figure),
        };
        let few = if figure.says_little() {
            paint::warn(format_args!("{}, few", figure.samples))
        } else {
            figure.samples.to_string()
        };
        vec![figure.name.to_owned(), value, figure.target.clone(), few]
    };
    let rows: Vec<_> = measured.figures.iter().map(row).collect();
    terminal::table(&["figure", "value", "target", "of"], &rows);
    terminal::say(format_args!("\n{}", picture::spark(&measured.weeks)));
    terminal::say(paint::dim(format_args!(
        "deployments by week in the last {}, this week last; weeks with a failed one in red",
        days(since)
    )));
    terminal::say(format_args!(
        "caught before users: {} attempts failed before they had the traffic",
        measured.caught
    ));
    terminal::say("");
    for figure in &measured.figures {
        terminal::say(paint::dim(format_args!("{}: {}", figure.name, figure.counted)));
    }
    measured.unknown.iter().for_each(|what| terminal::warn(format_args!("not counted: {what}")));
}

fn for_programs(measured: &Measured) -> serde_json::Value {
    let figure = |it: &Figure| json!({ "name": it.name, "value": it.value, "unit": it.unit, "samples": it.samples, "target": it.target, "is_met": it.is_met, "counted": it.counted });
    let week =
        |(deployments, failed): &(usize, usize)| json!({ "deployments": deployments, "failed": failed });
    json!({
        "since": humantime::format_rfc3339_seconds(measured.since).to_string(),
        "figures": measured.figures.iter().map(figure).collect::<Vec<_>>(),
        "weeks": measured.weeks.iter().map(week).collect::<Vec<_>>(),
        "caught_before_users": measured.caught,
        "not_counted": measured.unknown,
    })
}

fn markdown(measured: &Measured) -> String {
    let row = |figure: &Figure| {
        let mark = match figure.is_met {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "",
        };
        let few = if figure.says_little() { " (few)" } else { "" };
        format!(
            "| {} | {} | {} | {mark} | {}{few} |\n",
            figure.name,
            shown(figure),
            figure.target,
            figure.samples
        )
    };
    let rows: String = measured.figures.iter().map(row).collect();
    format!(
        "| figure | value | target | | of |\n| --- | --- | --- | --- | --- |\n{rows}\nCaught before users: {} attempts.\n",
        measured.caught
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_day_at_least_and_ten_years_at_most() {
        assert_eq!(span("90d"), Ok(Duration::from_secs(90 * 86_400)));
        for wrong in ["0s", "1h", "11years", "soon", "-3d", "", "90"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_shown_in_the_two_units_that_count() {
        let of = |seconds: f64| time(Duration::from_secs_f64(seconds));
        assert_eq!(
            [of(2.84), of(125.0), of(3_725.0), of(400_000.0)],
            ["2.8 s", "2 min 05 s", "1 h 02 min", "4 days"]
        );
    }
}
