//! Placeholder.
#[derive(Debug, clap::Args)]
pub struct Engine {}
impl Engine {
    pub fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
