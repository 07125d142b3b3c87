//! What strangers get from the edge, and how long they can hold it: on raw connections, since no client sends such
//! requests by itself.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use super::bad_releases::processes;
use super::database::query;
use crate::support::http::{Response, connect, get, read_head};
use crate::support::project::Project;
use crate::support::{check, wait_until};

/// What the edge waits for, by its Caddyfile: the headers of a request, a whole request, and the next one.
const HEADERS: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(60);
/// The longest body, in bytes.
const BODY_LIMIT: usize = 15 * 1024;
/// So many connections at once, which is all that the edge may have open.
const CROWD: usize = 2048;
/// What every answer must have, also where a release says nothing of it.
const HEADERS_OF_EACH: [&str; 6] = [
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
];

/// The response to these bytes, whose sender then says nothing more, or hangs up on its side only.
fn answer_to(project: &Project, request: &[u8], hangs_up: bool) -> Result<Response, Failed> {
    let mut connection = connect(&project.url())?;
    connection.get_mut().write_all(request)?;
    if hangs_up {
        connection.get_ref().shutdown(Shutdown::Write)?;
    }
    Ok(read_head(&mut connection)?)
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}").into_bytes()
}

pub fn answers_of_its_own(project: &Project) -> Result<(), Failed> {
    let expected = [
        ("GET", "/", "", 200),
        ("GET", "/shipments/1", "", 200),
        ("GET", "/api/version", "", 200),
        ("GET", "/api/nothing", "", 404),
        ("GET", "/robots.txt", "", 200),
        ("GET", "/.env", "", 404),
        ("GET", "/a/%2egit/config", "", 404),
        ("GET", "/wp-login.php", "", 404),
        ("GET", "/backup.tar.gz", "", 404),
        ("GET", "/metrics", "", 404),
        ("GET", "/assets/gone-12345678.js", "", 404),
        ("PUT", "/", "Content-Length: 1\r\n", 405),
        ("GET", "/", "Content-Length: 1\r\n", 400),
    ];
    for (method, path, headers, status) in expected {
        let body = if headers.is_empty() { "" } else { "x" };
        let response = answer_to(project, &request(method, path, headers, body), false)?;
        check(response.status == status, || format!("{method} {path}: {response:?}"))?;
        let missing = HEADERS_OF_EACH.iter().find(|name| response.header(name).is_none());
        check(missing.is_none(), || format!("{method} {path} is answered without {missing:?}"))?;
        check(response.header("server").is_none() && response.header("via").is_none(), || {
            format!("{method} {path} tells what the edge is: {response:?}")
        })?;
        // Who came by HTTP could not come again by HTTPS, on a host that has none.
        check(response.header("strict-transport-security").is_none(), || format!("{response:?}"))?;
    }
    let robots = get(&project.url(), "/robots.txt")?;
    check(robots.body == "User-agent: *\nDisallow: /\n", || format!("{robots:?}"))?;
    let response =
        answer_to(project, &request("GET", "/", &format!("X: {}\r\n", "x".repeat(32_000)), ""), false)?;
    check(response.status == 431, || format!("{response:?}"))
}

pub fn bodies(project: &Project) -> Result<(), Failed> {
    let post = |headers: &str, body: &str| {
        request("POST", "/api/shipments", &format!("Content-Type: application/json\r\n{headers}\r\n"), body)
    };
    let with_length = |length: usize, body: &str| post(&format!("Content-Length: {length}"), body);
    let whole = " ".repeat(BODY_LIMIT);
    let expected = [
        // Nobody is logged in: that is the backend's word, so it has got the body.
        ("a whole body", with_length(2, "{}"), false, 401),
        ("the longest body", with_length(BODY_LIMIT, &whole), false, 401),
        ("a body that is too long", with_length(BODY_LIMIT + 1, &format!("{whole} ")), false, 413),
        ("a body that is cut off", with_length(50, "{}"), true, 400),
        ("chunks", post("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"), false, 411),
        ("broken chunks", post("Transfer-Encoding: chunked", "zz\r\n{}\r\n"), false, 411),
        ("chunks that are cut off", post("Transfer-Encoding: chunked", "2\r\n{}\r\n"), true, 411),
        ("two lengths", post("Content-Length: 2\r\nContent-Length: 3", "{}"), false, 400),
    ];
    for (what, request, hangs_up, status) in expected {
        let response = answer_to(project, &request, hangs_up)?;
        check(response.status == status, || format!("{what}: {response:?}"))?;
    }
    let counts = |code: &str| -> u64 {
        let edge = project.platform_container("edge");
        let metrics =
            project.docker(&["exec", &edge, "wget", "-q", "-O", "-", "http://127.0.0.1:2019/metrics"]);
        let of_code = metrics.lines().filter(|line| {
            line.starts_with("caddy_http_request_duration_seconds_count")
                && line.contains(&format!("code=\"{code}\""))
        });
        of_code.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    // The watch of a deploy undoes a switch for too many of these: no stranger may bring them about.
    let failures = || ["500", "502", "503", "504"].map(counts).iter().sum::<u64>();
    let before = failures();
    for _ in 0..10 {
        answer_to(project, &with_length(50, "{}"), true)?;
        answer_to(project, &post("Transfer-Encoding: chunked", "zz\r\n{}\r\n"), false)?;
    }
    check(failures() == before, || "broken bodies count as failures of the release".into())
}

/// How long the edge keeps a connection on which somebody says this, and then the same few bytes each half second; and
/// what it answers.
fn held(url: &str, first: &str, again: &str, at_most: Duration) -> Result<(Duration, String), Failed> {
    const PAUSE: Duration = Duration::from_millis(500);
    let mut stream: TcpStream = connect(url)?.into_inner();
    stream.set_read_timeout(Some(PAUSE))?;
    stream.write_all(first.as_bytes())?;
    let (began, mut answer, mut piece) = (Instant::now(), Vec::new(), [0; 4096]);
    while began.elapsed() < at_most + Duration::from_secs(5) {
        match stream.read(&mut piece) {
            Ok(0) => return Ok((began.elapsed(), String::from_utf8_lossy(&answer).into_owned())),
            Ok(read) => answer.extend(&piece[..read]),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            // Hung up while there was more to read.
            Err(_) => return Ok((began.elapsed(), String::from_utf8_lossy(&answer).into_owned())),
        }
        if stream.write_all(again.as_bytes()).is_err() {
            let _ = stream.read_to_end(&mut answer);
            return Ok((began.elapsed(), String::from_utf8_lossy(&answer).into_owned()));
        }
    }
    Err(format!("{first:?} and then {again:?} is held for more than {at_most:?}").into())
}

pub fn slow_ones(project: &Project) -> Result<(), Failed> {
    let post =
        |path: &str, headers: &str| format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let api = "/api/auth/login";
    let slow = [
        ("silence", String::new(), "", HEADERS, ""),
        ("half a line", "GET / HT".to_owned(), "", HEADERS, ""),
        ("endless headers", "GET / HTTP/1.1\r\n".to_owned(), "X: y\r\n", HEADERS, ""),
        ("a slow body", post(api, "Content-Length: 15000\r\n"), "x", REQUEST, "400"),
        ("a body that stops", post(api, "Content-Length: 15000\r\n\r\n{"), "", REQUEST, "400"),
        ("slow chunks", post(api, "Transfer-Encoding: chunked\r\n"), "1\r\nx\r\n", REQUEST, "411"),
        ("a slow body for the page", post("/", "Content-Length: 15000\r\n"), "x", REQUEST, "405"),
    ];
    let url = &project.url();
    let held: Vec<_> = thread::scope(|scope| {
        let threads = slow
            .each_ref()
            .map(|(_, first, again, at_most, _)| scope.spawn(move || held(url, first, again, *at_most)));
        threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect()
    });
    for ((what, _, _, at_most, status), held) in slow.iter().zip(held) {
        let (held, answer) = held.map_err(|error| format!("{what}: {error:?}"))?;
        println!("    {what}: {:.1} s", held.as_secs_f64());
        // One second for the machine.
        check(held < *at_most + Duration::from_secs(1), || format!("{what} is held for {held:?}"))?;
        let is_right = status.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status} "));
        check(is_right, || format!("{what} is answered {answer:?}"))?;
    }
    Ok(())
}

pub fn idle_ones(project: &Project) -> Result<(), Failed> {
    let first = "GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (held, answer) = held(&project.url(), first, "", IDLE)?;
    check(answer.starts_with("HTTP/1.1 200 "), || answer)?;
    check(held > HEADERS && held < IDLE + Duration::from_secs(1), || format!("it is held for {held:?}"))
}

/// So many connections, each with the last byte of its request held back; then all are sent. Gives how often each status was
/// answered, and whether it came with word of when to come again.
fn at_once(project: &Project, request: &[u8]) -> Result<BTreeMap<(u16, bool), usize>, Failed> {
    let (last, most) = request.split_last().ok_or("nothing is sent")?;
    let address = connect(&project.url())?.get_ref().peer_addr()?;
    let mut held = Vec::new();
    for _ in 0..CROWD {
        // Not with a time limit, which has the thread wait for its turn: by then the first ones would be over.
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(most)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        held.push(BufReader::new(stream));
    }
    // What has been read by then is in the edge's memory.
    thread::sleep(Duration::from_secs(5));
    for connection in &mut held {
        connection.get_mut().write_all(&[*last])?;
    }
    let mut answers = BTreeMap::new();
    // Each makes room for one that waits, when it is dropped.
    for mut connection in held {
        let response = read_head(&mut connection)?;
        *answers.entry((response.status, response.header("retry-after").is_some())).or_insert(0) += 1;
    }
    println!("    {answers:?}");
    Ok(answers)
}

/// First the dearest request that there is, with many headers and a long body, then a usual one.
pub fn crowd(project: &Project) -> Result<(), Failed> {
    const LOG_IN: &str = r#"{"email":"nobody@example.org","password":"wrong"}"#;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let edge = [project.platform_container("edge")];
    let before = processes(project, &edge);
    let names = ('a'..='z').flat_map(|first| ('a'..='z').map(move |second| format!("{first}{second}:\r\n")));
    let log_in = |headers: &str, body: &str| {
        let length = body.len();
        let headers = format!("{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n");
        request("POST", "/api/auth/login", &headers, body)
    };
    let dear = log_in(&names.collect::<String>(), &format!("{LOG_IN:BODY_LIMIT$}"));
    for request in [dear, log_in("", LOG_IN)] {
        let answers = at_once(project, &request)?;
        let is_ours =
            |(status, is_told_when): &(u16, bool)| *status >= 500 && (*status, *is_told_when) != (503, true);
        check(!answers.keys().any(is_ours), || format!("{answers:?}"))?;
        check(processes(project, &edge) == before, || "the edge was ended".into())?;
    }
    query(project, "DELETE FROM log_in_failures");
    check(get(&project.url(), "/api/version")?.status == 200, || "it does not answer again".into())
}

pub fn compression(project: &Project) -> Result<(), Failed> {
    let encoding = |path: &str, accepted: &str| -> Result<Option<String>, Failed> {
        let headers = format!("Accept-Encoding: {accepted}\r\n");
        let response = answer_to(project, &request("GET", path, &headers, ""), false)?;
        check(response.status < 500, || format!("{path}: {response:?}"))?;
        Ok(response.header("content-encoding").map(str::to_owned))
    };
    let (document, small) = ("/api/openapi.json", "/api/version");
    check(encoding(document, "gzip, deflate, br, zstd")?.as_deref() == Some("zstd"), || "no zstd".into())?;
    check(encoding(document, "gzip")?.as_deref() == Some("gzip"), || "no gzip".into())?;
    check(encoding(document, "identity")?.is_none(), || "it was not asked for".into())?;
    check(encoding(small, "gzip")?.is_none(), || "a few bytes are compressed".into())
}

pub fn log(project: &Project) -> Result<(), Failed> {
    let (edge, url) = (project.platform_container("edge"), project.url());
    let lines_with = |id: &str| -> Vec<Value> {
        let log = project.docker(&["logs", "--tail", "5000", &edge]);
        let lines = log.lines().filter(|line| line.contains(id));
        lines.map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    };
    let ask = |path: &str, id: &str| {
        let headers =
            format!("X-Request-Id: {id}\r\nAuthorization: Bearer hush-hush\r\nCookie: a=hush-hush\r\n");
        answer_to(project, &request("GET", path, &headers, ""), false)
    };
    let one = |id: &str| -> Result<Value, Failed> {
        wait_until("the line is there", Duration::from_secs(5), || !lines_with(id).is_empty())?;
        Ok(lines_with(id).remove(0))
    };
    let response = ask("/api/version?search=hush-hush", "edge-log-1")?;
    check(response.header("x-request-id") == Some("edge-log-1"), || format!("{response:?}"))?;
    let line = one("edge-log-1")?;
    let is_whole = line["status"] == 200
        && line["upstream_status"] == 200
        && line["release"].as_str().map(str::to_owned) == project.live()
        && line["request"]["uri"] == "/api/version"
        && line["request"]["remote_ip"].is_string()
        && line["request_id"] == "edge-log-1";
    check(is_whole && !line.to_string().contains("hush"), || line.to_string())?;

    // What only begins like a health check is none.
    ask("/health/nothing", "edge-log-5")?;
    one("edge-log-5")?;
    ask("/health/ready", "edge-log-2")?;
    let live = project.live().ok_or("nothing is live")?;
    let backend = project.container_of(&live, "backend");
    project.docker(&["stop", "--time", "1", &backend]);
    let failed = (ask("/api/version", "edge-log-3"), ask("/health/ready", "edge-log-4"));
    project.docker(&["start", &backend]);
    project.wait_until_ready()?;
    for (response, id) in [(failed.0?, "edge-log-3"), (failed.1?, "edge-log-4")] {
        check(response.status == 502 && response.header("retry-after").is_some(), || {
            format!("{response:?}")
        })?;
        let line = one(id)?;
        let has_reason = line["error"].as_str().is_some_and(|error| !error.is_empty());
        let names_it = line["upstream"].as_str().is_some_and(|upstream| upstream.contains(&live));
        check(line["status"] == 502 && has_reason && names_it, || line.to_string())?;
    }
    check(lines_with("edge-log-2").is_empty(), || "health checks fill the log".into())?;
    check(get(&url, "/api/version")?.status == 200, || "it does not answer again".into())
}
