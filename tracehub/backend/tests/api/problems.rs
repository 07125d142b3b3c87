use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use sqlx::{Executor, PgPool};
use tokio::sync::Semaphore;
use tracehub_backend::database::MIGRATIONS;
use tracehub_backend::http;

use crate::world::{Answer, RELEASE, World, app, app_options, ask, no_database, request, router};

/// What holds for every answer, good or bad.
fn is_ours(answer: &Answer) {
    assert_eq!(answer.headers["x-tracehub-release"], RELEASE);
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.headers.contains_key("x-request-id"));
}

fn is_problem(answer: &Answer, status: u16, path: &str) {
    is_problem_of("about:blank", answer, status, path);
}

fn is_problem_of(kind: &str, answer: &Answer, status: u16, path: &str) {
    is_ours(answer);
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.body["type"], kind);
    assert_eq!(answer.body["status"], status);
    assert_eq!(answer.body["instance"], path);
    assert_eq!(answer.body["request_id"], answer.headers["x-request-id"].to_str().unwrap());
    assert!(answer.body["title"].is_string() && answer.body["detail"].is_string());
}

#[sqlx::test]
async fn whatever_is_refused_is_refused_as_a_problem(owner: PgPool) {
    let world = World::new(&owner).await;
    let token = world.acme.token();
    let post = |kind: &str, body: String| {
        request("POST", "/api/shipments", &token)
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap()
    };
    let get = |path: &str| request("GET", path, &token).body(Body::empty()).unwrap();
    let no_field = json!({ "reference": "A-1" }).to_string();
    for (refused, status, path) in [
        (get("/"), 404, "/"),
        (get("/api/nothing"), 404, "/api/nothing"),
        (get("/api/shipments/not-an-id"), 404, "/api/shipments/not-an-id"),
        (get("/api/shipments?limit=many"), 400, "/api/shipments"),
        (get("/api/shipments?after=nonsense"), 400, "/api/shipments"),
        (get("/api/shipments?search=%00"), 422, "/api/shipments"),
        (get("/api/shipments?serach=cocoa"), 400, "/api/shipments"),
        (get("/api/shipments?after=01946c1a000070008000000000000001"), 400, "/api/shipments"),
        (request("DELETE", "/api/shipments", &token).body(Body::empty()).unwrap(), 405, "/api/shipments"),
        (post("application/json", "{".into()), 400, "/api/shipments"),
        (post("text/plain", "{}".into()), 415, "/api/shipments"),
        (post("application/json; charset=utf-16", "{}".into()), 415, "/api/shipments"),
        (post("application/json", no_field), 422, "/api/shipments"),
        (post("application/json", "[]".into()), 422, "/api/shipments"),
        // What would be its fields, in their order.
        (
            post(
                "application/json",
                json!(["A-1", "Cocoa", null, "Tema", "Antwerp", null, null]).to_string(),
            ),
            422,
            "/api/shipments",
        ),
        (post("application/json", format!("\"{}\"", "x".repeat(70_000))), 413, "/api/shipments"),
        (Request::get("/api/auth/me").body(Body::empty()).unwrap(), 401, "/api/auth/me"),
    ] {
        is_problem(&world.ask(refused).await, status, path);
    }
    let refused = world.ask(request("DELETE", "/api/shipments", &token).body(Body::empty()).unwrap()).await;
    assert_eq!(refused.headers["allow"], "GET,HEAD,POST");
}

#[sqlx::test]
async fn good_answers_say_which_release_gave_them(owner: PgPool) {
    let world = World::new(&owner).await;
    for path in
        ["/health", "/health/live", "/health/ready", "/api/health", "/api/health/live", "/api/health/ready"]
    {
        let answer = world.get(path, "").await;
        is_ours(&answer);
        assert_eq!((answer.status, &answer.body["status"]), (StatusCode::OK, &json!("ok")), "{path}");
    }
    let version = world.get("/api/version", "").await;
    is_ours(&version);
    assert_eq!(
        version.body,
        json!({ "release": RELEASE, "commit": "c0ffee", "built_at": null, "signs_up": false })
    );
}

#[sqlx::test]
async fn a_request_keeps_the_id_that_it_came_with(owner: PgPool) {
    let world = World::new(&owner).await;
    let asked =
        Request::get("/api/nothing").header("x-request-id", "edge-20260103-77").body(Body::empty()).unwrap();
    assert_eq!(world.ask(asked).await.body["request_id"], "edge-20260103-77");
}

#[tokio::test]
async fn without_a_database_the_process_lives_and_is_not_ready() {
    let router = router(no_database());
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(ask(&router, get("/health/live")).await.status, StatusCode::OK);
    let ready = ask(&router, get("/health/ready")).await;
    is_problem(&ready, 503, "/health/ready");
    // Anybody may ask: what the database or the network said is for the log.
    assert_eq!(ready.body["detail"], "the database does not answer");

    let credentials = Request::post("/api/auth/login")
        .header(header::CONTENT_TYPE, "application/json")
        .body(json!({ "email": "ada@acme.example", "password": "x" }).to_string().into());
    let login = ask(&router, credentials.unwrap()).await;
    is_problem(&login, 503, "/api/auth/login");
    assert_eq!(login.headers["retry-after"], "5");
}

#[sqlx::test(migrations = false)]
async fn with_pending_migrations_it_is_not_ready(owner: PgPool) {
    let router = router(PgPool::connect_lazy_with(app_options(&owner)));
    let first = MIGRATIONS.iter().next().unwrap().version;
    MIGRATIONS.run_to(first, &owner).await.unwrap();
    let ready = ask(&router, Request::get("/health/ready").body(Body::empty()).unwrap()).await;
    is_problem(&ready, 503, "/health/ready");
    assert!(ready.body["detail"].as_str().unwrap().contains("pending"), "{}", ready.body);
}

#[sqlx::test]
async fn beyond_what_may_be_in_flight_only_health_is_answered(owner: PgPool) {
    let mut app = app(PgPool::connect_lazy_with(app_options(&owner)));
    app.in_flight = Arc::new(Semaphore::new(0));
    let router = http::router(app);
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let refused = ask(&router, get("/api/version")).await;
    is_problem_of("/problems/too-busy", &refused, 503, "/api/version");
    assert_eq!(refused.headers["retry-after"], "1");
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(ask(&router, get(path)).await.status, StatusCode::OK, "{path}");
    }
}

#[sqlx::test]
async fn however_many_ask_whether_it_is_ready_the_database_is_asked_once(owner: PgPool) {
    let world = World::new(&owner).await;
    let router = router(world.app.clone());
    let mut lock = owner.begin().await.unwrap();
    lock.execute("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let crowd: Vec<_> = (0..30)
        .map(|_| {
            let router = router.clone();
            let ready = Request::get("/health/ready").body(Body::empty()).unwrap();
            tokio::spawn(async move { ask(&router, ready).await.status })
        })
        .collect();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '_sqlx_migrations'::regclass";
    let waiting = async || sqlx::query_scalar::<_, i64>(waits).fetch_one(&owner).await.unwrap();
    while waiting().await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // So that the others have come, too.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(waiting().await, 1);
    lock.rollback().await.unwrap();
    for one in crowd {
        assert_eq!(one.await.unwrap(), StatusCode::OK);
    }
}
