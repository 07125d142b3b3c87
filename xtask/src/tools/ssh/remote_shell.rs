//! A shell on a host that runs one script after the other, each in a single round trip. A session for each script would
//! take three round trips, and a process at either end.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use xshell::Cmd;

use super::quote;
use crate::tools::process::{CommandError, Session, driver_id, interrupt};

/// The shell, started at the first script.
#[derive(Default)]
pub struct RemoteShell {
    running: RefCell<Option<RunningShell>>,
    count: Cell<u32>,
}

/// A script, and what it is given.
pub struct ScriptCall<'a> {
    /// What errors call it.
    pub name: &'a str,
    /// POSIX sh.
    pub script: &'a str,
    /// `$1`, `$2`, …
    pub arguments: &'a [&'a str],
    /// Its standard input: text.
    pub input: &'a str,
    /// After this long the shell is killed, with what it runs.
    pub timeout: Duration,
}

impl RemoteShell {
    /// Runs a script and gives what it printed, without the last newline. `start` is the command that starts a shell on the
    /// host.
    ///
    /// # Errors
    ///
    /// When it ends with another exit code than 0, has not ended in time, or there is no way to the host any more.
    pub fn run<'a>(
        &self,
        call: &ScriptCall,
        start: impl FnOnce() -> Cmd<'a>,
    ) -> Result<String, CommandError> {
        interrupt::check().map_err(|_| CommandError::Interrupted)?;
        self.count.set(self.count.get() + 1);
        let mut shell = match self.running.take() {
            Some(shell) => shell,
            None => RunningShell(Session::start(start(), call.name)?),
        };
        // Unlike anything that a script prints.
        let delimiter = format!("xtask-{}-{}", driver_id(), self.count.get());
        // After an error the script may still run: this shell is killed here, and the next script gets a new one.
        let ScriptResult { code, stdout, stderr } = shell.run(call, &delimiter)?;
        *self.running.borrow_mut() = Some(shell);
        match code {
            0 => Ok(stdout.trim_end_matches(['\n', '\r']).to_owned()),
            code => Err(CommandError::of_exit_code(call.name, code, &stdout, &stderr)),
        }
    }

    /// Ends the shell, when there is one.
    pub fn end(&self) {
        drop(self.running.take());
    }

    /// How many scripts it was given.
    pub fn count(&self) -> u32 {
        self.count.get()
    }
}

struct ScriptResult {
    code: i32,
    stdout: String,
    stderr: String,
}

/// What the shell reads: it runs the script and prints both its streams, the second one behind the first, each with the
/// delimiter behind it, and the exit code between them.
fn shell_input(call: &ScriptCall, delimiter: &str) -> String {
    let words: Vec<&str> =
        ["sh", "-c", call.script, "xtask"].into_iter().chain(call.arguments.iter().copied()).collect();
    let line = quote::line(&words);
    // Not a here-document: within `$( )` dash changes some bytes of those.
    let input = match call.input {
        "" => "exec </dev/null; ".to_owned(),
        text => format!("printf %s {} | ", quote::quote(text)),
    };
    format!(
        "{{ err=$( {{ {input}{line}; }} 2>&1 >&3 ); code=$?; }} 3>&1\nprintf '\\n%s %s\\n' '{delimiter}' \"$code\"\nprintf '%s\\n%s\\n' \"$err\" '{delimiter}'\n"
    )
}

/// A shell that runs. It is killed when this is dropped.
struct RunningShell(Session);

impl RunningShell {
    fn run(&mut self, call: &ScriptCall, delimiter: &str) -> Result<ScriptResult, CommandError> {
        let until = Instant::now() + call.timeout;
        if self.0.input.write_all(shell_input(call, delimiter).as_bytes()).is_err() {
            return Err(CommandError::cut_off(call.name));
        }
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let code = loop {
            let line = self.next_line(until, call)?;
            if let Some(code) = line.strip_prefix(delimiter) {
                break code.trim().parse().unwrap_or(255);
            }
            stdout.push_str(&line);
        };
        loop {
            let line = self.next_line(until, call)?;
            if line.trim_end() == delimiter {
                break;
            }
            stderr.push_str(&line);
        }
        // The newline before the delimiter is not the script's.
        stdout.pop();
        Ok(ScriptResult { code, stdout, stderr })
    }

    fn next_line(&self, until: Instant, call: &ScriptCall) -> Result<String, CommandError> {
        loop {
            interrupt::check().map_err(|_| CommandError::Interrupted)?;
            match self.0.output.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => return Err(CommandError::cut_off(call.name)),
                Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(RecvTimeoutError::Timeout) => {
                    let (command, tail) = (call.name.to_owned(), String::new());
                    return Err(CommandError::TimedOut { command, timeout: call.timeout, tail });
                }
            }
        }
    }
}

impl Drop for RunningShell {
    fn drop(&mut self) {
        // With its group: what a script started must not run on without it.
        self.0.group.signal(Signal::KILL);
        let _ = self.0.group.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::thread;

    use xshell::cmd;

    use super::quote::samples::samples;
    use super::*;
    use crate::tools::process::{Run, shell};

    fn run(
        remote: &RemoteShell,
        script: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, CommandError> {
        let timeout = Duration::from_secs(5);
        let sh = shell();
        remote.run(&ScriptCall { name: "a test", script, arguments, input, timeout }, || cmd!(sh, "sh"))
    }

    #[test]
    fn words_and_input_arrive_as_they_are_and_so_does_what_is_printed() {
        let remote = RemoteShell::default();
        for (seed, words) in samples(200) {
            let all: Vec<&str> = words.iter().map(String::as_str).collect();
            let arrived =
                run(&remote, r#"for word in "$@"; do printf '%s|end|' "$word"; done"#, &all, "").unwrap();
            // The newlines at the end of the output are left out.
            let arrived: Vec<&str> = arrived.split_terminator("|end|").collect();
            assert_eq!(arrived, words, "sample {seed}");
            let input = format!("{}\nend", words.join("\n"));
            assert_eq!(run(&remote, "cat", &[], &input).unwrap(), input, "sample {seed}");
        }
        assert_eq!(remote.count(), 400);
    }

    #[test]
    fn a_script_that_fails_or_reads_on_leaves_the_shell_to_the_next_one() {
        let remote = RemoteShell::default();
        assert_eq!(run(&remote, "cat; printf one", &[], "").unwrap(), "one");
        let error = run(&remote, "echo out; echo why >&2; exit 7", &[], "x\n").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`a test` ended with exit code 7") && text.contains("why"), "{text}");
        assert_eq!(run(&remote, "cat >/dev/null; echo two", &[], "a\nb").unwrap(), "two");
    }

    #[test]
    fn a_shell_that_ends_or_hangs_is_replaced() {
        let remote = RemoteShell::default();
        let error = run(&remote, "kill -9 0", &[], "").unwrap_err();
        assert!(error.to_string().contains("cut off"), "{error}");
        assert_eq!(run(&remote, "echo again", &[], "").unwrap(), "again");
        let timeout = Duration::from_millis(200);
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let sh = shell();
        Run::new(cmd!(sh, "mkfifo {pipe}")).run().unwrap();
        let (arguments, script) = ([pipe.to_str().unwrap()], "exec 3>\"$1\"; sleep 20");
        let hang = ScriptCall { name: "hang", script, arguments: &arguments, input: "", timeout };
        let writers = thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::File::open(pipe).and_then(|mut pipe| pipe.read_to_end(&mut Vec::new()))
        });
        assert!(matches!(remote.run(&hang, || cmd!(sh, "sh")), Err(CommandError::TimedOut { .. })));
        let began = Instant::now();
        writers.join().unwrap().expect("read to its end");
        assert!(began.elapsed() < Duration::from_secs(10), "what the script had started ran on without it");
        assert_eq!(run(&remote, "echo again", &[], "").unwrap(), "again");
    }
}
