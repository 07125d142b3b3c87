use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::tools::http::received::Received;

/// A server of the loopback that gives these answers in turn, and keeps what it was asked.
struct Provider {
    base: String,
    asked: Arc<Mutex<Vec<Received>>>,
}

impl Provider {
    fn start(answers: Vec<&'static str>) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Received>>> = Arc::default();
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for answer in answers {
                let mut stream = listener.accept().unwrap().0;
                kept.lock().unwrap().push(Received::from(&stream).unwrap());
                let (status, rest) = answer.split_once('\n').unwrap_or((answer, ""));
                let (headers, body) = match rest.strip_prefix('{') {
                    Some(_) => (String::new(), rest),
                    None => (format!("{rest}\r\n"), ""),
                };
                let headers = if headers.trim().is_empty() { "" } else { &headers };
                let text =
                    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(text.as_bytes()).unwrap();
            }
        });
        Provider { base, asked }
    }

    fn asked(&self) -> Vec<Received> {
        self.asked.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|it| it.line).collect()
    }
}

fn production() -> Environment {
    Environment::named("production").unwrap()
}

/// Two pages: somebody else's of the same name, a former one of ours, and ours, whose keyword comes back escaped.
const FIRST_PAGE: &str = r#"200
{"data":[{"id":1,"friendlyName":"tracehub production","tags":[{"name":"theirs"}]},{"id":2,"friendlyName":"old &amp; gone","tags":[{"name":"tracehub-production"}]}],"nextLink":"https://api.example/v3/monitors?cursor=77"}"#;
const SECOND_PAGE: &str = r#"200
{"data":[{"id":3,"friendlyName":"tracehub production","url":"https://tracehub.vibotaj.com/health/ready","type":"KEYWORD","interval":300,"keywordType":"ALERT_NOT_EXISTS","keywordValue":"&quot;status&quot;:&quot;ok&quot;","sslExpirationReminder":true,"tags":[{"name":"tracehub-production"}]}],"nextLink":null}"#;

#[test]
fn only_what_has_our_tag_is_touched_and_what_is_right_is_left() {
    let provider = Provider::start(vec!["429\nretry-after: 1", "500", FIRST_PAGE, SECOND_PAGE, "404"]);
    let (robot, wanted) = (UptimeRobot::at(&provider.base, "hidden"), wanted(&production()).unwrap());
    let changes = robot.plan(&wanted).unwrap();
    assert_eq!(
        changes,
        [Change::Delete(2, "old & gone".to_owned())],
        "what comes back escaped is no difference"
    );
    changes.iter().try_for_each(|change| robot.apply(change)).expect("what is gone already is no error");
    let list = "GET /monitors?tags=tracehub-production";
    assert_eq!(
        provider.lines(),
        [list, list, list, &format!("{list}&cursor=77"), "DELETE /monitors/2"],
        "too many requests are waited for, and what is not understood is asked again"
    );
    assert!(provider.asked().iter().all(|it| it.header("authorization") == Some("Bearer hidden")));
}

#[test]
fn what_is_not_there_is_made_and_what_differs_is_changed() {
    let answers = vec!["200\n{\"data\":[],\"nextLink\":null}", "201\n{\"id\":9}", "200\n{\"id\":9}"];
    let provider = Provider::start(answers);
    let (robot, wanted) = (UptimeRobot::at(&provider.base, "hidden"), wanted(&production()).unwrap());
    let changes = robot.plan(&wanted).unwrap();
    assert_eq!(changes, [Change::Create(wanted.clone())]);
    robot.apply(&changes[0]).unwrap();
    let mut there = wanted.body();
    there["interval"] = 60.into();
    let changes = plan(&wanted, &[Found { id: 9, probe: there }]);
    assert_eq!(changes, [Change::Update(9, wanted.clone(), vec!["interval"])]);
    robot.apply(&changes[0]).unwrap();
    assert_eq!(provider.lines()[1..], ["POST /monitors", "PATCH /monitors/9"]);
    let sent: Value = serde_json::from_str(&provider.asked()[1].body).unwrap();
    assert_eq!(
        (&sent["url"], &sent["tagNames"][0]),
        (&"https://tracehub.vibotaj.com/health/ready".into(), &"tracehub-production".into())
    );
    assert!(sent["interval"].as_u64().unwrap() >= 300, "more often costs money");
}

#[test]
fn a_provider_that_misbehaves_is_named_and_its_key_is_not() {
    for (answer, words) in [
        ("401\n{\"error\":\"hidden\"}", "UptimeRobot does not take the key"),
        (
            "400\n{\"error\":\"hidden\"}",
            "UptimeRobot answered GET /monitors?tags=tracehub-production with 400",
        ),
        ("200\n{\"data\":[", "with half an answer"),
        ("200\n{\"monitors\":1}", "has no data"),
    ] {
        let provider = Provider::start(vec![answer]);
        let error = format!(
            "{:#}",
            UptimeRobot::at(&provider.base, "hidden").found("tracehub-production").unwrap_err()
        );
        assert!(error.contains(words) && !error.contains("hidden"), "{error}");
    }
    // It may have been made: it is not asked for twice.
    let provider = Provider::start(vec!["500", "200\n{\"id\":9}"]);
    let change = Change::Create(wanted(&production()).unwrap());
    let error = UptimeRobot::at(&provider.base, "hidden").apply(&change).unwrap_err().to_string();
    assert_eq!(error, "UptimeRobot answered POST /monitors with 500");
    assert_eq!(provider.lines().len(), 1);
    // TLS where none is spoken.
    let provider = Provider::start(vec!["200\n{}"]);
    let base = provider.base.replace("http://", "https://");
    let error = UptimeRobot::at(&base, "hidden").apply(&change).unwrap_err();
    assert!(!format!("{error:#}").contains("hidden"), "{error:#}");
}

#[test]
fn a_check_of_the_watcher_is_made_by_its_slug_so_that_there_is_one() {
    let there = "200\n{\"checks\":[{\"slug\":\"tracehub-production\",\"timeout\":60,\"grace\":300}]}";
    let late = "200\n{\"checks\":[{\"slug\":\"tracehub-production\",\"timeout\":3600,\"grace\":300}]}";
    let made = "201\n{\"ping_url\":\"https://hc-ping.com/hidden\"}";
    let provider = Provider::start(vec!["200\n{\"checks\":[]}", late, there, made]);
    let checks = Healthchecks::new(&provider.base, "key");
    let right: Vec<bool> = (0..3).map(|_| checks.is_right(&production()).unwrap()).collect();
    assert_eq!(right, [false, false, true]);
    assert_eq!(checks.apply(&production()).unwrap(), "https://hc-ping.com/hidden");
    let made = provider.asked().pop().unwrap();
    assert!(made.line == "POST /api/v3/checks/" && made.header("x-api-key") == Some("key"), "{made:?}");
    assert_eq!(serde_json::from_str::<Value>(&made.body).unwrap()["unique"], json!(["slug"]));
}
