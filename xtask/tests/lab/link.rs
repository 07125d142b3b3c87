//! A connection that can fail: a forwarder in front of a port of the loopback. It can be frozen (nothing comes
//! through, and neither end notices) or cut, and counts what goes through it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The forwarder.
pub struct Link {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    frozen: AtomicBool,
    broken: AtomicBool,
    connections: AtomicUsize,
    sent: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

impl Link {
    /// Forwards connections to a port of the loopback.
    pub fn to(target: u16) -> Link {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("it listens").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if shared.broken.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let mut streams = shared.streams.lock().expect("no holder panics");
                streams.extend([near.try_clone().expect("a copy"), far.try_clone().expect("a copy")]);
                drop(streams);
                forward(near.try_clone().expect("a copy"), far.try_clone().expect("a copy"), &shared, true);
                forward(far, near, &shared, false);
            }
        });
        Link { port, state }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing comes through, and no connection is closed: to each end the other one is silent.
    pub fn freeze(&self) {
        self.state.frozen.store(true, Ordering::Relaxed);
    }

    /// Closes every connection, and forwards no new one.
    pub fn cut(&self) {
        self.state.broken.store(true, Ordering::Relaxed);
        for stream in self.state.streams.lock().expect("no holder panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Forwards new connections again. Those that were frozen are closed.
    pub fn mend(&self) {
        self.cut();
        self.state.frozen.store(false, Ordering::Relaxed);
        self.state.broken.store(false, Ordering::Relaxed);
    }

    /// How many connections it has forwarded so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// How many bytes it has sent to the target so far.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, state: &Arc<State>, counted: bool) {
    let state = Arc::clone(state);
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            while state.frozen.load(Ordering::Relaxed) {
                // Until `mend` or `cut`, which close this stream.
                if state.broken.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
            if counted {
                state.sent.fetch_add(read as u64, Ordering::Relaxed);
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
