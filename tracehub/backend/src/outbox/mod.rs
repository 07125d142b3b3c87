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
use crate::mail::{self, NotSent, Server};
use crate::worker::Traffic;

/// How many are sent at once.
const AT_ONCE: u32 = 4;
/// The longest that one may take, however often its server says that it goes on.
const WHOLE: Duration = Duration::from_secs(60);
/// How long those that are on their way may take when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// What a mail is sent by, and where its link leads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The mail server.
    pub server: Server,
    /// The page's address, without a slash at its end.
    pub site: String,
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
        loop {
            if let Err(error) = self.round().await {
                tracing::error!("mails could not be sent, which is tried again: {error}");
            }
            let _ = tokio::time::timeout(every, self.bell.0.notified()).await;
        }
    }

    /// Begins to send what is due, if it is ours to send. Waits where as many as there are places are on their way.
    pub async fn round(&self) -> sqlx::Result<()> {
        while self.traffic.is_ours() {
            // Where all are taken by a server that goes on for ever, whoever watches learns how long mails wait.
            let place = Arc::clone(&self.places).acquire_owned();
            let Ok(Ok(place)) = tokio::time::timeout(WHOLE, place).await else { break };
            let Some(job) = jobs::take(&self.database).await? else { break };
            tokio::spawn(self.clone().one(job, Arc::new(place)));
        }
        let state =
            if self.traffic.is_ours() { jobs::state(&self.database).await? } else { jobs::State::default() };
        self.figures.jobs(state);
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
            Outcome::Failed(why) => {
                tracing::warn!(%id, ?letter, "a mail was not sent, and is tried again: {why}")
            }
            Outcome::Refused(why) => tracing::warn!(%id, ?letter, "a mail was refused: {why}"),
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
        let Some(written) = self.write(job).await? else { return Ok(Outcome::Needless) };
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
            let _ = tell.send(settings.server.send(mail));
        });
        let sent = match tokio::time::timeout(WHOLE, told).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Err(NotSent::yet("it could not be written")),
            Err(_) => Err(NotSent::yet("the mail server took too long")),
        };
        Ok(match sent {
            Ok(()) => Outcome::Done,
            Err(error) if error.is_final => Outcome::Refused(error.to_string()),
            Err(error) => Outcome::Failed(error.to_string()),
        })
    }

    /// The mail, with its link; none when that is good no more.
    async fn write(&self, job: &Job) -> sqlx::Result<Option<Written>> {
        let found = self.find(job).await?;
        // Nobody waits any longer than its link would be good: who still wants one has asked again.
        let is_asked_for = job.mail.letter == Letter::ForgottenPassword && job.age() < TimeDelta::hours(1);
        if found.is_some() || !is_asked_for {
            return Ok(found);
        }
        let (_, hash) = self.keys.new_link(job.about);
        http::make_forgotten_link(&self.database, job.about, &hash, &job.mail.to).await?;
        self.find(job).await
    }

    /// The same, about a link that is there.
    async fn find(&self, job: &Job) -> sqlx::Result<Option<Written>> {
        let (language, about, site) = (job.mail.language, job.about, self.settings.site.as_str());
        // By whichever key it was made: one may have been exchanged since.
        for (token, hash) in self.keys.links(about) {
            let found = match job.mail.letter {
                Letter::Invitation | Letter::ForgottenPassword => http::find_link(&self.database, &hash)
                    .await?
                    .map(|link| letters::of_link(language, &link, &format!("{site}/welcome#{token}"))),
                Letter::SignUp => {
                    http::answer_to_sign_up(&self.database, &hash).await?.map(|answer| match answer {
                        SignUpAnswer::Welcome => {
                            letters::of_sign_up(language, &format!("{site}/welcome#{token}"))
                        }
                        SignUpAnswer::Known => {
                            letters::of_known(language, &job.mail.to, &format!("{site}/login"))
                        }
                    })
                }
                Letter::Share => http::find_shared(&self.database, &hash)
                    .await?
                    .map(|cover| letters::of_share(language, &cover, &format!("{site}/shared?link={token}"))),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
