//! The engine's own interface over its socket, for the little that is asked at each run: starting `docker` for it takes
//! ten times as long as the answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Whether the engine has an image of this id; none when no engine answers at a socket of this machine's.
pub fn has_image(id: &str) -> Option<bool> {
    match get(&format!("/images/{id}/json"))? {
        200 => Some(true),
        404 => Some(false),
        _ => None,
    }
}

/// The status of the answer to a GET.
fn get(path: &str) -> Option<u16> {
    let socket = match std::env::var("DOCKER_HOST") {
        Ok(host) => host.strip_prefix("unix://")?.to_owned(),
        Err(_) => "/var/run/docker.sock".to_owned(),
    };
    let mut stream = UnixStream::connect(socket).ok()?;
    let limit = Some(Duration::from_secs(5));
    stream.set_read_timeout(limit).ok()?;
    stream.set_write_timeout(limit).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n").as_bytes()).ok()?;
    // `HTTP/1.0 200 OK`: what follows is not looked at.
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}
