//! `cargo xtask dev`: TraceHub from the working tree.

mod background;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::output::OutputArgs;
use crate::product::dev::{self, Ready, Stack};
use crate::terminal::{self, paint};

/// Run TraceHub from this tree while you change it
///
/// The database with your data, the backend, and the page by Vite. A changed backend is compiled while the old one answers, and
/// takes over when it is ready; one that does not compile changes nothing. Nothing is left of it afterwards but the data, also
/// when it is killed.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Dev {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    start: Start,
}

#[derive(Debug, Args)]
struct Start {
    /// Begin with an empty database and the demo organisation
    #[arg(long)]
    fresh: bool,
    /// The page's port; otherwise one that this folder always has
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Run in the background, and return when the page answers
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Whether it runs, and where
    Status {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// What one in the background has written
    Logs {
        /// Go on with what it writes
        #[arg(long, short)]
        follow: bool,
    },
    /// End it
    Stop,
    /// Ends what its starter leaves when that is killed
    #[command(hide = true)]
    Sweep { id: String },
}

impl Dev {
    pub fn run(self) -> Result<()> {
        match self.verb {
            None if self.start.detach => background::start(&self.start),
            None => self.start.run(),
            Some(Verb::Status { output }) => background::status(output),
            Some(Verb::Logs { follow }) => background::logs(follow),
            Some(Verb::Stop) => background::stop(),
            Some(Verb::Sweep { id }) => dev::sweep(&id),
        }
    }
}

impl Start {
    /// In the foreground, until somebody asks to stop.
    fn run(&self) -> Result<()> {
        let mut stack = Stack::start(self.port, self.fresh)?;
        show(stack.ready());
        terminal::note(paint::dim("what you change takes over; Ctrl-C ends"));
        let followed = stack.follow();
        stack.stop();
        followed
    }
}

/// Where it is, and how to log in.
fn show(Ready { url, log_in }: &Ready) {
    terminal::say(format_args!("{}  {}", paint::good("up"), paint::strong(url)));
    terminal::say(format_args!("log in as {}  {}", log_in.email, log_in.password));
}
