//! Orders, their lists, and the requests that are not repeated.

use super::{addition, addition_of, at, keyed};
use crate::support::{Service, backend::Backend, client::order};
use ::orders::{
    domain::{
        change::Change,
        event::Event,
        id::OrderId,
        idempotency::{IdempotencyKey, Record},
        node::Node,
        order::Order,
        page::{Cursor, Page, Query},
        status::Status,
    },
    store::{Added, Addition, StoreError, Update},
};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

pub async fn of_writes_that_are_committed_together_the_refused_one_fails_alone(backend: Backend) {
    let service = backend.service().await;
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
    assert_eq!(store.claim_events(100, at(0), super::LEASE).await.unwrap().len(), 51);
}

pub async fn what_is_stored_is_read_back_whole(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    let lines: Vec<_> =
        (0..100).map(|n| json!({ "sku": format!("TEA-{n}"), "name": "Grüner Tee 茶🍵", "quantity": 2, "unitPrice": n })).collect();
    let large = addition_of(&service, &json!({ "customerName": "Zoë 🍵", "currency": "EUR", "lines": lines }));
    for added in [large, addition(&service)] {
        let (id, document) = (added.order.id, Arc::clone(&added.event.data));
        let event = added.event.clone();
        assert_eq!(store.add_order(added, at(0)).await.unwrap(), Added::Stored);
        let stored = store.order(id).await.unwrap().unwrap();
        assert_eq!((stored.id, stored.version, &stored.document), (id, 1, &document));
        let leased = store.claim_events(1, at(0), super::LEASE).await.unwrap();
        assert_eq!(leased[0].event, event);
        assert_eq!(store.timeline(id).await.unwrap().unwrap().entries.len(), 1);
    }
    assert_eq!(store.order(OrderId(Uuid::nil())).await.unwrap(), None);
    assert!(store.timeline(OrderId(Uuid::nil())).await.unwrap().is_none());
}

pub async fn a_key_makes_one_order_however_many_ask_at_once(backend: Backend) {
    let service = backend.service().await;
    let writes = (0..8).map(|_| {
        let (store, addition) = (Arc::clone(&service.app.store), keyed(&service, "k"));
        tokio::spawn(async move {
            let document = Arc::clone(&addition.event.data);
            (document, store.add_order(addition, at(0)).await.unwrap())
        })
    });
    let outcomes: Vec<_> = futures_util::future::join_all(writes).await.into_iter().map(Result::unwrap).collect();
    let stored: Vec<_> = outcomes.iter().filter(|(_, added)| *added == Added::Stored).collect();
    assert_eq!(stored.len(), 1, "{outcomes:?}");
    let record = Record { fingerprint: keyed(&service, "k").record.unwrap().fingerprint, answer: Arc::clone(&stored[0].0) };
    for (_, added) in &outcomes {
        assert!(*added == Added::Stored || *added == Added::Replayed(record.clone()), "{added:?}");
    }
    let key = IdempotencyKey::parse("k").unwrap();
    assert_eq!(service.app.store.replay(&key, at(0)).await.unwrap(), Some(record));
    assert_eq!(listed(&service, &everything()).await.items.len(), 1);
}

pub async fn a_key_is_free_again_when_it_expired(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    assert_eq!(store.add_order(keyed(&service, "k"), at(0)).await.unwrap(), Added::Stored);
    assert!(matches!(store.add_order(keyed(&service, "k"), at(59)).await.unwrap(), Added::Replayed(_)));
    assert_eq!(store.replay(&IdempotencyKey::parse("k").unwrap(), at(60)).await.unwrap(), None);
    assert_eq!(store.add_order(keyed(&service, "k"), at(60)).await.unwrap(), Added::Stored);
}

pub async fn keys_are_told_apart_by_each_character(backend: Backend) {
    let service = backend.service().await;
    for key in ["key", "KEY", "\"key \"", "\" key\""] {
        assert_eq!(service.app.store.add_order(keyed(&service, key), at(0)).await.unwrap(), Added::Stored, "{key}");
    }
}

fn confirmed(service: &Service, order: &Order, note: &str) -> Update {
    let from = order.version;
    let body = json!({ "status": "confirmed", "metadata": { "note": note } }).to_string();
    let change = Change::parse(&Node::parse(&body).unwrap()).unwrap();
    let changed = order.change(&change, service.app.now()).unwrap().unwrap();
    let event = Event::changed(&changed, service.app.event_id(), None);
    Update { from, document: changed.order.document(), order: changed.order, event }
}

pub async fn an_update_from_a_version_that_has_passed_does_nothing(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    let added = addition(&service);
    store.add_order(added.clone(), at(0)).await.unwrap();
    let update = confirmed(&service, &added.order, "first");
    assert!(store.update_order(update.clone()).await.unwrap());
    assert!(!store.update_order(confirmed(&service, &added.order, "second")).await.unwrap());
    let stored = store.order(added.order.id).await.unwrap().unwrap();
    assert_eq!((stored.version, &stored.document), (2, &update.document));
    let kinds = service.timeline(&added.order.id.to_string()).await;
    assert_eq!(kinds, ["order.created", "order.statusChanged"]);
    let confirmed = Query { status: Some(Status::Confirmed), ..everything() };
    assert_eq!(listed(&service, &confirmed).await.items.len(), 1);
}

fn everything() -> Query {
    Query { status: None, customer: None, created_from: None, created_to: None, limit: 50, after: None }
}

async fn listed(service: &Service, query: &Query) -> Page {
    service.app.store.orders(query).await.unwrap()
}

async fn place(service: &Service, name: &str, email: Option<&str>) -> OrderId {
    let mut body = order();
    body["customer"] = json!({ "name": name, "email": email });
    if email.is_none() {
        body["customer"] = json!({ "name": name });
    }
    let added = addition_of(service, &body);
    let id = added.order.id;
    service.app.store.add_order(added, at(0)).await.unwrap();
    id
}

pub async fn a_list_is_newest_first_and_its_filters_join(backend: Backend) {
    let service = backend.service().await;
    let mut all = Vec::new();
    for (name, email) in [("Ada", Some("ada@x.yz")), ("Bob", None), ("Ada", None), ("ada@x.yz", Some("ada@x.yz"))] {
        all.push(place(&service, name, email).await);
        service.clock.advance(std::time::Duration::from_secs(1));
    }
    let customer = |name: &str| Query { customer: Some(name.into()), ..everything() };
    for (query, expected) in [
        (everything(), vec![3, 2, 1, 0]),
        (Query { limit: 2, ..everything() }, vec![3, 2]),
        (Query { limit: 2, after: Some(Cursor(all[2])), ..everything() }, vec![1, 0]),
        (Query { status: Some(Status::Placed), limit: 1, ..everything() }, vec![3]),
        (Query { status: Some(Status::Shipped), ..everything() }, vec![]),
        (customer("Ada"), vec![2, 0]),
        (customer("ada@x.yz"), vec![3, 0]),
        (Query { limit: 1, ..customer("ada@x.yz") }, vec![3]),
        (Query { status: Some(Status::Placed), ..customer("Ada") }, vec![2, 0]),
        (Query { created_from: Some(at(1)), created_to: Some(at(3)), ..everything() }, vec![2, 1]),
        (Query { created_from: Some(at(1)), ..customer("Ada") }, vec![2]),
    ] {
        let page = listed(&service, &query).await;
        let ids: Vec<_> = page.items.iter().map(|stored| stored.id).collect();
        let expected: Vec<_> = expected.into_iter().map(|index: usize| all[index]).collect();
        assert_eq!(ids, expected, "{query:?}");
        assert_eq!(page.next.is_some(), query.limit < 50 && query.after.is_none(), "{query:?}");
    }
}

pub async fn a_list_compares_names_by_each_character(backend: Backend) {
    let service = backend.service().await;
    let names = ["Zoe", "zoe", "Zoë", "Zoe\u{308}", "Zoe ", " Zoe"];
    for name in names {
        place(&service, name, None).await;
    }
    for name in names {
        let page = listed(&service, &Query { customer: Some(name.into()), ..everything() }).await;
        assert_eq!(page.items.len(), 1, "{name}");
    }
}
