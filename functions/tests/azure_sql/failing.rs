//! What happens to a request when the server or the way to it fails.

use super::{DEADLINE, addition, asked, login_any, now, open, server, stored, with_schema};
use crate::support::tds::{Peer, Reply, Welcome};
use orders::{
    domain::{id::OrderId, order::Document},
    store::{Added, StoreError, Update},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use uuid::Uuid;

/// `first` to the first `count` requests, then `then`.
fn after(
    count: usize,
    first: Reply,
    then: fn() -> Reply,
) -> impl Fn(&crate::support::tds::Request, usize) -> Reply + Send + Sync + 'static {
    let asked = AtomicUsize::new(0);
    with_schema(move |_| if asked.fetch_add(1, Ordering::SeqCst) < count { first.clone() } else { then() })
}

/// Whether an earlier try may have been carried out, as each try said.
fn said_again(peer: &Peer) -> Vec<u8> {
    asked(peer).iter().map(|request| request.parameters[0].as_ref().unwrap()[0]).collect()
}

#[tokio::test]
async fn a_database_that_wakes_in_time_is_waited_for() {
    let asleep = |_: &_, before| if before < 3 { Welcome::Refuse(40_613, "not currently available") } else { Welcome::Accept };
    let peer = Peer::start(asleep, with_schema(|_| stored())).await;
    assert_eq!(open(server(&peer)).add_order(addition().await, now()).await.unwrap(), Added::Stored);
    assert_eq!(peer.look(|seen| seen.logins.len()), 4);
}

#[tokio::test]
async fn one_that_does_not_is_said_to_be_paused_within_the_deadline() {
    let peer = Peer::start(|_, _| Welcome::Refuse(40_613, "not currently available"), |_, _| Reply::Drop).await;
    let store = open(server(&peer));
    let began = Instant::now();
    let paused = store.add_order(addition().await, now()).await.unwrap_err();
    assert!(matches!(paused, StoreError::Paused(_)), "{paused}");
    assert!(began.elapsed() < DEADLINE * 2);
    let tries = peer.look(|seen| seen.accepted);
    assert!((3..=40).contains(&tries), "{tries}");
    assert!(matches!(store.schema().await.unwrap_err(), StoreError::Paused(_)), "and is known to be");
    assert_eq!(peer.look(|seen| seen.accepted), tries, "without asking it");
}

#[tokio::test]
async fn a_login_that_is_refused_is_not_tried_again() {
    let peer = Peer::start(|_, _| Welcome::Refuse(18_456, "Login failed"), |_, _| Reply::Drop).await;
    let store = open(server(&peer));
    let refused = store.add_order(addition().await, now()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
    assert_eq!(peer.look(|seen| seen.accepted), 1);
    assert!(matches!(store.schema().await.unwrap_err(), StoreError::Refused(_)));
}

#[tokio::test]
async fn a_transient_error_is_tried_again_and_another_is_not() {
    for number in [1205, 10_928, 10_929, 40_197, 40_501, 49_918, 49_919, 49_920] {
        let peer = Peer::start(login_any, after(1, Reply::Error(number, "try again"), stored)).await;
        assert_eq!(open(server(&peer)).add_order(addition().await, now()).await.unwrap(), Added::Stored, "{number}");
        assert_eq!(said_again(&peer), [0, 1], "{number}");
    }
    let peer = Peer::start(login_any, after(1, Reply::Error(2627, "duplicate"), stored)).await;
    let store = open(server(&peer));
    assert!(matches!(store.add_order(addition().await, now()).await.unwrap_err(), StoreError::Broken(_)));
    assert_eq!(said_again(&peer), [0]);
    // What failed is not used again; what succeeded is.
    store.add_order(addition().await, now()).await.unwrap();
    store.add_order(addition().await, now()).await.unwrap();
    assert_eq!(peer.look(|seen| seen.accepted), 2);
}

#[tokio::test]
async fn a_commit_whose_outcome_was_lost_is_looked_for() {
    let peer = Peer::start(login_any, after(1, Reply::Drop, stored)).await;
    assert_eq!(open(server(&peer)).add_order(addition().await, now()).await.unwrap(), Added::Stored);
    assert_eq!(said_again(&peer), [0, 1]);
    let requests = asked(&peer);
    assert_eq!(requests[0].parameters[1..], requests[1].parameters[1..], "the same order, event and moment");
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_not_called_a_failure() {
    let peer = Peer::start(login_any, with_schema(|_| Reply::Drop)).await;
    let store = open(server(&peer));
    assert!(matches!(store.add_order(addition().await, now()).await.unwrap_err(), StoreError::Deadline));
    // A read has no effect that could be in doubt.
    assert!(matches!(store.order(OrderId(Uuid::nil())).await.unwrap_err(), StoreError::Unavailable(_)));
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_at_the_deadline_and_its_connection_is_closed() {
    let peer = Peer::start(login_any, after(1, Reply::Hang, stored)).await;
    let store = open(server(&peer));
    let began = Instant::now();
    assert!(matches!(store.add_order(addition().await, now()).await.unwrap_err(), StoreError::Deadline));
    assert!((DEADLINE..DEADLINE * 2).contains(&began.elapsed()));
    peer.until(|seen| seen.closed == 1).await;
    store.add_order(addition().await, now()).await.unwrap();
    assert_eq!(peer.look(|seen| seen.accepted), 2);
}

#[tokio::test]
async fn a_task_that_is_cancelled_leaves_no_transaction_behind() {
    let peer = Peer::start(login_any, after(1, Reply::Hang, stored)).await;
    let store = open(server(&peer));
    let cancelled = tokio::spawn({
        let (store, addition) = (Arc::clone(&store), addition().await);
        async move { store.add_order(addition, now()).await }
    });
    peer.until(|seen| seen.requests.len() == 2).await;
    cancelled.abort();
    // The server rolls back what a connection had open when it is closed.
    peer.until(|seen| seen.closed == 1).await;
    store.add_order(addition().await, now()).await.unwrap();
    assert_eq!(peer.look(|seen| seen.accepted), 2);
}

#[tokio::test]
async fn when_one_connection_breaks_the_idle_ones_are_not_tried() {
    let requests = AtomicUsize::new(0);
    let peer = Peer::start(
        login_any,
        with_schema(move |_| match requests.fetch_add(1, Ordering::SeqCst) {
            // Two connections at once, both answered; then the server restarts.
            2 => Reply::Drop,
            _ => stored(),
        }),
    )
    .await;
    let store = open(server(&peer));
    let (first, second) = (addition().await, addition().await);
    let both = tokio::join!(store.add_order(first, now()), store.add_order(second, now()));
    assert!(both.0.is_ok() && both.1.is_ok());
    store.add_order(addition().await, now()).await.unwrap();
    assert_eq!(peer.look(|seen| seen.accepted), 3, "a fresh connection after the broken one");
    peer.until(|seen| seen.closed == 2).await;
}

#[tokio::test]
async fn nobody_there_is_said_at_once_when_time_is_up() {
    let peer = Peer::start(login_any, |_, _| Reply::Drop).await;
    let mut server = server(&peer);
    server.port = 1;
    let began = Instant::now();
    let error = open(server).update_order(update().await).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.starts_with("cannot connect")), "{error}");
    assert!(began.elapsed() < DEADLINE * 2);
}

async fn update() -> Update {
    let added = addition().await;
    let document: Document = Arc::clone(&added.event.data);
    Update { from: 1, order: added.order, document, event: Some(added.event) }
}
