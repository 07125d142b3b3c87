//! What a Prometheus is told.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use sqlx::PgPool;
use tower::ServiceExt;
use tracehub_backend::client::Edge;
use tracehub_backend::database::OrganisationTx;
use tracehub_backend::http::{self, App, Keys};
use tracehub_backend::settings::Release;
use tracehub_backend::{figures, worker};

use crate::world::{EDGE, JWT_SECRET, RELEASE, World};

async fn told(app: &App) -> String {
    let router = figures::router(app.figures.clone(), app.database.clone(), app.release.clone());
    let answer = router.oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[sqlx::test]
async fn requests_are_counted_by_route_and_status_and_never_by_what_somebody_asks_for(owner: PgPool) {
    let world = World::new(&owner).await;
    let release = Release { id: RELEASE.into(), commit: None, built_at: None };
    let keys = Keys::new(&JWT_SECRET.to_owned().into());
    let app = App::new(world.app.clone(), keys, release, Edge::named(Some(EDGE.into())));
    let router = http::router(app.clone());
    let token = world.acme.token();
    let secret = "0197a000-0000-7000-8000-000000000000";
    for (path, token) in [
        ("/api/shipments", token.as_str()),
        ("/api/shipments?search=hidden", token.as_str()),
        ("/api/shipments", "none"),
        (&format!("/api/shipments/{secret}"), token.as_str()),
        ("/wp-admin/hidden", "none"),
    ] {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    }
    let text = told(&app).await;
    for line in [
        r#"tracehub_http_requests_total{method="GET",route="/api/shipments",status="200"} 2"#,
        r#"tracehub_http_requests_total{method="GET",route="/api/shipments",status="401"} 1"#,
        r#"tracehub_http_requests_total{method="GET",route="/api/shipments/{id}",status="404"} 1"#,
        r#"tracehub_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"tracehub_http_request_seconds_count{method="GET",route="/api/shipments"} 3"#,
        &format!(r#"tracehub_release_info{{id="{RELEASE}"}} 1"#),
        "tracehub_database_waiting 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    for never in ["hidden", secret, "acme", &token] {
        assert!(!text.contains(never), "{never} is in\n{text}");
    }
}

#[sqlx::test]
async fn connections_in_use_and_rounds_of_work_are_told_as_they_are(owner: PgPool) {
    let world = World::new(&owner).await;
    let release = Release { id: RELEASE.into(), commit: None, built_at: None };
    let keys = Keys::new(&JWT_SECRET.to_owned().into());
    let app = App::new(world.app.clone(), keys, release, Edge::named(None));
    let used = |text: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix("tracehub_database_connections_in_use ").map(str::to_owned))
    };
    assert_eq!(used(&told(&app).await).as_deref(), Some("0"));
    let held = OrganisationTx::begin(&world.app, world.acme.id).await.unwrap();
    assert_eq!(used(&told(&app).await).as_deref(), Some("1"));
    drop(held);
    let traffic = worker::Traffic::new(RELEASE.into(), None);
    let worker = worker::Worker::new(world.app.clone(), traffic).counted(app.figures.clone());
    let round = worker.run(std::time::Duration::from_secs(600));
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), round).await;
    let text = told(&app).await;
    assert!(
        text.contains("tracehub_work_rounds_total 1\n")
            && text.contains("tracehub_work_rounds_failed_total 0\n"),
        "{text}"
    );
    assert!(!text.contains("timestamp_seconds 0\n"), "{text}");
}
