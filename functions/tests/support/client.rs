//! A client of the router: requests in one line, answers with what a test asks of them.

use super::Service;
use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use orders::domain::id::OrderId;
use serde_json::{Value, json};
use tower::ServiceExt;

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem document, after checking that it is one.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["instance"].is_string());
        assert_eq!(problem["traceId"].as_str().unwrap().len(), 32);
        problem["type"].as_str().unwrap().strip_prefix("urn:problem-type:order-management:").unwrap().to_owned()
    }
}

/// A small valid order.
pub fn order() -> Value {
    json!({
        "customer": { "name": "Ada Lovelace", "email": "ada@example.com" },
        "currency": "EUR",
        "lines": [{ "sku": "TEA-1", "quantity": 2, "unitPrice": 1250 }]
    })
}

const OPEN: [&str; 3] = ["delivery.waiting", "delivery.sending", "delivery.paused"];

impl Service {
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], Body::empty()).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers: Vec<_> = [("content-type", "application/json")].into_iter().chain(headers.iter().copied()).collect();
        self.call(Method::POST, path, &headers, body.to_string()).await
    }

    /// Patches an order at a version.
    pub async fn patch(&self, id: &str, version: u32, body: &Value) -> Answer {
        let tag = format!("\"{version}\"");
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", tag.as_str())];
        self.call(Method::PATCH, &format!("/api/orders/{id}"), &headers, body.to_string()).await
    }

    /// Cancels an order at a version.
    pub async fn cancel(&self, id: &str, version: u32, body: &Value) -> Answer {
        self.post(&format!("/api/orders/{id}/cancel"), &[("if-match", &format!("\"{version}\""))], body).await
    }

    /// Places a small order and gives its id.
    pub async fn place(&self) -> String {
        let answer = self.post("/api/orders", &[], &order()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The kinds of an order's timeline, oldest first, without what is still open.
    pub async fn timeline(&self, id: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/orders/{id}/timeline")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let json = answer.json();
        let kinds = json["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap());
        kinds.filter(|kind| !OPEN.contains(kind)).map(str::to_owned).collect()
    }

    /// An order's timeline as an operator sees it: with reasons that a client is not told.
    pub async fn whole_timeline(&self, id: &str) -> Vec<Value> {
        let timeline = self.app.store.timeline(OrderId(id.parse().unwrap())).await.unwrap().unwrap();
        timeline.entries.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect()
    }
}
