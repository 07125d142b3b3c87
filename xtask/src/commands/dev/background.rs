//! `dev` without a terminal of its own: started, looked at and ended from elsewhere.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::json;
use xshell::cmd;

use super::{Start, show};
use crate::commands::output::OutputArgs;
use crate::exit::refuse;
use crate::product::dev::{self, Owned, State};
use crate::terminal::{self, Activity, paint};
use crate::tools::process::{self, Run, interrupt, shell};

/// The first start compiles everything.
const START_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Longer than everything may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// It is nobody's child that waits for it no longer.
const GOES_ON: &str = "it goes on in the background: `cargo xtask dev logs` shows how far it is, `cargo xtask dev stop` ends it";
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Starts it, and returns when its page answers.
pub fn start(options: &Start) -> Result<()> {
    // Refused here while it runs, and not in a log.
    drop(Owned::take()?);
    let (program, log) = (std::env::current_exe()?, dev::log_file());
    let mut words = vec!["dev".to_owned()];
    words.extend(options.fresh.then(|| "--fresh".to_owned()));
    words.extend(options.port.map(|port| format!("--port={port}")));
    let file = File::create(&log).with_context(|| format!("making {log}"))?;
    let daemon = pid(process::daemon(cmd!(shell(), "{program} {words...}"), &file)?);
    Activity::of("start TraceHub in the background", |activity| {
        let began = Instant::now();
        while dev::state()?.and_then(|state| state.ready).is_none() {
            let text = fs::read_to_string(&log).unwrap_or_default();
            activity.line(text.lines().last().unwrap_or_default());
            if matches!(waitpid(daemon, WaitOptions::NOHANG), Ok(Some(_)) | Err(_)) {
                bail!("it did not start; the end of {log}:\n{}", process::tail(&text));
            }
            if began.elapsed() > START_TIMEOUT {
                bail!("it has not started within {START_TIMEOUT:?}: {GOES_ON}");
            }
            interrupt::pause(POLL_INTERVAL).with_context(|| format!("waiting for it to start; {GOES_ON}"))?;
        }
        Ok(())
    })?;
    status(OutputArgs { json: false })
}

/// Whether it runs, and where.
pub fn status(output: OutputArgs) -> Result<()> {
    let state = dev::state()?;
    output.say(
        || json!(state),
        || match &state {
            Some(State { ready: Some(ready), .. }) => show(ready),
            Some(_) => terminal::say(format_args!("{}  it is not ready yet", paint::warn("starting"))),
            None => terminal::say(format_args!("{}  `cargo xtask dev` starts it", paint::bad("down"))),
        },
    );
    Ok(())
}

/// What one in the background has written.
pub fn logs(is_followed: bool) -> Result<()> {
    let log = dev::log_file();
    if !log.exists() {
        return Err(refuse("none was ever started in the background: `cargo xtask dev --detach` does"));
    }
    let follow = is_followed.then_some("--follow");
    Run::new(cmd!(shell(), "tail --lines=+1 {follow...} {log}")).stream(|line| terminal::say(line))?;
    Ok(())
}

/// Ends it, and returns when it has ended.
pub fn stop() -> Result<()> {
    let Some(state) = dev::state()? else {
        terminal::say("it does not run");
        return Ok(());
    };
    Activity::of("end TraceHub", |_| {
        kill_process(pid(state.process).context("it has no process")?, Signal::TERM)
            .context("asking it to end")?;
        let began = Instant::now();
        while dev::state()?.is_some() {
            if began.elapsed() > STOP_TIMEOUT {
                bail!("process {} has not ended within {STOP_TIMEOUT:?}", state.process);
            }
            interrupt::pause(POLL_INTERVAL)?;
        }
        Ok(())
    })
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}
