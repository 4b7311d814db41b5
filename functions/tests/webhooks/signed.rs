//! What a receiver gets, and how it knows whose it is.

use super::{
    KEY, OLD_KEY, near,
    receiver::{self, Receiver},
    service,
};
use crate::support::START;
use orders::{channels::webhook::SigningKeys, domain::delivery::News};
use serde_json::{Value, json};

#[path = "../../examples/verify-webhook/verify.rs"]
mod verify;

use verify::verify;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../examples/verify-webhook/vectors.json")).unwrap()
}

#[test]
fn the_example_in_rust_judges_each_of_the_shared_vectors() {
    for vector in vectors() {
        let text = |name: &str| vector[name].as_str().unwrap();
        let now = vector["now"].as_i64().unwrap().try_into().unwrap_or(0);
        let valid = verify(text("secret"), text("id"), text("timestamp"), text("signature"), text("body").as_bytes(), now);
        assert_eq!(valid, vector["valid"], "{}", text("name"));
    }
}

#[test]
fn we_sign_as_the_specifications_libraries_and_openssl_do() {
    let sign = |keys: &str, vector: &Value| {
        let text = |name: &str| vector[name].as_str().unwrap();
        SigningKeys::parse(&keys.into()).unwrap().sign(text("id"), text("timestamp").parse().unwrap(), text("body"))
    };
    let find = |name: &str| vectors().into_iter().find(|vector| vector["name"] == name).unwrap();
    let first = find("the specification's libraries: sign");
    assert_eq!(sign(first["secret"].as_str().unwrap(), &first), first["signature"].as_str().unwrap());
    let both = find("two live keys: the one that comes");
    assert_eq!(sign(&format!("{KEY} {OLD_KEY}"), &both), both["signature"].as_str().unwrap());
}

#[tokio::test]
async fn a_receiver_is_told_what_happened_under_a_signature_that_it_can_verify() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    let id = service.tell().await;
    let [request] = receiver.requests().try_into().unwrap();
    assert_eq!((request.path.as_str(), request.headers["content-type"].as_str()), ("/hooks", "application/json"));
    let header = |name: &str| request.headers[name].as_str();
    assert_eq!(header("webhook-id"), service.entries().await[0].id.to_string());
    assert_eq!(header("webhook-timestamp"), (START / 1000).to_string());
    let now = u64::try_from(START / 1000).unwrap();
    let verified =
        |key, body: &str| verify(key, header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"), body.as_bytes(), now);
    assert!(verified(KEY, &request.body) && !verified(OLD_KEY, &request.body));
    assert!(!verified(KEY, &request.body.replace("2500", "2")));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&body["type"], &body["timestamp"]), (&json!("order.created"), &json!("2026-03-02T10:15:30.000Z")));
    assert_eq!(body["data"], service.get(&format!("/api/orders/{id}")).await.json());
    assert_eq!(service.told(&id).await[0]["kind"], "delivery.succeeded");
}

#[tokio::test]
async fn while_a_key_is_replaced_either_verifies() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.register("erp", &format!("http://localhost:{}", receiver.port), "WEBHOOK_KEY_TWO", &[News::Created]).await;
    service.tell().await;
    let [request] = receiver.requests().try_into().unwrap();
    for key in [KEY, OLD_KEY] {
        let header = |name: &str| request.headers[name].as_str();
        let (id, at, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        assert!(verify(key, id, at, signatures, request.body.as_bytes(), at.parse().unwrap()));
    }
}

#[tokio::test]
async fn an_endpoint_is_told_of_the_events_that_it_asked_for() {
    let service = service(near(), false).await;
    let (usual, curious) = (Receiver::start().await, Receiver::start().await);
    service.registers(&usual).await;
    let url = format!("http://localhost:{}", curious.port);
    service.register("crm", &url, "WEBHOOK_KEY_ONE", &[News::Confirmed, News::Delivered]).await;
    let id = service.place().await;
    for (version, status) in [(1, "confirmed"), (2, "shipped"), (3, "delivered")] {
        service.patch(&id, version, &json!({ "status": status })).await;
    }
    let events = service.relay().await;
    service.receive(events).await;
    let types = |receiver: &Receiver| {
        let body = |request: receiver::Request| serde_json::from_str::<Value>(&request.body).unwrap()["type"].clone();
        let mut types: Vec<_> = receiver.requests().into_iter().map(body).map(|kind| kind.as_str().unwrap().to_owned()).collect();
        types.sort();
        types
    };
    assert_eq!(types(&usual), ["order.created", "order.shipped"]);
    assert_eq!(types(&curious), ["order.confirmed", "order.delivered"]);
}
