//! From the message to the customer: repeats, failures, what cannot be read and what finds no place.

use crate::support::{Service, client::order, process};
use orders::{
    app::{App, Settings, Turn},
    channels::Channels,
    domain::attempt::Attempt,
    store,
    work::{notify, sweep},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

fn transient() -> Attempt {
    Attempt::Transient { reason: "busy".into(), retry_after: None }
}

async fn entries(service: &Service, id: &str) -> Vec<Value> {
    service.whole_timeline(id).await
}

#[tokio::test]
async fn a_message_that_comes_again_tells_nobody_again() {
    let service = Service::start().await;
    let id = service.place().await;
    service.relay().await;
    let delivered = service.subscription.receive().await.unwrap();
    for count in 1..=3 {
        let taken = notify::take(&service.app, &delivered.message.body, None, count).await.unwrap();
        assert_eq!(taken, notify::Taken::Accepted);
        service.settled().await;
    }
    assert_eq!(service.channel.told().len(), 1);
    assert_eq!(service.timeline(&id).await.iter().filter(|kind| *kind == "event.received").count(), 1);
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_later_with_the_same_token() {
    let service = Service::start().await;
    let id = service.place().await;
    service.channel.answer_next([transient()]);
    service.relay().await;
    service.receive(1).await;
    let retrying = entries(&service, &id).await.pop().unwrap();
    assert_eq!(
        (retrying["kind"].as_str(), retrying["reason"].as_str(), retrying["attempt"].as_u64()),
        (Some("delivery.retrying"), Some("busy"), Some(1))
    );
    assert!(retrying["nextAttemptAt"].as_str().unwrap() > retrying["at"].as_str().unwrap());

    assert_eq!(service.sweep().await.attempted, 0, "not before its time");
    service.clock.advance(Duration::from_secs(2));
    assert_eq!(service.sweep().await.attempted, 1);
    let told = service.channel.told();
    assert_eq!((told.len(), told[0].delivery, told[1].attempt), (2, told[1].delivery, 2));
    assert_eq!(service.timeline(&id).await.last().unwrap(), "delivery.succeeded");
}

#[tokio::test]
async fn a_permanent_failure_is_recorded_and_not_tried_again() {
    let service = Service::start().await;
    let id = service.place().await;
    service.channel.answer_next([Attempt::Permanent { reason: "no such address".into() }]);
    service.relay().await;
    service.receive(1).await;
    service.clock.advance(Duration::from_hours(48));
    service.sweep().await;
    let failed = entries(&service, &id).await.pop().unwrap();
    assert_eq!((failed["kind"].as_str(), failed["reason"].as_str()), (Some("delivery.failed"), Some("no such address")));
    assert_eq!(service.channel.told().len(), 1);
}

#[tokio::test]
async fn retries_end_a_day_after_the_event() {
    let service = Service::start().await;
    let id = service.place().await;
    service.channel.answer_next(std::iter::repeat_with(transient).take(200));
    service.relay().await;
    service.receive(1).await;
    for _ in 0..60 {
        service.clock.advance(Duration::from_hours(1));
        service.sweep().await;
    }
    let last = entries(&service, &id).await.pop().unwrap();
    assert_eq!(last["kind"], "delivery.failed");
    assert!(last["reason"].as_str().unwrap().starts_with("busy (given up after "), "{last}");
}

#[tokio::test]
async fn placed_shipped_and_cancelled_are_news_and_the_rest_is_not() {
    let service = Service::start().await;
    let shipped = service.place().await;
    for (version, status) in [(1, "confirmed"), (2, "shipped"), (3, "delivered")] {
        service.patch(&shipped, version, &json!({ "status": status })).await;
    }
    let cancelled = service.place().await;
    service.cancel(&cancelled, 1, &json!({ "reason": "staff" })).await;
    let events = service.relay().await;
    assert_eq!(events, 6);
    service.receive(events).await;
    let news = |id: &str| -> Vec<String> {
        service.channel.told().into_iter().filter(|told| told.order.to_string() == id).map(|told| told.news).collect()
    };
    assert_eq!(news(&shipped), ["created", "shipped"]);
    assert_eq!(news(&cancelled), ["created", "cancelled"]);
}

#[tokio::test]
async fn an_orders_own_channels_come_before_the_default_ones() {
    let service = Service::with(Settings { default_channels: vec![], ..Settings::default() }).await;
    for (channels, told) in [(None, 0), (Some(json!([])), 0), (Some(json!(["recorder"])), 1)] {
        let mut body = order();
        if let Some(channels) = channels {
            body["notify"] = json!({ "channels": channels });
        }
        service.post("/api/orders", &[], &body).await;
        service.relay().await;
        service.receive(1).await;
        assert_eq!(service.channel.told().len(), told);
    }
}

#[tokio::test]
async fn a_channel_that_is_not_configured_any_more_fails_and_says_so() {
    let service = Service::start().await;
    let mut body = order();
    body["notify"] = json!({ "channels": ["recorder"] });
    let id = service.post("/api/orders", &[], &body).await.json()["id"].as_str().unwrap().to_owned();
    let store = store::open_sqlite(&service.folder.path().join("orders.sqlite"));
    let later = Arc::new(App::new(store, None, Channels::default(), Arc::clone(&service.clock) as _, Settings::default()));
    service.relay().await;
    let message = service.subscription.receive().await.unwrap().message;
    notify::take(&later, &message.body, None, 1).await.unwrap();
    later.background.close();
    later.background.wait().await;
    let failed = entries(&service, &id).await.pop().unwrap();
    assert_eq!(failed["reason"], "the channel recorder is not configured");
}

#[tokio::test]
async fn what_nobody_can_read_is_kept_raw_with_its_reason_and_never_fails() {
    let service = Service::start().await;
    service.place().await;
    service.relay().await;
    let good: Value = serde_json::from_slice(&service.subscription.receive().await.unwrap().message.body).unwrap();
    let changed = |name: &str, value: Value| {
        let mut event = good.clone();
        event[name] = value;
        event.to_string()
    };
    let mut stranger = good.clone();
    let unknown = "01a20e84-231a-7311-b976-c30bdc517d87";
    stranger["subject"] = json!(unknown);
    stranger["data"]["id"] = json!(unknown);
    for (body, hint) in [
        ("not json".to_owned(), "is not an event"),
        ("{}".to_owned(), "is not an event: does not hold what it should (line 1, column 2)"),
        (changed("type", json!("com.ordermanagement.order.lost.v1")), "a type that is not known"),
        (changed("specversion", json!("2.0")), "specversion"),
        (changed("sequence", json!("0000000009")), "another order or version"),
        (changed("data", json!({ "id": 1 })), "data that is not an order"),
        (stranger.to_string(), "never written here"),
    ] {
        let taken = notify::take(&service.app, body.as_bytes(), Some("m-1"), 3).await.unwrap();
        let notify::Taken::Rejected(reason) = taken else { panic!("{body} was accepted") };
        assert!(reason.contains(hint), "{reason}");
        assert!(!reason.contains("Ada"), "{reason}");
    }
    assert!(service.channel.told().is_empty());
    let later = changed("tenant", json!({ "added": "by a later version" }));
    assert_eq!(notify::take(&service.app, later.as_bytes(), None, 1).await.unwrap(), notify::Taken::Accepted);
}

#[tokio::test]
async fn the_reason_of_a_rejected_message_names_the_place_and_quotes_nothing_of_it() {
    let service = Service::start().await;
    service.place().await;
    service.relay().await;
    let good: Value = serde_json::from_slice(&service.subscription.receive().await.unwrap().message.body).unwrap();
    let canary = json!("Secretname Smith, secret@example.com");
    for (pointer, value, place) in [
        ("/data/customer", canary.clone(), "data that is not an order: customer does not hold what it should (line 1, column "),
        ("/data/status", canary.clone(), "data that is not an order: status does not"),
        ("/data/lines/0/quantity", canary.clone(), "lines[0].quantity does not"),
        ("/data/total", canary.clone(), "total does not"),
        ("/data/createdAt", canary.clone(), "createdAt does not"),
        ("/data/metadata", json!({ "Secretname Smith": 5 }), "metadata does not"),
        ("/data/id", canary.clone(), "id does not"),
        ("/time", canary.clone(), "is not an event: time does not"),
        ("/subject", canary.clone(), "is not an event: subject does not"),
        ("/specversion", canary.clone(), "specversion"),
        ("/type", canary.clone(), "type"),
        ("/sequence", canary.clone(), "sequence"),
    ] {
        let mut event = good.clone();
        event["data"]["metadata"] = json!({});
        *event.pointer_mut(pointer).unwrap() = value;
        let taken = notify::take(&service.app, event.to_string().as_bytes(), None, 1).await.unwrap();
        let notify::Taken::Rejected(reason) = taken else { panic!("{pointer} was accepted") };
        assert!(reason.contains(place), "{pointer}: {reason}");
        assert!(!reason.to_lowercase().contains("secret"), "{pointer}: {reason}");
    }
    for (body, what) in [("{\"Secretname\": \"Secretname", "ends too early"), ("{\"Secretname\": Secretname}", "is not JSON")] {
        let taken = notify::take(&service.app, body.as_bytes(), None, 1).await.unwrap();
        let notify::Taken::Rejected(reason) = taken else { panic!("{body} was accepted") };
        assert!(reason.contains(what) && !reason.contains("Secret"), "{reason}");
    }
}

async fn all_places(service: &Service) -> Vec<Turn> {
    let mut turns = Vec::new();
    while let Ok(turn) = tokio::time::timeout(Duration::ZERO, service.app.attempts.take(None)).await {
        turns.push(turn.unwrap());
    }
    turns
}

#[tokio::test]
async fn an_attempt_that_found_no_place_within_its_lease_is_not_unknown_and_counts_for_nothing() {
    let service = Service::start().await;
    let id = service.place().await;
    service.relay().await;
    let message = service.subscription.receive().await.unwrap().message;
    let places = all_places(&service).await;
    notify::take(&service.app, &message.body, None, 1).await.unwrap();
    // Stopped for longer than a lease, as it were.
    service.clock.advance(Duration::from_secs(31));
    let swept = tokio::spawn({
        let app = Arc::clone(&service.app);
        async move { sweep::once(&app).await.unwrap() }
    });
    // The sweep has given it back and taken it up again when the lease is in the future.
    process::until("it is claimed again", || async {
        service.app.store.next_due().await.unwrap().next_due().is_some_and(|due| due > service.app.now()).then_some(())
    })
    .await;
    drop(places);
    assert_eq!(swept.await.unwrap().attempted, 1);
    service.settled().await;
    let told = service.channel.told();
    assert_eq!((told.len(), told[0].attempt), (1, 1));
    assert_eq!(service.timeline(&id).await, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
}

#[tokio::test]
async fn what_finds_no_place_in_time_is_given_back_for_another_process_to_make() {
    let lease = Duration::from_secs(1);
    let settings = Settings { default_channels: vec!["recorder".into()], lease, ..Settings::default() };
    let service = Service::with(settings.clone()).await;
    let id = service.place().await;
    service.relay().await;
    let message = service.subscription.receive().await.unwrap().message;
    let places = all_places(&service).await;
    notify::take(&service.app, &message.body, None, 1).await.unwrap();
    // The lease does not end by the orders' clock, which stands still.
    tokio::time::timeout(process::PATIENCE, service.settled()).await.expect("it is given back in time");
    drop(places);
    assert!(service.channel.told().is_empty());
    let another = Service::on(Arc::clone(&service.folder), settings).await;
    assert_eq!(another.sweep().await.attempted, 1);
    assert_eq!(another.channel.told()[0].attempt, 1);
    assert_eq!(service.timeline(&id).await.last().unwrap(), "delivery.succeeded");
}

#[tokio::test]
async fn no_more_messages_are_taken_in_than_there_are_places_for_their_attempts() {
    let service = Service::start().await;
    for _ in 0..257 {
        service.place().await;
    }
    service.relay().await;
    let places = all_places(&service).await;
    for _ in 0..256 {
        let message = service.subscription.receive().await.unwrap().message;
        notify::take(&service.app, &message.body, None, 1).await.unwrap();
    }
    let message = service.subscription.receive().await.unwrap().message;
    let mut one_more = std::pin::pin!(notify::take(&service.app, &message.body, None, 1));
    let early = tokio::time::timeout(Duration::from_millis(500), &mut one_more).await;
    assert!(early.is_err(), "it is left on the bus while nobody has a place for it");
    assert_eq!(service.app.background.len(), 256);
    drop(places);
    assert_eq!(one_more.await.unwrap(), notify::Taken::Accepted);
    service.settled().await;
    assert_eq!(service.channel.told().len(), 257);
}

#[tokio::test]
async fn the_trace_of_the_request_reaches_the_attempt() {
    let service = Service::start().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    service.post("/api/orders", &[("traceparent", traceparent)], &order()).await;
    service.relay().await;
    service.receive(1).await;
    assert_eq!(service.channel.told()[0].trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[tokio::test]
async fn while_the_store_is_away_an_invocation_waits_and_then_fails() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start().await;
    service.place().await;
    service.relay().await;
    let message = service.subscription.receive().await.unwrap().message;
    let away = store::open_sqlite(&folder.path().join("no-such-folder/orders.sqlite"));
    let settings = Settings { notify_patience: Duration::from_millis(600), ..Settings::default() };
    let app = Arc::new(App::new(away, None, Channels::default(), Arc::clone(&service.clock) as _, settings));
    let error = notify::take(&app, &message.body, None, 1).await.unwrap_err();
    assert!(matches!(error, store::StoreError::Unavailable(_)), "{error}");
}
