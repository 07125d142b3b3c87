//! The tasks about what is shipped.

use anyhow::{Result, ensure};
use xshell::cmd;

use crate::commands::image::Tree;
use crate::pipeline::Context;
use crate::project;
use crate::tools::process::Run;

/// Builds both images as `cargo xtask image build` does, and runs each.
pub fn images(task: &Context) -> Result<()> {
    task.run(cmd!(task.sh, "cargo xtask image build --yes"))?;
    let tree = Tree::look()?;
    let (backend, frontend) = (tree.name_of(project::BACKEND), tree.name_of(project::FRONTEND));

    for image in [&backend, &frontend] {
        let user = "{{.Config.User}}";
        let told = Run::new(cmd!(task.sh, "docker image inspect --format {user} {image}")).text()?;
        ensure!(told == USER, "{image} runs as the user '{told}', and not as {USER}");
        let id = "{{.Id}}";
        task.made_image(Run::new(cmd!(task.sh, "docker image inspect --format {id} {image}")).text()?);
    }
    // Running it at all shows that its libraries are there.
    let document =
        Run::new(cmd!(task.sh, "docker run --rm --network none {backend} openapi")).checked()?.stdout;
    let committed =
        std::fs::read_to_string(project::root().join(project::BACKEND.folder).join("openapi.json"))?;
    ensure!(document == committed, "the image's OpenAPI document is not the one in the repository");
    task.run(cmd!(
        task.sh,
        "docker run --rm --network none {frontend} caddy validate --config /etc/caddy/Caddyfile --adapter caddyfile"
    ))
}

/// Numeric, so that an orchestrator can tell that it is not root.
const USER: &str = "10001:10001";
