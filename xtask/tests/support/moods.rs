//! Releases that misbehave: a copy of the backend can do so from one commit on, and each release says how by a variable.

use std::process::Command;

use crate::call::run;
use crate::project::Project;

const RELEASE: &str = "tracehub/deploy/release.yaml";
const SERVE: &str = "tracehub/backend/src/serve.rs";
/// What its streams are made of; all of it is compiled anyway.
const CRATES: &str = r#"[dependencies]
futures-util = { version = "0.3", default-features = false }
hyper = "1"
hyper-util = { version = "0.1", features = ["tokio"] }
"#;

impl Project {
    /// Gives the backend its moods. To be committed with something else: it is compiled again.
    pub fn add_moods(&self) {
        self.write("tracehub/backend/src/mood.rs", include_str!("mood.rs"));
        self.append("tracehub/backend/src/lib.rs", "#[allow(missing_docs)]\npub mod mood;\n");
        self.replace(SERVE, "    let listener = ", "    crate::mood::begin().await;\n    let listener = ");
        self.replace(SERVE, "let stop = stop_signal()?;", "let stop = crate::mood::stop(stop_signal()?);");
        self.replace(SERVE, "http::router(app)", "crate::mood::with(http::router(app))");
        let manifest = "tracehub/backend/Cargo.toml";
        self.replace(manifest, "[dependencies]\n", CRATES);
        self.replace(
            manifest,
            r#"features = ["macros", "net","#,
            r#"features = ["io-util", "macros", "net","#,
        );
        run(Command::new("cargo")
            .args(["update", "--quiet", "--offline", "--workspace"])
            .current_dir(self.folder()));
    }

    /// A commit whose release has this mood.
    pub fn commit_mood(&self, mood: &str) {
        self.replace(RELEASE, "x-app: &app\n", &format!("x-app: &app\n  MOOD: {mood}\n"));
        self.commit(&format!("A release whose mood is: {mood}"));
    }
}
