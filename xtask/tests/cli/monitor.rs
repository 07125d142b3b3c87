//! What is watched from outside, at a provider on the loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::fake_project::{CommandOutput, FakeProject};

/// A provider of checks that has none yet, and takes every key but `wrong`: where it is, and the first line of each request.
pub fn provider() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let (asked, lines) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let (mut first, mut line, mut length, mut status) = (String::new(), String::new(), 0, 200);
            reader.read_line(&mut first).expect("a request");
            while reader.read_line(&mut line).expect("a header") > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                if line.trim_end().ends_with(": wrong") {
                    status = 401;
                }
                line.clear();
            }
            reader.read_exact(&mut vec![0; length]).expect("the body");
            let body = r#"{"checks":[],"ping_url":"https://hc.example.org/ping"}"#;
            let head = "X\r\nConnection: close\r\nContent-Length:";
            write!(stream, "HTTP/1.1 {status} {head} {}\r\n\r\n{body}", body.len()).expect("answered");
            asked.send(first).expect("the test waits");
        }
    });
    (address, lines)
}

#[test]
fn a_provider_s_checks_are_changed_only_after_a_yes() {
    let (project, (address, asked)) = (FakeProject::new(), provider());
    let apply = |arguments: &[&str]| {
        let mut command = project.command(&[&["monitor", "apply", "--env", "staging"], arguments].concat());
        let output = CommandOutput::of(
            command
                .env("HEALTHCHECKS_URL", &address)
                .env("HEALTHCHECKS_API_KEY", "a key")
                .env_remove("UPTIMEROBOT_API_KEY"),
        );
        (
            output,
            asked
                .try_iter()
                .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let (output, asked) = apply(&[]);
    assert_eq!((output.code, asked), (Some(3), vec!["GET".to_owned()]), "{output:?}");
    assert!(
        output.stderr.contains("check of the watcher") && output.stderr.contains("wants a yes"),
        "{output:?}"
    );
    let (output, asked) = apply(&["--yes"]);
    assert_eq!((output.code, asked), (Some(0), vec!["GET".to_owned(), "POST".to_owned()]), "{output:?}");
    assert!(output.stdout.contains("Done."), "{output:?}");
}
