//! One list of behaviours, held on every host: the binary alone, as two processes or as one, and under the Functions host
//! of either generation. Each has a real bus.
//!
//! Where a host makes a difference that a client sees, it is written at the place, with `by`: alone, forwarded, proxied.

pub mod arrangement;
pub mod bus;
mod changing;
pub mod client;
mod describing;
mod elsewhere;
mod hosted;
mod idempotency;
mod listing;
mod notifying;
mod placing;
mod reading;
mod refusing;
mod sweeping;

use crate::support::functions_host::{Framing, functions::DataType};
use arrangement::{Arrangement, Envelopes, Running};
use futures_util::{FutureExt, future::BoxFuture};
use std::panic::AssertUnwindSafe;

struct Behaviour {
    name: &'static str,
    hold: for<'a> fn(&'a Running) -> BoxFuture<'a, ()>,
}

macro_rules! behaviours {
    ($($subject:ident: $($name:ident),+;)+) => {
        [$($(Behaviour {
            name: concat!(stringify!($subject), "::", stringify!($name)),
            hold: |running| Box::pin($subject::$name(running)),
        }),+),+]
    };
}

const ALL: [Behaviour; 28] = behaviours! {
    placing:
        an_order_is_answered_with_its_address_and_reads_as_it_was_placed,
        all_faults_are_told_at_once,
        what_cannot_be_read_is_refused,
        a_body_may_come_in_chunks_unless_the_host_forwards,
        a_compressed_body_is_not_read;
    idempotency:
        a_repeat_gets_the_first_answer_again,
        a_key_belongs_to_one_request,
        a_key_sent_twice_is_one_key_behind_a_host;
    reading:
        an_order_that_the_client_has_is_not_sent_again,
        an_order_that_is_not_there_is_not_found,
        a_malformed_id_is_the_handlers_to_refuse;
    listing:
        walking_the_pages_meets_every_order_once,
        filters_choose_alone_and_together,
        a_query_with_faults_is_refused;
    changing:
        an_order_takes_its_steps_against_its_version,
        a_change_without_or_against_a_stale_version_is_refused,
        a_cancelled_order_takes_no_step;
    refusing:
        a_wrong_method_is_a_405_or_the_hosts_404,
        an_unknown_path_is_a_404_of_whoever_routes,
        without_a_key_there_are_no_orders,
        head_works_where_no_host_routes;
    describing:
        health_docs_and_description_need_no_key;
    notifying:
        a_customer_is_told_of_each_event_once,
        an_event_that_comes_twice_is_told_once,
        what_nobody_can_read_is_kept_and_not_tried_again,
        what_metadata_says_of_an_event_changes_nothing,
        an_order_and_its_event_survive_the_death_of_whoever_handles_messages;
    sweeping:
        an_event_that_nobody_received_reaches_its_customer;
};

/// Holds the behaviours one after the other on one running service, and tells of every one that is not held.
async fn hold(arrangement: Arrangement, envelopes: Envelopes, wanted: impl Fn(&str) -> bool) {
    hold_on(Running::start(arrangement, envelopes, "4s").await, wanted).await;
}

async fn hold_on(running: Running, wanted: impl Fn(&str) -> bool) {
    let arrangement = running.arrangement;
    let mut broken = Vec::new();
    for Behaviour { name, hold } in ALL.iter().filter(|behaviour| wanted(behaviour.name)) {
        if let Err(panic) = AssertUnwindSafe(hold(&running)).catch_unwind().await {
            let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            broken.push(format!("{name} under {arrangement:?} is not held: {}", text.unwrap_or("a panic without words")));
        }
    }
    broken.extend(running.end().await.into_iter().map(|fault| format!("the log under {arrangement:?}: {fault}")));
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n\n"));
}

#[tokio::test]
async fn every_behaviour_holds_alone() {
    hold(Arrangement::Standalone, Envelopes::default(), |_| true).await;
}

#[tokio::test]
async fn every_behaviour_holds_in_one_process() {
    hold(Arrangement::Dev, Envelopes::default(), |_| true).await;
}

#[tokio::test]
async fn every_behaviour_holds_under_a_host_that_forwards() {
    hold(Arrangement::Forwarding, Envelopes::default(), |_| true).await;
}

#[tokio::test]
async fn every_behaviour_holds_under_a_host_that_proxies() {
    hold(Arrangement::Proxying, Envelopes::default(), |_| true).await;
}

#[tokio::test]
async fn notify_and_sweep_hold_in_the_other_encoding_and_framing() {
    let envelopes = Envelopes { data_type: Some(DataType::String), framing: Framing::ContentLength };
    hold(Arrangement::Forwarding, envelopes, |name| name.starts_with("notifying") || name.starts_with("sweeping")).await;
}

/// Set to the address of a running `func start`, as in `http://localhost:7071`.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the binary")]
fn named_host() -> Option<String> {
    std::env::var("ORDERS_TEST_HOST").ok().filter(|address| !address.is_empty())
}

/// What cannot be seen from outside a host, or is otherwise under Core Tools.
const NOT_UNDER_FUNC: [&str; 3] = [
    // Core Tools ask nobody for a key.
    "refusing::without_a_key_there_are_no_orders",
    // They need the handler's log, or its death.
    "notifying::an_event_that_comes_twice_is_told_once",
    "notifying::an_order_and_its_event_survive_the_death_of_whoever_handles_messages",
];

#[tokio::test]
async fn every_behaviour_holds_under_the_host_that_is_named() {
    let Some(address) = named_host() else {
        println!("ORDERS_TEST_HOST names no host");
        return;
    };
    assert!(NOT_UNDER_FUNC.iter().all(|name| ALL.iter().any(|behaviour| behaviour.name == *name)));
    hold_on(Running::named(address), |name| !NOT_UNDER_FUNC.contains(&name)).await;
}
