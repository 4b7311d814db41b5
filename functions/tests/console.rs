//! The operators' page: what it shows, and whom.

use crate::support::{Service, client::order};
use axum::{body::Body, http::Method};
use http_body_util::BodyExt;
use orders::{
    app::{Console, Settings},
    domain::{attempt::Attempt, rotating::Rotating},
    keys::Keys,
};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

const KEY: &str = "0123456789abcdef0123456789abcdef";

async fn service(console: Console) -> Service {
    Service::with(Settings { default_channels: vec!["recorder".into()], console, streams: true, ..Settings::default() }).await
}

async fn snapshot(service: &Service) -> Value {
    let answer = service.get("/api/console/events").await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"), "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_console_that_nobody_turned_on_is_not_there() {
    let service = service(Console::Off).await;
    let id = service.place().await;
    for path in ["/api/console", "/api/console/events", &format!("/api/console/orders/{id}")] {
        assert_eq!(service.get(path).await.problem(), "no-such-path", "{path}");
    }
    let answer = service.call(Method::POST, &format!("/api/console/deliveries/{id}/retry"), &[], Body::empty()).await;
    assert_eq!(answer.problem(), "no-such-path");
}

#[tokio::test]
async fn with_keys_only_an_operators_key_in_its_own_header_opens_it() {
    let service = service(Console::Keys(Rotating::of(Keys::parse(&format!("ada={KEY}")).unwrap()))).await;
    let id = service.place().await;
    let paths = ["/api/console/events".to_owned(), format!("/api/console/orders/{id}"), format!("/api/console/events?code={KEY}")];
    for path in &paths {
        for headers in [&[][..], &[("x-orders-console-key", "wrong")], &[("x-functions-key", KEY)]] {
            let answer = service.call(Method::GET, path, headers, Body::empty()).await;
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (401, "no-console-key"), "{path} {headers:?}");
            assert_eq!(answer.header("www-authenticate"), "ApiKey header=\"x-orders-console-key\"");
        }
        assert_eq!(service.call(Method::GET, path, &[("x-orders-console-key", KEY)], Body::empty()).await.status, 200, "{path}");
    }
    assert_eq!(service.get("/api/console").await.status, 200, "the page itself holds nothing of an order");
}

#[tokio::test]
async fn the_page_brings_all_it_needs_and_may_run_nothing_else() {
    let service = service(Console::Open).await;
    let page = service.get("/api/console").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.text.matches("<script").count(), 1);
    for foreign in ["src=\"http", "href=\"http", "@import", "url("] {
        assert!(!page.text.contains(foreign), "the page fetches {foreign}");
    }
}

#[tokio::test]
async fn a_snapshot_tells_what_waits_what_failed_and_why() {
    let service = service(Console::Open).await;
    let published = service.place().await;
    service.channel.answer_next([Attempt::Permanent { reason: "no such address".into() }]);
    service.relay().await;
    service.receive(1).await;
    let waiting = service.place().await;
    let shown = snapshot(&service).await;
    let ids: Vec<_> = shown["orders"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [waiting.as_str(), published.as_str()], "newest first");
    assert_eq!((&shown["orders"][0]["customer"], &shown["orders"][0]["total"]), (&json!("Ada Lovelace"), &json!("25.00 EUR")));
    assert_eq!((&shown["outbox"][0]["orderId"], &shown["outbox"][0]["kind"]), (&json!(waiting), &json!("created")));
    assert_eq!(shown["outbox"].as_array().unwrap().len(), 1);
    let failed = &shown["deliveries"][0];
    assert_eq!((&failed["orderId"], &failed["state"], &failed["reason"]), (&json!(published), &json!("failed"), &json!("no such address")));
}

#[tokio::test]
async fn an_order_comes_with_its_timeline_its_deliveries_and_its_letters_as_they_were() {
    let service = service(Console::Open).await;
    let mut body = order();
    body["notify"] = json!({ "locale": "de" });
    let id = service.post("/api/orders", &[], &body).await.json()["id"].as_str().unwrap().to_owned();
    service.patch(&id, 1, &json!({ "customer": { "name": "Ada King" } })).await;
    service.cancel(&id, 2, &json!({ "reason": "inventory" })).await;
    let events = service.relay().await;
    service.receive(events).await;
    let answer = service.get(&format!("/api/console/orders/{id}")).await;
    let detail = answer.json();
    assert_eq!((&detail["order"]["customer"]["name"], &detail["total"]), (&json!("Ada King"), &json!("25.00 EUR")));
    assert!(detail["timeline"]["entries"].as_array().unwrap().len() >= 4);
    assert_eq!(detail["deliveries"].as_array().unwrap().len(), 2);
    let letters: Vec<_> = detail["letters"].as_array().unwrap().iter().map(|letter| (&letter["news"], &letter["language"])).collect();
    assert_eq!(letters, [(&json!("created"), &json!("de")), (&json!("cancelled"), &json!("de"))]);
    assert!(detail["letters"][0]["text"].as_str().unwrap().starts_with("Guten Tag Ada Lovelace"), "as it was sent");
    assert!(detail["letters"][1]["html"].as_str().unwrap().contains("nicht vollständig liefern"));
    assert_eq!(detail["unsent"], "not sent: the channel email is not configured here");
    assert_eq!(service.get("/api/console/orders/01a20e84-231a-7311-b976-c30bdc517d87").await.problem(), "order-not-found");
}

#[tokio::test]
async fn the_button_makes_a_failed_delivery_due_again_and_refuses_what_is_done() {
    let service = service(Console::Open).await;
    let id = service.place().await;
    service.channel.answer_next([Attempt::Permanent { reason: "no such address".into() }]);
    service.relay().await;
    service.receive(1).await;
    let delivery = snapshot(&service).await["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/console/deliveries/{delivery}/retry");
    let retry = |headers: &'static [(&'static str, &'static str)]| service.call(Method::POST, &path, headers, Body::empty());
    assert_eq!(retry(&[("sec-fetch-site", "cross-site")]).await.problem(), "another-site");
    assert_eq!(retry(&[("sec-fetch-site", "same-origin")]).await.status, 204);
    service.clock.advance(Duration::from_secs(1));
    service.sweep().await;
    assert_eq!(service.timeline(&id).await.last().map(String::as_str), Some("delivery.succeeded"));
    assert_eq!(snapshot(&service).await["deliveries"], json!([]));
    assert_eq!(retry(&[]).await.problem(), "delivery-state");
    let unknown = "/api/console/deliveries/01a20e84-231a-7311-b976-c30bdc517d87/retry";
    assert_eq!(service.call(Method::POST, unknown, &[], Body::empty()).await.problem(), "delivery-not-found");
}

#[tokio::test]
async fn whoever_accepts_events_gets_one_for_each_change_until_the_process_ends() {
    let service = service(Console::Open).await;
    let anything = service.call(Method::GET, "/api/console/events", &[("accept", "*/*")], Body::empty()).await;
    assert_eq!(anything.header("content-type"), "application/json");
    let accept = "text/event-stream;q=1, */*";
    let request = axum::http::Request::get("/api/console/events").header("accept", accept).body(Body::empty()).unwrap();
    let answer = service.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame()).await.expect("in time");
        frame.map(|frame| String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
    };
    let orders = |event: Option<String>| {
        let event: Value = serde_json::from_str(event.unwrap().strip_prefix("data: ").unwrap().trim_end()).unwrap();
        event["orders"].as_array().unwrap().len()
    };
    assert_eq!(orders(next().await), 0);
    service.place().await;
    assert_eq!(orders(next().await), 1);
    service.app.start_draining();
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn without_keys_only_this_machines_own_names_open_it() {
    let service = service(Console::Open).await;
    let id = service.place().await;
    let retry = format!("/api/console/deliveries/{id}/retry");
    for host in ["localhost:7071", "LOCALHOST", "127.0.0.1:7071", "[::1]:7071"] {
        let answer = service.call(Method::GET, "/api/console/events", &[("host", host)], Body::empty()).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    for host in ["evil.com:8107", "localhost.evil.com", "127.0.0.1.evil.com", "192.168.0.7", ""] {
        for (method, path) in [(Method::GET, "/api/console/events"), (Method::POST, retry.as_str())] {
            let answer = service.call(method, path, &[("host", host), ("sec-fetch-site", "same-origin")], Body::empty()).await;
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (403, "another-site"), "{host} {path}");
        }
    }
    let locked = self::service(Console::Keys(Rotating::of(Keys::parse(&format!("ada={KEY}")).unwrap()))).await;
    let headers = [("host", "orders.example.com"), ("x-orders-console-key", KEY)];
    assert_eq!(locked.call(Method::GET, "/api/console/events", &headers, Body::empty()).await.status, 200, "a key is enough");
}

#[tokio::test]
async fn where_answers_must_be_whole_whoever_accepts_events_gets_json() {
    let settings = Settings { console: Console::Open, streams: false, ..Settings::default() };
    let service = Service::with(settings).await;
    let answer = service.call(Method::GET, "/api/console/events", &[("accept", "text/event-stream")], Body::empty()).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["orders"], json!([]));
}
