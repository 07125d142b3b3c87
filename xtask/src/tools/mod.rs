//! One file an outside tool: build the command line, run it, parse what comes back. Nothing here decides.

pub mod interrupt;
pub mod process;
