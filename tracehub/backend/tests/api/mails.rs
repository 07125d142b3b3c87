//! The outbox, against a mail server that misbehaves.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Executor, PgPool};
use tracehub_backend::figures::Figures;
use tracehub_backend::http::Keys;
use tracehub_backend::jobs::{self, State};
use tracehub_backend::mail::Server;
use tracehub_backend::outbox::{Bell, Outbox, Settings};
use tracehub_backend::worker::Traffic;

use crate::mail_server::{Deed, MailServer, Whim};
use crate::papers;
use crate::people;
use crate::serving::Serving;
use crate::shares;
use crate::world::{PASSWORD, RELEASE, World, app_options, binary, change, keys};

const SITE: &str = "https://tracehub.example";
pub const NEW: &str = "correct horse battery";

pub async fn world(owner: &PgPool) -> World {
    World::new(owner).await.mailing(Bell::default(), true)
}

fn outbox(world: &World, url: &str) -> Outbox {
    outbox_of(world, url, Traffic::new(RELEASE.into(), None))
}

fn outbox_of(world: &World, url: &str, traffic: Traffic) -> Outbox {
    let settings = Settings { server: Server::parse(url).unwrap(), site: SITE.into(), is_open: true };
    Outbox::new(world.app.clone(), traffic, keys(), settings, Bell::default(), Figures::default())
}

pub fn url(server: &MailServer) -> String {
    format!("smtp://{}?from=TraceHub%20%3Cpost@tracehub.example%3E", server.address)
}

/// Sends all that is due.
pub async fn send(world: &World, url: &str) {
    let outbox = outbox(world, url);
    outbox.round().await.unwrap();
    outbox.are_sent().await;
}

/// What was put off is due.
async fn due(owner: &PgPool) {
    owner.execute("UPDATE jobs SET run_at = now() WHERE ended_at IS NULL").await.unwrap();
}

async fn invited(world: &World, email: &str, language: &str) -> Value {
    let new = json!({ "email": email, "role": "member", "language": language });
    let made = world.post("/api/invitations", &world.acme.token(), new).await;
    assert_eq!((made.status.as_u16(), &made.body["is_mailed"]), (201, &json!(true)), "{}", made.body);
    made.body
}

/// The states of open invitations' mails.
async fn states(world: &World) -> Vec<Value> {
    let listed = world.get("/api/invitations", &world.acme.token()).await.body;
    listed["items"].as_array().unwrap().iter().map(|item| item["mail"].clone()).collect()
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// What a mail says, without its encoding: in lines that end with `=` where they only go on.
pub fn plain(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}

pub fn token(mail: &str) -> String {
    let mail = plain(mail);
    mail.split_once("/welcome#").expect(&mail).1.chars().take(43).collect()
}

#[sqlx::test]
async fn an_invitation_goes_out_once_however_many_send_and_its_link_is_written_down_nowhere(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    let mut links = BTreeSet::new();
    for number in 0..10 {
        let made = invited(&world, &format!("grace-{number}@example.com"), "fr").await;
        links.insert(made["path"].as_str().unwrap().trim_start_matches("/welcome#").to_owned());
    }
    assert_eq!(states(&world).await, vec![json!("waiting"); 10]);
    let written: Vec<String> =
        sqlx::query_scalar("SELECT jobs::text FROM jobs").fetch_all(&owner).await.unwrap();
    assert!(written.iter().all(|job| links.iter().all(|link| !job.contains(link.as_str()))), "{written:?}");

    let (one, other) = (outbox(&world, &url(&server)), outbox(&world, &url(&server)));
    let (first, second) = tokio::join!(one.round(), other.round());
    first.and(second).unwrap();
    tokio::join!(one.are_sent(), other.are_sent());
    let mails = server.mails();
    assert_eq!(mails.len(), 10, "{:?}", server.talks());
    assert_eq!(mails.iter().map(|mail| token(mail)).collect::<BTreeSet<_>>(), links);
    let ids: BTreeSet<_> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert!(ids.len() == 10 && ids.iter().all(|id| id.ends_with("@tracehub.example>")), "{ids:?}");
    let mail = plain(&mails[0]);
    for words in [
        "Subject: Une invitation sur TraceHub",
        "multipart/alternative",
        "<p><a href=\"https://tracehub.example/welcome#",
    ] {
        assert!(mail.contains(words), "{words}: {mail}");
    }
    assert_eq!(states(&world).await, vec![json!("sent"); 10]);
    send(&world, &url(&server)).await;
    assert_eq!(server.mails().len(), 10);
}

#[sqlx::test]
async fn one_that_is_killed_between_the_server_and_its_note_has_it_sent_once_more_with_the_same_id(
    owner: PgPool,
) {
    let (world, server) = (
        world(&owner).await,
        MailServer::with(|number, word| (number == 0 && word == ".").then_some(Deed::Hang)),
    );
    invited(&world, "grace@example.com", "en").await;
    let mut command = binary(&["serve"], &app_options(&owner));
    command.env("SMTP_URL", url(&server)).env("SITE_URL", SITE);
    let serving = Serving::start(command);
    let began = Instant::now();
    while server.mails().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", server.talks());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // SIGKILL.
    drop(serving);
    // Its worker holds it no longer than it may.
    send(&world, &url(&server)).await;
    assert_eq!(server.mails().len(), 1, "it is held");
    due(&owner).await;
    send(&world, &url(&server)).await;
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(header(&mails[0], "Message-ID"), header(&mails[1], "Message-ID"));
    assert_eq!(states(&world).await, [json!("sent")]);
}

#[sqlx::test]
async fn what_a_server_refuses_for_good_is_shown_and_all_else_is_tried_again(owner: PgPool) {
    let world = world(&owner).await;
    let nobody =
        |_, word: &str| word.starts_with("RCPT").then_some(Deed::Repeat("550 5.1.1 no such mailbox"));
    for (whim, state, why) in [
        (nobody as Whim, "refused", "the mail server answered 550 to this address"),
        (
            |_, word| word.starts_with("RCPT").then_some(Deed::Say("550 nobody here")),
            "refused",
            "the mail server answered 550 to this address",
        ),
        (
            |_, word| (word == ".").then_some(Deed::Say("552 5.2.3 too big for this mailbox")),
            "refused",
            "the mail server answered 552",
        ),
        // Who sends is not allowed to: that is ours to mend, and no mail is lost meanwhile.
        (
            |_, word| word.starts_with("MAIL").then_some(Deed::Say("550 unverified sender")),
            "waiting",
            "the mail server answered 550",
        ),
        (
            |_, word| word.starts_with("RCPT").then_some(Deed::Say("550 5.7.1 relaying denied")),
            "waiting",
            "the mail server answered 550 to this address",
        ),
        (
            |_, word| (word == ".").then_some(Deed::Say("554 5.7.1 spam")),
            "waiting",
            "the mail server answered 554",
        ),
        // It is our password that is wrong, and nobody's mailbox; the same where a server lets nobody in.
        (
            |_, word| word.starts_with("AUTH").then_some(Deed::Repeat("535")),
            "waiting",
            "the mail server answered 535",
        ),
        (
            |_, word| (word == "CONNECT").then_some(Deed::Say("554 not here")),
            "waiting",
            "the mail server answered 554",
        ),
        (
            |_, word| word.starts_with("RCPT").then_some(Deed::Say("451 4.7.1 later")),
            "waiting",
            "the mail server answered 451 to this address",
        ),
        (
            |_, word| (word == "CONNECT").then_some(Deed::Say("421 too many")),
            "waiting",
            "the mail server answered 421",
        ),
        (
            |_, word| (word == ".").then_some(Deed::Close),
            "waiting",
            "the mail server was not reached, or broke off",
        ),
        (
            |_, word| (word == "DATA").then_some(Deed::Say("garbage")),
            "waiting",
            "the mail server was not reached, or broke off",
        ),
    ] {
        owner.execute("DELETE FROM jobs").await.unwrap();
        invited(&world, "grace@example.com", "en").await;
        let server = MailServer::with(whim);
        let url = format!("smtp://post:hidden@{}?from=post@tracehub.example", server.address);
        send(&world, &url).await;
        let (error, later): (Option<String>, bool) =
            sqlx::query_as("SELECT error, run_at > now() FROM jobs").fetch_one(&owner).await.unwrap();
        assert_eq!((states(&world).await[0].as_str(), error.as_deref()), (Some(state), Some(why)));
        assert_eq!(later, state == "waiting", "{why}");
        let good = MailServer::good();
        due(&owner).await;
        send(&world, &self::url(&good)).await;
        assert_eq!(good.mails().len(), usize::from(state == "waiting"), "{why}");
    }
    // A server that speaks no TLS where it ought to.
    let server = MailServer::good();
    invited(&world, "ada@example.com", "en").await;
    send(&world, &url(&server).replace("smtp://", "smtps://")).await;
    assert_eq!(states(&world).await[0], json!("waiting"));
}

#[sqlx::test]
async fn one_that_fails_for_a_day_is_given_up_and_counted(owner: PgPool) {
    let world = world(&owner).await;
    invited(&world, "grace@example.com", "en").await;
    let server = MailServer::with(|_, word| (word == "CONNECT").then_some(Deed::Say("421 later")));
    send(&world, &url(&server)).await;
    owner.execute("UPDATE jobs SET created_at = now() - interval '23 hours'").await.unwrap();
    due(&owner).await;
    send(&world, &url(&server)).await;
    let state = jobs::state(&world.app).await.unwrap();
    assert_eq!(state, State { waiting: 1, oldest_seconds: 23 * 3600, dead: 0 });
    owner.execute("UPDATE jobs SET created_at = now() - interval '25 hours'").await.unwrap();
    due(&owner).await;
    send(&world, &url(&server)).await;
    assert_eq!(jobs::state(&world.app).await.unwrap(), State { waiting: 0, oldest_seconds: 0, dead: 1 });
    assert_eq!(states(&world).await, [json!("failed")]);
}

#[sqlx::test]
async fn a_release_without_the_traffic_sends_nothing_nor_does_anybody_what_is_good_no_more(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    invited(&world, "grace@example.com", "en").await;
    let elsewhere = Traffic::new(RELEASE.into(), Some(Path::new("/nowhere/live").to_owned()));
    let outbox = outbox_of(&world, &url(&server), elsewhere);
    outbox.round().await.unwrap();
    outbox.are_sent().await;
    assert_eq!(states(&world).await, [json!("waiting")]);
    let listed = world.get("/api/invitations", &world.acme.token()).await.body;
    let at = format!("/api/invitations/{}", listed["items"][0]["id"].as_str().unwrap());
    let withdrawn = crate::world::request("DELETE", &at, &world.acme.token());
    assert_eq!(world.ask(withdrawn.body(axum::body::Body::empty()).unwrap()).await.status, 204);
    send(&world, &url(&server)).await;
    assert_eq!(server.talks(), Vec::<String>::new());
    assert_eq!(jobs::state(&world.app).await.unwrap(), State::default());
}

#[sqlx::test]
async fn a_buyer_is_sent_the_link_in_their_language_and_the_passcode_is_not_in_it(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    let more = json!({ "email": "Achat@Chocolaterie.example", "passcode": "a passcode", "language": "fr" });
    let shipment = papers::shipment(&world).await;
    papers::bring(&world, &shipment, papers::PDF, &[]).await;
    let link = shares::made(&world, &shipment, more).await;
    send(&world, &url(&server)).await;
    let mail = plain(&server.mails()[0]);
    assert!(
        mail.contains(&format!("{SITE}/shared?link={link}")) && mail.contains("Ouvrir les documents"),
        "{mail}"
    );
    assert!(
        server.talks()[0].contains("RCPT TO:<achat@chocolaterie.example>") && !mail.contains("a passcode")
    );
    assert_eq!(shares::list(&world, &shipment).await[0]["mail"], "sent");
}

#[sqlx::test]
async fn who_has_forgotten_their_password_is_sent_a_link_and_nobody_learns_who_has_an_address(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    let forgotten = async |email: &str| {
        world.post("/api/auth/forgotten", "", json!({ "email": email, "language": "en" })).await
    };
    people::succeeds(&owner, &["suspend", "--email", &world.zenith.email], "");
    let mut answers = BTreeSet::new();
    for email in [&world.acme.email, &world.acme.email, &world.zenith.email, "nobody@acme.example"] {
        let answer = forgotten(email).await;
        answers.insert((answer.status.as_u16(), answer.body.to_string(), answer.headers.len()));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers.first().unwrap().0, 202);
    send(&world, &url(&server)).await;
    // One for the two requests that followed each other: a stranger fills nobody's mailbox.
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(server.talks()[0].contains(&format!("RCPT TO:<{}>", world.acme.email)), "{:?}", server.talks());

    let (token, before) = (token(&mails[0]), world.acme.token());
    let used = json!({ "token": token, "password": NEW });
    assert_eq!(world.post("/api/links/use", "", used.clone()).await.status, 200);
    assert_eq!(world.post("/api/links/use", "", used).await.status, 410, "it works once");
    assert_eq!(world.get("/api/auth/me", &before).await.status, 401, "whoever was logged in is not any more");
    for (password, status) in [(PASSWORD, 401), (NEW, 200)] {
        let log_in = json!({ "email": world.acme.email, "password": password });
        assert_eq!(world.post("/api/auth/login", "", log_in).await.status, status);
    }
    // Enough is enough, for an address that nobody has as well.
    for email in [&world.acme.email, "nobody@acme.example"] {
        let mut status = 202;
        for _ in 0..10 {
            status = forgotten(email).await.status.as_u16();
        }
        assert_eq!(status, 429, "{email}");
    }
}

#[sqlx::test]
async fn an_organisation_has_no_more_mails_sent_in_a_day_than_people_would(owner: PgPool) {
    let world = world(&owner).await;
    invited(&world, "grace@example.com", "en").await;
    owner
        .execute(
            "INSERT INTO jobs (organisation_id, id, kind, about, link_hash, data, ended_at, outcome)
             SELECT organisation_id, gen_random_uuid(), kind, about, link_hash, data, now(), 'done' FROM jobs, generate_series(1, 299)",
        )
        .await
        .unwrap();
    assert!(!is_mailed(&world, &world.acme.token(), "ada@example.com").await);
}

async fn is_mailed(world: &World, token: &str, email: &str) -> bool {
    let made = world.post("/api/invitations", token, json!({ "email": email, "role": "member" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["is_mailed"] == true
}

#[sqlx::test]
async fn a_stranger_writes_to_few_and_nobody_is_written_to_often_whoever_asks_for_it(owner: PgPool) {
    let world = world(&owner).await;
    let (acme, zenith) = (world.acme.token(), world.zenith.token());
    // Four at once, of two organisations, to one mailbox.
    let asked = tokio::join!(
        is_mailed(&world, &acme, "grace@example.com"),
        is_mailed(&world, &zenith, "grace+1@example.com"),
        is_mailed(&world, &acme, "grace+2@example.com"),
        is_mailed(&world, &zenith, "grace@example.com"),
    );
    assert_eq!([asked.0, asked.1, asked.2, asked.3].iter().filter(|is_mailed| **is_mailed).count(), 3);
    assert!(is_mailed(&world, &acme, "ada@example.com").await);

    owner.execute("DELETE FROM jobs").await.unwrap();
    change(&owner, world.zenith.id, "UPDATE organisations SET kind = 'other'").await;
    for number in 0..21 {
        let is_mailed = is_mailed(&world, &zenith, &format!("somebody-{number}@example.com")).await;
        assert_eq!(is_mailed, number < 20, "{number}");
    }
    let older = "UPDATE organisations SET created_at = now() - interval '31 days'";
    change(&owner, world.zenith.id, older).await;
    assert!(is_mailed(&world, &zenith, "somebody-else@example.com").await);
}

#[sqlx::test]
async fn a_server_that_may_have_taken_a_mail_gets_it_once_more_and_no_more(owner: PgPool) {
    let world = world(&owner).await;
    invited(&world, "grace@example.com", "en").await;
    let server = MailServer::with(|_, word| (word == ".").then_some(Deed::Close));
    for _ in 0..4 {
        send(&world, &url(&server)).await;
        due(&owner).await;
    }
    assert_eq!((server.mails().len(), states(&world).await), (2, vec![json!("failed")]));
}

#[sqlx::test]
async fn what_was_caused_elsewhere_or_long_ago_is_not_sent_and_says_why(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    let outcomes = async || -> Vec<(String, Option<String>)> {
        sqlx::query_as("SELECT coalesce(outcome, 'waits'), error FROM jobs ORDER BY created_at")
            .fetch_all(&owner)
            .await
            .unwrap()
    };
    let forgotten = json!({ "email": world.acme.email });
    assert_eq!(world.post("/api/auth/forgotten", "", forgotten.clone()).await.status, 202);
    invited(&world, "grace@example.com", "en").await;
    // As in a copy of these data, whose key is another one.
    let elsewhere =
        Settings { server: Server::parse(&url(&server)).unwrap(), site: SITE.into(), is_open: true };
    let other = Keys::new(&"another environment's key, of 32 bytes or more".into());
    let traffic = Traffic::new(RELEASE.into(), None);
    let elsewhere =
        Outbox::new(world.app.clone(), traffic, other, elsewhere, Bell::default(), Figures::default());
    elsewhere.round().await.unwrap();
    elsewhere.are_sent().await;
    let dead = ("dead".to_owned(), Some("no key here makes its link again".to_owned()));
    assert_eq!(outcomes().await, [("needless".to_owned(), None), dead]);

    owner.execute("DELETE FROM jobs").await.unwrap();
    invited(&world, "ada@example.com", "en").await;
    owner.execute("UPDATE jobs SET created_at = now() - interval '26 hours'").await.unwrap();
    // Also where nobody sends any more.
    let forgets = "SELECT forget_jobs()";
    owner.execute("UPDATE jobs SET run_at = now() + interval '1 minute'").await.unwrap();
    owner.execute(forgets).await.unwrap();
    assert_eq!(outcomes().await[0].0, "waits", "somebody is at it");
    due(&owner).await;
    owner.execute(forgets).await.unwrap();
    let dead = [("dead".to_owned(), Some("nobody has sent it for a day".to_owned()))];
    assert_eq!(outcomes().await, dead);
    owner.execute("UPDATE jobs SET ended_at = NULL, outcome = NULL, error = NULL").await.unwrap();
    send(&world, &url(&server)).await;
    assert_eq!(outcomes().await, dead);
    assert_eq!(server.talks(), Vec::<String>::new());
}

#[sqlx::test]
async fn an_address_that_a_stranger_made_up_lights_no_alarm_and_a_server_that_refuses_all_does(
    owner: PgPool,
) {
    let world = world(&owner).await;
    let new =
        json!({ "organisation": "Coop", "country": "CI", "kind": "other", "email": "awa@coop.example" });
    assert_eq!(world.post("/api/sign-ups", "", new).await.status, 202);
    let server =
        MailServer::with(|_, word| word.starts_with("RCPT").then_some(Deed::Say("451 4.4.4 no such domain")));
    assert_eq!(jobs::state(&world.app).await.unwrap().waiting, 1);
    send(&world, &url(&server)).await;
    assert_eq!(jobs::state(&world.app).await.unwrap(), State::default());
    let server =
        MailServer::with(|_, word| word.starts_with("RCPT").then_some(Deed::Say("550 5.1.1 nobody")));
    for number in 0..3 {
        assert_eq!(jobs::state(&world.app).await.unwrap().dead, 0);
        invited(&world, &format!("grace-{number}@example.com"), "en").await;
        send(&world, &url(&server)).await;
    }
    assert_eq!(jobs::state(&world.app).await.unwrap().dead, 3);
}

#[sqlx::test]
async fn nobody_s_mailbox_is_filled_with_links_and_old_ones_are_forgotten(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    for _ in 0..5 {
        let forgotten = json!({ "email": world.acme.email });
        assert_eq!(world.post("/api/auth/forgotten", "", forgotten).await.status, 202);
        send(&world, &url(&server)).await;
        let earlier = "UPDATE links SET created_at = created_at - interval '10 minutes'";
        change(&owner, world.acme.id, earlier).await;
    }
    assert_eq!(server.mails().len(), 3);
    for (end, left) in [
        ("UPDATE links SET expires_at = now() - interval '23 hours'", 3),
        ("UPDATE links SET expires_at = now() - interval '25 hours'", 0),
    ] {
        change(&owner, world.acme.id, end).await;
        owner.execute("SELECT forget_links()").await.unwrap();
        let links: i64 = sqlx::query_scalar("SELECT count(*) FROM links").fetch_one(&owner).await.unwrap();
        assert_eq!(links, left);
    }
}
