//! A client of the running service, with a key unless it says otherwise.

use super::arrangement::{KEY, Running};
use crate::support::{
    client::{Answer, order},
    process::until,
};
use reqwest::{Body, Method};
use serde_json::Value;

pub const JSON: (&str, &str) = ("content-type", "application/json");

impl Running {
    /// Without a key.
    pub async fn knock(&self, method: Method, target: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = self.http.request(method, format!("{}{target}", self.base_url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn call(&self, method: Method, target: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let headers: Vec<_> = headers.iter().copied().chain([("x-functions-key", KEY)]).collect();
        self.knock(method, target, &headers, body).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.call(Method::GET, target, &[], "").await
    }

    pub async fn post(&self, target: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
        self.call(Method::POST, target, &headers, body.to_string()).await
    }

    pub async fn patch(&self, id: &str, version: u32, body: &Value) -> Answer {
        let tag = format!("\"{version}\"");
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", tag.as_str())];
        self.call(Method::PATCH, &format!("/api/orders/{id}"), &headers, body.to_string()).await
    }

    pub async fn cancel(&self, id: &str, version: u32, body: &Value) -> Answer {
        self.post(&format!("/api/orders/{id}/cancel"), &[("if-match", &format!("\"{version}\""))], body).await
    }

    /// Places a small order and gives its id.
    pub async fn place(&self) -> String {
        self.place_for("Ada Lovelace").await
    }

    pub async fn place_for(&self, customer: &str) -> String {
        let mut body = order();
        body["customer"]["name"] = customer.into();
        let answer = self.post("/api/orders", &[], &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The kinds of an order's timeline, oldest first.
    pub async fn timeline(&self, id: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/orders/{id}/timeline")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The same without what came of it: what was done to the order.
    pub async fn steps(&self, id: &str) -> Vec<String> {
        self.timeline(id).await.into_iter().filter(|kind| kind.starts_with("order.")).collect()
    }

    /// The same, while the sweep goes on, as it does on every host.
    pub async fn until_swept(&self, id: &str, kind: &str, count: usize) -> Vec<String> {
        until(&format!("{count} times {kind}"), || async {
            self.sweep().await;
            let timeline = self.timeline(id).await;
            (timeline.iter().filter(|entry| *entry == kind).count() == count).then_some(timeline)
        })
        .await
    }

    /// Waits until the timeline has that many entries of this kind.
    pub async fn until(&self, id: &str, kind: &str, count: usize) -> Vec<String> {
        until(&format!("{count} times {kind}"), || async {
            let timeline = self.timeline(id).await;
            (timeline.iter().filter(|entry| *entry == kind).count() == count).then_some(timeline)
        })
        .await
    }
}
