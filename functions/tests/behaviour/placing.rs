use super::{arrangement::Running, client::JSON};
use crate::support::client::order;
use reqwest::{Body, Method};
use serde_json::json;
use std::convert::Infallible;

pub async fn an_order_is_answered_with_its_address_and_reads_as_it_was_placed(running: &Running) {
    let placed = running.post("/api/orders", &[], &order()).await;
    let body = placed.json();
    let path = format!("/api/orders/{}", body["id"].as_str().unwrap());
    assert_eq!((placed.status.as_u16(), placed.header("location"), placed.header("etag")), (201, path.as_str(), "\"1\""));
    assert_eq!(placed.header("content-type"), "application/json");
    assert_eq!((&body["total"], &body["status"], &body["version"]), (&json!(2500), &json!("placed"), &json!(1)));
    let read = running.get(&path).await;
    assert_eq!((read.status.as_u16(), read.header("etag"), &read.text), (200, "\"1\"", &placed.text));
    assert_eq!(running.steps(body["id"].as_str().unwrap()).await, ["order.created"]);
}

pub async fn all_faults_are_told_at_once(running: &Running) {
    let body =
        json!({ "customer": { "name": "" }, "currency": "eur", "lines": [{ "sku": "S", "quantity": 0, "unitPrice": 1 }], "more": 1 });
    let refused = running.post("/api/orders", &[], &body).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "validation"));
    let pointers: Vec<_> = refused.json()["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect();
    assert_eq!(pointers, ["/more", "/customer/name", "/currency", "/lines/0/quantity"]);
    assert_eq!(refused.json()["instance"], "/api/orders");
}

pub async fn what_cannot_be_read_is_refused(running: &Running) {
    for (headers, body, status, problem) in [
        (&[JSON][..], "{\"currency\":".to_owned(), 400, "syntax"),
        (&[JSON], String::new(), 400, "syntax"),
        (&[("content-type", "text/plain")], order().to_string(), 415, "media-type"),
        (&[JSON], format!("{}{}", order(), " ".repeat(256 * 1024)), 413, "too-large"),
    ] {
        // A host that forwards takes no type along where there is no body.
        let (status, problem) =
            if body.is_empty() { running.by((status, problem), (415, "media-type"), (status, problem)) } else { (status, problem) };
        let refused = running.call(Method::POST, "/api/orders", headers, body).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (status, problem), "{}", refused.text);
    }
}

pub async fn a_body_may_come_in_chunks_unless_the_host_forwards(running: &Running) {
    let text = order().to_string();
    let pieces: Vec<_> = text.as_bytes().chunks(10).map(|piece| Ok::<_, Infallible>(piece.to_vec())).collect();
    let body = Body::wrap_stream(futures_util::stream::iter(pieces));
    let answer = running.call(Method::POST, "/api/orders", &[JSON], body).await;
    assert_eq!(answer.status.as_u16(), running.by(201, 500, 201), "{}", answer.text);
    // The 500 is the host's own.
    assert_eq!(answer.text.is_empty(), running.by(false, true, false));
}

pub async fn a_compressed_body_is_not_read(running: &Running) {
    let compressed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff".to_vec();
    let refused = running.call(Method::POST, "/api/orders", &[JSON, ("content-encoding", "gzip")], compressed).await;
    // A host that forwards takes the label off and leaves the bytes.
    let expected = running.by((415, "media-type"), (400, "syntax"), (415, "media-type"));
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), expected);
}
