//! Which authorities may certify a name, as its DNS says it (CAA, RFC 8659).

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);
const CAA: u16 = 257;
/// What the answer may be at most.
const LONGEST: usize = 4096;

/// Who may, by the nearest name that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The name that says so: the one that was asked for, or one above it.
    pub by: String,
    /// The authorities; nobody when there are none.
    pub authorities: Vec<String>,
}

/// None where everybody may, and where nobody can be asked.
pub fn allowed(name: &str) -> Option<Allowed> {
    allowed_by(&servers(&std::fs::read_to_string("/etc/resolv.conf").ok()?), name)
}

/// The servers that this machine asks.
fn servers(text: &str) -> Vec<SocketAddr> {
    let words = text.lines().filter_map(|line| line.strip_prefix("nameserver")?.split_whitespace().next());
    words.filter_map(|word| Some(SocketAddr::new(word.parse::<IpAddr>().ok()?, 53))).collect()
}

fn allowed_by(servers: &[SocketAddr], name: &str) -> Option<Allowed> {
    let mut at = name.trim_end_matches('.');
    loop {
        // Whoever does not answer says nothing, and nor does the name above it.
        let found = servers.iter().find_map(|server| ask(*server, at))?;
        if !found.is_empty() {
            let issue = found.into_iter().filter(|(tag, _)| tag.eq_ignore_ascii_case("issue"));
            let values: Vec<String> = issue.map(|(_, value)| value).collect();
            let named = |value: &String| value.split(';').next().unwrap_or_default().trim().to_lowercase();
            let authorities = values.iter().map(named).filter(|value| !value.is_empty()).collect();
            return (!values.is_empty()).then(|| Allowed { by: at.to_owned(), authorities });
        }
        at = at.split_once('.')?.1;
    }
}

/// Tag and value of each record; none when the server does not answer.
fn ask(server: SocketAddr, name: &str) -> Option<Vec<(String, String)>> {
    let here = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(here).ok()?;
    socket.set_read_timeout(Some(TIMEOUT)).ok()?;
    socket.connect(server).ok()?;
    let port = socket.local_addr().ok()?.port();
    socket.send(&question(port, name)?).ok()?;
    let mut answer = [0; LONGEST];
    let length = socket.recv(&mut answer).ok()?;
    read(port, &answer[..length])
}

fn question(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut question = [id, 0x0100, 1, 0, 0, 0].into_iter().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        question.push(length);
        question.extend(label.bytes());
    }
    question.push(0);
    question.extend([CAA, 1].into_iter().flat_map(u16::to_be_bytes));
    Some(question)
}

/// None for an answer to something else, one that is cut off, and a server's failure.
fn read(id: u16, answer: &[u8]) -> Option<Vec<(String, String)>> {
    let number = |at: usize| Some(u16::from_be_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    let (flags, questions, answers) = (number(2)?, number(4)?, number(6)?);
    let (is_answer, is_cut, code) = (flags & 0x8000 != 0, flags & 0x0200 != 0, flags & 15);
    // 3: there is no such name, and so no record of it.
    if number(0)? != id || !is_answer || is_cut || ![0, 3].contains(&code) {
        return None;
    }
    let mut at = 12;
    for _ in 0..questions {
        at = behind_name(answer, at)? + 4;
    }
    let mut found = Vec::new();
    for _ in 0..answers {
        at = behind_name(answer, at)?;
        let (kind, length) = (number(at)?, usize::from(number(at + 8)?));
        let data = answer.get(at + 10..at + 10 + length)?;
        at += 10 + length;
        if kind == CAA {
            let (tag, value) = data.get(2..)?.split_at_checked(usize::from(*data.get(1)?))?;
            found.push((String::from_utf8_lossy(tag).into(), String::from_utf8_lossy(value).into()));
        }
    }
    Some(found)
}

fn behind_name(answer: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *answer.get(at)? {
            0 => return Some(at + 1),
            // The rest stands elsewhere.
            192.. => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Records = &'static [(&'static str, &'static str)];

    /// A server that has these records of these names.
    fn server(zone: &'static [(&'static str, Records)], code: u8) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut asked = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut asked) {
                let (mut labels, mut at) = (Vec::new(), 12);
                while asked[at] != 0 {
                    let next = at + 1 + usize::from(asked[at]);
                    labels.push(String::from_utf8_lossy(&asked[at + 1..next]).into_owned());
                    at = next;
                }
                let name = labels.join(".");
                let records = zone.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, records)| records);
                let mut answer = asked[..length].to_vec();
                answer[2..4].copy_from_slice(&[0x81, 0x80 | code]);
                answer[7] = u8::try_from(records.len()).unwrap();
                for (tag, value) in records {
                    let (tag_length, length) = (tag.len() as u8, (2 + tag.len() + value.len()) as u8);
                    answer.extend([0xc0, 12, 1, 1, 0, 1, 0, 0, 0, 9, 0, length, 0, tag_length]);
                    answer.extend(tag.bytes().chain(value.bytes()));
                }
                socket.send_to(&answer, from).unwrap();
            }
        });
        address
    }

    #[test]
    fn the_nearest_name_with_records_says_who_may_certify_it() {
        let zone: &[(&str, Records)] = &[
            (
                "b.example",
                &[
                    ("iodef", "mailto:a@b.example"),
                    ("issue", "Other.example; x=1"),
                    ("issue", "second.example"),
                ],
            ),
            ("example", &[("issue", "letsencrypt.org")]),
            ("open.example", &[("issuewild", ";")]),
            ("shut.example", &[("issue", ";")]),
        ];
        let server = server(zone, 0);
        let allowed = |name: &str| {
            allowed_by(&[server], name).map(|it| format!("{}: {}", it.by, it.authorities.join(" ")))
        };
        assert_eq!(allowed("a.b.example").as_deref(), Some("b.example: other.example second.example"));
        assert_eq!(allowed("c.example.").as_deref(), Some("example: letsencrypt.org"));
        assert_eq!(allowed("a.shut.example").as_deref(), Some("shut.example: "));
        assert_eq!([allowed("a.open.example"), allowed("a.test")], [None, None]);
    }

    #[test]
    fn who_can_t_be_asked_or_answers_something_else_forbids_nothing() {
        let zone: &[(&str, Records)] = &[("a.example", &[("issue", "other.example")])];
        let (fails, well) = (server(zone, 2), server(zone, 0));
        assert_eq!(allowed_by(&[fails], "a.example"), None);
        assert!(allowed_by(&[fails, well], "a.example").is_some(), "the next one is asked");
        assert_eq!(allowed_by(&[], "a.example"), None);
        assert_eq!(allowed_by(&[well], &"a".repeat(64)), None);
        let whole = question(7, "a.example").unwrap();
        assert_eq!((read(7, &whole), read(8, &whole)), (None, None));
        assert_eq!(servers("search x\nnameserver 10.0.0.1\nnameserver ::1\nnameserver x\n").len(), 2);
    }
}
