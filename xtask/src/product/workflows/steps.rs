//! The steps that jobs are made of, and the actions that they use.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::jobs::{Artifact, Kind};
use super::yaml::{Yaml, map, text};
use crate::project::ACTIONS;

/// An action of other people's making, by its name in the pins.
#[derive(Debug, Clone, Copy)]
pub struct Action(&'static str);

/// The commit that an action's tag stood for when the file was written, by a person or `cargo xtask update`. The tag is for readers, and for what looks for newer ones: tags can be moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// `v7.0.1`.
    pub tag: String,
    /// All 40 digits.
    pub commit: String,
}

/// The pins, by the actions' names.
pub type Pins = BTreeMap<String, Pin>;

static PINS: LazyLock<Pins> = LazyLock::new(|| serde_json::from_str(ACTIONS).expect("a test reads it"));

const CHECKOUT: Action = Action("actions/checkout");
const SETUP_NODE: Action = Action("actions/setup-node");
const CACHE: Action = Action("actions/cache");
const UPLOAD_ARTIFACT: Action = Action("actions/upload-artifact");
const RUST_CACHE: Action = Action("Swatinem/rust-cache");
const LOGIN: Action = Action("docker/login-action");
const CODECOV: Action = Action("codecov/codecov-action");

/// Those that are not GitHub's own.
pub fn actions_of_others() -> impl Iterator<Item = &'static str> {
    PINS.keys().map(String::as_str).filter(|name| !name.starts_with("actions/"))
}

impl Action {
    fn step(self, with: impl IntoIterator<Item = (&'static str, Yaml)>) -> Step {
        let (name, pin) = (self.0, &PINS[self.0]);
        let uses = Yaml::Noted(format!("{name}@{}", pin.commit), pin.tag.clone());
        Step { uses: Some(uses), with: map(with), ..Step::default() }
    }
}

/// One step of a job.
#[derive(Debug, Clone)]
pub struct Step {
    id: Option<&'static str>,
    name: Option<&'static str>,
    condition: Option<String>,
    uses: Option<Yaml>,
    run: Option<String>,
    with: Yaml,
    env: Vec<(String, String)>,
}

impl Default for Step {
    fn default() -> Step {
        Step {
            id: None,
            name: None,
            condition: None,
            uses: None,
            run: None,
            with: Yaml::Map(vec![]),
            env: vec![],
        }
    }
}

impl Step {
    fn named(mut self, name: &'static str) -> Step {
        self.name = Some(name);
        self
    }

    /// So that what it leaves in GITHUB_OUTPUT has a name.
    pub fn id(mut self, id: &'static str) -> Step {
        self.id = Some(id);
        self
    }

    /// Only when this holds.
    pub fn when(mut self, condition: &str) -> Step {
        self.condition = Some(condition.to_owned());
        self
    }

    /// With these variables: the only way by which a secret or an input reaches a command.
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Step {
        self.env.extend(variables);
        self
    }

    /// As it stands in a file.
    pub fn yaml(self) -> Yaml {
        let nonempty = |value: Yaml| (value != Yaml::Map(vec![])).then_some(value);
        let env = map(self.env.into_iter().map(|(name, value)| (name, text(value))));
        let pairs = [
            ("id", self.id.map(text)),
            ("name", self.name.map(text)),
            ("if", self.condition.map(text)),
            ("uses", self.uses),
            ("with", nonempty(self.with)),
            ("env", nonempty(env)),
            ("run", self.run.map(text)),
        ];
        map(pairs.into_iter().filter_map(|(key, value)| Some((key, value?))))
    }
}

const ON_PUSH: &str = "${{ github.event_name == 'push' }}";

/// How much of the repository is fetched.
#[derive(Debug, Clone, Copy)]
pub enum Checkout {
    /// The commit alone.
    Shallow,
    /// What was pushed, with its history.
    Whole,
    /// A branch with its history, whatever was chosen on the page where the workflow is started.
    Branch(&'static str),
}

/// The repository, without a key to it that later steps could use.
pub fn checkout(how: Checkout) -> Step {
    let mut with = vec![("persist-credentials", Yaml::Flag(false))];
    if let Checkout::Branch(it) = how {
        with.push(("ref", text(it)));
    }
    if !matches!(how, Checkout::Shallow) {
        with.push(("fetch-depth", Yaml::Number(0)));
    }
    CHECKOUT.step(with)
}

/// The compiler that the workspace names. The machines have rustup.
pub fn toolchain() -> Step {
    let version = env!("CARGO_PKG_RUST_VERSION");
    let run = format!(
        "rustup toolchain install {version} --profile minimal --component clippy,rustfmt,llvm-tools --no-self-update && rustup default {version}"
    );
    Step { run: Some(run), ..Step::default() }.named("Rust")
}

/// What cargo has compiled, kept for the next run of the same job. Only branches write it: what a pull request compiled
/// is nothing that a branch should believe.
pub fn rust_cache() -> Step {
    RUST_CACHE.step([("save-if", text(ON_PUSH))])
}

/// Like `rust_cache`, for jobs that compile xtask alone: whichever of them runs on a push keeps it for those that are started by
/// hand, when there is no time to lose.
pub fn rust_cache_of_xtask() -> Step {
    RUST_CACHE.step([("shared-key", text("xtask")), ("save-if", text(ON_PUSH))])
}

/// Node, with what npm downloads kept.
pub fn node() -> Step {
    SETUP_NODE.step([
        ("node-version", text("22")),
        ("cache", text("npm")),
        ("cache-dependency-path", text("tracehub/frontend/package-lock.json")),
    ])
}

/// Node alone, beside a secret.
pub fn node_without_cache() -> Step {
    SETUP_NODE.step([("node-version", text("22"))])
}

/// The tools that xtask installs for itself. They are pinned in its sources, so those are the key.
pub fn tools_cache(job: &str) -> Step {
    let sources = "${{ hashFiles('xtask/src/project/**', 'xtask/src/setup/**') }}";
    CACHE.step([
        ("path", text(".tools")),
        ("key", text(format!("tools-{job}-${{{{ runner.os }}}}-{sources}"))),
    ])
}

/// What has passed, so that a job whose inputs are what they were runs none of its tasks. A cache is written once, so each
/// run writes one of its own and reads the newest.
pub fn passes_cache(job: &str) -> Step {
    let name = format!("passes-{job}-");
    CACHE.step([
        ("path", text(".local/ci/store")),
        ("key", text(format!("{name}${{{{ github.run_id }}}}"))),
        ("restore-keys", text(name)),
    ])
}

/// The one line that a job is there for. `exec`, so that a cancelled workflow's signal reaches xtask and not its shell.
pub fn xtask(words: &str) -> Step {
    Step { run: Some(format!("exec cargo xtask {words}")), ..Step::default() }
}

/// Compiles xtask, and nothing else.
pub fn compile() -> Step {
    xtask("--version").named("Compile, before there are secrets")
}

/// To the registry that is beside the repository.
pub fn login() -> Step {
    LOGIN.step([
        ("registry", text("ghcr.io")),
        ("username", text("${{ github.actor }}")),
        ("password", text("${{ github.token }}")),
    ])
}

/// What a job leaves, for people and for a week.
pub fn upload(job: &str, artifact: &Artifact) -> Step {
    let is_results = artifact.kind == Kind::Results;
    let upload = UPLOAD_ARTIFACT.step([
        ("name", text(format!("{job}-{}", artifact.name))),
        ("path", text(artifact.path)),
        ("if-no-files-found", text(if is_results { "warn" } else { "error" })),
        ("retention-days", Yaml::Number(7)),
    ]);
    if is_results { upload.when("${{ !cancelled() }}") } else { upload }
}

/// The tasks' whole output, when one of them failed, or hung until the job was ended.
pub fn upload_logs(job: &str) -> Step {
    UPLOAD_ARTIFACT
        .step([
            ("name", text(format!("{job}-logs"))),
            ("path", text(".local/ci/*.log")),
            ("include-hidden-files", Yaml::Flag(true)),
            ("retention-days", Yaml::Number(7)),
        ])
        .when("failure() || cancelled()")
}

/// Sends coverage to Codecov, where somebody has set its token. A failure there is none here.
pub fn codecov(job: &str, path: &str) -> Step {
    let token = ("CODECOV_TOKEN".to_owned(), "${{ secrets.CODECOV_TOKEN }}".to_owned());
    CODECOV
        .step([
            ("files", text(path)),
            ("flags", text(job)),
            ("disable_search", Yaml::Flag(true)),
            ("fail_ci_if_error", Yaml::Flag(false)),
        ])
        .when("env.CODECOV_TOKEN != ''")
        .env([token])
}
