use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use self::mail_server::{Deed, MailServer};
use super::*;

#[path = "../../../tests/api/mail_server.rs"]
#[expect(dead_code, reason = "alarms need not all that the outbox does")]
mod mail_server;

/// A server of the loopback that serves one connection, and gives what it was sent.
fn server(serve: impl FnOnce(TcpStream) -> String + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sent, got) = channel();
    thread::spawn(move || sent.send(serve(listener.accept().unwrap().0)).unwrap());
    (address, got)
}

/// Answers an HTTP request with these words.
fn http(stream: TcpStream, answer: &str) -> String {
    let mut reader = BufReader::new(stream);
    let (mut all, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
        all.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    all + &String::from_utf8(body).unwrap()
}

fn letter<'a>(subject: &'a str, text: &'a str) -> Letter<'a> {
    Letter { id: "lab.5.1".to_owned(), subject, text }
}

fn ways(files: &[(&str, &str)]) -> anyhow::Result<Ways> {
    let folder = tempfile::tempdir()?;
    files.iter().try_for_each(|(name, text)| fs::write(folder.path().join(name), text))?;
    Ways::read(folder.path())
}

#[test]
fn slack_gets_what_it_can_not_take_for_a_mention() {
    let (address, got) = server(|stream| http(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    let ways = ways(&[("slack_webhook_url", &format!("http://{address}/services/hidden\n"))]).unwrap();
    assert_eq!(ways.names(), ["slack"]);
    ways.send("slack", &letter("[lab] ALARM: site", "it answers <!channel> & 502")).unwrap();
    let told = got.recv().unwrap();
    assert!(told.starts_with("POST /services/hidden HTTP/1.1"), "{told}");
    assert!(
        told.ends_with(r#"{"text":"*[lab] ALARM: site*\nit answers &lt;!channel&gt; &amp; 502"}"#),
        "{told}"
    );
}

#[test]
fn a_server_that_asks_to_wait_is_obeyed_and_no_failure_says_the_address() {
    for (answer, words, wait) in [
        ("HTTP/1.1 429 X\r\nretry-after: 37\r\ncontent-length: 0\r\n\r\n", "it was answered 429", Some(37)),
        ("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n", "it was answered 500", None),
        (
            "HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/hidden\r\ncontent-length: 0\r\n\r\n",
            "it was answered 302",
            None,
        ),
        ("HTTP/1.1 20", "unexpected end of file", None),
        ("", "", None),
    ] {
        let (address, _got) = server(move |stream| http(stream, answer));
        let ways = ways(&[("slack_webhook_url", &format!("http://{address}/services/hidden"))]).unwrap();
        let error = ways.send("slack", &letter("subject", "text")).unwrap_err();
        assert!(error.to_string().contains(words) && !error.to_string().contains("hidden"), "{error}");
        assert_eq!(error.retry_after, wait);
    }
    // A server that speaks no TLS.
    let (address, _got) = server(|stream| http(stream, ""));
    let ways = ways(&[("slack_webhook_url", &format!("https://{address}/services/hidden"))]).unwrap();
    let error = ways.send("slack", &letter("subject", "text")).unwrap_err().to_string();
    assert!(!error.contains("hidden") && !error.is_empty(), "{error}");
}

#[test]
fn a_mail_has_its_sender_and_all_its_readers_and_a_refusal_shows_no_password() {
    let url = |address: &str| {
        format!(
            "smtp://watch:hidden%21@{address}?from=TraceHub%20%3Cwatch@example.org%3E&to=ada@example.org&to=bob@example.org"
        )
    };
    let ways_of = |address: &str| ways(&[("alarm_smtp", &url(address))]).unwrap();
    assert_eq!(ways_of("127.0.0.1:1").names(), ["mail-1", "mail-2"]);
    for (way, name, other) in [("mail-1", "ada", "bob"), ("mail-2", "bob", "ada")] {
        // The other's mailbox is refused.
        let server = match name {
            "ada" => {
                MailServer::with(|_, word| word.starts_with("RCPT TO:<BOB").then_some(Deed::Say("550 no")))
            }
            _ => MailServer::with(|_, word| word.starts_with("RCPT TO:<ADA").then_some(Deed::Say("550 no"))),
        };
        ways_of(&server.address).send(way, &letter("[lab] ALARM: disk", "it is full\nSince noon.")).unwrap();
        let told = server.talks().concat();
        for words in [
            &format!("RCPT TO:<{name}@example.org>"),
            "Subject: [lab] ALARM: disk",
            "Message-ID: <lab.5.1@example.org>",
            "it is full",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains(other), "{told}");
    }
    for (fails, about, whim) in [
        (
            "AUTH",
            "",
            (|_, word| word.starts_with("AUTH").then_some(Deed::Repeat("550"))) as mail_server::Whim,
        ),
        ("RCPT", " to this address", |_, word| word.starts_with("RCPT").then_some(Deed::Repeat("550"))),
        ("DATA", "", |_, word| word.starts_with("DATA").then_some(Deed::Repeat("550"))),
    ] {
        let server = MailServer::with(whim);
        let error = ways_of(&server.address).send("mail-1", &letter("subject", "text")).unwrap_err();
        assert_eq!(error.to_string(), format!("the mail server answered 550{about}"), "{fails}");
    }
    let server = MailServer::with(|_, _| Some(Deed::Close));
    let error = ways_of(&server.address).send("mail-1", &letter("subject", "text")).unwrap_err();
    assert_eq!(error.to_string(), "the mail server was not reached, or broke off");
}

#[test]
fn an_address_that_is_none_is_refused_without_what_it_holds() {
    assert_eq!(ways(&[("alarm_smtp", " \n")]).unwrap().names().len(), 0, "an empty one is off");
    for wrong in [
        "hidden",
        "https://hidden@example.org?from=a@example.org&to=b@example.org",
        "smtps://hidden@example.org",
        "smtps://hidden@example.org?from=a@example.org",
        "smtps://hidden@example.org?from=hidden&to=b@example.org",
    ] {
        let error = format!("{:#}", ways(&[("alarm_smtp", wrong)]).err().unwrap());
        assert!(error.starts_with("alarm_smtp: ") && !error.contains("hidden"), "{wrong}: {error}");
    }
}

#[test]
fn a_password_goes_to_no_other_machine_in_the_open() {
    let read = |url: &str| {
        ways(&[("alarm_smtp", &format!("{url}from=a@example.org&to=b@example.org"))]).map(|ways| ways.names())
    };
    for wrong in ["smtp://a:hidden@example.org?", "smtp://a:hidden@example.org:25?tls=opportunistic&"] {
        let error = format!("{:#}", read(wrong).unwrap_err());
        assert!(error.contains("in the open") && !error.contains("hidden"), "{error}");
    }
    for right in [
        "smtps://a:hidden@example.org?",
        "smtp://a:hidden@example.org?tls=required&",
        "smtp://example.org?",
        "smtp://a:hidden@localhost?",
        concat!("smtp://a:", "hidden@127.0.0.1:25?"),
        concat!("smtp://a:", "hidden@[::1]:25?"),
    ] {
        assert_eq!(read(right).unwrap(), ["mail-1"], "{right}");
    }
}

#[test]
fn a_test_says_of_each_way_how_long_it_took() {
    let (slack, _) = server(|stream| http(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let (heart, got) = server(|stream| http(stream, "HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n"));
    let (slack, heart) = (format!("http://{slack}/"), format!("http://{heart}/hidden"));
    let ways = ways(&[("slack_webhook_url", &slack), ("heartbeat_url", &heart)]).unwrap();
    let tried = ways.test("lab", "lab.test.5");
    assert_eq!(tried.iter().map(|it| it.way.as_str()).collect::<Vec<_>>(), ["slack", "heartbeat"]);
    assert_eq!(tried[0].error, None);
    assert_eq!(tried[1].error.as_deref(), Some("heartbeat: it was answered 404"));
    assert!(got.recv().unwrap().starts_with("GET /hidden HTTP/1.1"));
}

#[test]
fn who_is_asked_for_the_time_is_asked_without_what_makes_an_address_a_secret() {
    let ways = Ways {
        slack: Some("https://hooks.slack.com/services/T0/B0/word".to_owned()),
        mail: None,
        heartbeat: Some(concat!("https://ada:", "word@hc.example:8443/ping/word?word=1").to_owned()),
    };
    assert_eq!(ways.clocks(), ["https://hc.example:8443/", "https://hooks.slack.com/"]);
    assert!(Ways::default().clocks().is_empty());
}
