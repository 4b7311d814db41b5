//! What Application Insights is told without a collector in between, in the form of its ingestion endpoint.

use crate::support::{
    client::order,
    https, process,
    vault::{TOKEN, Vault},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Uri},
};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::{
    io::Read,
    sync::{Arc, Mutex},
};

const KEY: &str = "c8f5b7f0-3d4a-4d0b-9c53-0f3f9f2a8e11";

type Told = Arc<Mutex<Vec<Value>>>;

async fn track(State(told): State<Told>, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    assert_eq!(uri.path(), "/v2.1/track");
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    let mut text = String::new();
    match headers.get("content-encoding").map(|encoding| encoding.to_str().unwrap()) {
        Some("gzip") => GzDecoder::new(body.as_ref()).read_to_string(&mut text).unwrap(),
        _ => body.as_ref().read_to_string(&mut text).unwrap(),
    };
    let envelopes: Vec<Value> = serde_json::from_str(&text).unwrap();
    let count = envelopes.len();
    told.lock().unwrap().extend(envelopes);
    Json(json!({ "itemsReceived": count, "itemsAccepted": count, "errors": [] }))
}

#[tokio::test]
async fn application_insights_is_told_of_the_request_the_attempts_and_the_metrics_that_alerts_ask_for() {
    let told = Told::default();
    let (port, authority) = https::with_tls(Router::new().fallback(track).with_state(Arc::clone(&told))).await;
    let vault = Vault::start().await;
    let connection = format!("InstrumentationKey={KEY};IngestionEndpoint=https://127.0.0.1:{port}/;");
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("authority.pem");
    std::fs::write(&authorities, authority).unwrap();
    let settings = [
        ("APPLICATIONINSIGHTS_CONNECTION_STRING", connection.as_str()),
        ("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "ClientId=the-client-id;Authorization=AAD"),
        ("SSL_CERT_FILE", authorities.to_str().unwrap()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ("NOTIFY_CHANNELS", "file"),
        ("SWEEP_MAX_SLEEP", "1s"),
    ];
    let (dev, port) = process::dev(folder.path(), &[&settings[..], &vault.settings()[2..4]].concat()).await;
    let placed = reqwest::Client::new().post(format!("http://127.0.0.1:{port}/api/orders")).json(&order()).send().await.unwrap();
    let placed: Value = placed.json().await.unwrap();

    let find = |kind: &'static str, wanted: fn(&Value) -> bool| {
        let told = Arc::clone(&told);
        process::until(kind, move || {
            let told = told.lock().unwrap();
            let found = told.iter().find(|envelope| envelope["data"]["baseType"] == kind && wanted(&envelope["data"]["baseData"])).cloned();
            async move { found }
        })
    };
    let request = find("RequestData", |data| data["name"] == "POST /api/orders").await;
    let attempt = find("RemoteDependencyData", |data| data["name"] == "tell file").await;
    assert_eq!((&request["iKey"], &request["data"]["baseData"]["responseCode"]), (&json!(KEY), &json!("201")));
    assert_eq!(request["tags"]["ai.operation.id"], attempt["tags"]["ai.operation.id"]);
    assert_eq!(request["tags"]["ai.cloud.role"], "orders-dev");
    for envelope in [&request, &attempt] {
        assert_eq!(envelope["data"]["baseData"]["properties"]["order.id"], placed["id"], "{envelope:#}");
    }
    let age = find("MetricData", |data| data["metrics"][0]["name"] == "orders.outbox.oldest_unpublished_age").await;
    assert!(age["data"]["baseData"]["metrics"][0]["value"].is_number(), "one value is Sum, Min and Max of its row: {age:#}");
    find("MetricData", |data| data["metrics"][0]["name"] == "orders.notify.attempts").await;
    // What is counted is sent once, so that the sum over a window is what happened in it.
    let before = told.lock().unwrap().len();
    process::until("more is told", || async { (told.lock().unwrap().len() > before + 20).then_some(()) }).await;
    dev.end().await;
    assert!(
        vault.tokens()[0].contains("resource=https%3A%2F%2Fmonitor.azure.com%2F&") && vault.tokens()[0].contains("client_id=the-client-id")
    );
    let told = told.lock().unwrap();
    let metrics = told.iter().map(|envelope| &envelope["data"]["baseData"]["metrics"][0]);
    let attempts: f64 =
        metrics.filter(|metric| metric["name"] == "orders.notify.attempts").filter_map(|metric| metric["value"].as_f64()).sum();
    assert!((attempts - 1.0).abs() < f64::EPSILON, "{attempts}");
}
