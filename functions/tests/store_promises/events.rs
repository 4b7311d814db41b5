//! Events on their way out.

use super::{LEASE, addition, at};
use crate::support::backend::Backend;
use ::orders::{
    domain::{
        delivery::NewDelivery,
        event::EventKind,
        id::{DeliveryId, OrderId},
    },
    store::{Accepted, Addition, Receipt, Update, Waiting},
};
use std::{collections::HashSet, sync::Arc};
use uuid::Uuid;

pub async fn an_event_is_leased_to_one_and_free_again_when_the_lease_ends(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    store.add_order(addition(&service), at(0)).await.unwrap();
    let first = store.claim_events(10, at(0), LEASE).await.unwrap();
    assert_eq!((first.len(), first[0].attempt, first[0].is_taken_over), (1, 1, false));
    assert_eq!(store.claim_events(10, at(29), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap().next_due(), Some(at(30)));
    let second = store.claim_events(10, at(30), LEASE).await.unwrap();
    assert_eq!((second.len(), second[0].attempt, second[0].is_taken_over), (1, 2, true));
    let key = (second[0].event.order_id, second[0].event.sequence);
    store.postpone_event(key, "away".into(), at(40)).await.unwrap();
    let oldest_unpublished = Some(second[0].event.occurred_at);
    assert_eq!(store.next_due().await.unwrap(), Waiting { event_due: Some(at(40)), oldest_unpublished, ..Waiting::default() });
    let third = store.claim_events(10, at(40), LEASE).await.unwrap();
    assert_eq!((third.len(), third[0].attempt, third[0].is_taken_over), (1, 3, false), "it was given back");
    store.mark_published(vec![key], at(41)).await.unwrap();
    assert_eq!(store.claim_events(10, at(100), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap(), Waiting::default());
}

pub async fn of_each_order_only_the_first_unpublished_event_is_leased(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    let added = addition(&service);
    store.add_order(added.clone(), at(0)).await.unwrap();
    let mut order = added.order.clone();
    order.version = 2;
    let document = order.document();
    let mut event = added.event.clone();
    (event.id, event.kind, event.sequence, event.data) = (service.app.event_id(), EventKind::Cancelled, 2, Arc::clone(&document));
    assert!(store.update_order(Update { from: 1, order, document, event: Some(event) }).await.unwrap());
    for sequence in 1..=2 {
        let leased = store.claim_events(10, at(0), LEASE).await.unwrap();
        assert_eq!(leased.iter().map(|leased| leased.event.sequence).collect::<Vec<_>>(), [sequence]);
        store.mark_published(vec![(added.order.id, sequence)], at(0)).await.unwrap();
    }
    assert!(store.claim_events(10, at(0), LEASE).await.unwrap().is_empty());
}

pub async fn many_that_claim_at_once_get_each_event_once(backend: Backend) {
    let service = backend.service().await;
    let mut placed = HashSet::new();
    for _ in 0..60 {
        let added = addition(&service);
        placed.insert(added.order.id);
        service.app.store.add_order(added, at(0)).await.unwrap();
    }
    let claims = (0..6).map(|_| {
        let store = Arc::clone(&service.app.store);
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            loop {
                let leased = store.claim_events(5, at(0), LEASE).await.unwrap();
                if leased.is_empty() {
                    return claimed;
                }
                claimed.extend(leased.into_iter().map(|leased| leased.event.order_id));
            }
        })
    });
    let claimed: Vec<_> = futures_util::future::join_all(claims).await.into_iter().flat_map(Result::unwrap).collect();
    // A claimer that passes by what another holds may end early; what it passed by is the other's.
    assert_eq!(claimed.len(), 60);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), placed);
}

pub async fn an_event_that_was_never_written_is_unknown(backend: Backend) {
    let service = backend.service().await;
    let new = NewDelivery { id: DeliveryId(Uuid::from_u128(7)), channel: "log".into(), recipient: "x".into(), endpoint: None };
    let receipt = Receipt { event: (OrderId(Uuid::from_u128(1)), 1), deliveries: vec![new], at: at(0), lease_until: at(30) };
    assert_eq!(service.app.store.receive(receipt).await.unwrap(), Accepted::UnknownEvent);
}

pub async fn an_event_that_nobody_received_is_found_until_somebody_does(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    let added = addition(&service);
    let key = (added.order.id, 1);
    store.add_order(added.clone(), at(0)).await.unwrap();
    assert!(store.unreceived(at(100), 10).await.unwrap().is_empty(), "it is not published");
    store.mark_published(vec![key], at(10)).await.unwrap();
    assert!(store.unreceived(at(10), 10).await.unwrap().is_empty());
    let found = store.unreceived(at(11), 10).await.unwrap();
    assert_eq!((found.len(), &found[0].event), (1, &added.event));
    store.receive(Receipt { event: key, deliveries: vec![], at: at(12), lease_until: at(30) }).await.unwrap();
    assert!(store.unreceived(at(100), 10).await.unwrap().is_empty());
}

pub async fn an_event_that_is_committed_with_a_lease_is_its_committers_until_that_ends(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    store.add_order(Addition { lease_until: Some(at(30)), ..addition(&service) }, at(0)).await.unwrap();
    assert_eq!(store.claim_events(10, at(29), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap().next_due(), Some(at(30)));
    let taken_over = store.claim_events(10, at(30), LEASE).await.unwrap();
    assert_eq!((taken_over.len(), taken_over[0].attempt, taken_over[0].is_taken_over), (1, 2, true));
}
