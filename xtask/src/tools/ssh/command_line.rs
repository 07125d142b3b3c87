//! How ssh is called.

use camino::Utf8Path;
use xshell::{Cmd, Shell, cmd};

use super::{CONNECT_TIMEOUT, Destination, keys};
use crate::tools::docker::socket;

/// The host asks every 15 s whether we are there (as `host setup` has it); we ask more often, in seconds, so that this side
/// is the first to know of a dead link. After three questions without an answer the connection is given up.
const ALIVE_INTERVAL: u32 = 5;

/// Options by which a call uses the master or fails.
pub(super) const THROUGH_MASTER: [&str; 8] =
    ["-F", "none", "-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "BatchMode=yes"];

/// The master's command line.
pub(super) fn master<'a>(
    sh: &'a Shell,
    to: &Destination,
    folder: &Utf8Path,
    key: Option<&Utf8Path>,
) -> Cmd<'a> {
    let (socket, engine) =
        (folder.join("ctl"), format!("{}:{}", folder.join("docker"), socket::DEFAULT_PATH));
    let (options, host) = (options(to, folder, key), &to.host);
    let own = ["-M", "-o", "ControlPersist=no", "-o", "ExitOnForwardFailure=yes"];
    let greet = "echo ready; exec cat >/dev/null";
    cmd!(sh, "ssh -S {socket} {own...} {options...} -L {engine} -- {host} {greet}").quiet()
}

/// The options of every connection. Aliases and keys of the user's own configuration apply; settings about host keys, and
/// those that would make this another kind of call, do not.
pub(super) fn options(to: &Destination, folder: &Utf8Path, key: Option<&Utf8Path>) -> Vec<String> {
    let mut settings = vec![
        "BatchMode=yes".to_owned(),
        format!("User={}", to.user),
        format!("ConnectTimeout={}", CONNECT_TIMEOUT.as_secs() / 2),
        format!("ServerAliveInterval={ALIVE_INTERVAL}"),
        "ServerAliveCountMax=3".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        format!("UserKnownHostsFile={}", folder.join("known_hosts")),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        format!("HostKeyAlias={}", keys::ALIAS),
        format!("HostKeyAlgorithms={}", to.host_keys.algorithms()),
        "CheckHostIP=no".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "VerifyHostKeyDNS=no".to_owned(),
        "KnownHostsCommand=none".to_owned(),
        "ForwardAgent=no".to_owned(),
        "ForwardX11=no".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "RemoteCommand=none".to_owned(),
        "RequestTTY=no".to_owned(),
        "EscapeChar=none".to_owned(),
        "StreamLocalBindUnlink=yes".to_owned(),
        // At its end it says how many bytes it carried.
        "LogLevel=VERBOSE".to_owned(),
    ];
    settings.extend(to.port.map(|port| format!("Port={port}")));
    if let Some(key) = key {
        settings.extend(["IdentitiesOnly=yes".to_owned(), format!("IdentityFile={key}")]);
    }
    settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect()
}
