//! One file an outside tool: build the command line, run it, parse what comes back. Nothing here decides.

pub mod age;
pub mod apt;
pub mod buildx;
pub mod cargo;
pub mod compose;
pub mod container;
pub mod conversation;
pub mod curl;
pub mod docker;
pub mod elf;
pub mod engine;
pub mod git;
pub mod hex;
pub mod interrupt;
pub mod locate;
pub mod npm;
pub mod pg_dump;
pub mod postgres;
pub mod private;
pub mod process;
pub mod quote;
pub mod shell;
pub mod sqlx;
pub mod ssh;
pub mod ssh_keys;
