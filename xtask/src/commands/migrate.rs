//! Placeholder.
#[derive(Debug, clap::Args)]
pub struct Migrate {}
impl Migrate {
    pub fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
