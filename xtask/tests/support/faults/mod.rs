//! Releases that misbehave: from one commit on, the copy of the backend has code that can do so, and each release says
//! by the variable `FAULT` which fault it has.

use std::process::Command;

use super::project::{Project, RELEASE_FILE};
use super::run;

const SERVE: &str = "tracehub/backend/src/serve.rs";
const MANIFEST: &str = "tracehub/backend/Cargo.toml";
/// What the planted streams need; all of it is compiled for the backend anyway.
const CRATES: &str = r#"[dependencies]
futures-util = { version = "0.3", default-features = false }
hyper = "1"
hyper-util = { version = "0.1", features = ["tokio"] }
"#;

impl Project {
    /// Plants the code of `fault.rs` into the copy of the backend, which must then be compiled again: commit it
    /// together with other changes.
    pub fn plant_faults(&self) {
        self.write("tracehub/backend/src/fault.rs", include_str!("fault.rs"));
        self.append("tracehub/backend/src/lib.rs", "#[allow(missing_docs)]\npub mod fault;\n");
        self.replace(
            SERVE,
            "    let listener = ",
            "    crate::fault::before_listening().await;\n    let listener = ",
        );
        self.replace(
            SERVE,
            "let stop = stop_signal()?;",
            "let stop = crate::fault::stop_signal(stop_signal()?);",
        );
        self.replace(SERVE, "http::router(app.clone())", "crate::fault::router(http::router(app.clone()))");
        self.replace(MANIFEST, "[dependencies]\n", CRATES);
        self.replace(
            MANIFEST,
            r#"features = ["macros", "net","#,
            r#"features = ["io-util", "macros", "net","#,
        );
        run(Command::new("cargo")
            .args(["update", "--quiet", "--offline", "--workspace"])
            .current_dir(self.folder()));
    }

    /// A commit whose release has this fault.
    pub fn commit_fault(&self, fault: &str) {
        self.replace(RELEASE_FILE, "x-app: &app\n", &format!("x-app: &app\n  FAULT: {fault}\n"));
        self.commit(&format!("A release with the fault '{fault}'"));
    }
}
