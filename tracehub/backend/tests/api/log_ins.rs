//! Who fails to log in too often waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use serde_json::json;
use sqlx::{Executor, PgPool};
use tracehub_backend::client::Network;
use tracehub_backend::http;
use tracehub_backend::lane::Width;
use tracehub_backend::password::Checks;
use tracehub_backend::throttle::{self, Account, Spraying, Visitor};
use tracehub_backend::worker::{Traffic, Worker};

use crate::world::{Answer, EDGE, PASSWORD, RELEASE, World, app, ask, no_database, request, router};

/// Where the requests of a test come from, unless it says so.
const HOME: &str = "203.0.113.7";

/// Somebody at the log-in page.
#[derive(Clone)]
struct Guest {
    router: Router,
    /// Where the edge sees them.
    from: String,
    /// What their browser keeps.
    cookie: Option<String>,
}

impl Guest {
    fn at(router: &Router, from: &str) -> Self {
        Self { router: router.clone(), from: from.into(), cookie: None }
    }

    async fn log_in(&self, email: &str, password: &str) -> Answer {
        let credentials = json!({ "email": email, "password": password }).to_string();
        let mut request = request("POST", "/api/auth/login", "")
            .header(CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", &self.from)
            .extension(ConnectInfo(SocketAddr::new(EDGE.parse().unwrap(), 40_000)));
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        ask(&self.router, request.body(credentials.into()).unwrap()).await
    }

    async fn status(&self, email: &str, password: &str) -> StatusCode {
        self.log_in(email, password).await.status
    }

    /// Logs in, and keeps the cookie.
    async fn known(mut self, email: &str) -> Self {
        let answer = self.log_in(email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let set = answer.headers[SET_COOKIE].to_str().unwrap();
        assert!(set.contains("; HttpOnly; SameSite=Strict"), "{set}");
        self.cookie = Some(set.split(';').next().unwrap().to_owned());
        self
    }

    async fn fail(&self, email: &str, times: usize) {
        for _ in 0..times {
            assert_eq!(self.status(email, "not it").await, StatusCode::UNAUTHORIZED);
        }
    }
}

async fn log_in(router: &Router, email: &str, password: &str) -> Answer {
    Guest::at(router, HOME).log_in(email, password).await
}

async fn fail(router: &Router, email: &str, times: usize) {
    Guest::at(router, HOME).fail(email, times).await;
}

/// Failures of one account from one client, made without asking for them.
async fn failed_before(owner: &PgPool, email: &str, from: &str, times: i32) {
    let insert = "INSERT INTO log_in_failures (address, client)
                  SELECT sha256(convert_to($1, 'UTF8')), $2::inet FROM generate_series(1, $3)";
    sqlx::query(insert).bind(email).bind(from).bind(times).execute(owner).await.unwrap();
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
    failed_before(&owner, &world.acme.email, HOME, 10).await;
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
    let width = Width { at_work: 1, let_in: 2, of_one_kind: 1, patience: Duration::from_secs(3) };
    app.passwords = Arc::new(Checks::new(width, width));
    let router = http::router(app.clone());
    let from = |address: &str| Visitor {
        account: Account::of("ada@acme.example"),
        client: Some(Network::of(address.parse().unwrap())),
        device: None,
    };
    let refused = async |status: StatusCode| {
        let refused = log_in(&router, "ada@acme.example", PASSWORD).await;
        assert_eq!(refused.status, status, "{}", refused.body);
        assert_eq!(refused.headers["retry-after"], "1");
        assert!(refused.body["detail"].as_str().unwrap().contains("at this moment"), "{}", refused.body);
    };
    // Their own, which leave room for others; and then those of all.
    let own = app.passwords.enter(&from(HOME)).unwrap();
    refused(StatusCode::TOO_MANY_REQUESTS).await;
    drop(own);
    let _others = ["192.0.2.1", "192.0.2.2"].map(|address| app.passwords.enter(&from(address)).unwrap());
    refused(StatusCode::SERVICE_UNAVAILABLE).await;
}

#[sqlx::test]
async fn a_stranger_s_guesses_make_the_stranger_wait_and_not_the_customer(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let email = &world.acme.email;
    let stranger = Guest::at(&router, "198.51.100.7");
    let regular = Guest::at(&router, "198.51.100.7").known(email).await;
    stranger.fail(email, 10).await;
    assert_eq!(stranger.status(email, PASSWORD).await, StatusCode::TOO_MANY_REQUESTS);
    // From elsewhere; and from the very same address, in a browser that is known.
    assert_eq!(Guest::at(&router, HOME).status(email, PASSWORD).await, StatusCode::OK);
    assert_eq!(regular.status(email, PASSWORD).await, StatusCode::OK);
    // Nor do other customers there wait.
    assert_eq!(stranger.status(&world.zenith.email, PASSWORD).await, StatusCode::OK);
}

#[sqlx::test]
async fn strangers_everywhere_make_strangers_wait_and_not_who_was_there_before(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let email = &world.acme.email;
    let regular = Guest::at(&router, HOME).known(email).await;
    for client in 1..=10 {
        failed_before(&owner, email, &format!("198.51.100.{client}"), 5).await;
    }
    let elsewhere = Guest::at(&router, "192.0.2.1");
    let refused = elsewhere.log_in(email, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.body["detail"].as_str().unwrap().contains("with this address"), "{}", refused.body);
    assert_eq!(regular.status(email, PASSWORD).await, StatusCode::OK);
    assert_eq!(elsewhere.status(&world.zenith.email, PASSWORD).await, StatusCode::OK);

    // Nor does whoever a link was made for.
    let path = format!("/api/people/{}/password-link", world.acme.user);
    let link = world.post(&path, &world.acme.token(), json!({})).await;
    let token = link.body["path"].as_str().unwrap().strip_prefix("/welcome#");
    let another = "another good password";
    let used = world.post("/api/links/use", "", json!({ "token": token, "password": another })).await;
    let cookie = used.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let let_in = Guest { cookie: Some(cookie), ..elsewhere };
    assert_eq!(let_in.status(email, another).await, StatusCode::OK);
}

#[sqlx::test]
async fn one_client_that_tries_one_account_after_the_other_is_stopped_at_thirty(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    // Of one /64, which is one client.
    let address = |host: usize| format!("2001:db8:1:2::{host:x}");
    for number in 0..30 {
        Guest::at(&router, &address(number)).fail(&format!("user-{number}@acme.example"), 1).await;
    }
    for email in ["another@acme.example", &world.acme.email] {
        let refused = Guest::at(&router, &address(77)).log_in(email, PASSWORD).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{email}");
        assert!(refused.body["detail"].as_str().unwrap().contains("from your network"), "{}", refused.body);
    }
    assert_eq!(
        Guest::at(&router, "2001:db8:1:3::1").status(&world.acme.email, PASSWORD).await,
        StatusCode::OK
    );
}

#[sqlx::test]
async fn a_log_in_of_one_s_own_buys_no_more_guesses_at_others(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let client = Guest::at(&router, "198.51.100.7");
    for number in 0..30 {
        client.fail(&format!("user-{number}@acme.example"), 1).await;
        if number % 10 == 0 {
            assert_eq!(client.status(&world.acme.email, PASSWORD).await, StatusCode::OK);
        }
    }
    assert_eq!(client.status("another@acme.example", "not it").await, StatusCode::TOO_MANY_REQUESTS);
}

#[sqlx::test]
async fn a_known_browser_has_ten_guesses_of_its_own_and_none_at_other_accounts(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let regular = Guest::at(&router, HOME).known(&world.acme.email).await;
    regular.fail(&world.acme.email, 10).await;
    assert_eq!(regular.status(&world.acme.email, PASSWORD).await, StatusCode::TOO_MANY_REQUESTS);
    // Which no stranger has to pay for.
    assert_eq!(Guest::at(&router, "192.0.2.1").status(&world.acme.email, PASSWORD).await, StatusCode::OK);
    // With another account it is a stranger like any other.
    failed_before(&owner, &world.zenith.email, HOME, 10).await;
    assert_eq!(regular.status(&world.zenith.email, PASSWORD).await, StatusCode::TOO_MANY_REQUESTS);
}

#[sqlx::test]
async fn only_the_edge_is_believed_about_where_a_request_comes_from(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let from = async |peer: &str, forwarded_for: &str| {
        let credentials = json!({ "email": world.acme.email, "password": "not it" }).to_string();
        let request = request("POST", "/api/auth/login", "")
            .header(CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", forwarded_for)
            .extension(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 40_000)));
        ask(&router, request.body(credentials.into()).unwrap()).await;
        let last = "DELETE FROM log_in_failures RETURNING client::text";
        sqlx::query_scalar::<_, Option<String>>(last).fetch_one(&owner).await.unwrap()
    };
    assert_eq!(from(EDGE, "198.51.100.7").await.unwrap(), "198.51.100.7/32");
    assert_eq!(from(EDGE, "192.0.2.1, 198.51.100.7").await.unwrap(), "198.51.100.7/32");
    assert_eq!(from(EDGE, "2001:db8::1:2:3:4").await.unwrap(), "2001:db8::/64");
    assert_eq!(from(EDGE, "nonsense").await, None);
    assert_eq!(from("198.51.100.9", "198.51.100.7").await.unwrap(), "198.51.100.9/32");
}

#[sqlx::test]
async fn the_cookie_is_kept_from_plain_connections_where_the_edge_has_others(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let credentials = json!({ "email": world.acme.email, "password": PASSWORD }).to_string();
    for (proto, secure) in [("https", true), ("http", false)] {
        let request = request("POST", "/api/auth/login", "")
            .header(CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", HOME)
            .header("x-forwarded-proto", proto)
            .extension(ConnectInfo(SocketAddr::new(EDGE.parse().unwrap(), 40_000)));
        let answer = ask(&router, request.body(credentials.clone().into()).unwrap()).await;
        assert_eq!(answer.headers[SET_COOKIE].to_str().unwrap().ends_with("; Secure"), secure);
    }
}

#[sqlx::test]
async fn who_tries_one_account_after_the_other_from_many_clients_is_seen(owner: PgPool) {
    let world = World::new(&owner).await;
    for number in 0..49 {
        failed_before(&owner, &format!("user-{number}@acme.example"), &format!("198.51.100.{number}"), 2)
            .await;
    }
    assert_eq!(throttle::spraying(&world.app).await.unwrap(), None);
    failed_before(&owner, &world.acme.email, "198.51.100.1", 1).await;
    let seen = Spraying { failures: 99, accounts: 50, clients: 49 };
    assert_eq!(throttle::spraying(&world.app).await.unwrap(), Some(seen));
    minutes_pass(&owner, 15).await;
    assert_eq!(throttle::spraying(&world.app).await.unwrap(), None);
}
