//! What the store promises, asked of it directly.

use crate::support::{START, Service, client::order};
use orders::{
    domain::{
        delivery::{NewDelivery, Outcome},
        event::Event,
        id::{DeliveryId, OrderId},
        new_order::NewOrder,
        node::Node,
        order::Order,
        timestamp::Timestamp,
    },
    store::{self, Accepted, Added, Addition, AttemptRecord, Expiry, Receipt, StoreError},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(30);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

fn addition(service: &Service) -> Addition {
    let text = order().to_string();
    let new = NewOrder::parse(&Node::parse(&text).unwrap(), &["recorder"]).unwrap();
    let order = Order::place(new, service.app.order_id());
    let event = Event::created(&order, service.app.event_id(), None);
    Addition { order, event, lease_until: None, record: None }
}

/// An order whose event is received, with one delivery leased until 30 seconds after the start.
async fn delivery(service: &Service) -> (OrderId, DeliveryId) {
    let added = addition(service);
    let (order, event) = (added.order.id, added.event.sequence);
    let store = &service.app.store;
    store.add_order(added, at(0)).await.unwrap();
    store.mark_published(vec![(order, event)], at(0)).await.unwrap();
    let new = NewDelivery { id: DeliveryId(Uuid::from_u128(7)), channel: "recorder".into(), recipient: "test".into() };
    let receipt = Receipt { event: (order, event), deliveries: vec![new.clone()], at: at(0), lease_until: at(30) };
    assert_eq!(store.receive(receipt).await.unwrap(), Accepted::Deliveries(vec![new.id]));
    (order, new.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_writes_that_are_committed_together_the_refused_one_fails_alone() {
    let service = Service::start().await;
    let store = Arc::clone(&service.app.store);
    let first = addition(&service);
    store.add_order(first.clone(), at(0)).await.unwrap();
    let mut additions: Vec<Addition> = (0..50).map(|_| addition(&service)).collect();
    additions.insert(20, first);
    let writes = additions.into_iter().map(|addition| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.add_order(addition, at(0)).await })
    });
    let outcomes: Vec<_> = futures_util::future::join_all(writes).await.into_iter().map(Result::unwrap).collect();
    for (index, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(Added::Stored) => assert_ne!(index, 20),
            Err(StoreError::Broken(_)) => assert_eq!(index, 20),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.claim_events(100, at(0), LEASE).await.unwrap().len(), 51);
}

#[tokio::test]
async fn an_event_that_is_committed_with_a_lease_is_its_committers_until_that_ends() {
    let service = Service::start().await;
    let store = &service.app.store;
    store.add_order(Addition { lease_until: Some(at(30)), ..addition(&service) }, at(0)).await.unwrap();
    assert_eq!(store.claim_events(10, at(29), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap(), Some(at(30)));
    let taken_over = store.claim_events(10, at(30), LEASE).await.unwrap();
    assert_eq!((taken_over.len(), taken_over[0].attempt), (1, 2));
}

#[tokio::test]
async fn an_event_is_leased_to_one_and_free_again_when_the_lease_ends() {
    let service = Service::start().await;
    let store = &service.app.store;
    store.add_order(addition(&service), at(0)).await.unwrap();
    let first = store.claim_events(10, at(0), LEASE).await.unwrap();
    assert_eq!((first.len(), first[0].attempt), (1, 1));
    assert_eq!(store.claim_events(10, at(29), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap(), Some(at(30)));
    let second = store.claim_events(10, at(30), LEASE).await.unwrap();
    assert_eq!((second.len(), second[0].attempt), (1, 2));
    let key = (second[0].event.order_id, second[0].event.sequence);
    store.postpone_event(key, "away".into(), at(40)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(40)));
    store.mark_published(vec![key], at(41)).await.unwrap();
    assert_eq!(store.claim_events(10, at(100), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap(), None);
}

#[tokio::test]
async fn an_event_that_was_never_written_is_unknown() {
    let service = Service::start().await;
    let new = NewDelivery { id: DeliveryId(Uuid::from_u128(7)), channel: "log".into(), recipient: "x".into() };
    let receipt = Receipt { event: (OrderId(Uuid::from_u128(1)), 1), deliveries: vec![new], at: at(0), lease_until: at(30) };
    assert_eq!(service.app.store.receive(receipt).await.unwrap(), Accepted::UnknownEvent);
}

#[tokio::test]
async fn a_delivery_whose_lease_ran_out_has_an_unknown_attempt_and_a_late_success_still_stands() {
    let service = Service::start().await;
    let (order, id) = delivery(&service).await;
    let store = &service.app.store;
    assert_eq!(store.claim_deliveries(10, at(29), LEASE).await.unwrap().len(), 0);
    let claimed = store.claim_deliveries(10, at(30), LEASE).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].id, claimed[0].attempt), (1, id, 2));
    let kinds = || async { service.timeline(&order.to_string()).await };
    assert_eq!(kinds().await.last().unwrap(), "delivery.unknown");

    // A failure that comes late says nothing about the attempt under way; a success settles it.
    let record = |attempt, outcome| AttemptRecord { delivery: id, attempt, at: at(31), outcome };
    store.record_attempt(record(1, Outcome::Failed { reason: "late".into() })).await.unwrap();
    assert_eq!(store.claim_deliveries(10, at(60), LEASE).await.unwrap().len(), 1);
    store.record_attempt(record(1, Outcome::Succeeded { provider_id: None })).await.unwrap();
    assert_eq!(store.claim_deliveries(10, at(1000), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_old_and_done_goes_and_what_is_pending_stays() {
    let service = Service::start().await;
    let (order, id) = delivery(&service).await;
    let store = &service.app.store;
    let expiry = |limit| Expiry { now: at(200), events_before: at(100), limit };
    assert_eq!(store.expire(expiry(10)).await.unwrap().events, 0, "its delivery is pending");
    let outcome = Outcome::Succeeded { provider_id: None };
    store.record_attempt(AttemptRecord { delivery: id, attempt: 1, at: at(1), outcome }).await.unwrap();
    assert_eq!(store.expire(expiry(0)).await.unwrap().events, 0);
    assert_eq!(store.expire(expiry(10)).await.unwrap().events, 1);
    assert_eq!(service.timeline(&order.to_string()).await, ["order.created"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_that_migrate_at_once_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.sqlite");
    let migrations = (0..8).map(|_| {
        let path = path.clone();
        tokio::spawn(async move { store::open_sqlite(&path).migrate(at(0)).await.unwrap().len() })
    });
    let applied: Vec<usize> = futures_util::future::join_all(migrations).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
    assert_eq!(store::open_sqlite(&path).schema().await.unwrap(), store::SCHEMA_WANTED);
}

#[tokio::test]
async fn a_schema_that_is_too_old_is_named_with_what_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.sqlite");
    std::fs::File::create(&path).unwrap();
    let store = store::open_sqlite(&path);
    let wanted =
        format!("the database has schema version 0, and this binary needs at least {}: run `orders migrate`", store::SCHEMA_WANTED);
    assert_eq!(store.schema().await.unwrap_err().to_string(), wanted);
    let service = Service::start().await;
    let refused = store.add_order(addition(&service), at(0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Schema { found: 0, .. }), "{refused}");
    // It is asked again each time: once the schema is there, the same store works.
    store.migrate(at(0)).await.unwrap();
    assert_eq!(store.add_order(addition(&service), at(0)).await.unwrap(), Added::Stored);
    assert_eq!(store.order(OrderId(Uuid::nil())).await.unwrap(), None);
}
