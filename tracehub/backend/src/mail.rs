//! A mail server that takes what is sent from here: alarms, and what people are written.

use std::error::Error as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use std::{fmt, io};

use anyhow::{Context as _, bail};
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::{Category, Code, Severity};
use lettre::transport::smtp::{Error, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;

/// How long a good-bye may take.
const LAST: Duration = Duration::from_secs(1);

/// A mail server, and whose name stands on what it is given.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    from: Mailbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    FromTheFirstByte,
    StartTls,
    None,
}

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For each answer.
    pub answer: Duration,
    /// For all of them.
    pub whole: Duration,
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
    /// It had the whole mail, and did not say whether it takes it.
    pub is_unanswered: bool,
}

impl NotSent {
    /// For now.
    pub fn yet(words: impl Into<String>) -> Self {
        Self { words: words.into(), is_final: false, is_unanswered: false }
    }

    /// What an error comes to, in words that hold nothing of an answer.
    fn of(error: &Error, about: &str) -> Self {
        Self::yet(match error.status() {
            Some(code) => format!("the mail server answered {code}{about}"),
            None if is_timeout(error) => "the mail server did not answer in time".to_owned(),
            None if error.is_tls() => "TLS with the mail server failed".to_owned(),
            None => "the mail server was not reached, or broke off".to_owned(),
        })
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
        let tls = parsed.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
        let host = parsed.host_str().context(form)?.trim_matches(['[', ']']).to_owned();
        let (encryption, port) = match (parsed.scheme(), tls.as_deref()) {
            ("smtps", _) => (Encryption::FromTheFirstByte, SUBMISSIONS_PORT),
            ("smtp", Some("required")) => (Encryption::StartTls, SUBMISSION_PORT),
            ("smtp", _) => (Encryption::None, SMTP_PORT),
            _ => bail!(form),
        };
        if parsed.password().is_some() && encryption == Encryption::None && !is_loopback(&host) {
            bail!("it would send the password in the open: smtps://, or smtp:// with tls=required");
        }
        let decoded =
            |text: &str| Ok::<_, anyhow::Error>(percent_decode_str(text).decode_utf8()?.into_owned());
        let credentials = match parsed.password() {
            Some(password) => Some(
                decoded(parsed.username())
                    .and_then(|user| Ok(Credentials::new(user, decoded(password)?)))
                    .map_err(|_| anyhow::anyhow!(form))?,
            ),
            None => None,
        };
        let from = mailboxes(&parsed, "from")?.pop().context(form)?;
        let port = parsed.port().unwrap_or(port);
        Ok(Self { host, port, encryption, credentials, from })
    }

    /// Whether others on the way could read what is sent.
    pub fn is_in_the_open(&self) -> bool {
        self.encryption == Encryption::None && !is_loopback(&self.host)
    }

    /// Sends it, and waits for the server's answer.
    ///
    /// # Errors
    /// In words that hold no address and nothing of the mail: an answer may repeat what it was sent, and that is a password.
    pub fn send(&self, mail: Mail, patience: Patience) -> Result<(), NotSent> {
        let to = mail.to.email.clone();
        let message = self
            .written(mail)
            .map_err(|_| NotSent { is_final: true, ..NotSent::yet("it can't be written as a mail") })?;
        let end = Instant::now() + patience.whole;
        let left = || {
            patience.answer.min(end.saturating_duration_since(Instant::now())).max(Duration::from_millis(1))
        };
        let mut connection = self.connect(left()).map_err(|error| NotSent::of(&error, ""))?;
        let sent = self.hand_over(&mut connection, to, &message, &left);
        let _ = connection.set_timeout(Some(LAST));
        connection.abort();
        sent
    }

    fn written(&self, mail: Mail) -> Result<Vec<u8>, lettre::error::Error> {
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let message = Message::builder().from(self.from.clone()).to(mail.to.clone()).subject(mail.subject);
        let mut message = message.message_id(Some(id)).raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        // A link is a secret, and would lead through SendGrid first, which writes down who follows it.
        if self.host == "sendgrid.net" || self.host.ends_with(".sendgrid.net") {
            let off = r#"{"filters": {"clicktrack": {"settings": {"enable": 0}}, "opentrack": {"settings": {"enable": 0}}}}"#;
            let name = HeaderName::new_from_ascii_str("X-SMTPAPI");
            message = message.raw_header(HeaderValue::new(name, off.to_owned()));
        }
        let message = match mail.html {
            Some(html) => message.multipart(MultiPart::alternative_plain_html(mail.text, html)),
            None => message.singlepart(SinglePart::plain(mail.text)),
        };
        Ok(message?.formatted())
    }

    fn connect(&self, answer: Duration) -> Result<SmtpConnection, Error> {
        let (hello, server) = (ClientId::default(), (self.host.as_str(), self.port));
        let tls = || TlsParameters::new(self.host.clone());
        let wrapped = (self.encryption == Encryption::FromTheFirstByte).then(tls).transpose()?;
        let mut connection = SmtpConnection::connect(server, Some(answer), &hello, wrapped.as_ref(), None)?;
        if self.encryption == Encryption::StartTls {
            connection.starttls(&tls()?, &hello)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials)?;
        }
        Ok(connection)
    }

    /// Only what is said of the address or of the mail itself may be for good: all before is about us.
    fn hand_over(
        &self,
        connection: &mut SmtpConnection,
        to: lettre::Address,
        message: &[u8],
        left: &dyn Fn() -> Duration,
    ) -> Result<(), NotSent> {
        let broken = |_| NotSent::yet("the mail server was not reached, or broke off");
        connection.set_timeout(Some(left())).map_err(broken)?;
        connection
            .command(MailFrom::new(Some(self.from.email.clone()), vec![]))
            .map_err(|error| NotSent::of(&error, ""))?;
        connection.set_timeout(Some(left())).map_err(broken)?;
        connection.command(Rcpt::new(to, vec![])).map_err(|error| NotSent {
            is_final: is_for_good(&error, true),
            ..NotSent::of(&error, " to this address")
        })?;
        connection.set_timeout(Some(left())).map_err(broken)?;
        connection.command(Data).map_err(|error| NotSent::of(&error, ""))?;
        connection.set_timeout(Some(left())).map_err(broken)?;
        connection.message(message).map(drop).map_err(|error| NotSent {
            is_final: is_for_good(&error, false),
            is_unanswered: error.status().is_none(),
            ..NotSent::of(&error, "")
        })
    }
}

/// The addresses of this name behind the question mark.
pub fn mailboxes(url: &url::Url, name: &str) -> anyhow::Result<Vec<Mailbox>> {
    let of = url.query_pairs().filter(|(key, _)| key == name);
    let mailbox =
        |value: &str| value.parse().ok().filter(|mailbox: &Mailbox| mailbox.email.to_string().is_ascii());
    of.map(|(_, value)| mailbox(&value).with_context(|| format!("{name} is no address"))).collect()
}

/// Whether no later try would be answered otherwise: there is no such mailbox, or it takes nothing (RFC 3463). All else of 5yz
/// may be about who sends, and somebody will mend it. Where a server says no more than 55x, it is the address that it means.
fn is_for_good(error: &Error, is_of_address: bool) -> bool {
    let Some(code) = error.status().filter(|code| code.severity == Severity::PermanentNegativeCompletion)
    else {
        return false;
    };
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    match enhanced(&text) {
        Some([5, 1, 1..=3 | 6 | 10] | [5, 2, _]) => true,
        Some(_) => false,
        None => is_of_address && is_about_mailbox(code),
    }
}

fn is_about_mailbox(code: Code) -> bool {
    code.category == Category::MailSystem
}

/// The status that an answer begins with, as `5.1.1`.
fn enhanced(answer: &str) -> Option<[u16; 3]> {
    let numbers: Vec<u16> =
        answer.split_whitespace().next()?.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

/// Of a socket, Linux says that it would block.
fn is_timeout(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        }
        source = error.source();
    }
    false
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
