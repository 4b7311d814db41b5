//! Reading one order, and walking through many.

use crate::support::{Service, client::order};
use axum::{body::Body, http::Method};
use serde_json::{Value, json};
use std::time::Duration;

async fn place(service: &Service, name: &str, email: Option<&str>) -> String {
    let mut body = order();
    body["customer"] = json!({ "name": name });
    if let Some(email) = email {
        body["customer"]["email"] = json!(email);
    }
    service.post("/api/orders", &[], &body).await.json()["id"].as_str().unwrap().to_owned()
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_order_that_the_client_has_already_is_not_sent_again() {
    let service = Service::start().await;
    let path = format!("/api/orders/{}", service.place().await);
    for (tags, status) in [("\"1\"", 304), ("W/\"1\"", 304), ("\"7\", \"1\"", 304), ("*", 304), ("\"2\"", 200), ("1", 200)] {
        let answer = service.call(Method::GET, &path, &[("if-none-match", tags)], Body::empty()).await;
        assert_eq!(answer.status, status, "{tags}");
        assert_eq!(answer.header("etag"), "\"1\"");
        assert_eq!(answer.text.is_empty(), status == 304);
    }
    // RFC 9110 §8.6: the length of what a GET would have got, or none.
    for method in [Method::GET, Method::HEAD] {
        let answer = service.call(method.clone(), &path, &[("if-none-match", "*")], Body::empty()).await;
        assert_eq!((answer.status.as_u16(), answer.headers.get("content-length")), (304, None), "{method}");
    }
}

#[tokio::test]
async fn an_order_that_is_not_there_is_not_found() {
    let service = Service::start().await;
    for path in ["/api/orders/01a20e84-231a-7311-b976-c30bdc517d87", "/api/orders/01a20e84-231a-7311-b976-c30bdc517d87/timeline"] {
        let answer = service.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "order-not-found"));
    }
}

#[tokio::test]
async fn walking_the_pages_meets_every_order_once_while_others_are_placed() {
    let service = Service::start().await;
    let mut placed = Vec::new();
    for _ in 0..25 {
        placed.push(service.place().await);
        service.clock.advance(Duration::from_millis(1));
    }
    placed.reverse();
    let (mut walked, mut path) = (Vec::new(), "/api/orders?limit=10&code=a-host-key&status=placed&c%6fde=another&%63ode".to_owned());
    loop {
        let page = service.get(&path).await;
        let body = page.json();
        walked.extend(ids(&body));
        service.place().await;
        let Some(cursor) = body["nextCursor"].as_str() else {
            assert_eq!(page.header("link"), "");
            break;
        };
        path = page.header("link").strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert_eq!(path, format!("/api/orders?limit=10&status=placed&cursor={cursor}"), "a link carries no key");
    }
    assert_eq!(walked, placed);
}

#[tokio::test]
async fn filters_choose_by_status_customer_and_time_alone_and_together() {
    let service = Service::start().await;
    let mut all = Vec::new();
    for (name, email) in [("Ada", Some("ada@x.y")), ("Bob", None), ("Ada", None), ("ada@x.y", Some("ada@x.y"))] {
        all.push(place(&service, name, email).await);
        service.clock.advance(Duration::from_secs(1));
    }
    service.patch(&all[2], 1, &json!({ "status": "confirmed" })).await;
    for (query, expected) in [
        ("", vec![3, 2, 1, 0]),
        ("?limit=2", vec![3, 2]),
        ("?status=confirmed", vec![2]),
        ("?status=cancelled", vec![]),
        ("?customer=Ada", vec![2, 0]),
        ("?customer=ada@x.y", vec![3, 0]),
        ("?customer=ada%40x.y&limit=1", vec![3]),
        ("?customer=Ad", vec![]),
        ("?customer=Ada&status=placed", vec![0]),
        ("?createdFrom=2026-03-02T10:15:31Z", vec![3, 2, 1]),
        ("?createdTo=2026-03-02T10:15:31Z", vec![0]),
        ("?createdFrom=2026-03-02T11:15:31%2B01:00&createdTo=2026-03-02T10:15:33Z", vec![2, 1]),
        ("?createdFrom=2026-03-02T10:15:33Z&createdTo=2026-03-02T10:15:31Z", vec![]),
        ("?customer=Ada&createdFrom=2026-03-02T10:15:31Z", vec![2]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(|index: usize| all[index].clone()).collect();
        assert_eq!(ids(&service.get(&format!("/api/orders{query}")).await.json()), expected, "{query}");
    }
}
