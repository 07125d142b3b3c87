//! Logs that leave the host: to a Loki and by syslog, both within TLS, on this machine, which a host of the lab reaches by the
//! address of its engine's bridge.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use libtest_mimic::Failed;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::alarms::{deployed, gateway};
use crate::environment::Lab;
use crate::support::http::get;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, run, wait_until};

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// From a line until it has arrived: it is looked for once a second, and sent once a second.
const ARRIVED: Duration = Duration::from_secs(90);
/// As long as a receiver is away.
const AWAY: Duration = Duration::from_secs(30);

pub fn everything(lab: &Lab) -> Result<(), Failed> {
    deployed(lab)?;
    let (project, host) = (&lab.project, lab.host());
    let output = project.xtask(&["logs", "ship", "up"]).fails_with(3)?;
    check(output.contains("LOGS_TO is not set"), || output)?;
    let output = project.deploy().env("LOGS_TO", "udp://logs.example").fails_with(3)?;
    check(output.contains("it begins with none of"), || output)?;

    let mut receiver = Receiver::start(lab, "https", loki)?;
    let up = |receiver: &Receiver| receiver.given(project.xtask(&["logs", "ship", "up"]));
    // Nobody else's certificate will do.
    let output = up(&receiver).env("LOGS_CA", "").fails_with(1)?;
    check(output.contains("nothing has arrived yet"), || output)?;
    check(receiver.lines().is_empty(), || "lines were sent to whom nobody knows".into())?;
    up(&receiver).succeeds()?;

    let live = host.live();
    let of_release = ["backend", "frontend"].map(|part| (part, live.as_str()));
    let of_platform = ["edge", "postgres", "shipper"].map(|part| (part, ""));
    wait_until("lines of each part have arrived", ARRIVED, || {
        let lines = receiver.lines();
        let has = |(part, release): &(&str, &str)| {
            lines.iter().any(|line| line.part == *part && line.release == *release)
        };
        of_release.iter().chain(&of_platform).all(has)
    })?;
    let hidden = host.sh("docker inspect tracehub-lab-shipper; docker logs tracehub-lab-shipper 2>&1");
    check(hidden.contains("/containers:ro") && !hidden.contains("hidden"), || hidden)?;

    // While nobody takes them, and while what ships them is killed.
    let mut asked = ask(lab, 0..100)?;
    receiver.leave();
    asked += ask(lab, asked..asked + 300)?;
    thread::sleep(AWAY);
    receiver.come_back(loki)?;
    asked += ask(lab, asked..asked + 100)?;
    host.sh("kill -9 $(docker inspect --format '{{.State.Pid}}' tracehub-lab-shipper)");
    asked += ask(lab, asked..asked + 100)?;
    let arrived = |receiver: &Receiver| {
        let mut times = BTreeMap::<usize, usize>::new();
        for line in receiver.lines().iter().filter(|line| line.part == "edge") {
            let number =
                line.text.split_once("/numbered/").and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
            *times.entry(number.unwrap_or(usize::MAX)).or_default() += 1;
        }
        times.remove(&usize::MAX);
        times
    };
    let all = wait_until("all lines have arrived", ARRIVED, || arrived(&receiver).len() == asked);
    let times = arrived(&receiver);
    let doubles = times.values().filter(|times| **times > 1).count();
    println!("    {asked} lines, {} arrived, {doubles} of them twice", times.len());
    all?;
    let status = project.xtask(&["status"]).succeeds()?;
    check(status.contains("logs      shipped: "), || status)?;

    // By syslog, from where the last one had come.
    let syslog = Receiver::start(lab, "tls", octets)?;
    up(&syslog).succeeds()?;
    ask(lab, 1000..1010)?;
    wait_until("lines have arrived by syslog", ARRIVED, || {
        let lines = syslog.lines();
        lines.iter().any(|line| line.text.contains(" lab edge - ") && line.text.contains("/numbered/1009"))
    })?;
    check(!syslog.lines().iter().any(|line| line.text.contains("/numbered/0\"")), || "it began anew".into())?;

    project.xtask(&["logs", "ship", "down"]).succeeds()?;
    let left =
        host.sh("docker ps --all --format '{{.Names}}' | grep shipper; ls /opt/tracehub-app/shipper/secrets");
    check(left.is_empty(), || left)
}

/// Requests of which the edge writes a line each; gives how many. Nobody is kept waiting.
fn ask(lab: &Lab, numbers: std::ops::Range<usize>) -> Result<usize, Failed> {
    let count = numbers.len();
    for number in numbers {
        get(lab.url(), &format!("/numbered/{number}"))?;
    }
    Ok(count)
}

/// A line, as it has arrived.
#[derive(Debug, Clone, Default)]
struct Line {
    part: String,
    release: String,
    text: String,
}

/// Who takes lines.
struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    tls: Arc<ServerConfig>,
    authority: String,
    kept: Arc<Mutex<Vec<Line>>>,
    is_there: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// Reads what comes on a connection, until its end.
type Serve = fn(&mut BufReader<Tls>, &mut dyn FnMut(Vec<Line>)) -> Option<()>;

impl Receiver {
    fn start(lab: &Lab, scheme: &'static str, serve: Serve) -> Result<Receiver, Failed> {
        let folder = tempfile::tempdir()?;
        let ip = gateway(lab);
        certificate(folder.path(), &ip)?;
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name));
        let (authority, certificate, key) = (read("authority")?, read("certificate")?, read("key")?);
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(key.as_bytes())?,
            )?;
        let address = TcpListener::bind((ip.as_str(), 0))?.local_addr()?;
        let mut receiver = Receiver {
            address,
            scheme,
            tls: Arc::new(tls),
            authority,
            kept: Arc::default(),
            is_there: Arc::default(),
            accepting: None,
        };
        receiver.come_back(serve)?;
        Ok(receiver)
    }

    fn given(&self, call: XtaskCommand) -> XtaskCommand {
        let call = call
            .env("LOGS_TO", &format!("{}://{}", self.scheme, self.address))
            .env("LOGS_CA", &self.authority);
        if self.scheme == "https" { call.env("LOGS_LOGIN", "shipper:hidden") } else { call }
    }

    fn lines(&self) -> Vec<Line> {
        self.kept.lock().expect("no holder panics").clone()
    }

    /// Nobody answers any more, and connections end.
    fn leave(&mut self) {
        self.is_there.store(false, Ordering::Relaxed);
        self.accepting.take().expect("it is there").join().expect("it does not panic");
    }

    fn come_back(&mut self, serve: Serve) -> Result<(), Failed> {
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        self.is_there.store(true, Ordering::Relaxed);
        let (kept, is_there, tls) =
            (Arc::clone(&self.kept), Arc::clone(&self.is_there), Arc::clone(&self.tls));
        self.accepting = Some(thread::spawn(move || {
            let mut connections = Vec::new();
            while is_there.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
                let Ok((stream, _)) = listener.accept() else { continue };
                let closing = stream.try_clone().expect("a connection");
                let (kept, tls) = (Arc::clone(&kept), Arc::clone(&tls));
                thread::spawn(move || {
                    stream.set_nonblocking(false).expect("a connection");
                    let connection = ServerConnection::new(tls).expect("a configuration");
                    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
                    let mut keep = |lines| kept.lock().expect("no holder panics").extend(lines);
                    serve(&mut reader, &mut keep)
                });
                connections.push(closing);
            }
            for connection in connections {
                let _ = connection.shutdown(std::net::Shutdown::Both);
            }
        }));
        Ok(())
    }
}

/// As a Loki takes lines; with a password.
fn loki(reader: &mut BufReader<Tls>, keep: &mut dyn FnMut(Vec<Line>)) -> Option<()> {
    loop {
        let (mut length, mut may) = (0, false);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let lower = line.to_lowercase();
            if let Some(told) = lower.strip_prefix("content-length:") {
                length = told.trim().parse().ok()?;
            }
            // shipper:hidden
            may |= line.contains("Basic c2hpcHBlcjpoaWRkZW4=");
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let told: Value = serde_json::from_slice(&body).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |stream: &Value| Line {
            part: text(&stream["stream"]["part"]),
            release: text(&stream["stream"]["release"]),
            text: text(&stream["values"][0][1]),
        };
        let status = if may { "204 No Content" } else { "401 Unauthorized" };
        if may {
            keep(told["streams"].as_array()?.iter().map(line).collect());
        }
        reader
            .get_mut()
            .write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
            .ok()?;
    }
}

/// As RFC 5425 has it: its length, a space, the message.
fn octets(reader: &mut BufReader<Tls>, keep: &mut dyn FnMut(Vec<Line>)) -> Option<()> {
    loop {
        let mut length = Vec::new();
        reader.read_until(b' ', &mut length).ok().filter(|read| *read > 0)?;
        let mut message = vec![0; String::from_utf8(length).ok()?.trim().parse().ok()?];
        reader.read_exact(&mut message).ok()?;
        keep(vec![Line { text: String::from_utf8_lossy(&message).into_owned(), ..Line::default() }]);
    }
}

/// An authority, and by it a certificate for this address.
fn certificate(folder: &Path, address: &str) -> Result<(), Failed> {
    std::fs::write(folder.join("names"), format!("subjectAltName=IP:{address}\n"))?;
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for words in [
        format!("req -x509 {key} -days 2 -subj /CN=authority -keyout authority.key -out authority"),
        format!("req {key} -subj /CN=receiver -keyout key -out request"),
        "x509 -req -in request -CA authority -CAkey authority.key -CAcreateserial -days 2 -extfile names -out certificate".to_owned(),
    ] {
        run(Command::new("openssl").args(words.split_whitespace()).current_dir(folder));
    }
    Ok(())
}
