//! Whether the API does what its document says: the real backend, on PostgreSQL, asked by schemathesis.

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::databases;
use crate::pipeline::Context;
use crate::product::serving::{Demo, Serving};
use crate::project;
use crate::setup::{self, Tool};
use crate::tools::cargo::{self, Profile};
use crate::tools::diagnostics::lint;
use crate::tools::process::{Run, shell_in};
use crate::workspace;

/// Asks it everything that its document allows, and what it forbids.
pub fn conforms(task: &Context) -> Result<()> {
    let root = workspace::root();
    let database = databases::migrated(task)?;
    // As it is shipped, which the images need as well: another build would take as long as all of this.
    let backend = cargo::build(root, project::BACKEND.image, Profile::Release, &task.lines())?;
    let demo = Run::new(cmd!(task.sh, "{backend} seed").env("DATABASE_URL", &database.owner)).text()?;
    let demo: Demo = serde_json::from_str(&demo).context("reading how to log in to the demo organisation")?;

    let papers = tempfile::tempdir().context("making a folder for papers")?;
    let serve = cmd!(task.sh, "{backend} serve").env("PAPERS_FOLDER", papers.path());
    let serving = Serving::start(serve.env("DATABASE_URL", &database.user))?;
    let document = root.join(project::BACKEND.folder).join("openapi.json");
    let settings = root.join(lint::SCHEMATHESIS);
    // It leaves files where it runs.
    let folder = tempfile::tempdir().context("making a folder for schemathesis")?;
    let (sh, schemathesis) = (shell_in(folder.path()), setup::require(Tool::Schemathesis)?);
    let ask = lint::schemathesis(&sh, &schemathesis, &settings, &document, &serving.url);
    let asked = task.run(ask.env("EMAIL", demo.email).env("PASSWORD", demo.password));
    for line in serving.stop()? {
        task.line(&line);
    }
    asked
}
