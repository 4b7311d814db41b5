//! A server did what it was asked, and its answer was lost: what is then made of it, by a real server.

use super::{addition, now, open};
use crate::support::{sql_server::TestDatabase, turns::Turns};
use orders::{
    domain::{
        attempt::Outcome,
        delivery::NewDelivery,
        id::{DeliveryId, EventId},
        idempotency::{Fingerprint, IdempotencyKey, NewRecord},
        page::Query,
        settle::{Found, Verdict},
        suppression::Suppression,
        timestamp::Timestamp,
        webhook::Endpoint,
    },
    store::{
        Accepted, Added, Addition, AttemptRecord, EventKey, Lease, Receipt, RejectedMessage, Store, Update,
        azure_sql::Server,
        ledger::{Begin, Begun, Decision, Ending, Purpose, State, Wanted},
    },
};
use std::time::Duration;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_and_not_heard_of_counts_once() {
    let Some(database) = TestDatabase::create_nearby().await else { return };
    open(database.server.clone()).migrate(now()).await.unwrap();
    let turns = Turns::before(database.server.port).await;
    let store = open(Server { port: turns.port, ..database.server.clone() });
    store.schema().await.unwrap();
    let cut = || turns.cut_next_answer();

    let plain = addition().await;
    cut();
    assert_eq!(store.add_order(plain.clone(), now()).await.unwrap(), Added::Stored);
    assert!(turns.was_cut());
    let key = IdempotencyKey::parse("k").unwrap();
    let record = NewRecord { key, fingerprint: Fingerprint([1; 32]), expires_at: now().plus(Duration::from_hours(1)) };
    let keyed = Addition { record: Some(record), ..addition().await };
    cut();
    assert_eq!(store.add_order(keyed.clone(), now()).await.unwrap(), Added::Stored, "it is no replay of another request");
    let repeated = Addition { record: keyed.record.clone(), ..addition().await };
    assert!(matches!(store.add_order(repeated, now()).await.unwrap(), Added::Replayed(_)));
    let query = Query { status: None, customer: None, created_from: None, created_to: None, limit: 50, after: None };
    assert_eq!(store.orders(&query).await.unwrap().items.len(), 2);

    let (mut order, mut event) = (plain.order.clone(), plain.event.clone());
    (order.version, event.sequence, event.id) = (2, 2, EventId(Uuid::from_u128(9)));
    let update = Update { from: 1, document: order.document(), order, event: Some(event) };
    cut();
    assert!(store.update_order(update.clone()).await.unwrap());
    assert!(!store.update_order(update).await.unwrap(), "a second one is stale");
    let mut order = plain.order.clone();
    order.version = 3;
    cut();
    assert!(store.update_order(Update { from: 2, document: order.document(), order, event: None }).await.unwrap());

    let new = NewDelivery { id: DeliveryId(Uuid::from_u128(7)), channel: "log".into(), recipient: "x".into(), endpoint: None };
    let receipt = Receipt { event: (plain.order.id, 1), deliveries: vec![new.clone()], at: now(), lease_until: now() };
    cut();
    assert_eq!(store.receive(receipt.clone()).await.unwrap(), Accepted::Deliveries(vec![new.id]), "they are ours to make");
    assert_eq!(store.receive(receipt).await.unwrap(), Accepted::Deliveries(vec![]));
    let message = RejectedMessage { message_id: None, body: vec![1], reason: "x".into(), delivery_count: 1, at: now() };
    cut();
    store.reject(message).await.unwrap();
    cut();
    store.mark_published(vec![(plain.order.id, 1)], now()).await.unwrap();
    let outcome = Outcome::Failed { reason: "x".into() };
    cut();
    store.record_attempt(AttemptRecord { delivery: new.id, attempt: 1, at: now(), outcome }).await.unwrap();
    assert_eq!(store.steps(new.id).await.unwrap().len(), 1);
    attempts(store.as_ref(), (plain.order.id, 1), &cut).await;
    registers(store.as_ref(), &cut).await;
    assert_eq!(store.claim_events(10, now(), Duration::from_secs(30)).await.unwrap().len(), 2);
    drop(store);
    database.drop().await;
}

/// An attempt with an endpoint, and what an operator does: each answer is lost, and each thing done once.
async fn attempts(store: &dyn Store, event: EventKey, cut: &impl Fn()) {
    let (id, endpoint, soon) = (DeliveryId(Uuid::from_u128(8)), "webhook:erp", now().plus(Duration::from_secs(30)));
    let new = NewDelivery { id, channel: "webhook".into(), recipient: "erp".into(), endpoint: Some(endpoint.into()) };
    store.receive(Receipt { event, deliveries: vec![new], at: now(), lease_until: soon }).await.unwrap();
    let begin = |attempt, at: Timestamp| {
        let (endpoint, lease_until) = (endpoint.into(), at.plus(Duration::from_secs(30)));
        Begin { delivery: id, attempt, endpoint, at, lease_until, purpose: Purpose::Send }
    };
    cut();
    assert_eq!(store.begin(begin(1, now())).await.unwrap(), Begun::Go(Found::Closed));
    let outcome = Outcome::Retrying { reason: "away".into(), next_attempt_at: soon };
    let record = AttemptRecord { delivery: id, attempt: 1, at: now(), outcome };
    let verdict = Some(Verdict::Down { found: Found::Closed, until: soon, reason: "away".into() });
    cut();
    store.end(Ending { record, endpoint: endpoint.into(), verdict, paused: true, ends_doubt: false }).await.unwrap();
    assert_eq!(store.outages().await.unwrap()[0].failures, 1);
    let claimed = store.claim_deliveries(10, soon, Duration::from_secs(30)).await.unwrap();
    assert!(claimed.iter().any(|delivery| delivery.id == id && delivery.attempt == 2));
    cut();
    let probe = store.begin(begin(2, soon)).await.unwrap();
    assert_eq!(probe, Begun::Go(Found::Probed { failures: 1, opened_at: now() }), "the probe is ours, and not another's");
    let outcome = Outcome::Failed { reason: "refused".into() };
    let record = AttemptRecord { delivery: id, attempt: 2, at: soon, outcome };
    cut();
    store.end(Ending { record, endpoint: endpoint.into(), verdict: Some(Verdict::Up), paused: false, ends_doubt: false }).await.unwrap();
    cut();
    assert_eq!(store.decide(vec![id], Decision::Reopened, "mended".into(), soon).await.unwrap(), [id]);
    let steps = store.steps(id).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.what.as_str()).collect::<Vec<_>>(), ["retrying", "failed", "reopened"]);
    decisions(store, id, soon, cut).await;
}

/// A delivery that waits is leased and given back, given up, reopened and abandoned.
async fn decisions(store: &dyn Store, id: DeliveryId, at: Timestamp, cut: &impl Fn()) {
    let later = |seconds| at.plus(Duration::from_secs(seconds));
    let claimed = store.claim_deliveries(10, at, Duration::from_secs(30)).await.unwrap();
    assert_eq!(claimed.iter().filter(|delivery| delivery.id == id).map(|delivery| delivery.attempt).collect::<Vec<_>>(), [3]);
    cut();
    store.give_back(vec![Lease { delivery: id, attempt: 3, until: later(30) }], later(1)).await.unwrap();
    let wanted = Wanted { ids: vec![id], limit: 1, ..Wanted::default() };
    let entry = store.deliveries(&wanted).await.unwrap().remove(0);
    assert_eq!((entry.attempts, entry.state, entry.next_attempt_at), (2, State::Pending, later(1)), "one attempt is not counted");
    for (decision, at) in [(Decision::GivenUp, later(2)), (Decision::Reopened, later(3)), (Decision::Abandoned, later(4))] {
        cut();
        assert_eq!(store.decide(vec![id], decision, "x".into(), at).await.unwrap(), [id]);
    }
    assert_eq!(store.steps(id).await.unwrap().len(), 6);
}

/// What is registered is registered once, and removed once.
async fn registers(store: &dyn Store, cut: &impl Fn()) {
    let suppression = Suppression { channel: "email".into(), address: "a".into(), reason: "bounced".into(), at: now() };
    cut();
    assert!(store.add_suppression(suppression).await.unwrap());
    cut();
    assert!(store.remove_suppression("email".into(), "a".into()).await.unwrap());
    let hook = Endpoint { name: "erp".into(), url: "x".into(), events: vec![], key_name: "x".into(), created_at: now(), disabled: None };
    cut();
    store.put_webhook_endpoint(hook.clone()).await.unwrap();
    assert_eq!(store.webhook_endpoints().await.unwrap(), [hook]);
    cut();
    assert!(store.remove_webhook_endpoint("erp".into(), now()).await.unwrap());
    assert!(!store.remove_webhook_endpoint("erp".into(), now()).await.unwrap());
}
