//! POSIX sh on a host. What we keep there are scripts with arguments, never lines put together from values.

use std::time::Duration;

use anyhow::{Context, Result};
use xshell::{Cmd, Shell, cmd};

use super::process::{CommandError, Run};
use super::ssh::Connection;

/// A script, and what an error calls it.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// `live.sh`.
    pub name: &'static str,
    /// POSIX sh.
    pub text: &'static str,
}

impl Script {
    /// Named by what it does.
    pub const fn new(name: &'static str, text: &'static str) -> Script {
        Script { name, text }
    }
}

/// Where programs of a host are run: on this machine, or on the one behind a connection.
pub struct HostShell {
    docker: Shell,
    connection: Option<Connection>,
}

impl HostShell {
    /// This machine.
    pub fn here() -> Result<HostShell> {
        let docker = Shell::new().context("the working directory can't be read")?;
        Ok(HostShell { docker, connection: None })
    }

    /// The machine behind the connection, its engine included.
    pub fn behind(connection: Connection) -> Result<HostShell> {
        let docker = Shell::new().context("the working directory can't be read")?;
        docker.set_var("DOCKER_HOST", connection.docker_host());
        Ok(HostShell { docker, connection: Some(connection) })
    }

    /// For commands of docker's client, which runs here: they reach the host's engine.
    pub fn docker(&self) -> &Shell {
        &self.docker
    }

    /// The connection, when the host is another machine.
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Ends the connection, when there is one.
    pub fn into_connection(self) -> Option<Connection> {
        self.connection
    }

    /// A program on the host. Its words arrive as they are.
    pub fn command<'a>(&'a self, words: &[&str]) -> Cmd<'a> {
        match &self.connection {
            Some(connection) => connection.command(&self.docker, words),
            None => {
                let (program, words) = words.split_first().expect("a command has a program");
                cmd!(self.docker, "{program} {words...}").quiet()
            }
        }
    }

    /// Runs a script on the host with `arguments` as `$1`, `$2`, …; gives what it printed.
    pub fn script(&self, script: Script, arguments: &[&str], input: &[u8]) -> Result<String, CommandError> {
        let words: Vec<&str> =
            ["sh", "-c", script.text, "xtask"].into_iter().chain(arguments.iter().copied()).collect();
        Run::new(self.command(&words)).called(script.name).stdin(input).limit(Duration::from_secs(30)).text()
    }
}

/// Words as one line for a POSIX sh, each arriving as it is: what a remote shell is given is made here and nowhere
/// else.
pub fn line(words: &[&str]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// One word. Between single quotes nothing but a single quote means anything (POSIX, Shell Command Language, 2.2.2).
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What has broken quoting before, and what a random string seldom holds.
    const NASTY: &[&str] = &[
        "",
        " ",
        "-",
        "-n",
        "--",
        "'",
        "''",
        "\\",
        "\\'",
        "\"",
        "$HOME",
        "$(reboot)",
        "`reboot`",
        ";",
        "&&",
        "|",
        "\n",
        "\r\n",
        "a\nb\n",
        "*",
        "?",
        "[a]",
        "~",
        "!",
        "!!",
        "#",
        "{a,b}",
        "\t",
        "\u{1b}[0m",
        "é",
        "\u{202e}",
        "%s",
        "\\n",
        "a'b\"c`d$e\\f",
        "\\\n",
    ];

    /// Random words out of `NASTY` and single characters; the seed is in the message of a failure.
    fn words(seed: u64) -> Vec<String> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let count = 1 + next(8);
        let mut word = || {
            let parts = next(6);
            (0..parts)
                .map(|_| match next(2) {
                    0 => NASTY[next(NASTY.len())].to_owned(),
                    _ => char::from_u32(1 + next(0x2ff) as u32).unwrap_or('x').to_string(),
                })
                .collect::<String>()
        };
        (0..count).map(|_| word()).collect()
    }

    #[test]
    fn every_word_arrives_at_a_real_sh_as_it_is() {
        for seed in 0..400 {
            let words = words(seed);
            let all: Vec<&str> =
                ["printf", "%s\\0"].into_iter().chain(words.iter().map(String::as_str)).collect();
            let told = std::process::Command::new("sh").args(["-c", &line(&all)]).output().unwrap();
            let arrived = String::from_utf8(told.stdout).unwrap();
            let arrived: Vec<&str> = arrived.split_terminator('\0').collect();
            assert_eq!(arrived, words, "seed {seed}");
        }
    }
}
