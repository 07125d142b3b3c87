//! A shell on a host that stays: scripts are handed to it one after the other, each a single trip there and back. A
//! session of its own for each would be three trips, and a process at either end.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::quote;
use crate::tools::process::{self, CommandError, interrupt};

/// The shell, started at the first script.
#[derive(Default)]
pub struct RemoteShell {
    talk: RefCell<Option<Talk>>,
    count: Cell<u32>,
}

struct Talk {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
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
    /// After this long the shell is given up.
    pub timeout: Duration,
}

impl RemoteShell {
    /// Runs a script and gives what it printed, without the last newline. `start` spells the shell on the host.
    pub fn run(&self, call: &ScriptCall, start: impl FnOnce() -> Command) -> Result<String, CommandError> {
        interrupt::check().map_err(|_| CommandError::Interrupted)?;
        self.count.set(self.count.get() + 1);
        let mut talk = match self.talk.take() {
            Some(talk) => talk,
            None => Talk::begin(start(), call.name)?,
        };
        // Nobody else's output looks like this by accident.
        let mark = format!("xtask-{}-{}", process::driver_mark(), self.count.get());
        let answer = talk.ask(&spell(call, &mark), &mark, call);
        // After anything but an answer the shell is in the middle of something: the next script gets another one.
        if let Ok(Answer { code, out, err }) = answer {
            *self.talk.borrow_mut() = Some(talk);
            return match code {
                0 => Ok(out.trim_end_matches(['\n', '\r']).to_owned()),
                code => Err(CommandError::of_exit_code(call.name, code, &out, &err)),
            };
        }
        answer.map(|_| String::new())
    }

    /// Ends the shell, when there is one.
    pub fn end(&self) {
        drop(self.talk.take());
    }

    /// Scripts so far.
    pub fn count(&self) -> u32 {
        self.count.get()
    }
}

struct Answer {
    code: i32,
    out: String,
    err: String,
}

/// The lines for the shell: both streams of the script come back, the second one behind the first, each with the mark
/// behind it, and the exit code between them.
fn spell(words: &ScriptCall, mark: &str) -> String {
    let all: Vec<&str> =
        ["sh", "-c", words.script, "xtask"].into_iter().chain(words.arguments.iter().copied()).collect();
    let line = quote::line(&all);
    // Not a here-document: within `$( )` dash changes some bytes of those.
    let input = match words.input {
        "" => "exec </dev/null; ".to_owned(),
        text => format!("printf %s {} | ", quote::quote(text)),
    };
    format!(
        "{{ err=$( {{ {input}{line}; }} 2>&1 >&3 ); code=$?; }} 3>&1\nprintf '\\n%s %s\\n' '{mark}' \"$code\"\nprintf '%s\\n%s\\n' \"$err\" '{mark}'\n"
    )
}

impl Talk {
    fn begin(mut command: Command, name: &str) -> Result<Talk, CommandError> {
        process::prepare_environment(&mut command);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.spawn().map_err(|source| CommandError::Io { command: name.to_owned(), source })?;
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (tell, lines) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                if tell.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(Talk { child, input, lines })
    }

    fn ask(&mut self, text: &str, mark: &str, words: &ScriptCall) -> Result<Answer, CommandError> {
        let until = Instant::now() + words.timeout;
        if self.input.write_all(text.as_bytes()).and_then(|()| self.input.flush()).is_err() {
            return Err(CommandError::cut_off(words.name));
        }
        let (mut out, mut err) = (String::new(), String::new());
        let code = loop {
            let line = self.line(until, words)?;
            if let Some(code) = line.strip_prefix(mark) {
                break code.trim().parse().unwrap_or(255);
            }
            out.push_str(&line);
        };
        loop {
            let line = self.line(until, words)?;
            if line.trim_end() == mark {
                break;
            }
            err.push_str(&line);
        }
        // The newline in front of the mark is ours.
        out.pop();
        Ok(Answer { code, out, err })
    }

    fn line(&self, until: Instant, words: &ScriptCall) -> Result<String, CommandError> {
        loop {
            interrupt::check().map_err(|_| CommandError::Interrupted)?;
            match self.lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => return Err(CommandError::cut_off(words.name)),
                Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(RecvTimeoutError::Timeout) => {
                    let (command, tail) = (words.name.to_owned(), String::new());
                    return Err(CommandError::TimedOut { command, timeout: words.timeout, tail });
                }
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // The group: what a script had started here must not run on without it.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::quote::samples::samples;
    use super::*;
    use std::io::Read;

    fn say(
        talk: &RemoteShell,
        script: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, CommandError> {
        let timeout = Duration::from_secs(5);
        talk.run(&ScriptCall { name: "a test", script, arguments, input, timeout }, || Command::new("sh"))
    }

    #[test]
    fn words_and_input_arrive_as_they_are_and_so_does_what_is_printed() {
        let talk = RemoteShell::default();
        for (seed, words) in samples(200) {
            let all: Vec<&str> = words.iter().map(String::as_str).collect();
            let arrived =
                say(&talk, r#"for word in "$@"; do printf '%s|end|' "$word"; done"#, &all, "").unwrap();
            // What a command prints last is told without its newlines.
            let arrived: Vec<&str> = arrived.split_terminator("|end|").collect();
            assert_eq!(arrived, words, "sample {seed}");
            let input = format!("{}\nend", words.join("\n"));
            assert_eq!(say(&talk, "cat", &[], &input).unwrap(), input, "sample {seed}");
        }
        assert_eq!(talk.count(), 400);
    }

    #[test]
    fn a_script_that_fails_or_reads_on_leaves_the_shell_to_the_next_one() {
        let talk = RemoteShell::default();
        assert_eq!(say(&talk, "cat; printf one", &[], "").unwrap(), "one");
        let error = say(&talk, "echo out; echo why >&2; exit 7", &[], "x\n").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`a test` ended with exit code 7") && text.contains("why"), "{text}");
        assert_eq!(say(&talk, "cat >/dev/null; echo two", &[], "a\nb").unwrap(), "two");
    }

    #[test]
    fn a_shell_that_ends_or_hangs_is_replaced() {
        let talk = RemoteShell::default();
        let error = say(&talk, "kill -9 0", &[], "").unwrap_err();
        assert!(error.to_string().contains("cut off"), "{error}");
        assert_eq!(say(&talk, "echo again", &[], "").unwrap(), "again");
        let timeout = Duration::from_millis(200);
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (arguments, script) = ([pipe.to_str().unwrap()], "exec 3>\"$1\"; sleep 20");
        let hang = ScriptCall { name: "hang", script, arguments: &arguments, input: "", timeout };
        let writers = thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::File::open(pipe).and_then(|mut pipe| pipe.read_to_end(&mut Vec::new()))
        });
        assert!(matches!(talk.run(&hang, || Command::new("sh")), Err(CommandError::TimedOut { .. })));
        let began = Instant::now();
        writers.join().unwrap().expect("read to its end");
        assert!(began.elapsed() < Duration::from_secs(10), "what the script had started ran on without it");
        assert_eq!(say(&talk, "echo again", &[], "").unwrap(), "again");
    }
}
