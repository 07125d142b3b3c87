//! A request, as the servers of tests on the loopback read it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `GET /path?query`.
    pub line: String,
    /// `name: value`, a line each.
    pub headers: String,
    /// Text, since nothing else is sent.
    pub body: String,
}

impl Received {
    /// The next one of a connection; none when its client has nothing more to ask.
    pub fn from(stream: &TcpStream) -> Option<Received> {
        let mut reader = BufReader::new(stream);
        let head: Vec<String> =
            reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let (line, headers) = head.split_first()?;
        let mut received = Received {
            line: line.trim_end_matches(" HTTP/1.1").to_owned(),
            headers: headers.join("\n"),
            body: String::new(),
        };
        let length = received.header("content-length").map_or(0, |it| it.parse().expect("a length"));
        reader.take(length).read_to_string(&mut received.body).expect("the body comes");
        Some(received)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}
