use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::super::alarms::{Due, State};
use super::*;

/// A mail server that greets nobody, and a Slack that takes everything: the addresses of both.
fn servers() -> [String; 2] {
    let [mail, slack] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [&mail, &slack].map(|it| it.local_addr().unwrap().to_string());
    thread::spawn(move || mail.incoming().collect::<Vec<_>>());
    thread::spawn(move || {
        for stream in slack.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    });
    addresses
}

fn ways() -> Ways {
    let [mail, slack] = servers();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("alarm_smtp", format!("smtp://{mail}?from=watch@example.org&to=ada@example.org"));
    write("slack_webhook_url", format!("http://{slack}/"));
    Ways::read(folder.path()).unwrap()
}

fn message(id: u64, ways: &[String]) -> Message {
    let ways = ways.iter().map(|way| Due { way: way.clone(), ..Due::default() }).collect();
    Message { id, at: now(), subject: "s".to_owned(), text: "t".to_owned(), ways, ..Message::default() }
}

#[test]
fn a_mail_server_that_says_nothing_holds_up_no_slack() {
    let (ways, folder) = (ways(), tempfile::tempdir().unwrap());
    let mut names = ways.names();
    // As before each had a thread, the slow one is the first.
    names.reverse();
    let remembered = Remembered::open(folder.path().join("state.json"));
    let outbox = (0..3).map(|id| message(id, &names)).collect();
    remembered.change(|state| *state = State { outbox, ..State::default() });
    let delivery = Delivery::start("lab", &ways, &remembered);
    let began = Instant::now();
    while remembered.lock().next_due("slack", now()).is_some() {
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", remembered.lock().outbox);
        thread::sleep(Duration::from_millis(20));
    }
    assert!(remembered.lock().outbox.iter().all(|message| message.arrived) && delivery.is_alive());
    if let Some(long_ago) = Instant::now().checked_sub(STUCK) {
        delivery.rounds().insert("slack".to_owned(), long_ago);
        delivery.rounds().insert("gone".to_owned(), long_ago);
        assert!(!delivery.is_alive());
    }
}

#[test]
fn what_takes_too_long_is_given_up_and_is_not_begun_again_while_it_goes_on() {
    let ways = ways();
    let mut sender = Sender { ways, environment: "lab".to_owned(), way: "mail-1".to_owned(), last: None };
    let mut words = || sender.send(message(0, &[]), Duration::from_millis(50)).unwrap_err().to_string();
    assert_eq!(words(), "it took too long");
    assert_eq!(words(), "the one before is still on its way");
}
