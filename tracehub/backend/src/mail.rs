//! A mail server that takes what is sent from here: alarms, and what people are written.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::response::{Category, Code, Severity};
use lettre::{Message, SmtpTransport, Transport as _};

/// The longest that each answer of the server may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A mail server, and whose name stands on what it is given. Its address may hold a password: nothing here prints it.
#[derive(Clone)]
pub struct Server {
    url: String,
    from: Mailbox,
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Mail<'a> {
    /// The same each time that it is sent, and of no other: by it, a mailbox shows one that came twice once.
    pub id: &'a str,
    /// Who is to have it.
    pub to: &'a Mailbox,
    /// One line.
    pub subject: &'a str,
    /// All of it, for every mail reader.
    pub text: String,
    /// The same, for those that show pages.
    pub html: Option<String>,
}

/// Why a server has not taken a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent {
    words: String,
    /// It was this mail that was refused, for good: no later try would be answered otherwise.
    pub is_final: bool,
}

impl NotSent {
    /// For now.
    pub fn yet(words: impl Into<String>) -> Self {
        Self { words: words.into(), is_final: false }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server(..)")
    }
}

impl Server {
    /// `smtps://USER:PASSWORD@HOST:465?from=ADDRESS`; `smtp://…?tls=required` begins in the open and goes on encrypted, and
    /// without that no password is sent to another machine. What is wrong with it is said without what it holds.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let form = "it is not smtps://USER:PASSWORD@HOST?from=ADDRESS";
        let parsed = url::Url::parse(url).map_err(|_| anyhow::anyhow!(form))?;
        if parsed.host_str().is_none() || !matches!(parsed.scheme(), "smtp" | "smtps") {
            bail!(form);
        }
        let is_encrypted = parsed.scheme() == "smtps"
            || parsed.query_pairs().any(|(key, value)| key == "tls" && value == "required");
        if parsed.password().is_some() && !is_encrypted && !parsed.host_str().is_some_and(is_loopback) {
            bail!("it would send the password in the open: smtps://, or smtp:// with tls=required");
        }
        let from = mailboxes(&parsed, "from")?.pop().context(form)?;
        if SmtpTransport::from_url(url).is_err() {
            bail!(form);
        }
        Ok(Self { url: url.to_owned(), from })
    }

    /// Sends it, and waits for the server's answer.
    ///
    /// # Errors
    /// In words that hold no address and nothing of the mail: an answer may repeat what it was sent, and that is a password.
    pub fn send(&self, mail: Mail) -> Result<(), NotSent> {
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let message = Message::builder().from(self.from.clone()).to(mail.to.clone()).subject(mail.subject);
        let message = message.message_id(Some(id)).raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        let message = match mail.html {
            Some(html) => message.multipart(MultiPart::alternative_plain_html(mail.text, html)),
            None => message.singlepart(SinglePart::plain(mail.text)),
        };
        let message =
            message.map_err(|_| NotSent { words: "it can't be written as a mail".into(), is_final: true })?;
        let transport =
            SmtpTransport::from_url(&self.url).map_err(|_| NotSent::yet("the server's address is none"))?;
        let transport = transport.timeout(Some(TIME_LIMIT)).build();
        transport.send(&message).map(drop).map_err(|error| match error.status() {
            Some(code) => NotSent {
                words: format!("the mail server answered {code}"),
                // Also a wrong password of ours is answered so. That is nobody's mailbox, and somebody will mend it.
                is_final: is_for_good(code) && matches!(transport.test_connection(), Ok(true)),
            },
            None if error.is_timeout() => NotSent::yet("the mail server did not answer in time"),
            None if error.is_tls() => NotSent::yet("TLS with the mail server failed"),
            None => NotSent::yet("the mail server was not reached, or broke off"),
        })
    }
}

/// The addresses of this name behind the question mark.
pub fn mailboxes(url: &url::Url, name: &str) -> anyhow::Result<Vec<Mailbox>> {
    let of = url.query_pairs().filter(|(key, _)| key == name);
    of.map(|(_, value)| value.parse().map_err(|_| anyhow::anyhow!("{name} is no address"))).collect()
}

/// RFC 5321: 5yz is for good. Not so what is about who sends (x3x, RFC 4954) or how (x0x), and not about the mailbox or the mail.
fn is_for_good(code: Code) -> bool {
    code.severity == Severity::PermanentNegativeCompletion && code.category == Category::MailSystem
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
