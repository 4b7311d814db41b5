//! What a timeline says beyond what was done: what is open, who it is for, and what is not known any more.

use super::{LEASE, addition, at, ledger};
use crate::support::backend::Backend;
use ::orders::{
    domain::{
        attempt::Outcome,
        delivery::NewDelivery,
        id::DeliveryId,
        settle::{Found, Verdict},
    },
    store::{AttemptRecord, Expiry, Lease, Receipt, ledger::Decision},
};
use serde_json::{Value, json};
use uuid::Uuid;

fn brief(entries: &[Value]) -> Vec<(&Value, &Value, &Value, &Value)> {
    entries.iter().map(|entry| (&entry["kind"], &entry["at"], &entry["nextAttemptAt"], &entry["reason"])).collect()
}

pub async fn a_timeline_ends_with_what_is_still_open_since_when_until_when_and_why(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = ledger::deliveries(&service, 3).await;
    let store = &service.app.store;
    let order = order.to_string();
    let open = async || service.whole_timeline(&order).await.split_off(3);
    let sending = (json!("delivery.sending"), json!(at(0)), json!(at(30)), Value::Null);
    for entry in open().await {
        assert_eq!(brief(&[entry]), [(&sending.0, &sending.1, &sending.2, &sending.3)], "what is under way is no silence");
    }
    // One waits untried, one is paused untried, and one was told when it will be tried again.
    store.give_back(vec![Lease { delivery: ids[0], attempt: 1, until: at(30) }], at(40)).await.unwrap();
    store.give_back(vec![Lease { delivery: ids[1], attempt: 1, until: at(30) }], at(5)).await.unwrap();
    let outcome = Outcome::Retrying { reason: "busy".into(), next_attempt_at: at(35) };
    let verdict = Verdict::Down { found: Found::Closed, until: at(60), reason: "no connection".into() };
    let record = AttemptRecord { delivery: ids[2], attempt: 1, at: at(4), outcome };
    ledger::end_unpaused(&service, record, Some(verdict)).await;
    assert_eq!(store.claim_deliveries(10, at(6), LEASE).await.unwrap().len(), 0);
    let told = open().await;
    let (untried, paused) = (at(0), at(6));
    assert_eq!(
        brief(&told),
        [
            (&json!("delivery.retrying"), &json!(at(4)), &json!(at(35)), &json!("busy")),
            (&json!("delivery.waiting"), &json!(untried), &json!(at(40)), &Value::Null),
            (&json!("delivery.paused"), &json!(paused), &json!(at(60)), &json!("no connection")),
        ]
    );
    // What an operator reopened waits since then.
    store.decide(vec![ids[2]], Decision::Reopened, "mended".into(), at(7)).await.unwrap();
    let told = open().await;
    assert_eq!(brief(&told[4..]), [(&json!("delivery.waiting"), &json!(at(7)), &json!(at(7)), &Value::Null)].as_slice(), "{told:?}");
}

pub async fn a_timeline_names_the_endpoint_and_no_address(backend: Backend) {
    let service = backend.service().await;
    let added = addition(&service);
    let (order, event) = (added.order.id, added.event.sequence);
    let store = &service.app.store;
    store.add_order(added, at(0)).await.unwrap();
    let new = |n, channel: &str, recipient: &str, endpoint: &str| NewDelivery {
        id: DeliveryId(Uuid::from_u128(n)),
        channel: channel.into(),
        recipient: recipient.into(),
        endpoint: Some(endpoint.into()),
    };
    let deliveries = vec![new(1, "webhook", "erp", "webhook:erp"), new(2, "email", "ada@example.com", "email mail.example.com:587")];
    store.receive(Receipt { event: (order, event), deliveries, at: at(0), lease_until: at(30) }).await.unwrap();
    for (n, seconds) in [(1, 1), (2, 2)] {
        let outcome = Outcome::Failed { reason: "no".into() };
        let record = AttemptRecord { delivery: DeliveryId(Uuid::from_u128(n)), attempt: 1, at: at(seconds), outcome };
        store.record_attempt(record).await.unwrap();
    }
    let told = service.whole_timeline(&order.to_string()).await;
    let told = &told[told.len() - 2..];
    assert_eq!((&told[0]["channel"], &told[0]["endpoint"]), (&json!("webhook"), &json!("erp")));
    assert_eq!((&told[1]["channel"], told[1].get("endpoint")), (&json!("email"), None));
}

pub async fn a_timeline_says_that_what_is_older_than_the_retention_is_gone(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = ledger::deliveries(&service, 1).await;
    let outcome = Outcome::Failed { reason: "no such address".into() };
    ledger::end(&service, AttemptRecord { delivery: ids[0], attempt: 1, at: at(2), outcome }, None).await;
    assert!(!service.timeline(&order.to_string()).await.contains(&"history.trimmed".to_owned()));
    let later = at(100_000);
    service.app.store.expire(Expiry { now: later, events_before: later, limit: 10 }).await.unwrap();
    assert_eq!(service.timeline(&order.to_string()).await, ["order.created", "history.trimmed"]);
}
