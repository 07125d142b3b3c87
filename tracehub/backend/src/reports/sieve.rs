//! What leaves this program of an error: a list of what may, and words without what looks like a person or a secret.

use secrecy::{ExposeSecret, SecretString};
use sentry::protocol::{Event, Exception, Frame, Stacktrace, Values};

/// The longest sentence that is told.
const LONGEST: usize = 1000;
/// The most causes, and the most calls of each.
const EXCEPTIONS: usize = 5;
const FRAMES: usize = 50;
/// What is this long and of one piece is no word: an id of ours is 36 at most, a token 40 at least.
const TOKEN: usize = 40;

/// The tags that say something of no person.
const TAGS: [&str; 4] = ["request_id", "organisation", "kind", "language"];

pub struct Sieve {
    secrets: Vec<SecretString>,
}

impl Sieve {
    /// One that knows these secrets; a key a line.
    pub fn new(secrets: impl Iterator<Item = SecretString>) -> Self {
        let lines = secrets.flat_map(|secret| {
            let lines = secret.expose_secret().lines().map(str::to_owned);
            lines.filter(|line| !line.is_empty()).map(SecretString::from).collect::<Vec<_>>()
        });
        Self { secrets: lines.collect() }
    }

    /// What is left of an event.
    pub fn pass(&self, event: Event<'static>) -> Event<'static> {
        let exceptions = event.exception.values.into_iter().rev().take(EXCEPTIONS).rev();
        let mut tags = event.tags;
        tags.retain(|name, _| TAGS.contains(&name.as_str()));
        tags.values_mut().for_each(|value| *value = self.words(value));
        Event {
            event_id: event.event_id,
            level: event.level,
            timestamp: event.timestamp,
            platform: event.platform,
            logger: event.logger,
            transaction: event.transaction.map(|name| self.words(&name)),
            message: event.message.map(|message| self.words(&message)),
            exception: Values { values: exceptions.map(|it| self.exception(it)).collect() },
            tags,
            release: event.release,
            environment: event.environment,
            sdk: event.sdk,
            ..Event::default()
        }
    }

    fn exception(&self, exception: Exception) -> Exception {
        let Exception { ty, value, stacktrace, .. } = exception;
        let frames = stacktrace.into_iter().flat_map(|it| it.frames);
        let frames: Vec<Frame> = frames.map(|it| self.frame(it)).collect();
        let last = frames.len().saturating_sub(FRAMES);
        Exception {
            ty: self.words(&ty),
            value: value.map(|value| self.words(&value)),
            stacktrace: Some(Stacktrace { frames: frames[last..].to_vec(), ..Stacktrace::default() }),
            ..Exception::default()
        }
    }

    /// Where in the code, and nothing of what was there.
    fn frame(&self, frame: Frame) -> Frame {
        Frame {
            function: frame.function.map(|it| self.words(&it)),
            filename: frame.filename.map(|it| self.words(&it)),
            abs_path: frame.abs_path.map(|it| self.words(&it)),
            lineno: frame.lineno,
            colno: frame.colno,
            in_app: frame.in_app,
            ..Frame::default()
        }
    }

    fn words(&self, text: &str) -> String {
        let known = self
            .secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), "[secret]"));
        let end = known.floor_char_boundary(LONGEST);
        let is_of_word = |c: char| c.is_alphanumeric() || "@._-+%".contains(c);
        let mut words = String::new();
        let mut rest = &known[..end];
        while let Some(first) = rest.chars().next() {
            let length = rest.find(|c| is_of_word(c) != is_of_word(first)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(length);
            words.push_str(match word {
                _ if !is_of_word(first) => word,
                _ if word.contains('@') => "[address]",
                _ if word.len() >= TOKEN || word.starts_with("eyJ") => "[token]",
                _ => word,
            });
            rest = behind;
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_what_helps_and_lose_people_and_secrets() {
        let sieve = Sieve::new(["a key of ours, 1\nthe other key".to_owned().into()].into_iter());
        let id = "0197f3b0-7c1d-7000-8000-000000000001";
        for (said, told) in [
            (format!("shipment {id} at src/http.rs:7:3"), format!("shipment {id} at src/http.rs:7:3")),
            ("no mail to <ada.obi@example.com>!".into(), "no mail to <[address]>!".into()),
            (
                concat!("postgres", "://app:hush@db/x is away").into(),
                "postgres://app:[address]/x is away".into(),
            ),
            (format!("/welcome#{}", "x".repeat(43)), "/welcome#[token]".into()),
            ("Bearer eyJhbGciOi.e30.c2ln".into(), "Bearer [token]".into()),
            ("signed with the other key".into(), "signed with [secret]".into()),
        ] {
            assert_eq!(sieve.words(&said), told);
        }
        assert!(sieve.words(&"é ".repeat(4000)).len() <= LONGEST);
    }

    #[test]
    fn an_event_of_whoever_asks_loses_what_is_not_on_the_list() {
        let hostile = serde_json::json!({
            "platform": "javascript",
            "message": "it broke",
            "user": { "email": "planted-1@example.com", "ip_address": "203.0.113.7" },
            "request": { "url": "https://x/?search=planted-2", "headers": { "Cookie": "planted-3" }, "data": "planted-4" },
            "breadcrumbs": { "values": [{ "timestamp": 0, "message": "planted-5" }] },
            "extra": { "body": "planted-6" },
            "contexts": { "app": { "type": "app", "app_name": "planted-7" } },
            "tags": { "request_id": "r-1", "name": "planted-8" },
            "exception": { "values": [{ "type": "Error", "value": "no", "stacktrace": { "frames": [
                { "function": "draw", "filename": "/assets/base.js", "lineno": 1, "vars": { "a": "planted-9" } },
            ] } }] },
        });
        let event: Event = serde_json::from_value(hostile).unwrap();
        let told = serde_json::to_string(&Sieve::new(std::iter::empty()).pass(event)).unwrap();
        assert!(!told.contains("planted"), "{told}");
        for kept in ["it broke", "r-1", "draw", "/assets/base.js", "javascript"] {
            assert!(told.contains(kept), "{kept}: {told}");
        }
    }
}
