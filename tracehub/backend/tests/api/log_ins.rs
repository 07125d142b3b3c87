//! Who fails to log in too often waits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde_json::json;
use sqlx::{Executor, PgPool};
use tracehub_backend::http;
use tracehub_backend::password::Checks;
use tracehub_backend::worker::{Traffic, Worker};

use crate::world::{Answer, PASSWORD, RELEASE, World, app, ask, no_database, request, router};

async fn log_in(router: &Router, email: &str, password: &str) -> Answer {
    let credentials = json!({ "email": email, "password": password }).to_string();
    let request = request("POST", "/api/auth/login", "").header(CONTENT_TYPE, "application/json");
    ask(router, request.body(credentials.into()).unwrap()).await
}

async fn fail(router: &Router, email: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(log_in(router, email, "not it").await.status, StatusCode::UNAUTHORIZED);
    }
}

async fn minutes_pass(owner: &PgPool, minutes: u32) {
    let earlier = "UPDATE log_in_failures SET failed_at = failed_at - make_interval(mins => $1)";
    sqlx::query(earlier).bind(minutes as i32).execute(owner).await.unwrap();
}

#[sqlx::test]
async fn after_ten_that_failed_an_address_waits_and_is_told_for_how_long(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    fail(&router, &world.acme.email, 4).await;
    minutes_pass(&owner, 5).await;
    fail(&router, &world.acme.email.to_uppercase(), 6).await;

    let refused = log_in(&router, &world.acme.email, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((590..=600).contains(&seconds), "{seconds}");
    assert_eq!(
        refused.body["detail"],
        "too many log-ins with this address have failed: please try again in 10 minutes"
    );
    // Nobody else waits, and asking too early makes it no longer.
    assert_eq!(log_in(&router, &world.zenith.email, PASSWORD).await.status, StatusCode::OK);
    minutes_pass(&owner, 10).await;
    assert_eq!(log_in(&router, &world.acme.email, PASSWORD).await.status, StatusCode::OK);
}

#[sqlx::test]
async fn an_address_that_nobody_has_waits_like_any_other(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    fail(&router, "nobody@acme.example", 10).await;
    let refused = log_in(&router, "nobody@acme.example", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
}

#[sqlx::test]
async fn a_log_in_that_succeeds_begins_the_count_anew(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    for _ in 0..3 {
        fail(&router, &world.acme.email, 9).await;
        assert_eq!(log_in(&router, &world.acme.email, PASSWORD).await.status, StatusCode::OK);
    }
}

#[sqlx::test]
async fn two_releases_at_once_count_together(owner: PgPool) {
    let world = World::new(&owner).await;
    let (live, warm) = (router(world.app.clone()), router(world.app.clone()));
    fail(&live, &world.acme.email, 5).await;
    fail(&warm, &world.acme.email, 5).await;
    for release in [live, warm] {
        let refused = log_in(&release, &world.acme.email, PASSWORD).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    }
}

#[sqlx::test]
async fn guesses_that_come_all_at_once_are_told_no_more_than_ten_others(owner: PgPool) {
    let world = World::new(&owner).await;
    // Both are let in, and stand still where they look for the user.
    let mut lock = owner.begin().await.unwrap();
    lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let guess = |password: &'static str| {
        let (router, email) = (router(world.app.clone()), world.acme.email.clone());
        tokio::spawn(async move { log_in(&router, &email, password).await.status })
    };
    let guesses = [guess(PASSWORD), guess("not it")];
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&owner).await.unwrap() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Meanwhile ten others fail.
    let failures = "INSERT INTO log_in_failures (address)
                    SELECT sha256(convert_to($1, 'UTF8')) FROM generate_series(1, 10)";
    sqlx::query(failures).bind(&world.acme.email).execute(&world.app).await.unwrap();
    lock.rollback().await.unwrap();
    for guess in guesses {
        assert_eq!(guess.await.unwrap(), StatusCode::TOO_MANY_REQUESTS);
    }
}

#[sqlx::test]
async fn many_who_log_in_at_once_with_one_address_are_all_let_in(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let crowd: Vec<_> = (0..30)
        .map(|_| {
            let (router, email) = (router.clone(), world.acme.email.clone());
            tokio::spawn(async move { log_in(&router, &email, PASSWORD).await.status })
        })
        .collect();
    for one in crowd {
        assert_eq!(one.await.unwrap(), StatusCode::OK);
    }
}

#[sqlx::test]
async fn what_counts_no_more_is_forgotten_by_the_worker_and_what_counts_is_not(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    fail(&router, &world.acme.email, 3).await;
    minutes_pass(&owner, 15).await;
    // Nor does a log-in forget them: the two would wait for each other.
    assert_eq!(log_in(&router, &world.acme.email, PASSWORD).await.status, StatusCode::OK);
    fail(&router, &world.acme.email, 2).await;
    let worker = Worker::new(world.app.clone(), Traffic::new(RELEASE.into(), None));
    assert_eq!(worker.round().await.unwrap().log_ins, 3);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM log_in_failures").fetch_one(&owner).await.unwrap();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn who_finds_too_many_waiting_is_told_so_at_once_and_before_the_database_is_asked() {
    let mut app = app(no_database());
    app.passwords = Arc::new(Checks::new(1, 2));
    let router = http::router(app.clone());
    let _inside = [app.passwords.enter().unwrap(), app.passwords.enter().unwrap()];
    let refused = log_in(&router, "ada@acme.example", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.body["detail"].as_str().unwrap().contains("at this moment"), "{}", refused.body);
}
