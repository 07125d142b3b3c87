//! The other side of SMTP: takes mails in place of a mail server.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Result, bail};

/// No mail of ours is longer.
const LONGEST: u64 = 1 << 20;

/// One connection; `keep` has each mail that comes by it, and to whom it goes.
pub fn take(stream: &TcpStream, keep: &dyn Fn(&str, &str) -> Result<()>) -> Result<()> {
    let mut reader = BufReader::new(stream.take(LONGEST));
    let say = |line: &str| (&mut &*stream).write_all(format!("{line}\r\n").as_bytes());
    say("220 cargo xtask")?;
    let (mut to, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 0 {
        let word = line.trim().to_uppercase();
        match word.as_str() {
            "QUIT" => return Ok(say("221 bye")?),
            "DATA" => {
                say("354 go on")?;
                keep(&to, &mail(&mut reader)?)?;
                say("250 taken")?;
            }
            _ => {
                if let Some((_, rest)) = line.split_once("RCPT TO:") {
                    to = rest.trim().trim_matches(['<', '>']).to_owned();
                }
                say("250 well")?;
            }
        }
        line.clear();
    }
    Ok(())
}

/// A mail, up to the line with a dot.
fn mail(reader: &mut impl BufRead) -> Result<String> {
    let mut mail = String::new();
    loop {
        let before = mail.len();
        if reader.read_line(&mut mail)? == 0 {
            bail!("the mail has no end");
        }
        if mail[before..].trim_end() == "." {
            mail.truncate(before);
            return Ok(mail);
        }
    }
}
