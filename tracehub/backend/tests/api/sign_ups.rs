//! Signing up, by the mails that come of it.

use serde_json::json;
use sqlx::{Executor, PgPool};
use tracehub_backend::outbox::Bell;

use crate::mail_server::MailServer;
use crate::mails::{NEW, plain, send, token, url, world};

#[sqlx::test]
async fn who_signs_up_has_nothing_before_their_link_and_their_own_organisation_after_it(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    let sign_up = async |email: &str, name: &str| {
        let new = json!({ "organisation": name, "country": "ci", "kind": "exporter", "email": email, "language": "fr" });
        let answer = world.post("/api/sign-ups", "", new).await;
        (answer.status.as_u16(), answer.body.to_string(), answer.headers.len())
    };
    let organisations = async || -> i64 {
        let all = sqlx::query_scalar("SELECT count(*) FROM organisations_to_work_for()");
        all.fetch_one(&owner).await.unwrap()
    };
    let before = organisations().await;
    assert_eq!(
        sign_up("Awa@Coop.example", "Coop <b>Awa</b>").await,
        sign_up(&world.acme.email, "Acme again").await
    );
    send(&world, &url(&server)).await;
    let mails = server.mails();
    let to = |email: &str| {
        let talks = server.talks();
        let talk = talks.iter().find(|talk| talk.contains(&format!("RCPT TO:<{email}>"))).expect(email);
        plain(talk)
    };
    let (new, known) = (to("awa@coop.example"), to(&world.acme.email));
    assert_eq!(mails.len(), 2);
    assert!(
        new.contains("/welcome#") && !new.contains("Coop"),
        "what a stranger types is mailed to nobody: {new}"
    );
    assert!(known.contains("tracehub.example/login") && !known.contains("/welcome#"), "{known}");
    assert_eq!(organisations().await, before, "nothing is there yet");

    let token = token(&new);
    let seen = world.post("/api/links/look", "", json!({ "token": token })).await.body;
    assert_eq!(
        (&seen["kind"], &seen["organisation"]),
        (&json!("sign_up"), &json!("Coop <b>Awa</b>")),
        "{seen}"
    );
    let used = json!({ "token": token, "name": "Awa", "password": NEW });
    assert_eq!(world.post("/api/links/use", "", used.clone()).await.status, 200);
    assert_eq!(world.post("/api/links/use", "", used).await.status, 410);
    assert_eq!(organisations().await, before + 1);
    let login =
        world.post("/api/auth/login", "", json!({ "email": "awa@coop.example", "password": NEW })).await.body;
    assert_eq!(login["user"]["role"], "owner", "{login}");
    let shipments = world.get("/api/shipments", login["token"].as_str().unwrap()).await.body;
    assert_eq!(shipments["items"], json!([]));
    let most: Option<i64> =
        sqlx::query_scalar("SELECT papers_bytes FROM organisations WHERE kind = 'exporter'")
            .fetch_one(&owner)
            .await
            .unwrap();
    assert_eq!(most, Some(200 * 1024 * 1024));
}

#[sqlx::test]
async fn where_nobody_signs_up_any_more_no_link_does_either_and_a_day_has_room_for_twenty(owner: PgPool) {
    let (world, server) = (world(&owner).await, MailServer::good());
    let sign_up = async |email: &str| {
        let new = json!({ "organisation": "Coop", "country": "CI", "kind": "other", "email": email });
        assert_eq!(world.post("/api/sign-ups", "", new).await.status, 202);
    };
    sign_up("awa@coop.example").await;
    send(&world, &url(&server)).await;
    let link = token(&server.mails()[0]);
    let used = json!({ "token": link, "name": "Awa", "password": NEW });
    let closed = world.mailing(Bell::default(), false);
    assert_eq!(closed.post("/api/links/look", "", json!({ "token": link })).await.status, 410);
    assert_eq!(closed.post("/api/links/use", "", used.clone()).await.status, 410);
    let world = closed.mailing(Bell::default(), true);

    let made = "INSERT INTO sign_ups (organisation_id, id, token_hash, email, organisation, country, kind, used_at)
                SELECT gen_random_uuid(), gen_random_uuid(), sha256(n::text::bytea), 'a@b.example', 'Coop', 'CI', 'other', now()
                FROM generate_series(1, 20) n";
    owner.execute(made).await.unwrap();
    let refused = world.post("/api/links/use", "", used.clone()).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["type"]),
        (409, &json!("/problems/too-many-sign-ups"))
    );
    owner
        .execute("UPDATE sign_ups SET used_at = now() - interval '25 hours' WHERE email = 'a@b.example'")
        .await
        .unwrap();
    assert_eq!(world.post("/api/links/use", "", used).await.status, 200, "the link is good still");
}

#[sqlx::test]
async fn a_sign_up_for_an_address_that_got_somebody_meanwhile_makes_nothing_and_a_mailbox_is_not_filled(
    owner: PgPool,
) {
    let (world, server) = (world(&owner).await, MailServer::good());
    for number in 0..6 {
        let email = format!("awa+{number}@coop.example");
        let new = json!({ "organisation": format!("Coop {number}"), "country": "CI", "kind": "other", "email": email });
        assert_eq!(world.post("/api/sign-ups", "", new).await.status, 202);
        send(&world, &url(&server)).await;
    }
    let mails = server.mails();
    assert_eq!(mails.len(), 3);
    owner.execute("UPDATE sign_ups SET email = 'awa@coop.example'").await.unwrap();
    for (mail, status) in mails.iter().zip([200, 409]) {
        let used = json!({ "token": token(mail), "name": "Awa", "password": NEW });
        assert_eq!(world.post("/api/links/use", "", used).await.status, status);
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM organisations_to_work_for()")
        .fetch_one(&owner)
        .await
        .unwrap();
    assert_eq!(left, 3, "acme, zenith, and one Coop");
    let wrong = json!({ "organisation": "\u{202e}", "country": "XX", "kind": "other", "email": "awa" });
    let refused = world.post("/api/sign-ups", "", wrong).await;
    let fields: Vec<_> =
        refused.body["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(
        (refused.status.as_u16(), fields),
        (422, vec![json!("organisation"), json!("email"), json!("country")])
    );
}
