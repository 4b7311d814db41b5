//! Placing an order: what is taken, what is refused, and what the client is told.

use crate::support::{Service, client::order};
use serde_json::{Value, json};

const MAX: i64 = 9_007_199_254_740_991;

/// The small order with one member set, by pointer; `null` takes it away.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = order();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(members) if value.is_null() => {
            members.remove(name);
        }
        Value::Object(members) => {
            members.insert(name.to_owned(), value);
        }
        other => panic!("{other} is no object"),
    }
    body
}

fn lines(count: usize) -> Value {
    (0..count).map(|n| json!({ "sku": format!("S-{n}"), "quantity": 1, "unitPrice": 1 })).collect()
}

/// The faults of a refusal, as pointer and code.
async fn faults(service: &Service, body: &Value) -> Vec<(String, String)> {
    let answer = service.post("/api/orders", &[], body).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "validation"), "{body}: {}", answer.text);
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap().to_owned();
    answer.json()["errors"].as_array().unwrap().iter().map(|fault| (text(fault, "pointer"), text(fault, "code"))).collect()
}

#[tokio::test]
async fn a_placed_order_is_answered_with_its_address_its_version_and_itself() {
    let service = Service::start().await;
    let answer = service.post("/api/orders", &[], &order()).await;
    let body = answer.json();
    let id = body["id"].as_str().unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), format!("/api/orders/{id}"));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        body,
        json!({
            "id": id,
            "customer": { "name": "Ada Lovelace", "email": "ada@example.com" },
            "currency": "EUR",
            "lines": [{ "sku": "TEA-1", "quantity": 2, "unitPrice": 1250, "lineTotal": 2500 }],
            "total": 2500,
            "status": "placed",
            "createdAt": "2026-03-02T10:15:30.000Z",
            "updatedAt": "2026-03-02T10:15:30.000Z",
            "version": 1
        })
    );
    assert_eq!(service.get(&format!("/api/orders/{id}")).await.text, answer.text);
}

#[tokio::test]
async fn a_name_alone_is_enough_of_a_customer() {
    let service = Service::start().await;
    let mut body = with("/customer", Value::Null);
    body["customerName"] = json!("Ada");
    let answer = service.post("/api/orders", &[], &body).await;
    assert_eq!(answer.json()["customer"], json!({ "name": "Ada" }));
    body["customer"] = json!({ "name": "Ada" });
    assert_eq!(faults(&service, &body).await, [("/customerName".into(), "conflict".into())]);
}

#[tokio::test]
async fn every_limit_is_taken_at_its_edge_and_refused_beyond_it() {
    let service = Service::start().await;
    let wide = |count: usize| json!("😀".repeat(count));
    let email = |length: usize| json!(format!("{}@x.y", "a".repeat(length - 4)));
    let pairs = |count: usize| -> Value { (0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into() };
    let pair = |key: usize, value: usize| json!({ "k".repeat(key): "ü".repeat(value) });
    let line = |name: &str, value: Value| {
        let mut line = json!([{ "sku": "S", "quantity": 1, "unitPrice": 1 }]);
        line[0][name] = value;
        line
    };
    for (pointer, fits, too_much, at, code) in [
        ("/customer/name", wide(200), wide(201), "/customer/name", "length"),
        ("/customer/name", wide(1), wide(0), "/customer/name", "length"),
        ("/customer/email", email(254), email(255), "/customer/email", "length"),
        ("/lines", lines(100), lines(101), "/lines", "count"),
        ("/lines", lines(1), lines(0), "/lines", "count"),
        ("/lines", line("sku", wide(64)), line("sku", wide(65)), "/lines/0/sku", "length"),
        ("/lines", line("name", wide(200)), line("name", wide(201)), "/lines/0/name", "length"),
        ("/lines", line("quantity", json!(10_000)), line("quantity", json!(10_001)), "/lines/0/quantity", "range"),
        ("/lines", line("quantity", json!(1)), line("quantity", json!(0)), "/lines/0/quantity", "range"),
        ("/lines", line("unitPrice", json!(0)), line("unitPrice", json!(-1)), "/lines/0/unitPrice", "range"),
        ("/lines", line("unitPrice", json!(MAX)), line("unitPrice", json!(MAX + 1)), "/lines/0/unitPrice", "range"),
        ("/metadata", pairs(20), pairs(21), "/metadata", "count"),
        ("/metadata", pair(40, 200), pair(40, 201), &format!("/metadata/{}", "k".repeat(40)), "length"),
        ("/metadata", pair(1, 0), pair(41, 0), &format!("/metadata/{}", "k".repeat(41)), "length"),
        ("/notify", json!({ "locale": "en-GB" }), json!({ "locale": "not a language" }), "/notify/locale", "format"),
        ("/notify", json!({ "channels": ["recorder"] }), json!({ "channels": ["pigeon"] }), "/notify/channels/0", "unconfigured"),
    ] {
        let answer = service.post("/api/orders", &[], &with(pointer, fits.clone())).await;
        assert_eq!(answer.status, 201, "{pointer} {fits}: {}", answer.text);
        assert_eq!(faults(&service, &with(pointer, too_much)).await, [(at.to_owned(), code.to_owned())]);
    }
}

#[tokio::test]
async fn sums_that_a_json_reader_could_not_keep_whole_are_refused() {
    let service = Service::start().await;
    let line = |quantity: i64, price: i64| json!({ "sku": "S", "quantity": quantity, "unitPrice": price });
    assert_eq!(faults(&service, &with("/lines", json!([line(2, MAX)]))).await, [("/lines/0".into(), "range".into())]);
    assert_eq!(faults(&service, &with("/lines", json!([line(1, MAX), line(1, 1)]))).await, [("/lines".into(), "range".into())]);
    let answer = service.post("/api/orders", &[], &with("/lines", json!([line(1, MAX - 1), line(1, 1)]))).await;
    assert_eq!(answer.json()["total"], MAX);
}

#[tokio::test]
async fn all_faults_are_told_at_once_and_nothing_is_stored() {
    let service = Service::start().await;
    let body = json!({
        "customer": { "name": "tab\there", "email": "nobody", "age": 7 },
        "currency": "eur",
        "lines": [{ "sku": " ", "quantity": 1.5, "unitPrice": "12" }, 7],
        "metadata": { "a/b": 1 },
        "total": 1
    });
    let found = faults(&service, &body).await;
    let found: Vec<_> = found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
    assert_eq!(
        found,
        [
            ("/total", "unknown"),
            ("/customer/age", "unknown"),
            ("/customer/name", "format"),
            ("/customer/email", "format"),
            ("/currency", "format"),
            ("/lines/0/sku", "format"),
            ("/lines/0/quantity", "range"),
            ("/lines/0/unitPrice", "type"),
            ("/lines/1", "type"),
            ("/metadata/a~1b", "type"),
        ]
    );
    assert_eq!(service.get("/api/orders").await.json(), json!({ "items": [] }));
    assert_eq!(service.relay().await, 0);
}

#[tokio::test]
async fn the_largest_order_makes_an_event_that_fits_a_standard_message() {
    let service = Service::start().await;
    // Four bytes a character in UTF-8; a quote or a backslash takes two bytes in JSON.
    let text = |count: usize| "😀".repeat(count);
    let line = json!({ "sku": text(64), "name": text(200), "quantity": 1, "unitPrice": MAX / 100 });
    let metadata: serde_json::Map<_, _> = (10..30).map(|n| (format!("{n}{}", text(38)), json!(text(200)))).collect();
    let body = json!({
        "customer": { "name": text(200), "email": format!("{}@x.y", text(250)) },
        "currency": "EUR",
        "lines": vec![line; 100],
        "notify": { "channels": ["recorder"], "locale": "aa-aaaaaaaa-aaaaaaaa-aaaaaaaa" },
        "metadata": metadata
    });
    let placed = service.post("/api/orders", &[], &body).await;
    assert_eq!(placed.status, 201, "{}", placed.text);
    let note = json!({ "reason": "inventory", "note": text(500) });
    let cancelled = service.cancel(placed.json()["id"].as_str().unwrap(), 1, &note).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    assert_eq!(service.relay().await, 2);
    for _ in 0..2 {
        let message = service.subscription.receive().await.unwrap().message;
        assert!(message.body.len() < 262_144, "{} bytes", message.body.len());
        assert!(message.body.len() > 100_000, "the order is not the largest: {} bytes", message.body.len());
    }
}
