//! The outbox: mails that requests have caused, sent by the release that has the traffic.
//!
//! A mail waits in the database without its link, which is a secret: the link is made again from the key when it is sent, and
//! is known by its hash. One that is good no more is not sent.

mod letters;

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chrono::TimeDelta;
use lettre::message::Mailbox;
use sqlx::PgPool;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use self::letters::Written;
use crate::figures::Figures;
use crate::http::{self, Keys, SignUpAnswer};
use crate::jobs::{self, Job, Letter, Outcome};
use crate::mail::{self, NotSent, Patience, Server};
use crate::worker::Traffic;

/// How many are sent at once.
const AT_ONCE: u32 = 4;
/// A server looks into what it was given before it answers, and the same mail comes twice where nobody waits for that. The whole
/// is less than [`jobs::HELD`].
const PATIENCE: Patience = Patience { answer: Duration::from_secs(60), whole: Duration::from_secs(240) };
/// How long those that are on their way may take when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// What a mail is sent by, and where its link leads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The mail server.
    pub server: Server,
    /// The page's address, without a slash at its end.
    pub site: String,
    /// Whether anybody may make an organisation.
    pub is_open: bool,
}

/// Says that there is a mail to send; for those who cause one.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// There is one.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Sends them.
#[derive(Clone)]
pub struct Outbox {
    database: PgPool,
    traffic: Arc<Traffic>,
    keys: Keys,
    settings: Arc<Settings>,
    bell: Bell,
    figures: Figures,
    places: Arc<Semaphore>,
}

impl Outbox {
    /// One that sends what is in this database, when the bell rings.
    pub fn new(
        database: PgPool,
        traffic: Traffic,
        keys: Keys,
        settings: Settings,
        bell: Bell,
        figures: Figures,
    ) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE as usize));
        Self {
            database,
            traffic: Arc::new(traffic),
            keys,
            settings: Arc::new(settings),
            bell,
            figures,
            places,
        }
    }

    /// Sends whenever the bell rings, and every so often what failed before, until it is dropped.
    pub async fn run(&self, every: Duration) -> Infallible {
        let sending = async {
            loop {
                if let Err(error) = self.round().await {
                    tracing::error!("mails could not be sent, which is tried again: {error}");
                }
                let _ = tokio::time::timeout(every, self.bell.0.notified()).await;
            }
        };
        // By itself: also while there is always one more to send, or a server that takes none.
        let counting = async {
            loop {
                if let Err(error) = self.count().await {
                    tracing::error!("mails could not be counted, which is tried again: {error}");
                }
                tokio::time::sleep(every).await;
            }
        };
        tokio::join!(sending, counting).0
    }

    /// Counts them, if they are ours to send.
    pub async fn count(&self) -> sqlx::Result<()> {
        let is_ours = self.traffic.is_ours();
        let state = if is_ours { jobs::state(&self.database).await? } else { jobs::State::default() };
        self.figures.jobs(state);
        Ok(())
    }

    /// Begins to send what is due, if it is ours to send. Waits where as many as there are places are on their way.
    pub async fn round(&self) -> sqlx::Result<()> {
        while self.traffic.is_ours() {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { break };
            let Some(job) = jobs::take(&self.database).await? else { break };
            tokio::spawn(self.clone().one(job, Arc::new(place)));
        }
        Ok(())
    }

    /// Waits for those that are on their way: one that is cut off is sent again, and comes twice.
    pub async fn finish(&self) {
        let _ = tokio::time::timeout(LAST, self.are_sent()).await;
    }

    /// Waits until none is on its way.
    pub async fn are_sent(&self) {
        let _all = self.places.acquire_many(AT_ONCE).await;
    }

    async fn one(self, job: Job, place: Arc<OwnedSemaphorePermit>) {
        let (id, letter) = (job.id, job.mail.letter);
        let outcome = self.send(&job, &place).await.unwrap_or_else(|error| {
            tracing::error!(%id, "a mail could not be written: {error}");
            Outcome::Failed("the database did not say what to write".to_owned())
        });
        match &outcome {
            Outcome::Done => tracing::info!(%id, ?letter, "a mail was sent"),
            Outcome::Failed(why) | Outcome::Unanswered(why) => {
                tracing::warn!(%id, ?letter, "a mail was not sent, and is tried again: {why}")
            }
            Outcome::Refused(why) => tracing::warn!(%id, ?letter, "a mail was refused: {why}"),
            Outcome::Dead(why) => tracing::warn!(%id, ?letter, "a mail was given up: {why}"),
            Outcome::Needless | Outcome::NotOurs => {}
        }
        if let Err(error) = job.end(&self.database, outcome).await {
            tracing::error!(%id, "what became of a mail could not be written down, and it comes twice: {error}");
        }
        drop(place);
    }

    async fn send(&self, job: &Job, place: &Arc<OwnedSemaphorePermit>) -> sqlx::Result<Outcome> {
        let Ok(address) = job.mail.to.parse() else {
            return Ok(Outcome::Refused("no mail server takes such an address".to_owned()));
        };
        if job.is_too_old() {
            return Ok(Outcome::Dead("nobody has sent it for a day"));
        }
        let written = match self.write(job).await? {
            Ok(written) => written,
            Err(outcome) => return Ok(outcome),
        };
        if !self.traffic.is_ours() {
            return Ok(Outcome::NotOurs);
        }
        let (settings, place, id) = (Arc::clone(&self.settings), Arc::clone(place), job.id.to_string());
        let to = Mailbox::new(None, address);
        let (tell, told) = oneshot::channel();
        // A thread, since the end of the process waits for none. It holds the place: one that goes on for ever takes that one,
        // and not one more with each try.
        thread::spawn(move || {
            let _place = place;
            let (text, html) = (written.text(), Some(written.html()));
            let mail = mail::Mail { id: &id, to: &to, subject: &written.subject, text, html };
            let _ = tell.send(settings.server.send(mail, PATIENCE));
        });
        let sent = match tokio::time::timeout(jobs::HELD, told).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Err(NotSent::yet("it could not be written")),
            Err(_) => Err(NotSent::yet("the mail server took too long")),
        };
        Ok(match sent {
            Ok(()) => Outcome::Done,
            Err(error) if error.is_final => Outcome::Refused(error.to_string()),
            Err(error) if error.is_unanswered => Outcome::Unanswered(error.to_string()),
            Err(error) => Outcome::Failed(error.to_string()),
        })
    }

    /// The mail, with its link; or what it came to without one. A link of which no key makes the hash was made under another key:
    /// in another environment, of which this is a copy, or before the key was taken out of use.
    async fn write(&self, job: &Job) -> sqlx::Result<Result<Written, Outcome>> {
        let mut links = self.keys.links(job.about);
        let token = links.find_map(|(token, hash)| (hash == job.link_hash).then_some(token));
        let is_there = self.find(job, token.as_deref().unwrap_or_default()).await?;
        let Some(token) = token else {
            let why = Outcome::Dead("no key here makes its link again");
            return Ok(Err(if is_there.is_some() { why } else { Outcome::Needless }));
        };
        if let Some(written) = is_there {
            return Ok(Ok(written));
        }
        if job.mail.letter != Letter::ForgottenPassword {
            return Ok(Err(Outcome::Needless));
        }
        // Nobody waits any longer than its link would be good: who still wants one has asked again.
        if job.age() > TimeDelta::hours(1) {
            return Ok(Err(Outcome::Dead("it was not sent for as long as its link is good")));
        }
        http::make_forgotten_link(&self.database, job.about, &job.link_hash, &job.mail.to).await?;
        Ok(self.find(job, &token).await?.ok_or(Outcome::Needless))
    }

    /// What is to be said about the link, if it is there.
    async fn find(&self, job: &Job, token: &str) -> sqlx::Result<Option<Written>> {
        let (language, hash, site) = (job.mail.language, &job.link_hash, self.settings.site.as_str());
        Ok(match job.mail.letter {
            Letter::Invitation | Letter::ForgottenPassword => http::find_link(&self.database, hash)
                .await?
                .map(|link| letters::of_link(language, &link, &format!("{site}/welcome#{token}"))),
            Letter::SignUp if !self.settings.is_open => None,
            Letter::SignUp => {
                http::answer_to_sign_up(&self.database, hash).await?.map(|answer| match answer {
                    SignUpAnswer::Welcome => {
                        letters::of_sign_up(language, &format!("{site}/welcome#{token}"))
                    }
                    SignUpAnswer::Known => {
                        letters::of_known(language, &job.mail.to, &format!("{site}/login"))
                    }
                })
            }
            Letter::Share => http::find_shared(&self.database, hash)
                .await?
                .map(|cover| letters::of_share(language, &cover, &format!("{site}/shared?link={token}"))),
        })
    }
}
