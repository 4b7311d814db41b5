//! What clients can make the process hold in memory is bounded.

use crate::support::{Service, client::order};
use axum::{
    body::{Body, Bytes},
    http::Request,
};
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tower::ServiceExt;

const MIB: usize = 1024 * 1024;
/// The largest body.
const LARGE: usize = 256 * 1024;

#[tokio::test]
async fn a_page_of_large_orders_ends_early_and_the_next_one_goes_on_there() {
    let service = Service::start().await;
    let line = json!({ "sku": "S", "name": "n".repeat(200), "quantity": 1, "unitPrice": 1 });
    let metadata: serde_json::Map<_, _> = (10..30).map(|n| (n.to_string(), json!("v".repeat(200)))).collect();
    let large = json!({ "customerName": "Ada", "currency": "EUR", "lines": vec![line; 100], "metadata": metadata });
    let mut placed = BTreeSet::new();
    for _ in 0..60 {
        let answer = service.post("/api/orders", &[], &large).await;
        placed.insert(answer.json()["id"].as_str().unwrap().to_owned());
    }
    for filter in ["", "&status=placed", "&customer=Ada"] {
        let (mut walked, mut pages, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let page = service.get(&format!("/api/orders?limit=200{filter}{cursor}")).await;
            assert!(page.text.len() <= MIB + 64 * 1024, "{} bytes", page.text.len());
            let page: Value = page.json();
            pages += 1;
            walked.extend(page["items"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(pages > 1 && walked.is_sorted_by(|a, b| a > b), "{filter}: {pages} pages");
        assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), placed, "{filter}");
    }
}

/// Begins a body and never ends it; counts those whose body was asked for.
fn endless(read: &Arc<AtomicUsize>) -> Request<Body> {
    let read = Arc::clone(read);
    let begun = stream::once(async move {
        read.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from_static(b"{"))
    });
    let request = Request::post("/api/orders").header("content-type", "application/json").header("content-length", LARGE);
    request.body(Body::from_stream(begun.chain(stream::pending()))).unwrap()
}

#[tokio::test]
async fn bodies_that_are_never_finished_hold_so_much_and_no_more_and_small_orders_go_on() {
    let service = Service::start().await;
    let read = Arc::new(AtomicUsize::new(0));
    let mut calls: Vec<_> = (0..900).map(|_| Box::pin(service.router.clone().oneshot(endless(&read)))).collect();
    for call in &mut calls {
        assert!(call.now_or_never().is_none());
    }
    let taken = read.load(Ordering::SeqCst);
    assert!(taken * LARGE <= 64 * MIB && taken > 0, "{taken} bodies of {LARGE} bytes are read at the same time");
    service.place().await;
    drop(calls);
    let body = order().to_string();
    let padded = format!("{body}{}", " ".repeat(LARGE - body.len()));
    let answer = service.call(axum::http::Method::POST, "/api/orders", &[("content-type", "application/json")], padded).await;
    assert_eq!(answer.status, 201, "places come free again: {}", answer.text);
}

#[tokio::test]
async fn a_body_that_finds_no_place_in_time_is_refused_with_the_advice_to_come_back() {
    let service = Service::start().await;
    let read = Arc::new(AtomicUsize::new(0));
    let mut calls: Vec<_> = (0..900).map(|_| Box::pin(service.router.clone().oneshot(endless(&read)))).collect();
    for call in &mut calls {
        assert!(call.now_or_never().is_none());
    }
    // From here on, time passes whenever nothing else happens.
    tokio::time::pause();
    let answer = service.send(endless(&read)).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unavailable"), "{}", answer.text);
    assert!(!answer.header("retry-after").is_empty());
}
