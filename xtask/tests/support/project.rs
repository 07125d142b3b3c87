//! A copy of the repository, in which the tests make commits and call xtask.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use libtest_mimic::Failed;
use serde_json::Value;

use super::commits::git;
use super::streams::noise;
use super::xtask::XtaskCommand;
use super::{check, run};

/// What the names of environments begin with that exist for a test only.
const TEST_PREFIX: &str = "test-";
/// The compose file of a release.
pub const RELEASE_FILE: &str = "tracehub/deploy/release.yaml";
/// Where the page has a file that is bigger than all the buffers on its way.
pub const DOWNLOAD: &str = "/download.bin";
/// Its size.
pub const DOWNLOAD_BYTES: usize = 64 << 20;

/// The copy, and the environment that the suite deploys it to.
pub struct Project {
    /// The environment's name. Its containers, ports and labels are not the user's, nor those of another copy.
    pub environment: String,
    /// Where the copy is.
    pub folder: Utf8PathBuf,
    /// What it is a copy of.
    pub original: Utf8PathBuf,
    /// Environment variables of every call of xtask.
    pub variables: Mutex<BTreeMap<String, String>>,
}

impl Project {
    /// Copies what git knows and what it does not ignore, and commits it. Without an environment's name, it deploys to
    /// one on this machine's engine that exists for tests only.
    pub fn copy(environment: Option<&str>) -> Project {
        let original =
            Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository's root").to_owned();
        let folder = Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("suite");
        let environment = environment.map_or_else(|| environment_of(&original), str::to_owned);
        let project = Project { environment, folder, original, variables: Mutex::default() };
        if project.folder.exists() {
            // An earlier run was killed.
            project.tear_down();
        }
        project.remove_orphans();
        project.remove_data();
        let listed = run(git(&project.original).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]));
        for path in listed.split_terminator('\0').filter(|path| project.original.join(path).is_file()) {
            let to = project.folder.join(path);
            fs::create_dir_all(to.parent().expect("below the root")).expect("a folder");
            fs::copy(project.original.join(path), to).expect("a copy");
        }
        // The packages are the same; installing them again would take longer than the tests.
        let packages = "tracehub/frontend/node_modules";
        if project.original.join(packages).is_dir() {
            std::os::unix::fs::symlink(project.original.join(packages), project.folder.join(packages))
                .expect("a link");
        }
        fill_target(&project.original);
        project.write_download(noise());
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        // It is a link here, and `.gitignore` names a folder.
        fs::write(project.folder.join(".git/info/exclude"), "node_modules\n").expect("written");
        project.commit("The first release");
        project
    }

    /// Writes the page's big file, with the first bytes of this content.
    pub fn write_download(&self, content: impl Iterator<Item = u8>) {
        let folder = self.folder.join("tracehub/frontend/public");
        fs::create_dir_all(&folder).expect("a folder");
        let content: Vec<u8> = content.take(DOWNLOAD_BYTES).collect();
        fs::write(folder.join(&DOWNLOAD[1..]), content).expect("written");
    }

    /// Stops everything, removes what the suite's environment has left on the engine, and the copy.
    pub fn tear_down(&self) {
        let _ = self.xtask_verbatim(&["lab", "down", "--keep-image"]).output();
        let is_for_tests = self.environment.starts_with(TEST_PREFIX);
        if is_for_tests {
            let _ = self.xtask(&["down", "--volumes", "--yes"]).output();
        }
        let label = format!("label=tracehub.environment={}", self.environment);
        let containers = self.docker(&["ps", "--all", "--quiet", "--filter", &label]);
        containers.lines().for_each(|id| drop(self.docker(&["rm", "--force", id])));
        // `down` does not remove them where a trial has failed before there was an environment to take down.
        self.remove_data();
        for folder in fs::read_dir(self.root().join("releases")).into_iter().flatten().flatten() {
            let Ok(text) = fs::read_to_string(folder.path().join("release.json")) else { continue };
            let release: Value = serde_json::from_str(&text).expect("a release");
            let images = release["contents"]["images"].as_object().expect("images");
            images
                .values()
                .filter_map(Value::as_str)
                .for_each(|id| drop(self.docker(&["rmi", "--force", id])));
        }
        self.remove();
    }

    /// The data of an earlier run belong to a folder that is gone: a deploy would refuse to take them over.
    fn remove_data(&self) {
        if self.environment.starts_with(TEST_PREFIX) {
            for volume in ["database", "papers"] {
                self.docker(&["volume", "rm", "--force", &format!("{}-{volume}", self.prefix())]);
            }
        }
    }

    /// Removes the copy.
    pub fn remove(&self) {
        fs::remove_dir_all(&self.folder).expect("the copy can be removed");
    }

    /// Removes the containers of test environments whose copy of the repository is gone.
    fn remove_orphans(&self) {
        const FORMAT: &str = r#"{{.ID}} {{.Label "tracehub.environment"}} {{.Label "com.docker.compose.project.working_dir"}}"#;
        let listed =
            self.docker(&["ps", "--all", "--filter", "label=tracehub.environment", "--format", FORMAT]);
        for container in listed.lines() {
            let mut fields = container.split(' ');
            let (id, environment, folder) = (fields.next(), fields.next(), fields.next());
            let gone = folder.is_some_and(|folder| !folder.is_empty() && !Utf8Path::new(folder).exists());
            if gone && environment.is_some_and(|environment| environment.starts_with(TEST_PREFIX)) {
                self.docker(&["rm", "--force", "--volumes", id.unwrap_or_default()]);
            }
        }
    }

    /// The environment's root folder, when it is on this machine.
    pub fn root(&self) -> Utf8PathBuf {
        self.folder.join(".local").join(&self.environment)
    }

    /// What the names of its containers begin with.
    pub fn prefix(&self) -> String {
        format!("tracehub-{}", self.environment)
    }

    /// The copy's folder.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// `cargo xtask deploy --yes` to the environment.
    pub fn deploy(&self) -> XtaskCommand {
        self.xtask(&["deploy", "--yes"])
    }

    /// A call of xtask with `--env` of the environment.
    pub fn xtask(&self, arguments: &[&str]) -> XtaskCommand {
        // What comes behind `--` is another program's.
        let (own, rest) =
            arguments.split_at(arguments.iter().position(|it| *it == "--").unwrap_or(arguments.len()));
        let mut command = self.command();
        command.args(own).args(["--env", &self.environment]).args(rest);
        XtaskCommand::new(command)
    }

    /// A call of xtask with these arguments only: it is about no environment, or names its own.
    pub fn xtask_verbatim(&self, arguments: &[&str]) -> XtaskCommand {
        let mut command = self.command();
        command.args(arguments);
        XtaskCommand::new(command)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let tools =
            std::env::var("XTASK_TOOLS_DIR").map_or_else(|_| self.original.join(".tools"), Utf8PathBuf::from);
        command
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", target())
            .env("XTASK_TOOLS_DIR", tools)
            .env_remove("SSH_AUTH_SOCK")
            // In a job it would have its log mask what the trials look for.
            .env_remove("GITHUB_ACTIONS")
            .envs(self.variables.lock().expect("no holder panics").iter())
            .stdin(Stdio::null());
        command
    }

    /// `status --json`.
    pub fn status(&self) -> Value {
        self.json(&["status", "--json"])
    }

    /// The ledger's attempts, oldest first.
    pub fn attempts(&self) -> Vec<Value> {
        self.json(&["releases", "--json"])["attempts"].as_array().cloned().unwrap_or_default()
    }

    /// What a call prints for programs, whatever its exit code; panics when that is not JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.xtask(arguments).output().expect("xtask runs");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"))
    }

    /// The release that has the traffic.
    pub fn live(&self) -> Option<String> {
        self.status()["live"].as_str().map(str::to_owned)
    }

    /// The release that had the traffic before it, and still runs.
    pub fn warm(&self) -> Option<String> {
        self.status()["warm"].as_str().map(str::to_owned)
    }

    /// Where the edge answers.
    pub fn url(&self) -> String {
        self.status()["url"].as_str().expect("a URL").to_owned()
    }

    /// How many releases have a running container.
    pub fn running_releases(&self) -> usize {
        let parts = self.status()["parts"].as_array().cloned().unwrap_or_default();
        let running = parts.iter().filter(|part| part["state"] == "running");
        running.map(|part| part["release"].to_string()).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// What docker prints on this machine, whatever its exit code.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker").args(arguments).output().expect("docker runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Fails when the ledger's last attempt is not of this kind, or has another outcome.
    pub fn last_attempt_is(&self, kind: &str, outcome: &str) -> Result<(), Failed> {
        let last = self.attempts().pop().ok_or("the ledger is empty")?;
        check(last["kind"] == kind && last["outcome"] == outcome, || {
            format!("the ledger's last attempt is {last}")
        })
    }
}

/// Another one for each copy of the repository: two may be tested on one engine at once.
fn environment_of(original: &Utf8Path) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(original.as_str(), &mut hasher);
    format!("{TEST_PREFIX}{:08x}", std::hash::Hasher::finish(&hasher) as u32)
}

/// Where the copy is compiled. Never where the original is: cargo tells packages apart by their path within the
/// workspace, and would take the copy's binary for the original's.
fn target() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("suite-target")
}

/// What the original has compiled of the dependencies need not be compiled again.
fn fill_target(original: &Utf8Path) {
    let compiled =
        std::env::var("CARGO_TARGET_DIR").map_or_else(|_| original.join("target"), Utf8PathBuf::from);
    let to = target().join("release");
    if compiled.join("release").is_dir() && !to.exists() {
        fs::create_dir_all(&to).expect("a folder");
        let parts = [".fingerprint", "build", "deps"].map(|part| compiled.join("release").join(part));
        run(Command::new("cp").arg("-a").args(parts).arg(to));
    }
}
