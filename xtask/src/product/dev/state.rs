//! The folder of what runs: whose it is, and what others are told about it.

use std::fs;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::backend::LogIn;
use crate::exit::refuse;
use crate::tools::files;
use crate::tools::process::owner::{self, Owner};
use crate::workspace;

/// What is told about what runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The process that everything belongs to.
    pub process: u32,
    /// None while it starts.
    pub ready: Option<Ready>,
}

/// What can be used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ready {
    /// Where a browser finds the page.
    pub url: String,
    /// How to log in there.
    pub log_in: LogIn,
}

/// The folder, as this process's own.
pub struct Owned {
    backend_file: Utf8PathBuf,
    _owner: Owner,
}

impl Owned {
    /// Takes it. Refused while another process has it.
    pub fn take() -> Result<Owned> {
        let folder = folder();
        fs::create_dir_all(&folder).with_context(|| format!("making {folder}"))?;
        let Ok(owner) = owner::own(&folder) else {
            let ready = read()?.and_then(|state| state.ready);
            let url = ready.map_or("it is starting".to_owned(), |ready| ready.url);
            return Err(refuse(format!(
                "TraceHub is already run from this copy of the repository: {url}. `cargo xtask dev stop` ends it"
            )));
        };
        let owned = Owned { backend_file: folder.join("backend-address"), _owner: owner };
        owned.tell(None)?;
        Ok(owned)
    }

    /// In which file the backend's address is.
    pub fn backend_file(&self) -> &Utf8Path {
        &self.backend_file
    }

    /// Tells others what can be used by now.
    pub fn tell(&self, ready: Option<Ready>) -> Result<()> {
        let state = State { process: std::process::id(), ready };
        files::replace(&state_file(), serde_json::to_string(&state)?.as_bytes())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = fs::remove_file(state_file());
    }
}

/// What is told about what runs; none when nothing does.
pub fn read() -> Result<Option<State>> {
    let is_running = owner::has_ended(&folder()) == Some(false);
    let Some(text) = fs::read_to_string(state_file()).ok().filter(|_| is_running) else { return Ok(None) };
    serde_json::from_str(&text).map(Some).with_context(|| format!("reading {}", state_file()))
}

/// Where one that runs in the background writes.
pub fn log_file() -> Utf8PathBuf {
    folder().join("log")
}

fn state_file() -> Utf8PathBuf {
    folder().join("state.json")
}

fn folder() -> Utf8PathBuf {
    workspace::local_dir().join("development")
}
