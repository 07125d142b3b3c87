//! Output that is handed on as it comes and kept nowhere: what a command writes for as long as it likes.

use std::io::{BufRead as _, BufReader};
use std::process::{ExitStatus, Stdio};

use super::start::{not_started, prepare_environment};
use super::{CommandError, Run};

impl Run<'_> {
    #[expect(clippy::disallowed_methods, reason = "the one place of its kind")]
    /// Runs it in this process's own group, so that Ctrl-C ends both, and hands on each line of its standard output as it
    /// comes. It has no timeout, and what it writes to its standard error is not looked at.
    pub fn stream(mut self, mut each_line: impl FnMut(&str)) -> Result<ExitStatus, CommandError> {
        prepare_environment(&mut self.command);
        self.command.stdin(Stdio::null()).stdout(Stdio::piped());
        let spawned = self.command.spawn();
        let mut child = spawned.map_err(|source| not_started(&self.command, &self.line, source))?;
        let mut pipe = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            each_line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            line.clear();
        }
        child.wait().map_err(|source| CommandError::Io { command: self.line, source })
    }
}

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;
    use crate::tools::process::shell;

    #[test]
    fn each_line_is_handed_on_and_the_exit_code_is_told() {
        let (sh, script) = (shell(), "echo one; printf 'two\\r\\n\\nlast'; exit 3");
        let mut lines = Vec::new();
        let status = Run::new(cmd!(sh, "sh -c {script}")).stream(|line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two", "", "last"]);
        assert_eq!(status.code(), Some(3));
    }
}
