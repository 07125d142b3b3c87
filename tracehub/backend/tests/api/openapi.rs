use axum::body::Body;
use axum::http::Request;
use tracehub_backend::{http, settings};

use crate::world::{ask, no_database, router};

const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_committed_copy_is_what_the_code_says() {
    let copy = std::fs::read_to_string(COPY).unwrap_or_default();
    assert!(
        copy == http::openapi().to_pretty_json().unwrap() + "\n",
        "openapi.json is not what the code says any more. To write it anew:\n  \
         cargo run -p tracehub-backend -- openapi > tracehub/backend/openapi.json"
    );
}

#[test]
fn the_committed_table_of_settings_is_what_the_code_says() {
    let copy =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/settings.json")).unwrap_or_default();
    assert!(
        copy == settings::table::as_json().unwrap() + "\n",
        "settings.json is not what the code says any more. To write it anew:\n  \
         cargo run -p tracehub-backend -- settings --json > tracehub/backend/settings.json"
    );
}

#[tokio::test]
async fn what_is_served_is_the_same_document() {
    let request = Request::get("/api/openapi.json").body(Body::empty()).unwrap();
    let served = ask(&router(no_database()), request).await.body;
    assert_eq!(served, serde_json::to_value(http::openapi()).unwrap());
}
