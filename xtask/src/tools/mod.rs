//! One file an outside tool: build the command line, run it, parse what comes back. Nothing here decides.

pub mod age;
pub mod apt;
pub mod caa;
pub mod caddy;
pub mod cargo;
pub mod database;
pub mod diagnostics;
pub mod docker;
pub mod elf;
pub mod files;
pub mod free_ports;
pub mod git;
pub mod github;
pub mod http;
pub mod locate;
pub mod node;
pub mod package_versions;
pub mod process;
pub mod rclone;
pub mod script;
pub mod smtp;
pub mod sops;
pub mod ssh;
pub mod syft;
