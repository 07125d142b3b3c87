//! A suite: its trials, in order, on one environment. Some run always; all of them with `--include-ignored`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};

/// How often a trial is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With every run of the suite.
    Always,
    /// Only with the whole suite: `--include-ignored`.
    Deep,
}

/// A trial: what must hold, when it is run, and the function that tries it.
pub type Row<T> = (&'static str, When, fn(&T) -> Result<(), Failed>);

/// Runs the trials one after the other on what `set_up` gives; `tear_down` removes it afterwards.
pub fn run<T: Send + Sync + 'static>(
    rows: &[Row<T>],
    set_up: impl FnOnce() -> T,
    tear_down: impl FnOnce(&T),
) -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    if arguments.list {
        let names =
            rows.iter().map(|(name, when, _)| ignored(*when, Trial::test(*name, || Ok(())))).collect();
        return libtest_mimic::run(&arguments, names).exit_code();
    }
    let environment = Arc::new(set_up());
    let trial = |(name, when, test): &Row<T>| {
        let (environment, name, test) = (Arc::clone(&environment), *name, *test);
        let timed = move || {
            let began = Instant::now();
            let result = test(&environment);
            println!("    {name}: {:.1} s", began.elapsed().as_secs_f64());
            // At once: the trials that follow take minutes, and the runner prints failures only at the end.
            if let Some(message) = result.as_ref().err().and_then(Failed::message) {
                println!("    {message}");
            }
            result
        };
        ignored(*when, Trial::test(name, timed))
    };
    let conclusion = libtest_mimic::run(&arguments, rows.iter().map(trial).collect());
    tear_down(&environment);
    conclusion.exit_code()
}

fn ignored(when: When, trial: Trial) -> Trial {
    trial.with_ignored_flag(when == When::Deep)
}
