//! A copy of the repository, in which the tests make commits and call xtask.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use libtest_mimic::Failed;
use serde_json::Value;

use crate::call::{Call, run};
use crate::commits::git;

/// What the names of environments of tests begin with.
const TESTS: &str = "test-";
/// A file of the page that is bigger than all the buffers on its way.
pub const DOWNLOAD: &str = "/download.bin";
/// Its size.
pub const DOWNLOAD_BYTES: usize = 64 << 20;

/// The copy.
pub struct Project {
    /// The environment that the suite deploys to: its containers, ports and labels are not the user's, nor those of
    /// another copy of the repository.
    environment: String,
    folder: Utf8PathBuf,
    original: Utf8PathBuf,
    /// What xtask is told of the way to hosts.
    variables: Mutex<BTreeMap<String, String>>,
    /// What the first deploy printed: e-mail and password of the demo user.
    pub log_in: Mutex<String>,
}

impl Project {
    /// Copies what git knows and what it does not ignore, and commits it. Without an environment's name, one on this
    /// machine's engine, for tests alone.
    pub fn copy(environment: Option<&str>) -> Project {
        let original =
            Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository's root").to_owned();
        let folder = Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("suite");
        let environment = environment.map_or_else(|| environment_of(&original), str::to_owned);
        let (variables, log_in) = (Mutex::default(), Mutex::default());
        let project = Project { environment, folder, original, variables, log_in };
        if project.folder.exists() {
            // What an earlier run left when it was killed.
            project.clear_up();
        }
        project.sweep();
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
        fs::create_dir_all(project.folder.join("tracehub/frontend/public")).expect("a folder");
        fs::write(
            project.folder.join("tracehub/frontend/public").join(&DOWNLOAD[1..]),
            crate::streams::noise().take(DOWNLOAD_BYTES).collect::<Vec<_>>(),
        )
        .expect("written");
        run(git(&project.folder).args(["init", "--quiet", "--initial-branch=main"]));
        // A link, which the rules for folders do not hide.
        fs::write(project.folder.join(".git/info/exclude"), "node_modules\n").expect("written");
        project.commit("The first release");
        project
    }

    /// Stops everything, removes what the suite's environment left on the engine, and the copy.
    pub fn clear_up(&self) {
        let _ = self.raw(&["lab", "down", "--keep-image"]).output();
        if self.environment.starts_with(TESTS) {
            let _ = self.xtask(&["down", "--volumes", "--yes"]).output();
        }
        let label = format!("label=tracehub.environment={}", self.environment);
        let left = self.docker(&["ps", "--all", "--quiet", "--filter", &label]);
        left.lines().for_each(|id| drop(self.docker(&["rm", "--force", id])));
        if self.environment.starts_with(TESTS) {
            // Where a test that failed has left nothing that `down` understands.
            self.docker(&["volume", "rm", "--force", &format!("{}-database", self.prefix())]);
        }
        for image in fs::read_dir(self.root().join("releases")).into_iter().flatten().flatten() {
            let Ok(text) = fs::read_to_string(image.path().join("release.json")) else { continue };
            let release: Value = serde_json::from_str(&text).expect("a release");
            let images = release["contents"]["images"].as_object().expect("images");
            images
                .values()
                .filter_map(Value::as_str)
                .for_each(|id| drop(self.docker(&["rmi", "--force", id])));
        }
        // Secrets belong to the app's user.
        fs::remove_dir_all(&self.folder).expect("the copy can be removed");
    }

    /// Removes what is left of other copies' tests when the copy itself is gone.
    fn sweep(&self) {
        const FORMAT: &str = r#"{{.ID}} {{.Label "tracehub.environment"}} {{.Label "com.docker.compose.project.working_dir"}}"#;
        let listed =
            self.docker(&["ps", "--all", "--filter", "label=tracehub.environment", "--format", FORMAT]);
        for container in listed.lines() {
            let mut words = container.split(' ');
            let (id, environment, folder) = (words.next(), words.next(), words.next());
            let gone = folder.is_some_and(|folder| !folder.is_empty() && !Utf8Path::new(folder).exists());
            if gone && environment.is_some_and(|environment| environment.starts_with(TESTS)) {
                self.docker(&["rm", "--force", "--volumes", id.unwrap_or_default()]);
            }
        }
    }

    /// The environment's name.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The environment's root folder.
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

    /// `cargo xtask deploy`, here.
    pub fn deploy(&self) -> Call {
        self.xtask(&["deploy", "--yes"])
    }

    /// A call of xtask, here.
    pub fn xtask(&self, arguments: &[&str]) -> Call {
        // What comes behind `--` is another program's.
        let (own, rest) =
            arguments.split_at(arguments.iter().position(|it| *it == "--").unwrap_or(arguments.len()));
        let mut command = self.program();
        command.args(own).args(["--env", &self.environment]).args(rest);
        Call::of(command)
    }

    /// Removes the copy.
    pub fn forget(&self) {
        fs::remove_dir_all(&self.folder).expect("the copy can be removed");
    }

    /// A call of xtask, here, that is about no environment or names its own.
    pub fn raw(&self, arguments: &[&str]) -> Call {
        let mut command = self.program();
        command.args(arguments);
        Call::of(command)
    }

    /// What xtask is told of the way to hosts, from now on.
    pub fn tell(&self, name: &str, value: &str) {
        self.variables.lock().expect("no holder panics").insert(name.to_owned(), value.to_owned());
    }

    /// What it is told.
    pub fn told(&self, name: &str) -> String {
        self.variables.lock().expect("no holder panics").get(name).cloned().unwrap_or_default()
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let tools =
            std::env::var("XTASK_TOOLS_DIR").map_or_else(|_| self.original.join(".tools"), Utf8PathBuf::from);
        command
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", target())
            .env("XTASK_TOOLS_DIR", tools)
            .env_remove("SSH_AUTH_SOCK")
            .envs(self.variables.lock().expect("no holder panics").iter())
            .stdin(Stdio::null());
        command
    }

    /// `status --json`.
    pub fn status(&self) -> Value {
        self.json(&["status", "--json"])
    }

    /// The attempts, oldest first.
    pub fn attempts(&self) -> Vec<Value> {
        self.json(&["releases", "--json"])["attempts"].as_array().cloned().unwrap_or_default()
    }

    /// The kept releases in this state: live, warm, stopped.
    pub fn kept(&self, state: &str) -> Vec<String> {
        let kept = self.json(&["releases", "--json"])["kept"].as_array().cloned().unwrap_or_default();
        let these = kept.iter().filter(|release| release["state"] == state);
        these.filter_map(|release| release["id"].as_str()).map(str::to_owned).collect()
    }

    /// Whether the ledger has an attempt that has not ended.
    pub fn unfinished(&self) -> bool {
        self.attempts().last().is_some_and(|attempt| attempt["outcome"].is_null())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let told = self.xtask(arguments).output().expect("xtask runs");
        serde_json::from_slice(&told.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {told:?}"))
    }

    /// The release that has the traffic.
    pub fn live(&self) -> Option<String> {
        self.status()["live"].as_str().map(str::to_owned)
    }

    /// The one before.
    pub fn warm(&self) -> Option<String> {
        self.status()["warm"].as_str().map(str::to_owned)
    }

    /// What the edge reads.
    pub fn live_file(&self) -> String {
        fs::read_to_string(self.root().join("live/live")).unwrap_or_default().trim().to_owned()
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

    /// The names of all containers that run here.
    pub fn containers(&self) -> Vec<String> {
        let label = format!("label=tracehub.environment={}", self.environment);
        self.docker(&["ps", "--filter", &label, "--format", "{{.Names}}"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// The name of a container of the platform.
    pub fn platform_container(&self, service: &str) -> String {
        format!("tracehub-{}-platform-{service}-1", self.environment)
    }

    /// The name of a release's container.
    pub fn container_of(&self, release: &str, service: &str) -> String {
        format!("tracehub-{}-{release}-{service}-1", self.environment)
    }

    /// What docker says.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let told = Command::new("docker").args(arguments).output().expect("docker runs");
        String::from_utf8_lossy(&told.stdout).trim().to_owned()
    }

    /// Whether the last attempt was of this kind and ended like this.
    pub fn ends_as(&self, kind: &str, outcome: &str) -> Result<(), Failed> {
        let last = self.attempts().pop().ok_or("the ledger is empty")?;
        let holds = last["kind"] == kind && last["outcome"] == outcome;
        if holds { Ok(()) } else { Err(format!("the ledger's last attempt is {last}").into()) }
    }

    /// A command on this machine, with the rights of root by way of a container where the user has none.
    pub fn as_root(&self, command: &[&str]) -> String {
        let secrets = format!("{0}:{0}:ro", self.root());
        let image = self.docker(&[
            "inspect",
            "--format",
            "{{.Config.Image}}",
            &format!("tracehub-{}-platform-edge-1", self.environment),
        ]);
        let mut arguments =
            vec!["run", "--rm", "--user", "0", "--volume", &secrets, "--entrypoint", command[0], &image];
        arguments.extend(&command[1..]);
        self.docker(&arguments)
    }

    /// The frontend's browser test against this environment, with the log-in that the first deploy printed.
    pub fn browser_test(&self) -> Result<(), Failed> {
        let log_in = self.log_in.lock().expect("no holder panics");
        let (email, password) = log_in.split_once("  ").ok_or("the first deploy printed no log-in")?;
        let chromium =
            ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| which::which(name).ok());
        let told = Command::new("npm")
            .args(["--prefix", "tracehub/frontend", "run", "test:browser"])
            .current_dir(&self.folder)
            .env("TRACEHUB_URL", self.url())
            .env("TRACEHUB_EMAIL", email)
            .env("TRACEHUB_PASSWORD", password)
            .env("CHROMIUM", chromium.ok_or("no Chromium is on the PATH")?)
            .stdin(Stdio::null())
            .output()?;
        let said =
            format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
        if told.status.success() { Ok(()) } else { Err(said.into()) }
    }
}

/// One a copy of the repository: two may be tested on one engine at once.
fn environment_of(original: &Utf8Path) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(original.as_str(), &mut hasher);
    format!("{TESTS}{:08x}", std::hash::Hasher::finish(&hasher) as u32)
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
