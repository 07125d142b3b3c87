//! What people look at: lines, tables, and the progress of what takes longer than a second.
//!
//! Output that nobody reads any more (`cargo xtask releases | head -1`) ends the program quietly.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use console::{Style, Term, style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

mod table;

static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A line of the program's answer, on standard output. Where it can't be written, as on a full disk, the program ends: half of an
/// answer must not pass for one.
pub fn say(line: impl Display) {
    let written = BARS.suspend(|| writeln!(std::io::stdout(), "{line}"));
    match written {
        Ok(()) => {}
        // The reader has gone: it has seen what it wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            let words = "the answer can't be written to standard output, and what was done stays done";
            note(format_args!("{} {words}: {error}", paint::bad("error:")));
            std::process::exit(1);
        }
    }
}

/// A line about the work, on standard error, so that the answer can be piped on.
pub fn note(line: impl Display) {
    BARS.suspend(|| drop(writeln!(std::io::stderr(), "{line}")));
}

/// Whether standard output takes escape codes: a terminal does, unless `NO_COLOR` is set; a pipe does not, unless
/// `CLICOLOR_FORCE` is.
pub fn takes_escape_codes() -> bool {
    console::colors_enabled()
}

/// A line that another program wrote, without its escape codes.
pub fn without_escape_codes(line: &str) -> Cow<'_, str> {
    console::strip_ansi_codes(line)
}

/// Something that went wrong without stopping the work.
pub fn warn(line: impl Display) {
    note(format_args!("{} {line}", style("warning:").for_stderr().yellow().bold()));
}

/// Whether this is a run that nobody sits at, as its surroundings say: what can't run is a failure, and nothing is asked.
pub fn is_in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| matches!(value.as_str(), "true" | "1"))
}

/// Colours by meaning.
pub mod paint {
    use super::{Display, Style};

    /// Went well, is healthy, serves.
    pub fn good(text: impl Display) -> String {
        Style::new().green().apply_to(text).to_string()
    }
    /// Failed, is down.
    pub fn bad(text: impl Display) -> String {
        Style::new().red().bold().apply_to(text).to_string()
    }
    /// Wants attention.
    pub fn warn(text: impl Display) -> String {
        Style::new().yellow().apply_to(text).to_string()
    }
    /// Of less interest.
    pub fn dim(text: impl Display) -> String {
        Style::new().dim().apply_to(text).to_string()
    }
    /// Of more interest.
    pub fn strong(text: impl Display) -> String {
        Style::new().bold().apply_to(text).to_string()
    }
}

/// Prints rows in columns that align, under dim headings; on a terminal within its width.
pub fn table(headings: &[&str], rows: &[Vec<String>]) {
    let stdout = Term::stdout();
    let width = stdout.is_term().then(|| usize::from(stdout.size().1));
    table::lines(headings, rows, width).iter().for_each(say);
}

/// A line whose text may be long: on a terminal it goes on below its own beginning.
pub fn say_behind(head: &str, text: impl Display) {
    let stdout = Term::stdout();
    let width = stdout.is_term().then(|| usize::from(stdout.size().1));
    table::behind(head, &text.to_string(), width).iter().for_each(say);
}

/// A time, for programs.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Asks on the terminal; without one the answer is no.
pub fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    BARS.suspend(|| {
        let mut answer = String::new();
        let _ = write!(std::io::stderr(), "{question} [y/N] ");
        let _ = std::io::stderr().flush();
        std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    })
}

/// Reads a line that nobody should see, without showing it; none where there is no terminal to ask at.
pub fn ask_secret(question: &str) -> Option<std::io::Result<String>> {
    let is_asked = std::io::stdin().is_terminal();
    is_asked.then(|| {
        BARS.suspend(|| {
            write!(std::io::stderr(), "{question}: ")?;
            std::io::stderr().flush()?;
            Term::stderr().read_secure_line()
        })
    })
}

/// Something that takes a while: a spinner with its last output line on a terminal, a line at its end elsewhere
/// (and one at its beginning, so that a log shows what is being waited for).
pub struct Activity {
    name: String,
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Activity {
    /// Shows that `name` is under way.
    pub fn start(name: impl Into<String>) -> Activity {
        let name = name.into();
        let bar = Term::stderr().is_term().then(|| {
            let bar = above_overall(ProgressBar::new_spinner());
            bar.set_style(
                ProgressStyle::with_template("{spinner:.cyan} {prefix} {elapsed:.dim}  {wide_msg:.dim}")
                    .expect("a fixed template"),
            );
            bar.set_prefix(name.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            note(format_args!("  {name} …"));
        }
        Activity { name, began: Instant::now(), bar }
    }

    /// The last line of what is running.
    pub fn line(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(console::strip_ansi_codes(line).trim().to_owned());
        }
    }

    /// It went well; `what` adds a few words.
    pub fn done(self, what: impl Display) {
        let what = what.to_string();
        let words = if what.is_empty() { String::new() } else { format!("  {what}") };
        let tick = style("✓").for_stderr().green();
        self.end(format_args!("{tick} {}{words}  {}", self.name, self.took()));
    }

    /// It failed; the error itself is printed by whoever handles it.
    pub fn failed(self) {
        let cross = style("✗").for_stderr().red().bold();
        self.end(format_args!("{cross} {}  {}", self.name, self.took()));
    }

    /// Runs `work` and ends as it ends.
    pub fn of<T, E>(name: impl Into<String>, work: impl FnOnce(&Activity) -> Result<T, E>) -> Result<T, E> {
        let activity = Activity::start(name);
        let result = work(&activity);
        match &result {
            Ok(_) => activity.done(""),
            Err(_) => activity.failed(),
        }
        result
    }

    fn took(&self) -> impl Display + use<> {
        style(seconds(self.began.elapsed())).for_stderr().dim()
    }

    fn end(&self, line: impl Display) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            BARS.remove(bar);
        }
        note(line);
    }
}

/// Asks for a word to be typed; without a terminal it was not.
pub fn asked_for(question: &str, word: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    BARS.suspend(|| {
        let mut answer = String::new();
        let _ = write!(std::io::stderr(), "{question} ");
        let _ = std::io::stderr().flush();
        std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == word
    })
}

/// Whether somebody sees what is being done as it is done, on a terminal.
pub fn is_watched() -> bool {
    Term::stderr().is_term()
}

/// Things that are done one after the other: on a terminal all of them are seen, what is done with its time, what runs,
/// and what is to come; elsewhere a line at the end of each.
pub struct Agenda {
    lines: Vec<String>,
    bars: Vec<ProgressBar>,
}

impl Agenda {
    /// Lists them.
    pub fn of(lines: Vec<String>) -> Agenda {
        let shown = if is_watched() { lines.as_slice() } else { &[] };
        let bar = |line: &String| {
            let bar = BARS.add(ProgressBar::new_spinner());
            bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("a fixed template"));
            bar.set_message(format!("{}", style(format_args!("· {line}")).for_stderr().dim()));
            bar
        };
        let bars = shown.iter().map(bar).collect();
        Agenda { lines, bars }
    }

    /// This one is under way.
    pub fn begin(&self, number: usize) {
        let Some(bar) = self.bars.get(number) else { return };
        let running = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}");
        bar.set_style(running.expect("a fixed template"));
        bar.set_message(self.lines[number].clone());
        bar.reset_elapsed();
        bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// This one is over.
    pub fn end(&self, number: usize, well: bool, took: Duration) {
        let sign =
            if well { style("✓").for_stderr().green() } else { style("✗").for_stderr().red().bold() };
        let (line, took) = (&self.lines[number], style(seconds(took)).for_stderr().dim());
        let Some(bar) = self.bars.get(number) else { return note(format_args!("{sign} {line}  {took}")) };
        bar.finish_and_clear();
        BARS.remove(bar);
        // What is over stands above what is to come, and stays when the bars are gone.
        note(format_args!("{sign} {line}  {took}"));
    }

    /// What is to come will not come.
    pub fn forget_rest(&self) {
        for bar in &self.bars {
            bar.finish_and_clear();
            BARS.remove(bar);
        }
    }
}

static OVERALL: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// What runs stands above the bar over all of it.
fn above_overall(bar: ProgressBar) -> ProgressBar {
    match &*OVERALL.lock().expect("no holder panics") {
        Some(overall) => BARS.insert_before(overall, bar),
        None => BARS.add(bar),
    }
}

/// How far many things are that run at once: a bar on a terminal, nothing elsewhere.
pub struct Overall(Option<ProgressBar>);

impl Overall {
    /// So many of them.
    pub fn of(things: usize) -> Overall {
        let bar = is_watched().then(|| {
            let bar = BARS.add(ProgressBar::new(things as u64));
            let style = ProgressStyle::with_template("{bar:24.cyan/dim} {pos} of {len} {msg:.dim}");
            bar.set_style(style.expect("a fixed template"));
            bar
        });
        OVERALL.lock().expect("no holder panics").clone_from(&bar);
        Overall(bar)
    }

    /// For who does not look.
    pub fn hidden() -> Overall {
        Overall(None)
    }

    /// So many are over, and the rest will take this many seconds.
    pub fn set(&self, over: usize, left: f64) {
        let Some(bar) = &self.0 else { return };
        bar.set_position(over as u64);
        let left = Duration::try_from_secs_f64(left).unwrap_or_default();
        bar.set_message(if left.is_zero() { String::new() } else { format!("about {} left", seconds(left)) });
    }

    /// All are.
    pub fn end(self) {
        OVERALL.lock().expect("no holder panics").take();
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
            BARS.remove(&bar);
        }
    }
}

/// `0.3 s`, `12.4 s`, `3 min 05 s`.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 100.0 {
        return format!("{seconds:.1} s");
    }
    format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_code_of_another_program_is_left() {
        // As compose begins each line of its logs, and as programs colour theirs.
        let line = "\u{1b}[2K\u{1b}[36mworker-1  | \u{1b}[0m\u{1b}]0;title\u{7}it \u{1b}[1;31mfailed\u{1b}[m";
        assert_eq!(without_escape_codes(line), "worker-1  | it failed");
    }
}
