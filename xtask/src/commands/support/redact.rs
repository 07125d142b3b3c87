//! Takes out of a text what its reader must not learn: values of secrets, and what is known of people.

use std::net::IpAddr;

/// What secrets of other services begin with.
const BEGINNINGS: [&str; 11] =
    ["eyJ", "AGE-SECRET-KEY-", "ghp_", "gho_", "ghs_", "github_pat_", "xoxb-", "xoxp-", "sk-", "SG.", "AKIA"];
/// What stands behind a name with one of these in it is a secret, whatever it looks like.
const NAMES: [&str; 7] = ["password", "passwd", "secret", "token", "cookie", "session", "api_key"];
/// So many hexadecimal digits, without an algorithm's name before them, may be a key that was made on the host.
const HEX: usize = 64;
/// Where a path is what opens it.
const SECRET_PATHS: [&str; 2] = ["hooks.slack.com/", "hc-ping.com/"];
/// A shorter value is a word like others, and would be found where it is none.
const SHORTEST: usize = 8;
/// So many letters of base64 in a row, of both cases and with digits, are no word.
const RANDOM: usize = 32;

/// Takes out of texts what its reader must not learn.
pub struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Also takes out these values, wherever they stand.
    pub fn of(values: Vec<String>) -> Redactor {
        let lines =
            values.iter().flat_map(|value| [value.trim()].into_iter().chain(value.lines().map(str::trim)));
        let mut secrets: Vec<String> = lines.filter(|it| it.len() >= SHORTEST).map(str::to_owned).collect();
        // A value that holds another one goes as a whole.
        secrets.sort_by_key(|it| std::cmp::Reverse(it.len()));
        Redactor { secrets }
    }

    /// The text without them.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "<secret>");
            // As it stands in JSON, and in an address.
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            text = text.replace(&quoted[1..quoted.len() - 1], "<secret>");
        }
        let (mut redacted, mut is_key) = (String::with_capacity(text.len()), false);
        for line in text.split_inclusive('\n') {
            is_key |= line.contains("-----BEGIN") && line.contains("PRIVATE KEY");
            redacted.push_str(&if is_key { "<secret>\n".to_owned() } else { redact_line(line) });
            is_key &= !line.contains("-----END");
        }
        redacted
    }
}

/// Word by word: what stands between is kept.
fn redact_line(line: &str) -> String {
    let mut redacted = String::with_capacity(line.len());
    let (mut word, mut before) = (String::new(), Before::default());
    for letter in line.chars() {
        if letter.is_whitespace() || "\"'`(){}[]<>,;|\\".contains(letter) && !is_in_address(&word, letter) {
            redacted.push_str(&before.redact(&word));
            word.clear();
            // What begins here is no value, but more names.
            if "{[".contains(letter) {
                before = Before::default();
            }
            redacted.push(letter);
        } else {
            word.push(letter);
        }
    }
    redacted + &before.redact(&word)
}

/// `[2001:db8::1]:443` is one word.
fn is_in_address(word: &str, letter: char) -> bool {
    (letter == '[' && (word.is_empty() || word.ends_with('@'))) || (letter == ']' && word.contains("::"))
}

/// The two words before one: they may say what it is.
#[derive(Default)]
struct Before {
    last: String,
    one_before: String,
}

impl Before {
    fn redact(&mut self, word: &str) -> String {
        if word.is_empty() {
            return String::new();
        }
        let redacted = match (self.one_before.as_str(), self.last.as_str()) {
            _ if word == ":" || word == "=" => word.to_owned(),
            ("approved", "by") => "<somebody>".to_owned(),
            (_, "Bearer" | "Basic") => "<secret>".to_owned(),
            (name, ":" | "=") if is_digest(name) => word.to_owned(),
            (name, ":" | "=") if is_secret_name(name) && !is_version(word) => "<secret>".to_owned(),
            (_, name) if name.ends_with([':', '=']) && is_secret_name(name) => "<secret>".to_owned(),
            _ => redact_word(word),
        };
        self.one_before = std::mem::replace(&mut self.last, word.to_owned());
        redacted
    }
}

/// Of a secret, which is no secret.
fn is_version(word: &str) -> bool {
    word.len() < SHORTEST && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// Names of hashes that everybody may know.
fn is_digest(name: &str) -> bool {
    ["prev", "sha256", "digest", "hash"].contains(&name)
}

fn redact_word(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        return format!("{scheme}://{}", redact_address(rest));
    }
    // `name=value`, `name:value`: the name is kept.
    for separator in ['=', ':'] {
        if let Some((name, value)) = word.split_once(separator)
            && !value.is_empty()
            && word.parse::<IpAddr>().is_err()
            && !is_ip(word)
        {
            let value = match name {
                _ if is_secret_name(name) => "<secret>".to_owned(),
                // A digest is known to everybody.
                _ if name.ends_with("sha256") => value.to_owned(),
                _ => redact_word(value),
            };
            return format!("{}{separator}{value}", redact_plain(name));
        }
    }
    redact_plain(word)
}

/// What stands behind `://`.
fn redact_address(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    let host = match place.rsplit_once('@') {
        Some((_, host)) => format!("<secret>@{}", redact_word(host)),
        None => redact_word(place),
    };
    if SECRET_PATHS.iter().any(|secret| rest.contains(secret)) {
        return format!("{host}/<secret>");
    }
    let path = path.split('/').map(redact_query).collect::<Vec<_>>().join("/");
    format!("{host}{path}")
}

fn redact_query(part: &str) -> String {
    let Some((path, query)) = part.split_once('?') else { return redact_plain(part) };
    let values = query.split('&').map(redact_word).collect::<Vec<_>>().join("&");
    format!("{}?{values}", redact_plain(path))
}

fn redact_plain(word: &str) -> String {
    if is_ip(word) {
        return "<ip>".to_owned();
    }
    let is_secret = BEGINNINGS.iter().any(|it| word.starts_with(it) && word.len() > it.len() + SHORTEST);
    if is_secret || is_random(word) {
        return "<secret>".to_owned();
    }
    match word.split_once('@').or_else(|| word.split_once("%40")) {
        // `image@sha256:…` has been cut at its colon.
        Some((name, at)) if !name.is_empty() && !at.is_empty() && at != "sha256" => "<somebody>".to_owned(),
        _ => word.to_owned(),
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    NAMES.iter().any(|it| name.contains(it))
}

/// Somebody's; not this machine's own, nor that of every machine. Also a network (`/24`), and at a sentence's end.
fn is_ip(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ':']);
    let word = word.split_once('/').map_or(word, |(address, _)| address);
    let without = word.trim_matches(['[', ']']);
    let port = |of: &str| of.rsplit_once(':').map(|(address, _)| address.trim_matches(['[', ']']).to_owned());
    let address: Option<IpAddr> = without
        .parse()
        .ok()
        .or_else(|| port(word).filter(|_| word.contains('.') || word.contains(']'))?.parse().ok());
    address.is_some_and(|address| !address.is_loopback() && !address.is_unspecified())
}

fn is_random(word: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    if word.len() == HEX && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return true;
    }
    word.len() >= RANDOM
        && word.bytes().all(is_base64)
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_lowercase())
        && word.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        Redactor::of(vec!["correct horse \"battery\"".into(), "tiny".into()]).redact(text)
    }

    #[test]
    fn what_nobody_else_may_learn_is_taken_out_wherever_it_stands() {
        for (text, becomes) in [
            ("by ada@desk at ada.l@example.org", "by <somebody> at <somebody>"),
            (r#"{"by":"ada@desk","why":"it"}"#, r#"{"by":"<somebody>","why":"it"}"#),
            ("from 203.0.113.7:5112 to 127.0.0.1:80", "from <ip> to 127.0.0.1:80"),
            ("from 2001:db8::17, [2001:db8::1]:443 and ::1", "from <ip>, <ip> and ::1"),
            ("postgres://tracehub:pa@ss@db:5432/tracehub", "postgres://<secret>@db:5432/tracehub"),
            ("https://hooks.slack.com/services/T0/B0/XyZ", "https://hooks.slack.com/<secret>"),
            ("token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.sig", "token=<secret>"),
            ("Authorization: Bearer ghp_0123456789abcdef", "Authorization: Bearer <secret>"),
            (
                "https://a.example/join?token=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6MTIz&x=1",
                "https://a.example/join?token=<secret>&x=1",
            ),
            (
                r#"pw correct horse "battery", {"pw":"correct horse \"battery\""}"#,
                r#"pw <secret>, {"pw":"<secret>"}"#,
            ),
            (
                "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\nz",
                "a\n<secret>\n<secret>\n<secret>\nz",
            ),
        ] {
            assert_eq!(plain(text), becomes);
        }
    }

    #[test]
    fn what_helps_stays() {
        for text in [
            "20260103t120000z-1a2b3c4d5e6f started: 200 in 12ms",
            "localhost:5000/tracehub/tracehub-backend@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            r#"{"prev":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","images":["a"]}"#,
            "error: relation \"shipments\" does not exist at character 15",
            "2026-01-03T12:00:00.000Z INFO tracehub_backend::http: GET /api/shipments?status=booked",
            "tiny",
            "",
        ] {
            assert_eq!(plain(text), text);
        }
    }
}
