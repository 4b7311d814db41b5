//! How many requests each thing costs that the store does.

use super::{addition, asked, login_any, now, open, server, with_schema};
use crate::support::{
    sql_server::TestDatabase,
    tds::{Cell, Column, Peer, Reply, Request, Set},
    turns::Turns,
};
use orders::{
    domain::{
        attempt::Outcome,
        delivery::NewDelivery,
        id::{DeliveryId, EventId, OrderId},
        idempotency::IdempotencyKey,
        page::Query,
        settle::Verdict,
        suppression::Suppression,
        webhook::Endpoint,
    },
    store::{
        Addition, AttemptRecord, Expiry, Lease, Receipt, RejectedMessage, Store, Update,
        azure_sql::Server,
        ledger::{Begin, Decision, Ending, Purpose, Wanted},
    },
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// Results of the shape that the statement has; empty ones where that is an answer.
fn shape(request: &Request) -> Reply {
    let sql = request.sql.as_str();
    let one = |column, cell| Reply::Sets(vec![Set(vec![column], vec![vec![cell]])]);
    if sql.contains("AS updated") {
        one(Column::Int, Cell::Int(1))
    } else if sql.contains("AS oldest_unpublished") {
        let columns = vec![Column::BigInt, Column::BigInt, Column::BigInt, Column::Int];
        Reply::Sets(vec![Set(columns, vec![vec![Cell::Null, Cell::Null, Cell::Null, Cell::Int(0)]])])
    } else if sql.contains("AS added") || sql.contains("AS removed") {
        one(Column::Int, Cell::Int(1))
    } else if sql.contains("AS said") {
        let columns = vec![Column::Text, Column::Int, Column::BigInt, Column::BigInt];
        Reply::Sets(vec![Set(columns, vec![vec![Cell::Text("go"), Cell::Int(0), Cell::BigInt(0), Cell::BigInt(0)]])])
    } else if sql.contains("AS keys") {
        Reply::Sets(vec![Set(vec![Column::Int, Column::Int], vec![vec![Cell::Int(0), Cell::Int(0)]])])
    } else if sql.contains("FROM dbo.orders WHERE id = @P1;") {
        let order = Set(vec![Column::Guid], vec![vec![Cell::Guid(Uuid::nil())]]);
        let none = || Set(vec![Column::Text], vec![]);
        Reply::Sets(vec![order, none(), none(), none()])
    } else {
        Reply::Sets(vec![])
    }
}

/// Does everything once, and says what each thing cost by `count`.
async fn costs(store: Arc<dyn Store>, added: Addition, count: impl Fn() -> usize) -> Vec<(&'static str, usize)> {
    let (id, lease) = (added.order.id, Duration::from_secs(30));
    let (mut order, mut event) = (added.order.clone(), added.event.clone());
    (order.version, event.sequence, event.id) = (2, 2, EventId(Uuid::from_u128(9)));
    let update = Update { from: 1, document: order.document(), order, event: Some(event) };
    let new = |n| NewDelivery { id: DeliveryId(Uuid::from_u128(n)), channel: "log".into(), recipient: format!("{n}"), endpoint: None };
    let receipt = Receipt { event: (id, 1), deliveries: vec![new(1), new(2)], at: now(), lease_until: now() };
    let outcome = Outcome::Failed { reason: "x".into() };
    let attempt = AttemptRecord { delivery: new(1).id, attempt: 1, at: now(), outcome };
    let delivery = new(1).id;
    let begin = Begin { delivery, attempt: 1, endpoint: "x".into(), at: now(), lease_until: now(), purpose: Purpose::Send };
    let ending = Ending { record: attempt.clone(), endpoint: "x".into(), verdict: Some(Verdict::Up), paused: false, ends_doubt: false };
    let hook = Endpoint { name: "erp".into(), url: "x".into(), events: vec![], key_name: "x".into(), created_at: now(), disabled: None };
    let suppression = Suppression { channel: "email".into(), address: "a".into(), reason: "x".into(), at: now() };
    let message = RejectedMessage { message_id: None, body: vec![1], reason: "x".into(), delivery_count: 1, at: now() };
    let query = Query { status: None, customer: None, created_from: None, created_to: None, limit: 50, after: None };
    let customers = Query { customer: Some("Ada".into()), ..query.clone() };
    let events: Vec<_> = (0..99).map(|n| (OrderId(Uuid::from_u128(n)), 1)).chain([(id, 1)]).collect();
    let expiry = Expiry { now: now(), events_before: now(), limit: 1000 };
    let mut costs = Vec::new();
    macro_rules! cost {
        ($what:literal, $doing:expr) => {{
            let before = count();
            $doing.await.unwrap();
            costs.push(($what, count() - before));
        }};
    }
    cost!("create", store.add_order(added, now()));
    cost!("look for a key", store.replay(&IdempotencyKey::parse("k").unwrap(), now()));
    cost!("get", store.order(id));
    cost!("list", store.orders(&query));
    cost!("list a customer's", store.orders(&customers));
    cost!("update", store.update_order(update));
    cost!("timeline", store.timeline(id));
    cost!("claim events", store.claim_events(100, now(), lease));
    cost!("mark 100 events published", store.mark_published(events, now()));
    cost!("list an order's events", store.events(id));
    cost!("list events that wait", store.waiting_events(100));
    cost!("postpone an event", store.postpone_event((id, 1), "x".into(), now()));
    cost!("receive an event", store.receive(receipt));
    cost!("claim deliveries", store.claim_deliveries(100, now(), lease));
    cost!("give a delivery back", store.give_back(vec![Lease { delivery, attempt: 1, until: now() }], now()));
    cost!("record an attempt", store.record_attempt(attempt));
    cost!("begin an attempt", store.begin(begin));
    cost!("note what the provider calls it", store.sent(delivery, 1, "x".into()));
    cost!("end an attempt", store.end(ending));
    cost!("list deliveries", store.deliveries(&Wanted { limit: 10, ..Wanted::default() }));
    cost!("list deliveries that are not done", store.unfinished(100));
    cost!("show a delivery", store.steps(delivery));
    cost!("decide deliveries", store.decide(vec![delivery], Decision::Reopened, "x".into(), now()));
    cost!("list outages", store.outages());
    cost!("list endpoints", store.webhook_endpoints());
    cost!("put an endpoint", store.put_webhook_endpoint(hook));
    cost!("disable an endpoint", store.disable_webhook_endpoint("erp".into(), now(), "x".into(), now()));
    cost!("note that an endpoint answered", store.webhook_endpoint_answered("erp".into(), now()));
    cost!("remove an endpoint", store.remove_webhook_endpoint("erp".into(), now()));
    cost!("list suppressions", store.suppressions(None));
    cost!("find a suppression", store.suppression("email", "a"));
    cost!("add a suppression", store.add_suppression(suppression));
    cost!("remove a suppression", store.remove_suppression("email".into(), "a".into()));
    cost!("find what nobody received", store.unreceived(now(), 100));
    cost!("keep a rejected message", store.reject(message));
    cost!("list rejected messages", store.rejected(0, 100));
    cost!("forget a rejected message", store.forget_rejected(vec![1]));
    cost!("find what is due next", store.next_due());
    cost!("expire", store.expire(expiry));
    costs
}

#[tokio::test]
async fn everything_the_store_does_is_one_request() {
    let peer = Peer::start(login_any, with_schema(shape)).await;
    for (what, cost) in costs(open(server(&peer)), addition().await, || asked(&peer).len()).await {
        assert_eq!(cost, 1, "{what}");
    }
    assert_eq!(peer.look(|seen| (seen.accepted, seen.closed)), (1, 0), "all over one connection");
}

/// Counted from outside, by a proxy that sees when the talk changes sides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_the_store_does_is_one_round_trip_to_a_server() {
    let Some(database) = TestDatabase::create_nearby().await else { return };
    open(database.server.clone()).migrate(now()).await.unwrap();
    let turns = Turns::before(database.server.port).await;
    let store = open(Server { port: turns.port, connections: 1, ..database.server.clone() });
    let before = turns.count();
    store.schema().await.unwrap();
    println!("{:>3} round trips to connect and to read the schema's version", turns.count() - before);
    let costs = costs(Arc::clone(&store), addition().await, || turns.count()).await;
    drop(store);
    for (what, cost) in &costs {
        println!("{cost:>3} to {what}");
    }
    database.drop().await;
    assert!(costs.iter().all(|(_, cost)| *cost == 1), "{costs:?}");
}
