//! What probes and operators are told.

use crate::support::{Service, client::order};
use orders::{
    app::{App, Settings},
    channels::Channels,
    router, store,
};
use serde_json::json;
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use std::sync::Arc;

#[tokio::test]
async fn ready_names_a_database_that_takes_no_writes_until_it_takes_one() {
    let service = Service::start().await;
    service.place().await;
    let options = SqliteConnectOptions::new().filename(service.folder.path().join("orders.sqlite"));
    let mut other = options.connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = service.post("/api/orders", &[], &order()).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "unavailable"));
    let ready = service.get("/api/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({ "status": "ready", "outages": ["database: it takes no writes"] })));
    other.execute("ROLLBACK").await.unwrap();
    service.place().await;
    assert_eq!(service.get("/api/health/ready").await.json(), json!({ "status": "ready" }));
    other.close().await.unwrap();
}

#[tokio::test]
async fn until_somebody_has_made_the_database_the_instance_is_not_ready_and_says_what_to_run() {
    let service = Service::start().await;
    let path = service.folder.path().join("not-yet.sqlite");
    let app =
        Arc::new(App::new(store::open_sqlite(&path), None, Channels::default(), Arc::clone(&service.clock) as _, Settings::default()));
    let service = Service { router: router::http(Arc::clone(&app), None), app, ..service };
    let ready = service.get("/api/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.problem().as_str()), (503, "not-ready"));
    assert!(ready.text.contains("orders migrate") && !ready.text.contains("not-yet"), "{}", ready.text);
    // The log may name the path.
    let cause = service.app.store.schema().await.unwrap_err().to_string();
    assert!(cause.contains("not-yet.sqlite") && cause.contains("orders migrate"), "{cause}");
    for refused in [service.get("/api/orders").await, service.post("/api/orders", &[], &order()).await] {
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "unavailable"));
    }
    service.app.store.migrate(service.app.now()).await.unwrap();
    service.place().await;
    assert_eq!(service.get("/api/health/ready").await.json(), json!({ "status": "ready" }));
}
