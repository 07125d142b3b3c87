//! The rows about what is shipped and how it runs on a host: images, compose files, the edge's configuration.

mod limits;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::pipeline::Context;
use crate::product::images::Tree;
use crate::product::sbom::{self, Sbom};
use crate::project::{self, APP_UID, CADDY, DEPLOY, EDGE_FILE, PLATFORM_FILES, RELEASE_FILE};
use crate::setup::{self, Tool, base_images};
use crate::tools::docker::compose::Project;
use crate::tools::docker::copy;
use crate::tools::files::private;
use crate::tools::process::Run;
use crate::tools::{caddy, docker, syft};
use crate::workspace;

/// The files that are one project together.
const PROJECTS: [&[&str]; 3] = [&[RELEASE_FILE], &[PLATFORM_FILES[0]], &PLATFORM_FILES];

/// Compose reads each file as it will be used, with a value for each variable that it names. Every service has limits.
pub fn compose(task: &Context) -> Result<()> {
    let program = setup::require(Tool::Compose)?;
    let folder = private::Folder::new()?;
    let folder = folder.path();
    let deploy = workspace::root().join(DEPLOY);
    let mut lacking = Vec::new();
    fs::copy(deploy.join("environments/production.env"), folder.join("settings.env"))
        .context("copying an environment's settings")?;
    for names in PROJECTS {
        let files: Vec<Utf8PathBuf> = names.iter().map(|name| deploy.join(name)).collect();
        let mut text = String::new();
        for file in &files {
            text += &fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
        }
        let variables = folder.join("variables.env");
        let lines: String = names_in(&text).iter().map(|name| format!("{name}={}\n", value(name))).collect();
        fs::write(&variables, lines).with_context(|| format!("writing {variables}"))?;
        let (program, name) = (&program, "check".to_owned());
        let project = Project { program, name, folder, files: &files, variables: &variables };
        let rendered = serde_json::from_str(&Run::new(project.rendered(&task.sh)).text()?)
            .with_context(|| format!("reading {names:?} as compose renders them"))?;
        lacking.extend(limits::lacking(&rendered));
    }
    ensure!(lacking.is_empty(), "what a container may use or do is not limited:\n{}", lacking.join("\n"));
    let all = fs::read_dir(&deploy).with_context(|| format!("reading {deploy}"))?.flatten();
    let yaml = all.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "yaml"));
    ensure!(yaml.count() == 3, "{DEPLOY} has a compose file that this task does not know");
    Ok(())
}

/// `${NAME}` of a compose file, each once.
fn names_in(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Something of the kind that the name promises.
fn value(name: &str) -> &'static str {
    match name {
        "BACKUPS" | "SCRIPTS" | "SECRETS" | "EDGE" | "LIVE" => "/srv/folder",
        "EDGE_LISTEN" => "127.0.0.1:8080",
        _ if name.ends_with("_IMAGE") => "example.org/image:1",
        _ => "1",
    }
}

/// Caddy's own opinion of both of its files, as they are used: the edge's with and without a name of its own.
pub fn caddyfiles(task: &Context) -> Result<()> {
    let image = base_images::one(&CADDY)?.reference;
    let edge = workspace::root().join(DEPLOY).join(EDGE_FILE);
    let page = workspace::root().join(project::FRONTEND.folder).join("Caddyfile");
    for (file, site) in [(&edge, ":80"), (&edge, "app.example.org"), (&page, "")] {
        task.run(caddy::validate(&task.sh, &image, file, site))?;
    }
    Ok(())
}

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
        made_of_what_it_says(
            task,
            image,
            &told(&format!("{{{{index .Config.Labels {:?}}}}}", project::SBOM_LABEL))?,
        )?;
    }
    // Running it at all shows that its libraries are there.
    let document = Run::new(docker::run(&task.sh, &backend, &["openapi"])).checked()?.stdout;
    let committed =
        std::fs::read_to_string(workspace::root().join(project::BACKEND.folder).join("openapi.json"))?;
    ensure!(document == committed, "the image's OpenAPI document is not the one in the repository");
    task.run(caddy::validate_own(&task.sh, &frontend))?;
    serves_no_source_maps(task, &frontend)
}

/// Whoever reads the page's scripts reads them as they are sent.
fn serves_no_source_maps(task: &Context, image: &str) -> Result<()> {
    let folder = private::Folder::new()?;
    let copied = copy::out_of_image(&task.sh, image, &["/srv"], folder.path())?;
    let served = &copied.first().with_context(|| format!("{image} has no /srv"))?.file;
    let (mut files, mut maps) = (Vec::new(), Vec::new());
    files_below(served, &mut files)?;
    for file in &files {
        if is_or_has_source_map(file)? {
            maps.push(file.strip_prefix(served).unwrap_or(file));
        }
    }
    ensure!(files.iter().any(|file| file.extension() == Some("js")), "{image} has no scripts in /srv");
    ensure!(maps.is_empty(), "{image} serves source maps: {maps:?}");
    Ok(())
}

fn files_below(folder: &Utf8Path, files: &mut Vec<Utf8PathBuf>) -> Result<()> {
    for entry in folder.read_dir_utf8().with_context(|| format!("reading {folder}"))? {
        let entry = entry.with_context(|| format!("reading {folder}"))?;
        match entry.file_type()?.is_dir() {
            true => files_below(entry.path(), files)?,
            false => files.push(entry.into_path()),
        }
    }
    Ok(())
}

/// By its name, also when it is packed; or as a line of a script or a style.
fn is_or_has_source_map(file: &Utf8Path) -> Result<bool> {
    let name = file.file_name().unwrap_or_default();
    if name.ends_with(".map") || name.contains(".map.") {
        return Ok(true);
    }
    if !matches!(file.extension(), Some("js" | "mjs" | "css" | "html")) {
        return Ok(false);
    }
    let text = fs::read(file).with_context(|| format!("reading {file}"))?;
    Ok(String::from_utf8_lossy(&text).contains("sourceMappingURL=data:"))
}

/// The list in an image has the sum that its label names, and another tool sees the same packages.
fn made_of_what_it_says(task: &Context, image: &str, label: &str) -> Result<()> {
    let folder = private::Folder::new()?;
    let copied = copy::out_of_image(&task.sh, image, &[sbom::PATH], folder.path())?;
    let file = &copied.first().with_context(|| format!("{image} has no {}", sbom::PATH))?.file;
    let text = fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
    ensure!(sbom::sum(&text) == label, "the list of what {image} is made of has not the sum in its label");
    let scan = syft::scan(&task.sh, &setup::require(Tool::Syft)?, image);
    let theirs = Run::new(scan).timeout(task.left()).text().context("asking syft")?;
    let others = sbom::only_in_one(&Sbom::parse(&text)?, &Sbom::parse(&theirs)?);
    ensure!(others.is_empty(), "{image} is made of something else, says syft:\n{}", others.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_map_is_found_wherever_it_is_served() {
        let folder = private::Folder::new().unwrap();
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
        };
        write("assets/a.js", "// a.mapper\nwork()");
        write("assets/a.mapper.svg", "");
        write("index.html", "sourceMappingURL=a");
        let maps = || {
            let mut files = Vec::new();
            files_below(folder.path(), &mut files).unwrap();
            files.retain(|file| is_or_has_source_map(file).unwrap());
            files.sort();
            files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(maps(), Vec::<String>::new());
        write("assets/deep/a.css.map", "");
        write("assets/b.js.map.br", "");
        write("assets/c.css", "a {}\n/*# sourceMappingURL=data:application/json;base64,e30= */");
        assert_eq!(maps(), ["assets/b.js.map.br", "assets/c.css", "assets/deep/a.css.map"]);
    }

    #[test]
    fn each_variable_of_a_file_is_found_once() {
        assert_eq!(names_in("a: ${B}:${A}\nb: x-${B}-${NOT\nc: $D"), ["A", "B"]);
    }
}
