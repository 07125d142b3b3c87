//! Which environment a verb is about, and the way to it.

use anyhow::Result;
use clap::Args;

use super::refuse;
use crate::project::Environment;
use crate::rollout::machine::Machine;
use crate::tools::{engine, locate};

/// The option that every verb about an environment has.
#[derive(Debug, Args)]
pub struct Place {
    /// Which environment: local, or test-NAME
    #[arg(long, value_name = "ENVIRONMENT", default_value = "local")]
    env: Environment,
}

impl Place {
    /// The environment's name.
    pub fn name(&self) -> &str {
        &self.env.name
    }

    /// The environment on its host, which must have an engine that answers. Its folders are made when there are none.
    pub fn reach(self) -> Result<Machine> {
        if engine::ask().is_none() {
            return Err(refuse(
                "no container engine answers here: `cargo xtask engine start` starts one, `cargo xtask doctor` says what is missing",
            ));
        }
        let machine = Machine::new(self.env, locate::compose()?)?;
        if let Some(other) = machine.other_owner()? {
            let (name, here) = (machine.environment().name.clone(), machine.root());
            return Err(refuse(format!(
                "on this engine, the environment {name} belongs to another copy of the repository: it lives in {other}, \
                 and not in {here}. `cargo xtask down` there frees the name."
            )));
        }
        machine.make_folders()?;
        Ok(machine)
    }
}
