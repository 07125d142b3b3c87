//! One ssh connection to a host, that carries everything: commands, files, the host's docker socket, and a way back to
//! a registry of ours.
//!
//! The master is a child of this process, in the foreground: its session is a `cat` on the host that reads from a
//! pipe of ours, so that the connection ends with this process, however that ends. Every other call goes through the
//! master's socket with options by which it can't become a connection of its own.

mod command_line;
mod error;
mod greeting;
pub mod host_shell;
pub mod keys;
pub mod quote;
pub mod remote_shell;
pub mod signature;

use std::cell::Cell;
use std::fs;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use rustix::process::Signal;
use xshell::{Cmd, Shell, cmd};

use self::keys::{HostKeys, Key};
use self::remote_shell::{RemoteShell, ScriptCall};
use super::docker::socket::{self, Request, Socket};
use super::files::private::Folder;
use super::process::{CommandError, Run, Session, interrupt, lines, shell};

pub use self::error::ConnectError;
use self::error::explain;
pub use self::greeting::answers;

/// The longest that a name look-up, a handshake and a log-in may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest that the master takes to end when it is asked to.
const END_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that a connection takes to end, once its link is gone.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest that a well engine takes to answer at all.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to log in, as whom, with which key, and which host keys are trusted.
#[derive(Debug, Clone)]
pub struct Destination {
    /// A name, an address, or an alias of the user's own `~/.ssh/config`.
    pub host: String,
    /// None for 22, or for what the user's configuration says of an alias.
    pub port: Option<u16>,
    /// The user to log in as.
    pub user: String,
    /// The key to log in with; without one, what the user's agent and configuration have.
    pub key: Option<Key>,
    /// The host keys that are trusted.
    pub host_keys: HostKeys,
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.user, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, " (port {port})"))
    }
}

/// What a connection carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes from here to the host.
    pub sent: u64,
    /// Bytes from the host to here.
    pub received: u64,
}

/// An open connection.
pub struct Connection {
    folder: Folder,
    to: String,
    address: (String, u16),
    /// None when it was ended.
    master: Option<Session>,
    sessions: Cell<u32>,
    /// The shell on the host that scripts are handed to.
    shell: RemoteShell,
}

impl Connection {
    /// Connects, checks the host's key, and logs in. Nothing is asked on the terminal.
    pub fn open(destination: &Destination) -> Result<Connection, ConnectError> {
        let folder = Folder::new()?;
        let path = folder.path();
        let key = destination.key.as_ref().map(|key| key.as_file(path)).transpose()?;
        destination.host_keys.write(&path.join("known_hosts"))?;
        let master = Session::start(command_line::master(shell(), destination, path, key.as_deref()), "ssh")
            .context("ssh could not be started: is it installed?")?;
        let (to, sessions, shell) = (destination.to_string(), Cell::new(0), RemoteShell::default());
        let address = (destination.host.clone(), destination.port.unwrap_or(22));
        let connection = Connection { folder, to, address, master: Some(master), sessions, shell };
        let greeted = connection.wait_for_greeting();
        // Needed for the log-in alone: it is on the disk no longer than that takes.
        if let Some(Key::Text(_)) = destination.key {
            let _ = key.map(fs::remove_file);
        }
        match greeted {
            Ok(()) => Ok(connection),
            Err(Some(interrupted)) => Err(interrupted),
            Err(None) => Err(connection.failed(destination)),
        }
    }

    /// The error is none when ssh gave up by itself or said nothing in time.
    fn wait_for_greeting(&self) -> Result<(), Option<ConnectError>> {
        let output = &self.master.as_ref().expect("it was just started").output;
        let began = Instant::now();
        loop {
            interrupt::check().map_err(|stop| Some(ConnectError::Other(stop.into())))?;
            match output.recv_timeout(Duration::from_millis(50)) {
                Ok(line) if line.trim() == "ready" => return Ok(()),
                Err(RecvTimeoutError::Timeout) if began.elapsed() < CONNECT_TIMEOUT => {}
                _ => return Err(None),
            }
        }
    }

    fn failed(mut self, destination: &Destination) -> ConnectError {
        explain(&self.end(), destination)
    }

    /// Where the connection's own files are, as long as it lives.
    fn path(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }

    /// Where the host's sshd answers: its name or address, and the port.
    pub fn address(&self) -> &(String, u16) {
        &self.address
    }

    /// A program on the host, which gets exactly these words.
    pub fn command<'a>(&self, sh: &'a Shell, words: &[&str]) -> Cmd<'a> {
        self.sessions.set(self.sessions.get() + 1);
        let (socket, line) = (self.path("ctl"), format!("exec {}", quote::line(words)));
        let only = command_line::THROUGH_MASTER;
        cmd!(sh, "ssh -S {socket} {only...} -T -- host {line}").quiet()
    }

    /// Runs a script on the host, by a shell that runs the next one too; see [`RemoteShell::run`].
    pub fn script(&self, sh: &Shell, call: &ScriptCall) -> Result<String, CommandError> {
        self.shell.run(call, || self.command(sh, &["sh"]))
    }

    /// How many commands and scripts went through it so far.
    pub fn calls(&self) -> u32 {
        self.sessions.get() + self.shell.count()
    }

    /// Whether the connection has ended: the link is gone, or the host has closed it.
    fn is_lost(&self) -> bool {
        let ended = |master: &Session| !matches!(master.group.try_wait(), Ok(None));
        self.master.as_ref().is_none_or(ended)
    }

    /// Whether the connection is about to end, asked when a call through it has failed: ssh closes its sockets a moment
    /// before it ends. Waits up to three seconds.
    pub fn is_being_lost(&self) -> bool {
        let began = Instant::now();
        while !self.is_lost() {
            if began.elapsed() > CLOSE_TIMEOUT {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// The value of `DOCKER_HOST` by which docker's client here reaches the engine there.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.path("docker"))
    }

    /// Asks the host's engine for a response. An error when there is none, or sshd refuses to forward the socket, which shows
    /// at its first use only.
    pub fn ping_engine(&self) -> Result<(), ConnectError> {
        let ping = Socket::at(self.path("docker")).get("/_ping", PING_TIMEOUT).and_then(Request::response);
        if ping.is_ok_and(|response| response.status == 200) {
            return Ok(());
        }
        // ssh says 'open failed' whatever the reason, so a script on the host looks for it.
        const LOOK: &str = r#"[ -S "$1" ] || { echo "there is no $1"; exit; }
            [ -w "$1" ] || { echo "$(id -un) may not use $1: is the user in the group docker?"; exit; }
            timeout 10 docker --host "unix://$1" version >/dev/null 2>&1 && { echo fine; exit; }
            echo "$1 does not answer""#;
        let sh = shell();
        let look = self.command(sh, &["sh", "-c", LOOK, "look", socket::DEFAULT_PATH]);
        let seen = Run::new(look).called("looking for an engine").timeout(Duration::from_secs(15)).text();
        let to = self.to.clone();
        Err(match seen.context("looking for an engine on the host")?.as_str() {
            "fine" => ConnectError::ForwardingRefused { to },
            why => ConnectError::NoEngine { to, why: why.to_owned() },
        })
    }

    /// Opens a port of the host's loopback address that leads to port `to` of this machine's. An error when sshd does not
    /// allow it, or the port is in use.
    pub fn open_reverse_tunnel(&self, port: u16, to: u16) -> Result<()> {
        self.forward("-R", port, to).with_context(|| {
            format!(
                "port {port} of the host's loopback can't lead back to the registry here: its sshd must allow it \
                 (AllowTcpForwarding), and nothing else may use the port"
            )
        })
    }

    /// Opens a port of this machine's loopback address that leads to port `to` of the host's. An error when it is in use here; what
    /// sshd says shows at its first use only.
    pub fn open_tunnel(&self, port: u16, to: u16) -> Result<()> {
        let opened = self.forward("-L", port, to);
        opened.with_context(|| format!("port {port} of this machine's loopback can't lead to the host"))
    }

    fn forward(&self, direction: &str, port: u16, to: u16) -> Result<()> {
        let (socket, way) = (self.path("ctl"), format!("127.0.0.1:{port}:127.0.0.1:{to}"));
        let only = command_line::THROUGH_MASTER;
        let forward = cmd!(shell(), "ssh -S {socket} {only...} -O forward {direction} {way} -- host").quiet();
        Ok(Run::new(forward).timeout(Duration::from_secs(15)).run()?)
    }

    /// Ends the connection, and gives how much it carried.
    pub fn close(mut self) -> Traffic {
        traffic(&self.end())
    }

    /// Gives what ssh wrote to its standard error, when nobody had ended it before.
    fn end(&mut self) -> String {
        let Some(Session { group, input, errors, .. }) = self.master.take() else { return String::new() };
        // The master stays as long as another session does.
        self.shell.end();
        // The end of its input is the end of `cat` on the host, and so of the session that the master is.
        drop(input);
        if !matches!(group.wait_timeout(END_TIMEOUT), Ok(Some(_))) {
            group.signal(Signal::KILL);
            let _ = group.wait();
        }
        lines::rest(&errors, lines::OUTPUT_DRAIN_TIMEOUT).collect()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

/// The output of the command that the host runs for this key, whatever is asked for (`command=` in `authorized_keys`). By a
/// connection of its own, since such a key may open nothing else. An error when the host can't be reached or the command
/// fails.
pub fn forced_command(destination: &Destination) -> Result<String, ConnectError> {
    let folder = Folder::new()?;
    let path = folder.path();
    let key = destination.key.as_ref().map(|key| key.as_file(path)).transpose()?;
    destination.host_keys.write(&path.join("known_hosts"))?;
    let options = command_line::options(destination, path, key.as_deref());
    let host = &destination.host;
    let told = Run::new(cmd!(shell(), "ssh {options...} -T -- {host} true").quiet())
        .timeout(CONNECT_TIMEOUT)
        .finish()
        .context("asking the host by ssh")?;
    if told.status.success() { Ok(told.stdout) } else { Err(explain(&told.stderr, destination)) }
}

/// `Transferred: sent 3264, received 3040 bytes, in 0.1 seconds`
fn traffic(said: &str) -> Traffic {
    let line = said.lines().rfind(|line| line.starts_with("Transferred:")).unwrap_or_default();
    let mut numbers = line.split(' ').filter_map(|word| word.trim_end_matches(',').parse().ok());
    Traffic { sent: numbers.next().unwrap_or(0), received: numbers.next().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_carried_is_read_from_its_last_line() {
        let said = "Authenticated to h.\nTransferred: sent 3264, received 3040 bytes, in 0.1 seconds\nBytes per second: sent 1.0\n";
        assert_eq!(traffic(said), Traffic { sent: 3264, received: 3040 });
        assert_eq!(traffic(""), Traffic::default());
    }

    #[test]
    fn a_call_can_not_become_a_connection_of_its_own_and_a_word_is_never_an_option() {
        let sh = shell();
        let (folder, to) = (Folder::new().unwrap(), String::new());
        let (sessions, shell) = (Cell::new(0), RemoteShell::default());
        let address = (String::new(), 22);
        let connection = Connection { folder, to, address, master: None, sessions, shell };
        let line = connection.command(sh, &["sh", "-c", "echo $1", "x", "-oProxyCommand=reboot"]).to_string();
        for part in ["ControlMaster=no", "ProxyCommand=false", " -T -- host "] {
            assert!(line.contains(part), "{line}");
        }
    }
}
