//! Another process, as it were, on the same database: it takes an order and publishes its event, and the bus loses it.

use crate::support::{client::order, clock::ManualClock};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use orders::{
    app::{App, Settings},
    bus::{Bus, BusError, Message},
    channels::Channels,
    clock::{Clock, SystemClock},
    router,
    store::Store,
    work::relay,
};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Keeps what it is given, where a topic would have it.
#[derive(Debug, Default)]
struct Loses(Mutex<Vec<Message>>);

#[async_trait::async_trait]
impl Bus for Loses {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let outcomes = vec![Ok(()); messages.len()];
        self.0.lock().unwrap().extend(messages);
        outcomes
    }
}

/// An order that was placed so long ago, and the message of its event, which is marked published and was never sent.
pub async fn lost(store: &Arc<dyn Store>, ago: Duration) -> (String, Message) {
    loop {
        let clock = Arc::new(ManualClock::at(SystemClock.now().minus(ago)));
        let app = Arc::new(App::new(Arc::clone(store), None, Channels::default(), clock, Settings::default()));
        let request = Request::post("/api/orders").header("content-type", "application/json").body(Body::from(order().to_string()));
        let answer = router::http(Arc::clone(&app), None).oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let placed: Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
        let id = placed["id"].as_str().unwrap().to_owned();
        let bus = Loses::default();
        relay::drain(&app, &bus, &CancellationToken::new()).await.unwrap();
        let messages = bus.0.into_inner().unwrap();
        if let Some(message) = messages.into_iter().find(|message| message.subject == id) {
            return (id, message);
        }
        // The service has found the event in the outbox before this could: it is not lost. Another one is.
    }
}
