//! Placeholder.
#[derive(Debug, clap::Args)]
pub struct Doctor {}
impl Doctor {
    pub fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
