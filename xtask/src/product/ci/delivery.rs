//! The tasks about what is shipped.

use anyhow::{Result, ensure};
use xshell::cmd;

use crate::pipeline::Context;
use crate::product::images::Tree;
use crate::project::{self, APP_UID};
use crate::tools::process::Run;
use crate::tools::{caddy, docker};
use crate::workspace;

/// Builds both images as `cargo xtask image build` does, and runs each.
pub fn images(task: &Context) -> Result<()> {
    task.run(cmd!(task.sh, "cargo xtask image build --yes"))?;
    let tree = Tree::look()?;
    let (backend, frontend) = (tree.name_of(project::BACKEND), tree.name_of(project::FRONTEND));

    for image in [&backend, &frontend] {
        let told = |template: &str| Run::new(docker::inspect(&task.sh, image, template)).text();
        // Numeric, so that an orchestrator can tell that it is not root.
        let (user, expected) = (told("{{.Config.User}}")?, format!("{APP_UID}:{APP_UID}"));
        ensure!(user == expected, "{image} runs as the user '{user}', and not as {expected}");
        task.add_image(told("{{.Id}}")?);
    }
    // Running it at all shows that its libraries are there.
    let document = Run::new(docker::run(&task.sh, &backend, &["openapi"])).checked()?.stdout;
    let committed =
        std::fs::read_to_string(workspace::root().join(project::BACKEND.folder).join("openapi.json"))?;
    ensure!(document == committed, "the image's OpenAPI document is not the one in the repository");
    task.run(caddy::validate_own(&task.sh, &frontend))
}
