//! The runbook is right: each drill follows it on a lab of its own.

use std::fs;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::support::check;
use crate::support::project::Project;

pub fn all(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    // The trials before have made commits, of which some misbehave.
    let first = project.git(&["rev-list", "--max-parents=0", "HEAD"]);
    project.git(&["switch", "--quiet", "--force", "--detach", first.trim()]);
    let result = held(project);
    project.git(&["switch", "--quiet", "--force", "main"]);
    result
}

fn held(project: &Project) -> Result<(), Failed> {
    let output = project.xtask_verbatim(&["drill", "--all", "--yes"]).output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    check(output.status.success(), || told)?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let drills = project.xtask_verbatim(&["drill", "--list", "--json"]).json()?;
    let runbook = fs::read_to_string(project.folder.join("docs/runbook.md"))?;
    let names = drills.as_array().cloned().unwrap_or_default();
    let rows = names.iter().filter_map(|it| it["name"].as_str());
    let missing: Vec<&str> = rows.filter(|name| !runbook.contains(&format!("| {name} | ["))).collect();
    check(!names.is_empty() && missing.is_empty(), || format!("the runbook has no row for {missing:?}"))
}
