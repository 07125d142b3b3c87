//! Takes the mails that the backend sends, in place of a mail server: each is a file, and its link a line of the terminal. A thread
//! of this process, so that nothing of it is left when that ends.

use std::net::TcpListener;
use std::thread;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::terminal;
use crate::tools::{files, smtp};
use crate::workspace;

/// Where they are put.
pub fn folder() -> Utf8PathBuf {
    workspace::local_dir().join("development/mails")
}

/// What takes them.
pub struct Catcher {
    port: u16,
}

impl Catcher {
    /// Starts it, on a port of its own.
    pub fn start(folder: Utf8PathBuf) -> Result<Catcher> {
        std::fs::create_dir_all(&folder).with_context(|| format!("making {folder}"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("listening for mails")?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = folder.clone();
                // Whoever breaks off has sent no mail.
                thread::spawn(move || smtp::take(&stream, &|to, mail| keep(&folder, to, mail)).ok());
            }
        });
        Ok(Catcher { port })
    }

    /// What the backend is told of it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?from=TraceHub%20%3Cpost@tracehub.localhost%3E", self.port)
    }
}

fn keep(folder: &Utf8Path, to: &str, mail: &str) -> Result<()> {
    let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: <")?.split('@').next());
    let plain = |id: &&str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let file = folder.join(format!("{}.eml", id.filter(plain).unwrap_or("mail")));
    files::replace(&file, mail.as_bytes())?;
    let link = link_of(mail).unwrap_or_else(|| "no link".to_owned());
    terminal::note(format_args!("a mail to {to}: {link}  ({file})"));
    Ok(())
}

/// The first link in it, without the encoding of long lines.
fn link_of(mail: &str) -> Option<String> {
    let plain = mail.replace("=\r\n", "").replace("=3D", "=");
    let at = plain.find("http")?;
    plain[at..].split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_mail_is_kept_by_its_id_and_its_link_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let catcher = Catcher::start(folder.to_owned()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", catcher.port)).unwrap();
        let mut reader = BufReader::new(&stream);
        let mut ask = |lines: &str, answer: &str| {
            (&stream).write_all(lines.as_bytes()).unwrap();
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert!(line.starts_with(answer), "{lines}: {line}");
        };
        ask("", "220");
        ask("EHLO here\r\n", "250");
        ask("RCPT TO:<ada@example.com>\r\n", "250");
        ask("DATA\r\n", "354");
        let body = "Message-ID: <0197a000-0000@x>\r\n\r\nOpen:\r\nhttp://127.0.0.1:20000/shared?link=3Dabc=\r\ndef\r\n";
        ask(&format!("{body}.\r\n"), "250");
        ask("QUIT\r\n", "221");
        assert_eq!(std::fs::read_to_string(folder.join("0197a000-0000.eml")).unwrap(), body);
        assert_eq!(link_of(body).as_deref(), Some("http://127.0.0.1:20000/shared?link=abcdef"));
    }
}
