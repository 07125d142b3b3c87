//! POSIX sh on a host. What we keep there are scripts with arguments, never lines put together from values.

use std::time::Duration;

use xshell::{Cmd, Shell, cmd};

use super::process::{CommandError, Run};

/// Runs `script` with `arguments` as `$1`, `$2`, …; gives what it printed.
pub fn script(sh: &Shell, script: &str, arguments: &[&str], input: &[u8]) -> Result<String, CommandError> {
    Run::new(script_command(sh, script, arguments)).stdin(input).limit(Duration::from_secs(30)).text()
}

fn script_command<'a>(sh: &'a Shell, script: &str, arguments: &[&str]) -> Cmd<'a> {
    cmd!(sh, "sh -c {script} xtask {arguments...}").quiet()
}
