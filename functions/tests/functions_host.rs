//! What the Functions host sends and what it must get back, by its wire contract.

use crate::support::{Service, client::Answer};
use axum::{body::Body, http::Method};
use base64::{Engine, prelude::BASE64_STANDARD};
use orders::{
    app::{App, Settings},
    channels::Channels,
    router, store,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

fn assert_done(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.header("content-type"), answer.text.as_str()), (200, "application/json", "{}"));
}

async fn invoke(service: &Service, function: &str, envelope: &Value) -> Answer {
    let answer = service.call(Method::POST, function, &[("content-type", "application/json; charset=utf-8")], envelope.to_string()).await;
    service.settled().await;
    answer
}

/// The next message of the topic.
async fn message(service: &Service) -> String {
    service.relay().await;
    String::from_utf8(service.subscription.receive().await.unwrap().message.body).unwrap()
}

#[tokio::test]
async fn notify_takes_an_event_in_every_encoding_that_the_host_uses() {
    let service = Service::start().await;
    for encode in [
        |event: &str| json!(BASE64_STANDARD.encode(event)),
        |event: &str| json!(json!(event).to_string()),
        |event: &str| json!(event),
        |event: &str| serde_json::from_str(event).unwrap(),
    ] {
        let id = service.place().await;
        let event = message(&service).await;
        let envelope = json!({ "Data": { "message": encode(&event) }, "Metadata": { "DeliveryCount": "1", "MessageId": "\"m\"" } });
        assert_done(&invoke(&service, "/Notify", &envelope).await);
        assert_eq!(service.timeline(&id).await.last().unwrap(), "delivery.succeeded");
    }
    assert_eq!(service.channel.told().len(), 4);
}

#[tokio::test]
async fn metadata_that_lies_changes_nothing() {
    let service = Service::start().await;
    let id = service.place().await;
    let event = message(&service).await;
    // In string mode the body's members overwrite the host's.
    let metadata = json!({ "MessageId": "\"another\"", "DeliveryCount": "\"many\"", "Subject": "\"another\"", "subject": "\"another\"", "type": "\"x\"" });
    assert_done(&invoke(&service, "/Notify", &json!({ "Data": { "message": json!(event).to_string() }, "Metadata": metadata })).await);
    assert_eq!(service.timeline(&id).await.last().unwrap(), "delivery.succeeded");
}

#[tokio::test]
async fn what_can_never_be_understood_is_kept_and_answered_as_done() {
    let service = Service::start().await;
    for data in [json!("AAEC"), json!(null), json!(7), json!({ "hello": "world" }), json!("\"text\"")] {
        assert_done(&invoke(&service, "/Notify", &json!({ "Data": { "message": data }, "Metadata": {} })).await);
    }
    assert_done(&invoke(&service, "/Notify", &json!({})).await);
    assert!(service.channel.told().is_empty());
}

#[tokio::test]
async fn sweep_is_done_whatever_the_timer_says() {
    let service = Service::start().await;
    service.place().await;
    let envelope = json!({ "Data": { "timer": { "Schedule": { "AdjustForDST": true }, "IsPastDue": false } }, "Metadata": { "sys": {} } });
    assert_done(&invoke(&service, "/Sweep", &envelope).await);
    assert_eq!(service.relay().await, 0, "the sweep has published it");
}

#[tokio::test]
async fn a_store_that_is_away_fails_the_invocation_and_not_the_start() {
    let service = Service::start().await;
    service.place().await;
    let event = message(&service).await;
    let away = store::open_sqlite(&service.folder.path().join("no-such-folder/orders.sqlite"));
    let settings = Settings { notify_patience: Duration::from_millis(300), ..Settings::default() };
    let app = Arc::new(App::new(away, None, Channels::default(), Arc::clone(&service.clock) as _, settings));
    let service = Service { router: router::functions_host(Arc::clone(&app)), app, ..service };

    assert_eq!(service.get("/").await.status, 200);
    let ready = service.get("/api/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({ "status": "ready", "outages": ["database: it cannot be reached"] })));
    assert_eq!(service.get("/api/health/live").await.status, 200);

    let envelope = json!({ "Data": { "message": event }, "Metadata": {} });
    for (path, body) in [("/Notify", envelope), ("/Sweep", json!({ "Data": {}, "Metadata": {} }))] {
        let answer = service.call(Method::POST, path, &[], body.to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unavailable"), "{path}");
    }
    let refused = service.call(Method::GET, "/api/orders", &[], Body::empty()).await;
    assert_eq!((refused.problem().as_str(), refused.header("retry-after")), ("unavailable", "5"));
    assert!(!refused.text.contains("no-such-folder"), "{}", refused.text);
}

#[tokio::test]
async fn an_instance_whose_schema_is_too_old_is_not_ready_and_says_what_it_wants() {
    let service = Service::start().await;
    let path = service.folder.path().join("empty.sqlite");
    std::fs::File::create(&path).unwrap();
    let app =
        Arc::new(App::new(store::open_sqlite(&path), None, Channels::default(), Arc::clone(&service.clock) as _, Settings::default()));
    let service = Service { router: router::http(Arc::clone(&app), None), app, ..service };
    let ready = service.get("/api/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.problem().as_str()), (503, "not-ready"));
    assert!(ready.text.contains("schema version 0") && ready.text.contains("orders migrate"), "{}", ready.text);
    let id = "01a20e84-231a-7311-b976-c30bdc517d87";
    for path in ["/api/orders".to_owned(), format!("/api/orders/{id}"), format!("/api/orders/{id}/timeline")] {
        let refused = service.get(&path).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "unavailable"), "{path}");
    }
    service.app.store.migrate(service.app.now()).await.unwrap();
    assert_eq!(service.get("/api/health/ready").await.json(), json!({ "status": "ready" }));
    service.app.start_draining();
    assert_eq!(service.get("/api/health/ready").await.problem(), "not-ready");
    assert_eq!(service.get("/api/health/live").await.status, 200);
}
