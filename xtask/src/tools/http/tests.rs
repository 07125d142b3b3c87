use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use ureq::Proxy;
use ureq::tls::Certificate;

use super::proxy::Proxied;
use super::*;
use crate::tools::process::is_interrupt;

const SOON: Duration = Duration::from_secs(5);

/// A server of the loopback that takes so many connections, one after the other; its port.
fn serve<T: Send + 'static>(
    connections: usize,
    talk: impl Fn(TcpStream) -> T + Send + 'static,
) -> (u16, JoinHandle<Vec<T>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server =
        thread::spawn(move || (0..connections).map(|_| talk(listener.accept().unwrap().0)).collect());
    (port, server)
}

/// Reads a request's head, gives this answer, and waits until the client has had enough. What was read.
fn answer(mut stream: TcpStream, answer: &[u8]) -> String {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let head: Vec<String> =
        reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    stream.write_all(answer).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    head.join("\n")
}

/// What is made of this answer.
fn told(bytes: &'static [u8]) -> Result<Answer> {
    let (port, server) = serve(1, move |stream| answer(stream, bytes));
    let told = Client::default().get(&format!("http://127.0.0.1:{port}/a"), SOON);
    let head = server.join().unwrap().remove(0);
    assert!(head.starts_with("GET /a HTTP/1.1\n"), "{head}");
    told
}

fn failure<T: std::fmt::Debug>(result: Result<T>) -> String {
    format!("{:#}", result.unwrap_err())
}

#[test]
fn every_status_is_an_answer_and_a_redirect_is_not_followed() {
    let unavailable = told(b"HTTP/1.1 503 Busy\r\nX-Release: a\r\nContent-Length: 6\r\n\r\nnobody").unwrap();
    assert_eq!((unavailable.status, unavailable.header("x-release")), (503, Some("a")));
    assert_eq!(unavailable.body, "nobody");
    let redirect =
        told(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/b\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!((redirect.status, redirect.header("location")), (302, Some("http://127.0.0.1:1/b")));
}

#[test]
fn each_request_makes_a_connection_of_its_own() {
    let (port, server) = serve(2, |stream| answer(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    for _ in 0..2 {
        assert_eq!(Client::default().get(&format!("http://127.0.0.1:{port}/"), SOON).unwrap().status, 200);
    }
    assert_eq!(server.join().unwrap().len(), 2);
}

#[test]
fn a_head_says_what_it_accepts_and_waits_for_no_body() {
    let (port, server) =
        serve(1, |stream| answer(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nDigest: d\r\n\r\n"));
    let answer = Client::default().head(&format!("http://127.0.0.1:{port}/"), "text/plain", SOON).unwrap();
    assert_eq!((answer.header("digest"), answer.body.as_str()), (Some("d"), ""));
    let head = server.join().unwrap().remove(0);
    assert!(head.starts_with("HEAD / ") && head.contains("accept: text/plain"), "{head}");
}

#[test]
fn a_long_body_is_not_read_and_half_of_one_is_no_answer() {
    const MEBIBYTES: usize = 256;
    let (port, server) = serve(1, |mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // More than the kernel's buffers of both ends hold, which may take megabytes that nobody reads.
        let more = vec![b'a'; 1 << 20];
        (0..MEBIBYTES).take_while(|_| stream.write_all(&more).is_ok()).count()
    });
    let error = failure(Client::default().get(&format!("http://127.0.0.1:{port}/"), SOON));
    assert_eq!(error, format!("the answer of 127.0.0.1:{port} is longer than 65536 bytes"));
    assert!(server.join().unwrap()[0] < MEBIBYTES, "it was read to its end");

    let (port, _server) = serve(1, |mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let error = failure(Client::default().get(&format!("http://127.0.0.1:{port}/"), SOON));
    assert_eq!(error, format!("127.0.0.1:{port} closed the connection before its answer was whole"));
}

#[test]
fn an_error_says_what_happened() {
    let (port, _server) = serve(1, |stream| answer(stream, b""));
    let error =
        failure(Client::default().get(&format!("http://127.0.0.1:{port}/"), Duration::from_millis(200)));
    assert_eq!(error, format!("no answer from 127.0.0.1:{port} within 200ms"));

    let error = failure(Client::default().get("http://127.0.0.1:1/", SOON));
    assert_eq!(error, "the connection to 127.0.0.1:1 was refused");

    let error = failure(told(b"SSH-2.0-OpenSSH_9.2\r\n"));
    assert!(error.contains("is not HTTP"), "{error}");

    let error = failure(Client::default().get("http://a..b/", SOON));
    assert!(error.starts_with("a..b:80 could not be resolved: "), "{error}");
}

#[test]
fn no_error_names_the_path_a_header_or_a_password() {
    let (port, server) =
        serve(1, |stream| answer(stream, b"HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\nsecret"));
    let body = serde_json::json!({ "a": "secret" });
    let headers = [("authorization", "Bearer secret")];
    let error = failure(post(&format!("http://127.0.0.1:{port}/secret"), &headers, &body));
    assert_eq!(error, "it was answered with 403");
    let head = server.join().unwrap().remove(0);
    assert!(head.starts_with("POST /secret ") && head.contains("authorization: Bearer secret"), "{head}");

    // Not written as one text: a scan for secrets would take it for one.
    let with_password = format!("http://u:{}@127.0.0.1:1/secret", "secret");
    for url in [&with_password, "ftp://127.0.0.1:1/secret", "/secret", "http://\u{7}secret"] {
        let error = failure(post(url, &headers, &body));
        assert!(!error.contains("secret"), "{error}");
    }
    let error = failure(post("http://127.0.0.1:1/", &[("authorization", "secret\n")], &body));
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn who_wants_to_stop_does_not_wait_for_the_answer() {
    let (port, server) = serve(1, |mut stream| stream.read_to_end(&mut Vec::new()).map(drop));
    let stop = interrupt::Stop::default();
    let (began, other) = (Instant::now(), stop.clone());
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        other.set();
    });
    let url = format!("http://127.0.0.1:{port}/");
    let error =
        interrupt::stoppable(&stop, || Client::default().get(&url, Duration::from_secs(60))).unwrap_err();
    assert!(is_interrupt(&error), "{error:#}");
    server.join().unwrap().remove(0).unwrap();
    assert!(began.elapsed() < SOON, "the connection ends with the wait");
}

fn chosen(url: &str, variables: &[(&str, &str)]) -> Option<String> {
    let variable =
        |name: &str| variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned());
    let proxied = proxy::choose(&url.parse().unwrap(), variable).unwrap()?;
    Some(format!("{} {}:{}", proxied.variable, proxied.proxy.host(), proxied.proxy.port()))
}

#[test]
fn a_proxy_is_the_one_of_the_address_s_scheme_and_none_for_what_is_exempt() {
    let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "h:2"), ("ALL_PROXY", "socks5h://a:3")];
    assert_eq!(chosen("https://b.example/", &both).unwrap(), "HTTPS_PROXY s:1");
    assert_eq!(chosen("http://b.example/", &both).unwrap(), "http_proxy h:2");
    assert_eq!(chosen("https://b.example/", &[("https_proxy", " "), both[2]]).unwrap(), "ALL_PROXY a:3");
    assert_eq!(chosen("https://b.example/", &both[1..2]), None);
    for here in ["http://127.0.0.1:80/", "https://localhost/", "http://[::1]/", "https://a.LOCALHOST:8443/"] {
        assert_eq!(chosen(here, &both), None, "{here}");
    }
    for exempt in ["b.example", "example", ".example", "*.example", "c, B.example", "*"] {
        assert_eq!(chosen("https://b.example/", &[both[0], ("NO_PROXY", exempt)]), None, "{exempt}");
    }
    for other in ["c.example", "ample", "b.example.org", ""] {
        assert!(chosen("https://b.example/", &[both[0], ("no_proxy", other)]).is_some(), "{other}");
    }
    let wrong = proxy::choose(&"https://b.example/".parse().unwrap(), |_| Some("secret://a b".to_owned()));
    assert_eq!(failure(wrong.map(drop)), "https_proxy is not the address of a proxy");
}

#[test]
fn a_proxy_is_asked_and_an_error_names_it_without_its_password() {
    let (port, server) = serve(1, |stream| answer(stream, b"HTTP/1.1 403 Forbidden\r\n\r\n"));
    let proxy = Proxy::new(&format!("http://user:{}@127.0.0.1:{port}", "secret")).unwrap();
    let proxied = Some(Proxied { proxy, variable: "HTTPS_PROXY" });
    let route = Route {
        proxied,
        ..Route::to(&"https://b.example/".parse().unwrap(), SOON, &Client::default()).unwrap()
    };
    let agent = route.config(RootCerts::Specific(Default::default())).new_agent();
    let error = failure(route.ask(agent, Request::get("https://b.example/path").body(()).unwrap()));
    let expected =
        format!("no connection to b.example:443 through the proxy 127.0.0.1:{port} (HTTPS_PROXY): ");
    assert!(error.starts_with(&expected) && error.contains("403"), "{error}");
    assert!(server.join().unwrap()[0].starts_with("CONNECT b.example:443 "));
}

/// The authority, and what it has issued for `localhost`: one that lasts, and one that has expired.
fn certificates() -> [CertificateDer<'static>; 3] {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(include_bytes!("certificates.pem")).collect();
    found.unwrap().try_into().unwrap()
}

/// A server that shows this certificate and answers 200; its port.
fn serve_tls(certificate: &CertificateDer<'static>) -> u16 {
    // Ed25519 in PKCS #8, and the number itself.
    let key = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &[7; 32]].concat();
    let config = ServerConfig::builder_with_provider(certificate::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivatePkcs8KeyDer::from(key).into())
        .unwrap();
    let config = std::sync::Arc::new(config);
    let talk = move |mut stream: TcpStream| {
        let mut connection = ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut stream);
        // A client that refuses the certificate does not read on.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    };
    serve(3, talk).0
}

/// What is made of this certificate by somebody who trusts that one.
fn seen(shown: &CertificateDer<'static>, trusted: &CertificateDer<'static>, host: &str) -> Result<u16> {
    let request = Request::get(format!("https://{host}:{}/", serve_tls(shown))).body(()).unwrap();
    let route = Route::to(request.uri(), SOON, &Client::default())?;
    let roots = vec![Certificate::from_der(trusted).to_owned()];
    let agent = route.config(RootCerts::Specific(roots.into())).new_agent();
    Ok(route.ask(agent, request)?.status)
}

#[test]
fn a_certificate_that_is_refused_is_said_to_be_which_and_why() {
    let [authority, good, expired] = certificates();
    assert_eq!(seen(&good, &authority, "localhost").unwrap(), 200);
    let said = |shown, trusted, host| failure(seen(shown, trusted, host));
    let error = said(&expired, &authority, "localhost");
    assert!(error.ends_with("expired at 2020-03-01T12:00:00Z"), "{error}");
    let error = said(&good, &authority, "127.0.0.1");
    assert!(
        error.contains("certificate not valid for name \"127.0.0.1\"") && error.contains("localhost"),
        "{error}"
    );
    let error = said(&good, &good, "localhost");
    assert!(error.contains("this machine"), "{error}");
    let error = said(&authority, &authority, "localhost");
    assert!(error.contains("as self-signed ones are"), "{error}");
}

#[test]
fn a_port_without_tls_is_said_to_be_one() {
    let (port, _server) = serve(1, |stream| answer(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let error = failure(Client::default().get(&format!("https://localhost:{port}/"), SOON));
    assert!(error.contains("does not answer in TLS"), "{error}");
}

/// Somebody who trusts the authority, and finds every name on this machine.
fn client() -> Client {
    let authority = Authority::parse(include_str!("certificates.pem"));
    Client { address: Some([127, 0, 0, 1].into()), authority, ..Client::default() }
}

#[test]
fn a_server_is_asked_by_its_name_at_another_address_with_an_authority_of_somebody_s_own() {
    let [_, good, expired] = certificates();
    let ask =
        |client: &Client, shown, name| client.get(&format!("https://{name}:{}/", serve_tls(shown)), SOON);
    assert_eq!(ask(&client(), &good, "localhost").unwrap().status, 200);
    // The name counts, and not the address.
    let error = failure(ask(&client(), &good, "a.example"));
    assert!(error.contains("not valid for name \"a.example\""), "{error}");
    assert!(failure(ask(&Client::default(), &good, "localhost")).contains("does not trust"));
    let taking = Client { trust: Trust::Any, ..client() };
    assert_eq!(ask(&taking, &expired, "a.example").unwrap().status, 200);
}

#[test]
fn of_a_certificate_that_has_ended_since_only_the_end_is_forgiven() {
    let [_, good, expired] = certificates();
    let at = |day: &str| humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).unwrap();
    let ask = |day, client: Client, shown, name| {
        let client = Client { trust: Trust::AsOf(at(day)), ..client };
        client.get(&format!("https://{name}:{}/", serve_tls(shown)), SOON)
    };
    // It ended on the first of March.
    assert_eq!(ask("2020-02-29", client(), &expired, "localhost").unwrap().status, 200);
    assert!(failure(ask("2020-03-02", client(), &expired, "localhost")).contains("expired at 2020-03-01"));
    let error = failure(ask("2020-02-29", client(), &expired, "a.example"));
    assert!(error.contains("not valid for name \"a.example\""), "{error}");
    assert!(failure(ask("2020-02-29", Client::default(), &expired, "localhost")).contains("does not trust"));
    // One that is new since then, and one that is as good as any.
    assert_eq!(ask("1970-01-02", client(), &good, "localhost").unwrap().status, 200);
    let (port, _server) = serve(1, |stream| answer(stream, b"HTTP/1.1 204 None\r\n\r\n"));
    let plain = Client { trust: Trust::AsOf(at("2020-02-29")), ..client() };
    assert_eq!(plain.get(&format!("http://localhost:{port}/"), SOON).unwrap().status, 204);
}

#[test]
fn what_a_browser_would_have_against_a_certificate_is_said_and_when_it_ends() {
    let [_, good, expired] = certificates();
    let at = |day: &str| humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).unwrap();
    let shown = |certificate, name: &str, day| {
        let url = format!("https://{name}:{}/", serve_tls(certificate));
        client().certificate(&url, at(day)).unwrap()
    };
    assert_eq!(
        shown(&good, "localhost", "2030-01-01"),
        Shown { left: Some(43_888 * 86_400 + 43_200), is_late: false, ..Shown::default() }
    );
    // Whoever renews does it when a third of the time is left.
    assert_eq!(
        shown(&good, "localhost", "2150-02-01"),
        Shown { left: Some(28 * 86_400 + 43_200), is_late: true, ..Shown::default() }
    );
    let past = shown(&expired, "localhost", "2020-03-03");
    assert_eq!(past.days(), Some(-2));
    assert!(
        matches!(&past.trouble, Some(Trouble::Refused(words)) if words.contains("expired at 2020-03-01"))
    );
    let strange = shown(&good, "a.example", "2030-01-01");
    assert!(matches!(&strange.trouble, Some(Trouble::Refused(words)) if words.contains("a.example")));
    // Which is a reason to have the server ask for another one, and which is not.
    assert_eq!(
        (past.why_another(0), strange.why_another(0)),
        (Some("its certificate has ended"), Some("its certificate is another name's"))
    );
    let late = shown(&good, "localhost", "2150-02-01");
    assert_eq!((late.why_another(0), late.why_another(28 * 86_400)), (None, None));
    assert_eq!(late.why_another(29 * 86_400), Some("its certificate has ended"), "by the clock of the host");
    assert_eq!(shown(&expired, "localhost", "2020-03-01").why_another(-2 * 86_400), None);
    let url = format!("https://localhost:{}/", serve_tls(&good));
    let unknown = Client::default().certificate(&url, at("2030-01-01")).unwrap();
    assert!(matches!(&unknown.trouble, Some(Trouble::Refused(words)) if words.contains("does not trust")));
    assert_eq!(unknown.why_another(0), None, "of an authority that is not known, as the next one would be");
    assert_eq!(client().certificate("http://localhost/", at("2020-01-01")), None);
    assert_eq!(client().certificate("https://localhost:1/", at("2020-01-01")), None);
}

#[test]
fn a_server_without_a_certificate_for_the_name_is_told_from_one_that_does_not_answer() {
    // A fatal alert: internal error, as a server says it that has none yet.
    let (port, _server) = serve(1, |mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"\x15\x03\x03\x00\x02\x02\x50").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let shown = client().certificate(&format!("https://a.example:{port}/"), std::time::SystemTime::now());
    let trouble = shown.unwrap().trouble;
    assert!(matches!(trouble, Some(Trouble::Absent(words)) if words.contains("has no certificate")));
}
