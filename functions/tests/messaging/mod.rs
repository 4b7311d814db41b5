//! One list of messaging promises, kept alike by `orders worker` and under the Functions host: each promise ends in a log of
//! deliveries, attempts, outcomes and reasons, and the log is the same on both.

mod account;
mod delivering;
mod following;
mod putting_aside;
mod retrying;

use crate::behaviour::arrangement::{Arrangement, Envelopes, Running};
use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{Connection, SqliteConnection};
use std::panic::AssertUnwindSafe;

struct Promise {
    name: &'static str,
    keep: for<'a> fn(&'a Running) -> BoxFuture<'a, Vec<String>>,
    /// What both hosts give.
    log: &'static [&'static str],
}

macro_rules! promises {
    ($($subject:ident::$name:ident: [$($line:literal),+ $(,)?];)+) => {
        [$(Promise {
            name: concat!(stringify!($subject), "::", stringify!($name)),
            keep: |running| Box::pin($subject::$name(running)),
            log: &[$($line),+],
        }),+]
    };
}

/// The first needs a service that has told nobody anything yet.
const ALL: [Promise; 8] = promises! {
    retrying::a_customer_who_cannot_be_told_is_tried_again_after_longer_and_longer_waits: [
        "copy 1, delivery 1: done with",
        "received",
        "attempt 1 by file: retrying after 1 to 2 s: it could not be told",
        "attempt 2 by file: retrying after 2 to 4 s: it could not be told",
        "attempt 3 by file: succeeded",
        "told of created at attempt 3",
    ];
    delivering::a_message_whose_handler_dies_comes_again: [
        "copy 1, delivery 1: came back",
        "copy 1, delivery 2: done with",
        "received",
        "attempt 1 by file: succeeded",
        "told of created at attempt 1",
    ];
    delivering::a_message_whose_lock_is_lost_is_handled_twice_and_told_once: [
        "copy 1, delivery 1: came back",
        "copy 1, delivery 2: done with",
        "received",
        "attempt 1 by file: succeeded",
        "told of created at attempt 1",
    ];
    delivering::a_message_whose_completion_got_lost_comes_again_harmlessly: [
        "copy 1, delivery 1: came back",
        "copy 1, delivery 2: done with",
        "received",
        "attempt 1 by file: succeeded",
        "told of created at attempt 1",
    ];
    delivering::an_event_that_was_published_twice_is_told_once: [
        "copy 1, delivery 1: done with",
        "copy 2, delivery 1: done with",
        "received",
        "attempt 1 by file: succeeded",
        "told of created at attempt 1",
    ];
    putting_aside::what_nobody_can_read_is_kept_with_its_reason_at_its_first_delivery: [
        "copy 1, delivery 1: done with",
        "copy 2, delivery 1: done with",
        "copy 3, delivery 1: done with",
        "rejected at delivery 1: the message is not an event: is not JSON (line 1, column 2)",
        "rejected at delivery 1: the message has a type that is not known here",
        "rejected at delivery 1: the message has a specversion other than 1.0",
    ];
    putting_aside::a_message_that_fails_ten_times_is_a_dead_letter_until_it_is_replayed: [
        "copy 1, delivery 1: came back",
        "copy 1, delivery 2: came back",
        "copy 1, delivery 3: came back",
        "copy 1, delivery 4: came back",
        "copy 1, delivery 5: came back",
        "copy 1, delivery 6: came back",
        "copy 1, delivery 7: came back",
        "copy 1, delivery 8: came back",
        "copy 1, delivery 9: came back",
        "copy 1, delivery 10: dead letter: MaxDeliveryCountExceeded",
        "received",
        "attempt 1 by file: succeeded",
        "told of created at attempt 1",
    ];
    following::a_trace_goes_from_the_request_to_the_attempt_to_tell: [
        "the event: 4bf92f3577b34da6a3ce929d0e0e4736",
        "the message's body: 4bf92f3577b34da6a3ce929d0e0e4736",
        "traceparent of the message: 4bf92f3577b34da6a3ce929d0e0e4736",
        "Diagnostic-Id of the message: 4bf92f3577b34da6a3ce929d0e0e4736",
        "the log of Notify: 4bf92f3577b34da6a3ce929d0e0e4736",
        "the log of the attempt: 4bf92f3577b34da6a3ce929d0e0e4736",
        "what the customer was told: 4bf92f3577b34da6a3ce929d0e0e4736",
    ];
};

/// Keeps the promises one after the other; gives what differs from their logs.
async fn differences(arrangement: Arrangement) -> Vec<String> {
    let running = Running::start(arrangement, Envelopes::default(), "30s").await;
    let mut differences = Vec::new();
    for Promise { name, keep, log } in &ALL {
        match AssertUnwindSafe(keep(&running)).catch_unwind().await {
            Ok(kept) if kept == *log => {}
            Ok(kept) => differences.push(format!("{name} under {arrangement:?} gives another log: {kept:#?}")),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
                differences.push(format!("{name} under {arrangement:?} is not kept: {}", text.unwrap_or("a panic without words")));
            }
        }
    }
    running.end().await;
    differences
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_and_functions_host_give_the_same_log_of_deliveries() {
    let (mut alone, hosted) = tokio::join!(differences(Arrangement::Standalone), differences(Arrangement::Proxying));
    alone.extend(hosted);
    assert!(alone.is_empty(), "\n{}\n", alone.join("\n\n"));
}

/// While it is there nobody else can write to the database.
struct Hold(SqliteConnection);

impl Hold {
    async fn of(running: &Running) -> Self {
        let mut connection = running.database().await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        Self(connection)
    }

    async fn release(mut self) {
        sqlx::query("ROLLBACK").execute(&mut self.0).await.unwrap();
        self.0.close().await.unwrap();
    }
}
