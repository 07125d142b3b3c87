//! Ports of this machine's loopback that nobody has.

use std::net::TcpListener;

use anyhow::{Context, Result};

/// So many, each another one. Nobody keeps them: whoever asked is to take them at once.
pub fn find<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    let mut listeners = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}
