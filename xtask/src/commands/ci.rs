//! Placeholder.
#[derive(Debug, clap::Args)]
pub struct Ci {}
impl Ci {
    pub fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
#[derive(Debug, clap::Args)]
pub struct Lint {}
impl Lint {
    pub fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
#[derive(Debug, clap::Args)]
pub struct Test {}
impl Test {
    pub fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
#[derive(Debug, clap::Args)]
pub struct Fmt {}
impl Fmt {
    pub fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
