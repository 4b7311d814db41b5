//! The schemas that other systems read our events by, and the events, say the same.

use crate::support::{Service, client::order};
use jsonschema::{Registry, Validator};
use orders::domain::{event::EventKind, order::CancelReason, status::Status};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

const COMMON: &str = "order-event.v1.schema.json";

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/functions/events"))
}

fn schema(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

/// `com.ordermanagement.order.created.v1` is described in `order.created.v1.schema.json`.
fn file_of(kind: &str) -> String {
    format!("{}.schema.json", kind.strip_prefix("com.ordermanagement.").unwrap())
}

fn validator(kind: &str) -> Validator {
    let common = schema(COMMON);
    let id = common["$id"].as_str().unwrap().to_owned();
    let registry = Registry::new().add(&id, common).unwrap().prepare().unwrap();
    jsonschema::options().with_registry(&registry).should_validate_formats(true).build(&schema(&file_of(kind))).unwrap()
}

/// The events of two orders that between them have every member there is.
async fn events() -> Vec<Value> {
    let service = Service::start().await;
    let mut body = order();
    body["lines"][0]["name"] = json!("Assam");
    body["notify"] = json!({ "channels": ["recorder"], "locale": "en-GB" });
    body["metadata"] = json!({ "picker": "7" });
    for _ in 0..2 {
        let placed = service.post("/api/orders", &[], &body).await.json();
        let id = placed["id"].as_str().unwrap();
        service.patch(id, 1, &json!({ "status": "confirmed" })).await;
        service.cancel(id, 2, &json!({ "reason": "fraud", "note": "twice" })).await;
    }
    let count = service.relay().await;
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(serde_json::from_slice(&service.subscription.receive().await.unwrap().message.body).unwrap());
    }
    assert_eq!(events.len(), 6);
    events
}

#[test]
fn every_type_of_event_has_a_schema_and_every_schema_a_type() {
    let described: BTreeSet<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let wanted: BTreeSet<String> = EventKind::ALL.iter().map(|kind| file_of(kind.as_str())).chain([COMMON.to_owned()]).collect();
    assert_eq!(described, wanted);
    for kind in EventKind::ALL {
        assert_eq!(schema(&file_of(kind.as_str()))["properties"]["type"]["const"], kind.as_str());
    }
}

#[tokio::test]
async fn every_event_is_as_its_schema_says() {
    for event in events().await {
        let kind = event["type"].as_str().unwrap();
        let faults: Vec<String> = validator(kind).iter_errors(&event).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{kind}: {faults:?}");
    }
}

#[tokio::test]
async fn a_schema_refuses_what_its_event_never_is() {
    for event in events().await {
        let kind = event["type"].as_str().unwrap().to_owned();
        let validator = validator(&kind);
        for (pointer, wrong) in [
            ("/specversion", json!("0.3")),
            ("/id", json!("7")),
            ("/type", json!("com.ordermanagement.order.lost.v1")),
            ("/sequence", json!(1)),
            ("/time", json!("2026-03-02T10:15:30Z")),
            ("/data/total", json!(12.5)),
            ("/data/status", json!("lost")),
            ("/data/lines", json!([])),
            ("/data/lines/0/quantity", json!(0)),
            ("/data/metadata/picker", json!(7)),
        ] {
            let mut changed = event.clone();
            *changed.pointer_mut(pointer).unwrap() = wrong;
            assert!(!validator.is_valid(&changed), "{kind}: {pointer}");
        }
        for member in event.as_object().unwrap().keys().filter(|member| *member != "traceparent") {
            let mut changed = event.clone();
            changed.as_object_mut().unwrap().remove(member);
            assert!(!validator.is_valid(&changed), "{kind} without {member}");
        }
        let mut later = event.clone();
        later["data"]["giftWrap"] = json!(true);
        assert!(validator.is_valid(&later), "{kind}: a later minor version may add members");
    }
}

/// Walks both: what an event has is described, and what is described is in one of the events.
fn compare(described: &Value, events: &[&Value], at: &str) {
    let members: BTreeSet<&String> = events.iter().filter_map(|event| event.as_object()).flat_map(serde_json::Map::keys).collect();
    let properties = described["properties"].as_object().unwrap();
    assert_eq!(members, properties.keys().collect(), "{at}: members of the events (left) and of the schema (right)");
    for (name, property) in properties {
        let values: Vec<&Value> = events.iter().filter_map(|event| event.get(name)).collect();
        if property["properties"].is_object() {
            compare(property, &values, &format!("{at}/{name}"));
        } else if property["items"]["properties"].is_object() {
            let items: Vec<&Value> = values.iter().flat_map(|list| list.as_array().unwrap()).collect();
            compare(&property["items"], &items, &format!("{at}/{name}"));
        }
    }
}

#[tokio::test]
async fn the_schema_describes_every_member_and_no_other() {
    let common = schema(COMMON);
    let events = events().await;
    compare(&common, &events.iter().collect::<Vec<_>>(), "");
    let orders: Vec<&Value> = events.iter().map(|event| &event["data"]).collect();
    let order = &common["$defs"]["order"];
    compare(order, &orders, "/data");
    assert_eq!(order["properties"]["status"]["enum"], json!(Status::ALL.map(Status::as_str)));
    assert_eq!(order["properties"]["cancellation"]["properties"]["reason"]["enum"], json!(CancelReason::ALL.map(CancelReason::as_str)));
}
