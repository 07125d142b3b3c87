//! util-linux's `script`: a program on a terminal of its own, whose output comes through a pipe.

use xshell::{Cmd, Shell, cmd};

use super::ssh::quote;

/// The words as a command on a terminal that is so many characters wide, with its exit code.
pub fn on_terminal<'a>(sh: &'a Shell, columns: usize, words: &[&str]) -> Cmd<'a> {
    let line = format!("stty cols {columns} rows 60; exec {}", quote::line(words));
    let script = cmd!(sh, "script --quiet --return --command {line} /dev/null");
    script.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR")
}
