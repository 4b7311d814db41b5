//! `If-Match` and `If-None-Match`: lists of entity tags as RFC 9110 writes them, and nothing that only looks like one.

use crate::support::Service;
use axum::{
    body::Body,
    http::{HeaderValue, Method, Request},
};
use serde_json::json;

/// Of an order at version 1: values, the answer to a PATCH under `If-Match`, and to a GET under `If-None-Match`.
const VALUES: &[(&[&[u8]], u16, u16)] = &[
    (&[b"\"1\""], 200, 304),
    (&[b" \"7\" ,, \"1\" "], 200, 304),
    (&[b"\"7\"", b"\"1\""], 200, 304),
    (&[b"*"], 200, 304),
    (&[b"W/\"1\""], 412, 304),
    (&[b"\"a,b\", \"1\""], 200, 304),
    (&[b"\"\xff\", \"1\""], 200, 304),
    (&[b"\"7\""], 412, 200),
    (&[b"\"x,*,y\""], 412, 200),
    (&[b"\"x, \"1\", y\""], 412, 200),
    (&[b"* , \"9\""], 412, 200),
    (&[b"\"9\", *"], 412, 200),
    (&[b"*", b"\"9\""], 412, 200),
    (&[b"1"], 412, 200),
    (&[b"w/\"1\""], 412, 200),
    (&[b"\"1"], 412, 200),
    (&[b"\"1\" \"7\""], 412, 200),
    (&[b"\"7 \", \"1\""], 412, 200),
    (&[b""], 412, 200),
];

async fn ask(service: &Service, method: Method, path: &str, name: &str, values: &[&[u8]], body: String) -> u16 {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for value in values {
        request = request.header(name, HeaderValue::from_bytes(value).unwrap());
    }
    service.send(request.body(Body::from(body)).unwrap()).await.status.as_u16()
}

#[tokio::test]
async fn a_star_stands_alone_and_what_is_no_list_of_tags_matches_nothing() {
    let service = Service::start().await;
    for (values, patched, got) in VALUES {
        let path = format!("/api/orders/{}", service.place().await);
        let shown: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value)).collect();
        assert_eq!(ask(&service, Method::GET, &path, "if-none-match", values, String::new()).await, *got, "If-None-Match {shown:?}");
        let change = json!({ "status": "confirmed" }).to_string();
        assert_eq!(ask(&service, Method::PATCH, &path, "if-match", values, change).await, *patched, "If-Match {shown:?}");
    }
}
