//! From the outbox to the bus: order, failures and what is left for the sweep.

use crate::support::Service;
use orders::{
    bus::{Bus, BusError, Message},
    domain::{event::Event, id::EventId},
    work::relay,
};
use serde_json::json;
use sqlx::{ConnectOptions, Row, sqlite::SqliteConnectOptions};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// A bus that is away while the test says so, and writes down what it took.
#[derive(Debug, Default)]
struct Flaky {
    away: AtomicBool,
    /// Calls of `publish`.
    asked: AtomicUsize,
    /// The ids of events that are never taken.
    refused: std::sync::Mutex<Vec<EventId>>,
    taken: std::sync::Mutex<Vec<Message>>,
}

#[async_trait::async_trait]
impl Bus for Flaky {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let take = |message: Message| {
            if self.refused.lock().unwrap().contains(&message.id) {
                return Err(BusError::Permanent("too large".into()));
            }
            if self.away.load(Ordering::SeqCst) {
                return Err(BusError::Transient("away".into()));
            }
            self.taken.lock().unwrap().push(message);
            Ok(())
        };
        messages.into_iter().map(take).collect()
    }
}

#[tokio::test]
async fn the_events_of_an_order_leave_in_the_order_of_its_versions_whatever_fails() {
    let service = Service::start().await;
    let flaky = Arc::new(Flaky::default());
    let id = service.place().await;
    service.patch(&id, 1, &json!({ "status": "confirmed" })).await;
    flaky.away.store(true, Ordering::SeqCst);
    let stop = CancellationToken::new();
    assert_eq!(relay::drain(&service.app, flaky.as_ref(), &stop).await.unwrap(), 0);
    // The first event waits for its next attempt, and the second for the first.
    flaky.away.store(false, Ordering::SeqCst);
    assert_eq!(relay::drain(&service.app, flaky.as_ref(), &stop).await.unwrap(), 0);
    service.clock.advance(Duration::from_secs(1));
    service.patch(&id, 2, &json!({ "status": "shipped" })).await;
    assert_eq!(relay::drain(&service.app, flaky.as_ref(), &stop).await.unwrap(), 3);
    let sequences: Vec<u32> =
        flaky.taken.lock().unwrap().iter().map(|message| Event::parse(&message.body).unwrap().event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn a_running_relay_publishes_each_order_once_without_claiming_it() {
    let service = Service::start().await;
    let stop = CancellationToken::new();
    relay::start(&service.app, &stop);
    let mut placed = std::collections::BTreeSet::new();
    for _ in 0..20 {
        placed.insert(service.place().await);
    }
    let mut published = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let delivered = service.subscription.receive().await.expect("the bus is open");
        published.insert(Event::parse(&delivered.message.body).unwrap().event.order_id.to_string());
    }
    assert_eq!(published, placed);
    service.clock.advance(Duration::from_hours(1));
    stop.cancel();
    service.settled().await;
    assert_eq!(service.relay().await, 0, "an event was left unmarked");
}

#[tokio::test]
async fn while_the_bus_is_away_one_event_at_a_time_asks_for_it_and_orders_are_taken() {
    let service = Service::start().await;
    let flaky = Flaky::default();
    let stop = CancellationToken::new();
    flaky.away.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        service.place().await;
    }
    assert_eq!(relay::drain(&service.app, &flaky, &stop).await.unwrap(), 0);
    assert_eq!(flaky.asked.load(Ordering::SeqCst), 1);
    for _ in 0..5 {
        service.place().await;
        assert_eq!(relay::drain(&service.app, &flaky, &stop).await.unwrap(), 0);
    }
    assert_eq!(flaky.asked.load(Ordering::SeqCst), 1, "nobody asks before the pause is over");
    service.clock.advance(Duration::from_secs(1));
    assert_eq!(relay::drain(&service.app, &flaky, &stop).await.unwrap(), 0);
    assert_eq!(flaky.asked.load(Ordering::SeqCst), 2, "one probe");
    flaky.away.store(false, Ordering::SeqCst);
    service.clock.advance(Duration::from_secs(2));
    assert_eq!(relay::drain(&service.app, &flaky, &stop).await.unwrap(), 10, "one probe lets all the others go");
}

#[tokio::test]
async fn an_event_that_the_bus_refuses_says_so_on_its_row_and_holds_up_no_other_order() {
    let service = Service::start().await;
    let flaky = Flaky::default();
    let stop = CancellationToken::new();
    service.place().await;
    let refused = service.app.store.claim_events(1, service.app.now(), Duration::from_secs(1)).await.unwrap().remove(0).event;
    flaky.refused.lock().unwrap().push(refused.id);
    service.place().await;
    service.clock.advance(Duration::from_secs(1));
    assert_eq!(relay::drain(&service.app, &flaky, &stop).await.unwrap(), 1);
    service.clock.advance(Duration::from_mins(10));
    assert_eq!(relay::drain(&service.app, &flaky, &stop).await.unwrap(), 0, "not asked again soon");
    let asked = flaky.asked.load(Ordering::SeqCst);
    service.clock.advance(Duration::from_mins(50));
    assert_eq!(relay::drain(&service.app, &flaky, &stop).await.unwrap(), 0);
    assert_eq!(flaky.asked.load(Ordering::SeqCst), asked + 1, "an hour later it is");
    let options = SqliteConnectOptions::new().filename(service.folder.path().join("orders.sqlite"));
    let mut database = options.connect().await.unwrap();
    let row = sqlx::query("SELECT last_error FROM outbox WHERE id = ?").bind(refused.id.0.as_bytes().as_slice());
    let reason: String = row.fetch_one(&mut database).await.unwrap().get(0);
    assert_eq!(reason, "refused: too large");
}

#[tokio::test]
async fn a_sweep_that_leaves_something_is_due_again_at_once() {
    let service = Service::start().await;
    for _ in 0..1001 {
        service.place().await;
    }
    service.relay().await;
    service.clock.advance(Duration::from_hours(1));
    let report = service.sweep().await;
    assert_eq!((report.handed_over, report.next_due == Some(service.app.now())), (1000, true));
    let report = service.sweep().await;
    assert_eq!((report.handed_over, report.next_due), (1, None));
}

#[tokio::test]
async fn an_event_that_nobody_received_goes_to_notify_and_never_to_the_topic_again() {
    let service = Service::start().await;
    let id = service.place().await;
    service.relay().await;
    // The subscription loses it.
    service.subscription.receive().await.unwrap();
    service.clock.advance(Duration::from_mins(15));
    assert_eq!(service.sweep().await.handed_over, 0);
    service.clock.advance(Duration::from_millis(1));
    let report = service.sweep().await;
    assert_eq!((report.handed_over, report.published), (1, 0));
    assert_eq!(service.timeline(&id).await, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
    assert_eq!(service.sweep().await.handed_over, 0);
}

#[tokio::test]
async fn the_sweep_publishes_what_a_dead_process_left_leased() {
    let service = Service::start().await;
    service.place().await;
    let leased = service.app.store.claim_events(10, service.app.now(), Duration::from_secs(30)).await.unwrap();
    assert_eq!(leased.len(), 1);
    assert_eq!(service.sweep().await.published, 0);
    service.clock.advance(Duration::from_secs(30));
    assert_eq!(service.sweep().await.published, 1);
}
