use clap::Subcommand;

use crate::setup::{self, Tool};
use crate::terminal::{self, Activity, paint};
use crate::tools::docker::engine;

/// Start and stop the container engine where no service manager does.
#[derive(Debug, clap::Args)]
pub struct Engine {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start it, and install it first where there is none and it may be installed.
    Start {
        /// Install without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Stop the one that xtask started, and wait until it has ended. Any other is left alone.
    Stop,
    /// Say whether one answers, and whose it is.
    Status,
}

impl Engine {
    pub fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::Start { yes } => {
                setup::ensure(&[Tool::Docker, Tool::Engine], yes)?;
                status()
            }
            What::Stop => stop(),
            What::Status => status(),
        }
    }
}

fn stop() -> anyhow::Result<()> {
    if Activity::of("stopping the engine", |_| setup::stop_engine())? {
        terminal::say("the engine has ended");
    } else if engine::ask().is_some() {
        terminal::say("xtask did not start the engine that answers, and leaves it alone");
    } else {
        terminal::say("no engine answers");
    }
    Ok(())
}

fn status() -> anyhow::Result<()> {
    let Some(info) = engine::ask() else {
        terminal::say(format_args!("{}  no engine answers", paint::bad("down")));
        return Ok(());
    };
    let whose = match setup::OWN_ENGINE.started() {
        Some(pid) => {
            format!(
                "started by xtask, process {}, log {}",
                pid.as_raw_nonzero(),
                setup::OWN_ENGINE.log_file()
            )
        }
        None => "not started by xtask".to_owned(),
    };
    terminal::say(format_args!("{}  engine {}, API {}, {whose}", paint::good("up"), info.version, info.api));
    Ok(())
}
