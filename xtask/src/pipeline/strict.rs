//! `--strict`: finds what a row does not declare. The task runs in a sandbox: a tree with only the files that its row declares,
//! and only its declared environment variables.

use std::collections::HashSet;
use std::fs;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::decide::Judge;
use super::globs::Globs;
use super::task::Task;
use crate::tools::git;

/// The variables that every task gets, whatever its row declares: programs need them to find each other, their own files and
/// the network, and to know how much to print. None of them decides whether a task passes.
const ALWAYS_GIVEN: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TZ",
    "LANG",
    "LANGUAGE",
    "TMPDIR",
    "RUST_BACKTRACE",
    "NO_COLOR",
    "CI",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
];
/// More of them, by the beginning of their names: settings of package managers, of the locale, and xtask's own.
const FAMILIES: &[&str] = &[
    "LC_",
    "XDG_",
    "XTASK_",
    "npm_config_",
    "NPM_CONFIG_",
    "PIP_",
    "CARGO_REGISTRIES_",
    "CARGO_HTTP_",
    "CARGO_NET_",
];

/// Whether programs need this variable wherever they run.
pub fn is_always_given(name: &str) -> bool {
    ALWAYS_GIVEN.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// The environment variables of one task in its sandbox.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// Those that are always given, and those that its row declares.
    pub given: Vec<(String, String)>,
    withheld: Vec<String>,
}

impl Variables {
    /// Divides these variables into those that the task gets and those that it does not.
    pub fn of(task: &Task, all: impl IntoIterator<Item = (String, String)>) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in all {
            let is_given = is_always_given(&name) || task.variables.contains(&name.as_str());
            if is_given { variables.given.push((name, value)) } else { variables.withheld.push(name) }
        }
        variables
    }

    /// Those that the task did not get and that its output names: its row should perhaps declare them.
    pub fn missing(&self, output: &str) -> Vec<&str> {
        self.withheld.iter().map(String::as_str).filter(|name| names(output, name)).collect()
    }
}

/// A tree with the files that one task declares to read. It is removed when dropped. It lies outside the repository, since tools
/// look for their settings in all folders above.
pub struct Sandbox {
    folder: tempfile::TempDir,
    root: Utf8PathBuf,
    here: HashSet<String>,
}

impl Sandbox {
    /// Copies the files that the task reads, xtask's own sources, and what other tasks wrote that it reads.
    pub fn of(judge: &Judge<'_>, at: usize) -> Result<Sandbox> {
        let folder = tempfile::Builder::new().prefix("xtask-strict-").tempdir()?;
        let root = Utf8PathBuf::try_from(folder.path().canonicalize()?)?;
        let fingerprints = judge.fingerprints.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let here: HashSet<String> =
            fingerprints.read().expect("no holder panics").files(at).map(str::to_owned).collect();
        // With the history, for tasks that read it.
        git::copy::without_files(judge.root, &root)?;
        for path in &here {
            copy(&judge.root.join(path), &root.join(path))?;
        }
        let producers = judge.graph.producers(at).iter().map(|&producer| &judge.graph.tasks()[producer]);
        let mut made = Vec::new();
        for producer in producers {
            made.extend(provide_outputs(producer, judge.root, &root)?);
        }
        fs::write(root.join(".git/info/exclude"), made.join("\n") + "\n/.local/\n")?;
        git::copy::add_all(&root)?;
        Ok(Sandbox { folder, root, here })
    }

    /// Where it is.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The files of the repository that are not in the sandbox and that the task's output names, by their whole paths or else by
    /// their names: its row should perhaps declare them.
    pub fn missing(&self, judge: &Judge<'_>, output: &str) -> Vec<String> {
        let Ok(fingerprints) = &judge.fingerprints else { return Vec::new() };
        let fingerprints = fingerprints.read().expect("no holder panics");
        let absent: Vec<&str> = fingerprints
            .all_files()
            .iter()
            .map(String::as_str)
            .filter(|path| !self.here.contains(*path))
            .collect();
        let named = |by: fn(&str) -> &str| -> Vec<String> {
            absent.iter().filter(|path| names(output, by(path))).map(|path| (*path).to_owned()).collect()
        };
        let whole = named(|path| path);
        if whole.is_empty() { named(|path| path.rsplit('/').next().unwrap_or(path)) } else { whole }
    }

    /// Removes it.
    pub fn remove(self) -> Result<()> {
        self.folder.close().context("removing the sandbox")
    }
}

/// Whether a text contains a name that is not part of a longer one.
fn names(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
    })
}

/// Copies what another task wrote, and links its outputs that are too big to be stored. Gives the lines for git's exclude
/// file.
fn provide_outputs(producer: &Task, from: &Utf8Path, to: &Utf8Path) -> Result<Vec<String>> {
    let mut ignored = Vec::new();
    let written: Vec<String> = Globs::new(&producer.writes).roots().map(str::to_owned).collect();
    for path in written {
        copy(&from.join(&path), &to.join(&path))?;
        ignored.push(format!("/{path}"));
    }
    let left: Vec<String> = Globs::new(&producer.unstored_outputs).roots().map(str::to_owned).collect();
    for path in &left {
        // A path below another one of them is part of that link.
        let is_below = left.iter().any(|other| other != path && Utf8Path::new(path).starts_with(other));
        if !is_below {
            let link = to.join(path);
            fs::create_dir_all(link.parent().unwrap_or(to))?;
            std::os::unix::fs::symlink(from.join(path), link)
                .with_context(|| format!("linking {path}, which {} leaves", producer.name))?;
            ignored.push(format!("/{path}"));
        }
    }
    Ok(ignored)
}

fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let found = fs::symlink_metadata(from).with_context(|| format!("looking at {from}"))?;
    if found.is_dir() {
        for entry in from.read_dir_utf8()? {
            let entry = entry?;
            copy(entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    if found.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else {
        fs::copy(from, to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_gets_the_base_and_what_it_declares_and_what_it_names_besides_is_missing() {
        let task = super::super::task::task("a", "").variables(["RUSTFLAGS"]).run(|_| Ok(()));
        let all = ["PATH", "LC_ALL", "RUSTFLAGS", "DATABASE_URL", "URL"];
        let variables = Variables::of(&task, all.map(|name| (name.to_owned(), "value".to_owned())));
        let given: Vec<&str> = variables.given.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(given, ["PATH", "LC_ALL", "RUSTFLAGS"]);
        assert_eq!(variables.missing("error: DATABASE_URL must be set"), ["DATABASE_URL"]);
    }

    #[test]
    fn a_name_is_found_by_itself_and_not_within_another() {
        assert!(names("cannot open 'src/a.rs': no such file", "src/a.rs"));
        assert!(names("/tmp/x/src/a.rs:3:1", "src/a.rs"));
        assert!(!names("src/a.rsx and xsrc/a.rs", "src/a.rs"));
        assert!(!names("package.json", "age.json"));
    }
}
