//! A client that goes away before it is answered changes nothing of what becomes of its order.

use crate::support::{
    Service,
    client::order,
    process::{self, PATIENCE},
};
use axum::{body::Body, http::Request};
use futures_util::FutureExt;
use orders::{domain::event::Event, work::relay};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const CLIENTS: usize = 20;

/// A request as it goes over the wire.
fn request(line: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!("{line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn an_order_that_reached_the_store_is_published_at_once_though_nobody_waits_for_the_answer() {
    let service = Service::start().await;
    let stop = CancellationToken::new();
    relay::start(&service.app, &stop);
    let request = Request::post("/api/orders").header("content-type", "application/json");
    let mut call = Box::pin(service.router.clone().oneshot(request.body(Body::from(order().to_string())).unwrap()));
    assert!((&mut call).now_or_never().is_none(), "it was answered before it was stored");
    drop(call);
    // The test's clock stands still, so the lease never ends.
    let published = tokio::time::timeout(PATIENCE / 3, service.subscription.receive()).await.expect("it is published");
    assert_eq!(Event::parse(&published.unwrap().message.body).unwrap().event.sequence, 1);
    stop.cancel();
    service.settled().await;
}

#[tokio::test]
async fn orders_whose_clients_hung_up_are_stored_and_told_and_changed_as_promptly_as_any() {
    let folder = tempfile::tempdir().unwrap();
    let (dev, port) = process::dev(folder.path(), &[]).await;
    let hang_up = async |request: String| {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
    };
    for _ in 0..CLIENTS {
        hang_up(request("POST /api/orders", "", &order())).await;
    }
    let http = reqwest::Client::new();
    let url = format!("http://127.0.0.1:{port}/api/orders");
    let get = async |url: String| http.get(url).send().await.unwrap().json::<Value>().await.unwrap();
    // Sooner than a lease and a sweep would bring it.
    let promptly = PATIENCE / 3;
    let list = process::until("every order is stored", || async {
        let page = get(url.clone()).await;
        (page["items"].as_array().unwrap().len() == CLIENTS).then_some(page)
    });
    let list = tokio::time::timeout(promptly, list).await.expect("every order is stored promptly");
    let ids: Vec<&str> = list["items"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap()).collect();
    let published = async |times: usize| {
        for id in &ids {
            let look = process::until("its event is published", || async {
                let timeline = get(format!("{url}/{id}/timeline")).await;
                let entries = timeline["entries"].as_array().unwrap();
                (entries.iter().filter(|entry| entry["kind"] == "event.published").count() == times).then_some(())
            });
            tokio::time::timeout(promptly, look).await.expect("promptly");
        }
    };
    published(1).await;
    for id in &ids {
        hang_up(request(&format!("PATCH /api/orders/{id}"), "If-Match: \"1\"\r\n", &json!({ "status": "confirmed" }))).await;
    }
    published(2).await;
    let log = dev.end().await.join("\n");
    assert_eq!(log.matches("order placed").count(), CLIENTS, "{log}");
}

#[tokio::test]
async fn a_client_that_says_no_more_is_answered_nevertheless() {
    let folder = tempfile::tempdir().unwrap();
    let (dev, port) = process::dev(folder.path(), &[]).await;
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client.write_all(request("POST /api/orders", "", &order()).as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, client.read_to_string(&mut answer)).await.expect("the connection ends").unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    dev.end().await;
}
