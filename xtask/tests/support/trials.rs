//! A suite: its tests, in order, on one environment. A core runs always; the whole with `--include-ignored`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};

/// How often a test is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With every run of the suite.
    Always,
    /// With the whole suite: `--include-ignored`.
    Deep,
}

/// A test: what must hold, when it is run, and how it is found out.
pub type Row<T> = (&'static str, When, fn(&T) -> Result<(), Failed>);

/// Runs the tests on what `up` gives, one after the other; `down` clears up behind them.
pub fn run<T: Send + Sync + 'static>(
    rows: &[Row<T>],
    up: impl FnOnce() -> T,
    down: impl FnOnce(&T),
) -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    if arguments.list {
        let names =
            rows.iter().map(|(name, when, _)| ignored(*when, Trial::test(*name, || Ok(())))).collect();
        return libtest_mimic::run(&arguments, names).exit_code();
    }
    let world = Arc::new(up());
    let trial = |(name, when, test): &Row<T>| {
        let (world, name, test) = (Arc::clone(&world), *name, *test);
        let timed = move || {
            let began = Instant::now();
            let result = test(&world);
            println!("    {name}: {:.1} s", began.elapsed().as_secs_f64());
            // The others go on: nobody should have to wait for them to read it.
            if let Some(why) = result.as_ref().err().and_then(Failed::message) {
                println!("    {why}");
            }
            result
        };
        ignored(*when, Trial::test(name, timed))
    };
    let conclusion = libtest_mimic::run(&arguments, rows.iter().map(trial).collect());
    down(&world);
    conclusion.exit_code()
}

fn ignored(when: When, trial: Trial) -> Trial {
    trial.with_ignored_flag(when == When::Deep)
}
