//! Whether an sshd is there, without coming in.

use std::io::Read as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long it may take to be reached, and to greet.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether an sshd greets there (RFC 4253, 4.2). What lets somebody connect and says nothing is none: a relay whose machine is gone.
pub fn answers(host: &str, port: u16) -> bool {
    let addresses = (host, port).to_socket_addrs().into_iter().flatten();
    let greets = |address| -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting)?;
        Ok(&greeting == b"SSH-")
    };
    addresses.into_iter().any(|address| greets(address).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn who_greets_is_there_and_who_lets_connect_and_says_nothing_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            listener.accept().unwrap().0.write_all(b"SSH-2.0-a\r\n").unwrap();
            drop(listener.accept().unwrap());
        });
        assert!(answers("127.0.0.1", port));
        assert!(!answers("127.0.0.1", port));
        server.join().unwrap();
        assert!(!answers("127.0.0.1", port));
    }
}
