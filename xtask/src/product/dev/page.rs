//! The page, by Vite: what changes in it is in the browser at once. Vite also passes the API's requests on.

use std::net::TcpListener;
use std::process::ExitStatus;

use anyhow::Result;
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};
use xshell::cmd;

use super::service::Service;
use crate::exit::refuse;
use crate::project::FRONTEND;
use crate::setup::{self, Tool};
use crate::tools::process::shell_in;
use crate::workspace;

/// The variable that tells Vite in which file the backend's address is.
const BACKEND_FILE: &str = "TRACEHUB_BACKEND_FILE";
/// Copies of the repository have their ports from here on, below those that the kernel gives to whoever asks for any.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;

/// The server of the page.
pub struct Page {
    service: Service,
    port: u16,
}

impl Page {
    /// Starts it, and returns when it answers.
    pub fn start(port: u16, backend_file: &Utf8Path) -> Result<Page> {
        let sh = shell_in(workspace::root().join(FRONTEND.folder));
        let (node, port_text) = (setup::require(Tool::Node)?, port.to_string());
        let options = ["--host", "127.0.0.1", "--port", &port_text, "--strictPort", "--clearScreen", "false"];
        // Not by npm, which would stand between its signals and it.
        let vite = cmd!(sh, "{node} node_modules/vite/bin/vite.js {options...}");
        let page = Page { service: Service::start("page", vite.env(BACKEND_FILE, backend_file))?, port };
        page.service.wait_for(&page.url())?;
        Ok(page)
    }

    /// Where a browser finds it.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// How it ended; none while it runs.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        self.service.ended()
    }

    /// Ends it.
    pub fn stop(self) {
        self.service.stop();
    }
}

/// Where a browser finds one at this port.
pub fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/")
}

/// The port that is wanted, or the one of this copy of the repository: always the same, so that a browser finds it again.
pub fn port(wanted: Option<u16>) -> Result<u16> {
    let port = wanted.unwrap_or_else(|| port_of(workspace::root()));
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(port),
        Err(error) => {
            Err(refuse(format!("the page can't have port {port} ({error}): `--port` names another one")))
        }
    }
}

fn port_of(folder: &Utf8Path) -> u16 {
    let hash = Sha256::digest(folder.as_str());
    FIRST_PORT + u16::from_be_bytes([hash[0], hash[1]]) % PORTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_repository_always_has_the_same_port_and_another_one_another() {
        let (one, other) = (port_of("/home/ada/tracehub".into()), port_of("/home/ada/other".into()));
        assert_eq!(one, port_of("/home/ada/tracehub".into()));
        assert_ne!(one, other);
        assert!((FIRST_PORT..FIRST_PORT + PORTS).contains(&one));
    }

    #[test]
    fn a_port_that_is_taken_is_refused() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let error = super::port(Some(port)).expect_err("it is taken").to_string();
        assert!(error.contains(&port.to_string()) && error.contains("--port"), "{error}");
    }
}
