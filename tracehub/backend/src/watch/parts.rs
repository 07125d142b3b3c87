//! Whether a part has ended and was started again: a connection that is kept to it tells, and nobody need hold the engine's
//! socket.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(3);
/// The longest head of an answer.
const LONGEST: usize = 8 << 10;

/// Connections that are kept, and when some broke.
#[derive(Default)]
pub struct Parts {
    kept: BTreeMap<String, TcpStream>,
    broken: Vec<(i64, String)>,
}

impl Parts {
    /// Asks each part (`name:port`) on the connection that is kept to it, or makes one. Gives those whose connections broke
    /// within so many seconds, and how often each did. Parts that are named no more are forgotten: they were replaced.
    pub fn look(&mut self, parts: &[String], within: i64, now: i64) -> BTreeMap<String, usize> {
        self.kept.retain(|name, _| parts.contains(name));
        self.broken.retain(|(at, name)| (now - at).abs() < within && parts.contains(name));
        for part in parts {
            let Some(mut stream) = self.kept.remove(part) else {
                // One that can't be reached is no restart: whether users notice is asked elsewhere.
                self.kept.extend(connect(part).map(|stream| (part.clone(), stream)));
                continue;
            };
            match ask(&mut stream, part) {
                Ok(()) => drop(self.kept.insert(part.clone(), stream)),
                Err(error) if has_ended(error.kind()) => {
                    self.broken.push((now, part.clone()));
                    self.kept.extend(connect(part).map(|stream| (part.clone(), stream)));
                }
                // One that is slow, or says what nobody understands, has not ended: its connection is made anew next time.
                Err(_) => {}
            }
        }
        let mut counted = BTreeMap::new();
        self.broken.iter().for_each(|(_, name)| *counted.entry(name.clone()).or_default() += 1);
        counted
    }

    /// What broke so far is explained.
    pub fn forgive(&mut self) {
        self.broken.clear();
    }
}

/// Whether the other side is gone.
fn has_ended(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

fn connect(part: &str) -> Option<TcpStream> {
    let address = part.to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&address, TIME_LIMIT).ok()?;
    stream.set_read_timeout(Some(TIME_LIMIT)).ok()?;
    stream.set_write_timeout(Some(TIME_LIMIT)).ok()?;
    ask(&mut stream, part).ok().map(|()| stream)
}

/// A HEAD, whose answer has no body: whatever it says, the connection lives. One that is slow is not broken.
fn ask(stream: &mut TcpStream, part: &str) -> std::io::Result<()> {
    stream.write_all(
        format!("HEAD /healthz HTTP/1.1\r\nhost: {part}\r\nuser-agent: watch\r\n\r\n").as_bytes(),
    )?;
    let (mut head, mut byte) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            _ if head.len() > LONGEST => return Err(ErrorKind::InvalidData.into()),
            read => head.extend_from_slice(&byte[..read]),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_part_that_hangs_up_and_answers_again_was_started_again_and_one_that_is_silent_from_the_start_was_not()
     {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let part = vec![listener.local_addr().unwrap().to_string()];
        let (end, ends) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel::<()>();
        let server = thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut copy = stream.try_clone().unwrap();
                let answering = thread::spawn(move || {
                    let mut bytes = [0; 1024];
                    while copy.read(&mut bytes).is_ok_and(|read| read > 0) {
                        let _ = copy.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\n");
                    }
                });
                ends.recv().unwrap();
                let _ = stream.flush();
                stream.shutdown(Shutdown::Both).unwrap();
                answering.join().unwrap();
                ended.send(()).unwrap();
            }
        });
        let mut parts = Parts::default();
        for now in 0..3 {
            assert_eq!(parts.look(&part, 600, now), BTreeMap::new());
        }
        end.send(()).unwrap();
        has_ended.recv().unwrap();
        assert_eq!(parts.look(&part, 600, 3), BTreeMap::from([(part[0].clone(), 1)]));
        assert_eq!(parts.look(&part, 600, 602).len(), 1);
        assert_eq!(parts.look(&part, 600, 603), BTreeMap::new(), "it has held since");
        end.send(()).unwrap();
        has_ended.recv().unwrap();
        server.join().unwrap();
        assert_eq!(parts.look(&part, 600, 604).len(), 1);
        parts.forgive();
        assert_eq!(parts.look(&part, 600, 605), BTreeMap::new(), "nobody listens: that is no restart");
    }
    #[test]
    fn a_part_that_is_slow_has_not_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let part = vec![listener.local_addr().unwrap().to_string()];
        let (end, ends) = mpsc::channel::<()>();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            // Of what it is asked next, it says nothing for longer than anybody waits.
            ends.recv().unwrap();
        });
        let mut parts = Parts::default();
        assert_eq!(parts.look(&part, 600, 0), BTreeMap::new());
        assert_eq!(parts.look(&part, 600, 5), BTreeMap::new());
        end.send(()).unwrap();
        server.join().unwrap();
    }
}
