//! `cargo xtask lab`: a throw-away VPS on this machine, to deploy to.

use std::time::Instant;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::OutputArgs;
use super::refuse;
use crate::lab::{Lab, Seen, Vps};
use crate::terminal::{self, paint, seconds};
use crate::tools::ssh::quote::quote;

/// Throw-away hosts on this machine, to deploy to as to rented ones
#[derive(Debug, Args)]
pub struct LabVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Bring it up, or start again what is stopped
    Up {
        /// How many machines: the first is staging's, the second production's
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
        hosts: u8,
        /// With an authority that certifies the machines' names: users come by HTTPS then, as in production
        #[arg(long)]
        https: bool,
        /// Install what is missing here without asking
        #[arg(long)]
        yes: bool,
    },
    /// Remove it, with everything that it holds
    Down {
        /// Keep the machines' image, so that the next `up` takes seconds
        #[arg(long)]
        keep_image: bool,
    },
    /// What runs of it, and at which ports
    Status {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the variables by which other verbs find it: eval "$(cargo xtask lab env)"
    Env,
}

impl LabVerb {
    /// Does it, and says what to do next.
    pub fn run(self) -> Result<()> {
        match self.verb {
            Verb::Up { hosts, https, yes } => up(usize::from(hosts), https, yes),
            Verb::Down { keep_image } => down(keep_image),
            Verb::Status { output } => status(output),
            Verb::Env => env(),
        }
    }
}

fn up(hosts: usize, https: bool, yes: bool) -> Result<()> {
    let began = Instant::now();
    let lab = Lab::up(hosts, https, yes)?;
    say_table(&lab, &lab.look()?);
    terminal::say(format_args!("{} the lab, in {}. Next:", paint::good("Up:"), seconds(began.elapsed())));
    terminal::say("  eval \"$(cargo xtask lab env)\"");
    terminal::say("  cargo xtask host setup --env staging");
    terminal::say("  cargo xtask deploy --env staging");
    Ok(())
}

fn down(keep_image: bool) -> Result<()> {
    if Lab::down(keep_image)? {
        terminal::say(format_args!("{} the lab, and everything that it held", paint::good("Removed:")));
    } else {
        terminal::say("no lab is up");
    }
    Ok(())
}

fn status(output: OutputArgs) -> Result<()> {
    let lab = Lab::load()?;
    let seen = lab.as_ref().map(Lab::look).transpose()?;
    output.say(
        || json!({ "lab": lab, "seen": seen }),
        || match lab.as_ref().zip(seen.as_deref()) {
            Some((lab, seen)) => say_table(lab, seen),
            None => terminal::say("no lab is up: `cargo xtask lab up`"),
        },
    );
    Ok(())
}

fn say_table(lab: &Lab, seen: &[Seen]) {
    let yes_no = |yes: bool| if yes { paint::good("answers") } else { paint::dim("no") };
    let row = |(host, seen): (&Vps, &Seen)| {
        let state = if seen.state == "running" { paint::good(&seen.state) } else { paint::bad(&seen.state) };
        let port = |port: u16| format!("127.0.0.1:{port}");
        vec![
            host.container.clone(),
            state,
            yes_no(seen.ssh),
            yes_no(seen.engine),
            port(host.ssh),
            port(host.http),
        ]
    };
    let rows: Vec<_> = lab.hosts.iter().zip(seen).map(row).collect();
    terminal::table(&["machine", "state", "sshd", "engine", "ssh", "http"], &rows);
    terminal::say(paint::dim(format_args!("registry localhost:{}", lab.registry)));
}

fn env() -> Result<()> {
    let lab = Lab::load()?.ok_or_else(|| refuse("no lab is up: `cargo xtask lab up` brings one up"))?;
    for (name, value) in lab.variables() {
        terminal::say(format_args!("export {name}={}", quote(&value)));
    }
    if lab.hosts.len() < 2 {
        terminal::say("# production has no machine: `cargo xtask lab up --hosts 2` gives it one");
    }
    Ok(())
}
