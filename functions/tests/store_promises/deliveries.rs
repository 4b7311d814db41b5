//! Notifications to make and the attempts at them.

use super::{LEASE, addition, at};
use crate::support::{Service, backend::Backend};
use ::orders::{
    domain::{
        attempt::Outcome,
        delivery::NewDelivery,
        id::{DeliveryId, OrderId},
    },
    store::{Accepted, AttemptRecord, Expiry, Lease, Receipt, RejectedMessage},
};
use std::{collections::HashSet, sync::Arc};
use uuid::Uuid;

/// An order whose event is received, with `count` deliveries leased until 30 seconds after the start.
async fn deliveries(service: &Service, count: u128) -> (OrderId, Vec<DeliveryId>) {
    let added = addition(service);
    let (order, event) = (added.order.id, added.event.sequence);
    let store = &service.app.store;
    store.add_order(added, at(0)).await.unwrap();
    store.mark_published(vec![(order, event)], at(0)).await.unwrap();
    let new =
        |n| NewDelivery { id: DeliveryId(Uuid::from_u128(n)), channel: "recorder".into(), recipient: format!("test{n}"), endpoint: None };
    let deliveries: Vec<_> = (1..=count).map(new).collect();
    let ids: Vec<_> = deliveries.iter().map(|new| new.id).collect();
    let receipt = Receipt { event: (order, event), deliveries, at: at(0), lease_until: at(30) };
    assert_eq!(store.receive(receipt).await.unwrap(), Accepted::Deliveries(ids.clone()));
    (order, ids)
}

pub async fn a_message_that_comes_twice_or_at_once_makes_its_deliveries_once(backend: Backend) {
    let service = backend.service().await;
    let added = addition(&service);
    let event = (added.order.id, 1);
    service.app.store.add_order(added, at(0)).await.unwrap();
    let receive = |n: u128| {
        let store = Arc::clone(&service.app.store);
        let new = |m: u128| NewDelivery {
            id: DeliveryId(Uuid::from_u128(n * 10 + m)),
            channel: "mail".into(),
            recipient: format!("Zoë{m}"),
            endpoint: None,
        };
        let receipt = Receipt { event, deliveries: vec![new(1), new(2)], at: at(0), lease_until: at(30) };
        tokio::spawn(async move { store.receive(receipt).await.unwrap() })
    };
    let outcomes = futures_util::future::join_all((1..=8).map(receive)).await;
    let mut inserted: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    inserted.retain(|accepted| *accepted != Accepted::Deliveries(vec![]));
    assert!(matches!(inserted.as_slice(), [Accepted::Deliveries(ids)] if ids.len() == 2), "{inserted:?}");
    assert_eq!(receive(9).await.unwrap(), Accepted::Deliveries(vec![]));
}

pub async fn a_delivery_whose_lease_ran_out_has_an_unknown_attempt_and_a_late_success_still_stands(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    assert_eq!(store.claim_deliveries(10, at(29), LEASE).await.unwrap().len(), 0);
    let claimed = store.claim_deliveries(10, at(30), LEASE).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].id, claimed[0].attempt, claimed[0].is_taken_over), (1, ids[0], 2, true));
    let kinds = || async { service.timeline(&order.to_string()).await };
    assert_eq!(kinds().await.last().unwrap(), "delivery.unknown");

    // A failure that comes late says nothing about the attempt under way; a success settles it.
    let record = |attempt, outcome| AttemptRecord { delivery: ids[0], attempt, at: at(31), outcome };
    store.record_attempt(record(1, Outcome::Failed { reason: "late".into() })).await.unwrap();
    assert_eq!(kinds().await.last().unwrap(), "delivery.failed");
    assert_eq!(store.claim_deliveries(10, at(60), LEASE).await.unwrap().len(), 1);
    store.record_attempt(record(1, Outcome::Succeeded { provider_id: Some("p".into()) })).await.unwrap();
    assert_eq!(store.claim_deliveries(10, at(1000), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap().next_due(), None);
}

pub async fn many_that_claim_at_once_get_each_delivery_once(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 40).await;
    let claims = (0..6).map(|_| {
        let store = Arc::clone(&service.app.store);
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            loop {
                let leased = store.claim_deliveries(5, at(30), LEASE).await.unwrap();
                if leased.is_empty() {
                    return claimed;
                }
                assert!(leased.iter().all(|delivery| delivery.attempt == 2));
                claimed.extend(leased.into_iter().map(|delivery| delivery.id));
            }
        })
    });
    let claimed: Vec<_> = futures_util::future::join_all(claims).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(claimed.len(), 40);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), ids.into_iter().collect());
}

pub async fn what_is_given_back_is_due_as_if_it_had_not_been_leased_and_what_another_has_is_left_alone(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 2).await;
    let store = &service.app.store;
    let lease = |delivery, until| Lease { delivery, attempt: 1, until: at(until) };
    for _ in 0..2 {
        store.give_back(vec![lease(ids[0], 30), lease(DeliveryId(Uuid::from_u128(4711)), 30)], at(10)).await.unwrap();
    }
    assert_eq!(store.next_due().await.unwrap().next_due(), Some(at(10)));
    let claimed = store.claim_deliveries(10, at(10), LEASE).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].id, claimed[0].attempt), (1, ids[0], 1), "no attempt was counted");
    // The lease of the other one ran out, and somebody else has it by now.
    let claimed = store.claim_deliveries(10, at(30), LEASE).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].id, claimed[0].attempt), (1, ids[1], 2));
    store.give_back(vec![lease(ids[1], 30), lease(ids[0], 30)], at(31)).await.unwrap();
    assert_eq!(store.claim_deliveries(10, at(39), LEASE).await.unwrap().len(), 0);
    let kinds = service.timeline(&order.to_string()).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "delivery.unknown").count(), 1, "{kinds:?}");
}

pub async fn a_retry_is_due_when_it_was_said_to_be(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    let outcome = Outcome::Retrying { reason: "busy".into(), next_attempt_at: at(50) };
    store.record_attempt(AttemptRecord { delivery: ids[0], attempt: 1, at: at(1), outcome }).await.unwrap();
    let waiting = store.next_due().await.unwrap();
    assert_eq!((waiting.delivery_due, waiting.next_due()), (Some(at(50)), Some(at(50))));
    assert_eq!(store.claim_deliveries(10, at(49), LEASE).await.unwrap().len(), 0);
    let claimed = store.claim_deliveries(10, at(50), LEASE).await.unwrap();
    assert_eq!((claimed[0].attempt, claimed[0].recipient.as_str(), claimed[0].is_taken_over), (2, "test1", false));
    let kinds = service.timeline(&order.to_string()).await;
    assert_eq!(kinds.last().unwrap(), "delivery.retrying", "no attempt is unknown: {kinds:?}");
}

pub async fn what_is_old_and_done_goes_and_what_is_pending_stays(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    store.add_order(super::keyed(&service, "k"), at(0)).await.unwrap();
    let expiry = |limit| Expiry { now: at(200), events_before: at(100), limit };
    let expired = store.expire(expiry(10)).await.unwrap();
    assert_eq!((expired.keys, expired.events), (1, 0), "its delivery is pending");
    let outcome = Outcome::Succeeded { provider_id: None };
    store.record_attempt(AttemptRecord { delivery: ids[0], attempt: 1, at: at(1), outcome }).await.unwrap();
    assert_eq!(store.expire(expiry(0)).await.unwrap().events, 0);
    assert_eq!(store.expire(expiry(10)).await.unwrap().events, 1);
    assert_eq!(service.timeline(&order.to_string()).await, ["order.created", "history.trimmed"]);
}

pub async fn a_message_that_nobody_can_read_is_kept(backend: Backend) {
    let service = backend.service().await;
    for id in [Some("m1".to_owned()), None] {
        let message = RejectedMessage { message_id: id, body: vec![0, 255], reason: "not UTF-8".into(), delivery_count: 1, at: at(0) };
        service.app.store.reject(message).await.unwrap();
    }
    let store = &service.app.store;
    let kept = store.rejected(0, 10).await.unwrap();
    let ids: Vec<Option<&str>> = kept.iter().map(|row| row.message.message_id.as_deref()).collect();
    assert_eq!((ids, &kept[1].message.body), (vec![Some("m1"), None], &vec![0, 255]));
    assert_eq!(store.rejected(kept[0].id + 1, 10).await.unwrap().len(), 1);
    store.forget_rejected(vec![kept[0].id, 4711]).await.unwrap();
    assert_eq!(store.rejected(0, 10).await.unwrap()[0].id, kept[1].id);
}
