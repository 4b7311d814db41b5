//! Repeating a request does not repeat its effect.

use crate::support::{
    Service,
    client::{Answer, order},
};
use orders::app::Settings;
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc, time::Duration};

async fn post(service: &Service, key: &str, body: &Value) -> Answer {
    service.post("/api/orders", &[("idempotency-key", key)], body).await
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_again() {
    let service = Service::start().await;
    let first = post(&service, "\"8e03978e\"", &order()).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, ""));
    // The order moves on; the answer of its creation stays what it was.
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(service.patch(&id, 1, &json!({ "status": "confirmed" })).await.status, 200);

    let again = post(&service, "8e03978e", &order()).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name));
    }
    assert_eq!(service.get("/api/orders").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_order_of_members_and_white_space_do_not_make_another_request() {
    let service = Service::start().await;
    let first = post(&service, "k", &order()).await;
    let same = r#" { "lines": [ {"unitPrice":1250, "quantity":2, "sku":"TEA-1"} ], "currency":"EUR",
                     "customer": {"email":"ada@example.com", "name":"Ada Lovelace"} } "#;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let again = service.call(axum::http::Method::POST, "/api/orders", &headers, same).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let service = Service::start().await;
    post(&service, "k", &order()).await;
    let mut other = order();
    other["lines"][0]["quantity"] = json!(3);
    let refused = post(&service, "k", &other).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "idempotency-key-reused"));
}

#[tokio::test]
async fn a_refused_request_is_not_remembered() {
    let service = Service::start().await;
    assert_eq!(post(&service, "k", &json!({})).await.status, 422);
    let placed = post(&service, "k", &order()).await;
    assert_eq!((placed.status.as_u16(), placed.header("idempotency-replayed")), (201, ""));
}

#[tokio::test]
async fn a_key_is_kept_for_a_day_and_then_free_again() {
    let service = Service::start().await;
    let first = post(&service, "k", &order()).await;
    service.clock.advance(Duration::from_hours(24) - Duration::from_millis(1));
    assert_eq!(post(&service, "k", &order()).await.text, first.text);
    service.clock.advance(Duration::from_millis(1));
    let fresh = post(&service, "k", &order()).await;
    assert_eq!((fresh.status.as_u16(), fresh.header("idempotency-replayed")), (201, ""));
    assert_ne!(fresh.text, first.text);
    service.clock.advance(Duration::from_hours(24));
    assert_eq!(service.sweep().await.expired.keys, 1);
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused() {
    let service = Service::start().await;
    for key in ["", "\"open", &"k".repeat(256), "zoë"] {
        let answer = post(&service, key, &order()).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "idempotency-key"), "{key}");
    }
    assert_eq!(post(&service, &"k".repeat(255), &order()).await.status, 201);
    let twice = service.post("/api/orders", &[("idempotency-key", "a"), ("idempotency-key", "b")], &order()).await;
    assert_eq!(twice.problem(), "idempotency-key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_at_once_with_one_key_make_one_order_and_one_event() {
    let service = Arc::new(Service::start().await);
    let posts = (0..100).map(|_| {
        let service = Arc::clone(&service);
        tokio::spawn(async move { post(&service, "k", &order()).await })
    });
    let answers: Vec<Answer> = futures_util::future::join_all(posts).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!(answers.iter().map(|answer| answer.text.as_str()).collect::<HashSet<_>>().len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_empty()).count(), 1);
    assert_eq!(service.relay().await, 1);
    assert_eq!(service.get("/api/orders").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_share_their_keys() {
    let one = Arc::new(Service::start().await);
    let other =
        Arc::new(Service::on(Arc::clone(&one.folder), Settings { default_channels: vec!["recorder".into()], ..Settings::default() }).await);
    let posts = (0..60).map(|n| {
        let service = Arc::clone(if n % 2 == 0 { &one } else { &other });
        tokio::spawn(async move { post(&service, &format!("k{}", n / 6), &order()).await })
    });
    let answers: Vec<Answer> = futures_util::future::join_all(posts).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!(answers.iter().map(|answer| answer.text.as_str()).collect::<HashSet<_>>().len(), 10);
    assert_eq!(one.relay().await + other.relay().await, 10);
}
