//! The description and the service say the same, both ways.

use crate::support::{Service, client::order};
use axum::{body::Body, http::Method};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn description(service: &Service) -> Value {
    let answer = service.get("/api/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// Method, path as described, what stands in its place, headers, body and the status to meet.
type Case<'a> = (Method, &'a str, &'a str, Vec<(&'a str, &'a str)>, String, u16);

/// Every operation as method and path.
fn operations(description: &Value) -> BTreeSet<(String, String)> {
    let paths = description["paths"].as_object().unwrap();
    let methods = |path: &Value| path.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    paths.iter().flat_map(|(path, item)| methods(item).into_iter().map(move |method| (method, path.clone()))).collect()
}

#[tokio::test]
async fn every_operation_described_is_routed_and_every_http_function_is_described() {
    let service = Service::start().await;
    let description = description(&service).await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    for (method, path) in operations(&description) {
        let concrete = path.replace("{id}", "1").replace("{check}", "live");
        let answer = service.call(method.to_uppercase().parse().unwrap(), &concrete, &[], Body::empty()).await;
        assert!(answer.status != 405 && !answer.text.contains("no-such-path"), "{method} {path} is described and not routed");
    }
    let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/functions")).unwrap().map(|entry| entry.unwrap().path());
    let from_folders: BTreeSet<(String, String)> = folders
        .filter_map(|folder| std::fs::read_to_string(folder.join("function.json")).ok())
        .filter_map(|text| {
            let trigger = serde_json::from_str::<Value>(&text).unwrap()["bindings"][0].clone();
            let route = trigger["route"].as_str()?.replace("/{*file}", "");
            // The console's data is its page's business and nobody else's.
            if route.starts_with("console") {
                return None;
            }
            Some((trigger["methods"][0].as_str()?.to_owned(), format!("/api/{route}")))
        })
        .collect();
    assert_eq!(operations(&description), from_folders);
}

#[tokio::test]
async fn every_status_that_a_client_meets_is_described() {
    let service = Service::start().await;
    let description = description(&service).await;
    let id = service.place().await;
    let missing = "01a20e84-231a-7311-b976-c30bdc517d87";
    let json_type = ("content-type", "application/json");
    let large = " ".repeat(300_000);
    let (create, one, cancel) = ("/api/orders", "/api/orders/{id}", "/api/orders/{id}/cancel");
    let cases: [Case<'_>; 26] = [
        (Method::POST, create, "", vec![json_type], order().to_string(), 201),
        (Method::POST, create, "", vec![json_type], "{".into(), 400),
        (Method::POST, create, "", vec![json_type], large.clone(), 413),
        (Method::POST, create, "", vec![], order().to_string(), 415),
        (Method::POST, create, "", vec![json_type], "{}".into(), 422),
        (Method::GET, create, "", vec![], String::new(), 200),
        (Method::GET, create, "?limit=x", vec![], String::new(), 400),
        (Method::GET, one, &id, vec![], String::new(), 200),
        (Method::GET, one, &id, vec![("if-none-match", "*")], String::new(), 304),
        (Method::GET, one, "1", vec![], String::new(), 400),
        (Method::GET, one, missing, vec![], String::new(), 404),
        (Method::PATCH, one, &id, vec![json_type, ("if-match", "*")], json!({ "metadata": { "a": "b" } }).to_string(), 200),
        (Method::PATCH, one, &id, vec![json_type, ("if-match", "*")], json!({ "status": "delivered" }).to_string(), 409),
        (Method::PATCH, one, &id, vec![json_type, ("if-match", "\"9\"")], "{}".into(), 412),
        (Method::PATCH, one, &id, vec![json_type], large.clone(), 413),
        (Method::PATCH, one, &id, vec![], "{}".into(), 415),
        (Method::PATCH, one, &id, vec![json_type], "[]".into(), 422),
        (Method::PATCH, one, &id, vec![json_type], "{}".into(), 428),
        (Method::PATCH, one, missing, vec![json_type], "{}".into(), 404),
        (Method::PATCH, one, "1", vec![json_type], "{}".into(), 400),
        (Method::POST, cancel, &id, vec![json_type], json!({ "reason": "staff" }).to_string(), 428),
        (Method::POST, cancel, &id, vec![json_type, ("if-match", "*")], json!({ "reason": "staff" }).to_string(), 200),
        (Method::POST, cancel, missing, vec![json_type], json!({ "reason": "staff" }).to_string(), 404),
        (Method::POST, cancel, &id, vec![json_type], "{}".into(), 422),
        (Method::GET, "/api/orders/{id}/timeline", &id, vec![], String::new(), 200),
        (Method::GET, "/api/orders/{id}/timeline", missing, vec![], String::new(), 404),
    ];
    for (method, template, with, headers, body, status) in cases {
        let path = if template.contains("{id}") { template.replace("{id}", with) } else { format!("{template}{with}") };
        let answer = service.call(method.clone(), &path, &headers, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        let described = &description["paths"][template][method.as_str().to_lowercase()]["responses"][status.to_string()];
        assert!(described.is_object(), "{method} {template}: {status} is not described");
        let described_type = described["content"].as_object().and_then(|content| content.keys().next().cloned());
        let real_type = (!answer.text.is_empty()).then(|| answer.header("content-type").to_owned());
        assert_eq!(real_type, described_type, "{method} {template} {status}");
    }
}

#[tokio::test]
async fn the_examples_are_taken_by_the_service() {
    let service = Service::start().await;
    let schemas = description(&service).await["components"]["schemas"].clone();
    let placed = service.post("/api/orders", &[], &schemas["NewOrder"]["example"]).await;
    assert_eq!(placed.status, 201, "{}", placed.text);
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(service.patch(&id, 1, &schemas["OrderChange"]["example"]).await.status, 200);
    assert_eq!(service.cancel(&id, 2, &schemas["CancelRequest"]["example"]).await.status, 200);
}

#[tokio::test]
async fn the_page_and_all_its_parts_come_from_the_binary() {
    let service = Service::start().await;
    let page = service.get("/api/docs").await;
    assert_eq!(service.get("/api/docs/").await.text, page.text);
    assert!(page.header("content-type").starts_with("text/html"));
    let parts: Vec<&str> = page.text.split(['"', '\'']).filter(|part| [".js", ".css"].iter().any(|kind| part.ends_with(kind))).collect();
    assert!(parts.len() >= 4, "{}", page.text);
    assert!(page.text.contains("<base href=\"/api/docs/\">"));
    for part in parts {
        assert!(!part.contains("//"), "{part} is somewhere else");
        let answer = service.get(&format!("/api/docs/{}", part.trim_start_matches("./"))).await;
        assert_eq!(answer.status, 200, "{part}");
    }
    let script = service.get("/api/docs/swagger-initializer.js").await;
    assert!(script.text.contains("/api/openapi.json"), "{}", script.text);
}

#[tokio::test]
async fn the_pages_of_the_docs_come_compressed_to_those_who_take_it() {
    let service = Service::start().await;
    let path = "/api/docs/swagger-ui.css";
    let plain = service.get(path).await;
    assert!(plain.text.contains(".swagger-ui"));
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    for (takes, coding) in [("gzip, deflate, br", "gzip"), ("br, GZIP;q=0.5", "gzip"), ("gzip;q=0", ""), ("br", "")] {
        let answer = service.call(Method::HEAD, path, &[("accept-encoding", takes)], Body::empty()).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (200, coding), "{takes}");
        let length: usize = answer.header("content-length").parse().unwrap();
        assert_eq!(length < plain.text.len() / 2, coding == "gzip", "{takes}: {length} bytes");
    }
}
