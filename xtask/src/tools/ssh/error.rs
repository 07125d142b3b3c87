//! Why there is no connection, read from ssh's messages.

use super::Destination;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No answer, or no such name.
    #[error("{to} can't be reached: {why}")]
    Unreachable {
        /// Where to.
        to: String,
        /// ssh's last message.
        why: String,
    },
    /// The host answered, and does not let us in.
    #[error("{to} does not accept the key: {why}")]
    KeyRefused {
        /// Where to.
        to: String,
        /// ssh's last message.
        why: String,
    },
    /// The key itself can't be read.
    #[error("{0}")]
    KeyDamaged(String),
    /// The host shows another key than the pinned one.
    #[error("{to} shows another host key than the pinned one: pinned is {pinned}, shown is {shown}")]
    HostKey {
        /// Where to.
        to: String,
        /// Its fingerprint.
        pinned: String,
        /// Its fingerprint, or what the host offers.
        shown: String,
    },
    /// Connected, but the engine's socket can't be forwarded: sshd's own setting.
    #[error("{to} lets us in, but its sshd forwards no sockets")]
    ForwardingRefused {
        /// Where to.
        to: String,
    },
    /// Connected, but no engine answers.
    #[error("{to} lets us in, but no container engine answers there: {why}")]
    NoEngine {
        /// Where to.
        to: String,
        /// What was found instead.
        why: String,
    },
    /// Something else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// The error that ssh's messages mean.
pub(super) fn explain(messages: &str, destination: &Destination) -> ConnectError {
    let (to, why) = (destination.to_string(), last_message(messages));
    if messages.contains("Host key verification failed") || messages.contains("no matching host key type") {
        let shown = shown_fingerprint(messages).unwrap_or(why);
        return ConnectError::HostKey { to, pinned: destination.host_keys.fingerprints(), shown };
    }
    if messages.contains("error in libcrypto") || messages.contains("invalid format") {
        return ConnectError::KeyDamaged(format!("the key for {to} can't be read by ssh: {why}"));
    }
    if messages.contains("Permission denied") || messages.contains("Too many authentication failures") {
        return ConnectError::KeyRefused { to, why };
    }
    ConnectError::Unreachable { to, why }
}

/// ssh's last message that is about the failure.
fn last_message(messages: &str) -> String {
    let noise = |line: &&str| {
        !line.trim().is_empty()
            && !["Transferred:", "Bytes per second:", "Authenticated to", "Warning: Permanently"]
                .iter()
                .any(|start| line.starts_with(start))
    };
    messages.lines().rfind(noise).unwrap_or("it did not answer in time").trim().to_owned()
}

/// The fingerprint in ssh's message about a host key that is not the known one.
fn shown_fingerprint(messages: &str) -> Option<String> {
    let word = messages.split_whitespace().find(|word| word.starts_with("SHA256:"))?;
    Some(word.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_that_a_host_shows_is_found_in_what_ssh_says() {
        let said = "@@@\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc+/d.\nPlease contact";
        assert_eq!(shown_fingerprint(said).as_deref(), Some("SHA256:abc+/d"));
    }
}
