//! Where nobody stands in front, orders are for those who have a key.

use crate::support::{Service, client::order};
use axum::{body::Body, http::Method};
use orders::{domain::rotating::Rotating, keys::Keys, router};
use serde_json::json;
use std::sync::Arc;

const OLD: &str = "old-0123456789abcdef0123456789ab";
const NEXT: &str = "next0123456789abcdef0123456789/=";

async fn keyed() -> Service {
    let service = Service::start().await;
    let keys = Keys::parse(&format!("old={OLD},next={NEXT}")).unwrap();
    Service { router: router::http(Arc::clone(&service.app), Some(Rotating::of(keys))), ..service }
}

#[tokio::test]
async fn without_a_valid_key_nothing_of_an_order_is_shown_or_done() {
    let service = keyed().await;
    let id = "01a20e84-231a-7311-b976-c30bdc517d87";
    let json_type = ("content-type", "application/json");
    for (method, path) in [
        (Method::POST, "/api/orders".to_owned()),
        (Method::GET, "/api/orders".to_owned()),
        (Method::GET, format!("/api/orders/{id}")),
        (Method::PATCH, format!("/api/orders/{id}")),
        (Method::POST, format!("/api/orders/{id}/cancel")),
        (Method::GET, format!("/api/orders/{id}/timeline")),
    ] {
        for (headers, query) in [
            (vec![json_type], String::new()),
            (vec![json_type, ("x-functions-key", "")], String::new()),
            (vec![json_type, ("x-functions-key", &OLD[..31])], String::new()),
            (vec![json_type], format!("?code={}", &OLD[..31])),
            (vec![json_type], "?code=%FF".to_owned()),
            // The header is what counts, as on the Functions host.
            (vec![json_type, ("x-functions-key", "wrong")], format!("?code={OLD}")),
        ] {
            let answer = service.call(method.clone(), &format!("{path}{query}"), &headers, order().to_string()).await;
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (401, "no-key"), "{method} {path}{query} {headers:?}");
            assert!(answer.header("www-authenticate").contains("x-functions-key"));
            assert!(!answer.text.contains(OLD));
        }
    }
    assert_eq!(service.relay().await, 0);
}

#[tokio::test]
async fn each_of_several_keys_opens_as_a_header_or_in_the_query() {
    let service = keyed().await;
    for key in [OLD, NEXT] {
        let placed = service.post("/api/orders", &[("x-functions-key", key)], &order()).await;
        assert_eq!(placed.status, 201, "{}", placed.text);
        let code = key.replace('/', "%2F").replace('=', "%3D");
        let page = service.get(&format!("/api/orders?limit=1&code={code}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(!page.header("link").contains("code="), "a link must not carry the key");
    }
}

#[tokio::test]
async fn health_and_descriptions_need_no_key_and_say_that_the_rest_does() {
    let service = keyed().await;
    for path in ["/api/health/live", "/api/health/ready", "/api/docs", "/api/openapi.json"] {
        assert_eq!(service.get(path).await.status, 200, "{path}");
    }
    assert_eq!(service.call(Method::GET, "/nowhere", &[], Body::empty()).await.status, 404);
    let description = service.get("/api/openapi.json").await.json();
    assert_eq!(description["components"]["securitySchemes"]["header"]["name"], "x-functions-key");
    assert_eq!(description["components"]["securitySchemes"]["query"]["name"], "code");
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let keyed = path.starts_with("/api/orders");
            assert_eq!(operation["security"] == json!([{ "header": [] }, { "query": [] }]), keyed, "{method} {path}");
            assert_eq!(operation["responses"].get("401").is_some(), keyed, "{method} {path}");
        }
    }
}
