//! The schema and its migrations.

use super::{addition, at};
use crate::support::{Service, backend::Backend};
use ::orders::{
    domain::{id::OrderId, page::Query},
    store::{self, Added, StoreError},
};
use uuid::Uuid;

pub async fn eight_that_migrate_at_once_migrate_once(backend: Backend) {
    let migrations = (0..8).map(|_| {
        let store = backend.store();
        tokio::spawn(async move { store.migrate(at(0)).await.unwrap().len() })
    });
    let applied: Vec<usize> = futures_util::future::join_all(migrations).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
    assert_eq!(backend.store().schema().await.unwrap(), store::SCHEMA_WANTED);
}

pub async fn a_schema_that_is_too_old_is_named_with_what_is_wanted(backend: Backend) {
    backend.make_empty();
    let store = backend.store();
    let wanted =
        format!("the database has schema version 0, and this binary needs at least {}: run `orders migrate`", store::SCHEMA_WANTED);
    assert_eq!(store.schema().await.unwrap_err().to_string(), wanted);
    let elsewhere = Service::start().await;
    let refused = store.add_order(addition(&elsewhere), at(0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Schema { found: 0, .. }), "{refused}");
    let reads = [
        store.order(OrderId(Uuid::nil())).await.unwrap_err(),
        store.orders(&query()).await.unwrap_err(),
        store.timeline(OrderId(Uuid::nil())).await.unwrap_err(),
    ];
    for refused in reads {
        assert!(matches!(refused, StoreError::Schema { found: 0, .. }), "{refused}");
    }
    // It is asked again each time: once the schema is there, the same store works.
    store.migrate(at(0)).await.unwrap();
    assert_eq!(store.add_order(addition(&elsewhere), at(0)).await.unwrap(), Added::Stored);
    assert_eq!(store.order(OrderId(Uuid::nil())).await.unwrap(), None);
    assert_eq!(store.orders(&query()).await.unwrap().items.len(), 1);
    assert_eq!(store.schema().await.unwrap(), store::SCHEMA_WANTED);
}

fn query() -> Query {
    Query { status: None, customer: None, created_from: None, created_to: None, limit: 1, after: None }
}
