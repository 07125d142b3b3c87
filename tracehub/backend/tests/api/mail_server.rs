//! A mail server of the loopback that misbehaves as it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What it does at a line, in place of what is right: by the number of the connection, from 0 on, and the line in capitals;
/// `CONNECT` stands for the greeting, and `.` for the end of a mail.
pub type Whim = fn(usize, &str) -> Option<Deed>;

#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// Answers this.
    Say(&'static str),
    /// Answers this, and repeats the line.
    Repeat(&'static str),
    /// Answers nothing any more.
    Hang,
    /// Breaks off.
    Close,
}

pub struct MailServer {
    /// Where it listens.
    pub address: String,
    talks: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// One that does all as it is right.
    pub fn good() -> Self {
        Self::with(|_, _| None)
    }

    /// One with this whim.
    pub fn with(whim: Whim) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let talks = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&talks);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                all.lock().unwrap().push(String::new());
                let all = Arc::clone(&all);
                thread::spawn(move || talk(stream.unwrap(), number, whim, &all));
            }
        });
        Self { address, talks }
    }

    /// What each connection has said, one after the other.
    pub fn talks(&self) -> Vec<String> {
        self.talks.lock().unwrap().clone()
    }

    /// The mails that came whole.
    pub fn mails(&self) -> Vec<String> {
        let mail = |talk: String| {
            let (_, mail) = talk.split_once("\r\nDATA\r\n")?;
            Some(mail.split_once("\r\n.\r\n")?.0.to_owned())
        };
        self.talks().into_iter().filter_map(mail).collect()
    }
}

fn talk(stream: TcpStream, number: usize, whim: Whim, talks: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut in_data = false;
    let mut line = "CONNECT\r\n".to_owned();
    loop {
        let word = line.trim_end().to_uppercase();
        let answer = match (in_data, whim(number, &word), word.as_str()) {
            (true, _, word) if word != "." => None,
            (_, Some(Deed::Close), _) => return,
            (_, Some(Deed::Hang), _) => return thread::sleep(Duration::from_secs(60)),
            (_, Some(Deed::Say(answer)), _) => Some(answer.to_owned()),
            (_, Some(Deed::Repeat(answer)), _) => Some(format!("{answer} {}", line.trim_end())),
            (true, ..) => Some("250 taken".to_owned()),
            (_, _, "CONNECT") => Some("220 catcher".to_owned()),
            (_, _, "DATA") => Some("354 go on".to_owned()),
            (_, _, "QUIT") => Some("221 bye".to_owned()),
            (_, _, word) if word.starts_with("EHLO") => Some("250-catcher\r\n250 AUTH PLAIN".to_owned()),
            (_, _, word) if word.starts_with("AUTH") => Some("235 in".to_owned()),
            _ => Some("250 well".to_owned()),
        };
        in_data = (in_data && word != ".") || (word == "DATA" && answer.as_deref() == Some("354 go on"));
        if let Some(answer) = answer
            && reader.get_mut().write_all(format!("{answer}\r\n").as_bytes()).is_err()
        {
            return;
        }
        line.clear();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        talks.lock().unwrap()[number].push_str(&line);
    }
}
