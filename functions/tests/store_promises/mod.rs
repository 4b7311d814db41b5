//! What the store promises, asked of it directly: of SQLite always, of Azure SQL when `ORDERS_TEST_SQL` names a server.

mod deliveries;
mod events;
mod ledger;
mod operators;
mod orders;
mod registers;
mod schema;
mod timeline;

use crate::support::{START, Service, backend::Backend, client::order, sql_server::TestDatabase};
use ::orders::{
    domain::{
        event::Event, idempotency::Fingerprint, idempotency::IdempotencyKey, idempotency::NewRecord, new_order::NewOrder, node::Node,
        order::Order, timestamp::Timestamp,
    },
    store::{Addition, Database},
};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

/// Promises are made by functions that take what they are asked of; each is a test on SQLite, and all are one on Azure SQL.
macro_rules! promises {
    ($($subject:ident { $($promise:ident)* })*) => {
        const PROMISES: &[(&str, Promise)] = &[$($((stringify!($promise), |backend| Box::pin($subject::$promise(backend)))),*),*];

        mod on_sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    super::$subject::$promise(super::Backend::sqlite()).await;
                }
            )*)*
        }
    };
}

type Promise = fn(Backend) -> BoxFuture<'static, ()>;

promises! {
    orders {
        of_writes_that_are_committed_together_the_refused_one_fails_alone
        what_is_stored_is_read_back_whole
        a_key_makes_one_order_however_many_ask_at_once
        a_key_is_free_again_when_it_expired
        keys_are_told_apart_by_each_character
        an_update_from_a_version_that_has_passed_does_nothing
        a_list_is_newest_first_and_its_filters_join
        a_list_compares_names_by_each_character
    }
    events {
        an_event_that_is_committed_with_a_lease_is_its_committers_until_that_ends
        an_event_is_leased_to_one_and_free_again_when_the_lease_ends
        of_each_order_only_the_first_unpublished_event_is_leased
        many_that_claim_at_once_get_each_event_once
        an_event_that_was_never_written_is_unknown
        an_event_that_nobody_received_is_found_until_somebody_does
    }
    deliveries {
        a_message_that_comes_twice_or_at_once_makes_its_deliveries_once
        a_delivery_whose_lease_ran_out_has_an_unknown_attempt_and_a_late_success_still_stands
        many_that_claim_at_once_get_each_delivery_once
        a_retry_is_due_when_it_was_said_to_be
        what_is_given_back_is_due_as_if_it_had_not_been_leased_and_what_another_has_is_left_alone
        what_is_old_and_done_goes_and_what_is_pending_stays
        a_message_that_nobody_can_read_is_kept
    }
    ledger {
        an_attempt_that_never_began_is_not_in_doubt
        an_attempt_that_began_and_did_not_end_is_in_doubt_under_the_providers_name_for_it
        nothing_begins_once_its_lease_is_lost
        an_attempt_that_begins_has_a_whole_lease_however_long_it_waited
        a_late_success_stands_and_ends_the_doubt
        while_an_endpoint_is_down_its_attempts_wait_and_one_probe_lets_all_go
        attempts_that_fail_together_open_a_circuit_once_and_a_probe_that_fails_widens_the_pause
        a_probe_that_is_never_heard_of_is_followed_by_another
        after_three_days_of_outage_what_waits_is_claimed_again
        asking_keeps_the_doubt_and_sending_after_it_heeds_no_circuit
        a_circuit_goes_when_nothing_is_left_that_would_probe
    }
    operators {
        deliveries_are_found_by_all_that_an_operator_knows_of_them
        what_is_reopened_is_due_at_once_with_a_whole_horizon
        what_is_abandoned_is_tried_no_more
        what_is_under_way_or_told_cannot_be_decided
        what_is_given_up_in_doubt_is_called_unknown
        a_decision_changes_the_states_that_it_takes_and_no_others
        what_is_not_done_is_found_among_what_is
        events_wait_until_they_are_published_and_stay_with_the_order_as_it_was
    }
    timeline {
        a_timeline_ends_with_what_is_still_open_since_when_until_when_and_why
        a_timeline_names_the_endpoint_and_no_address
        a_timeline_says_that_what_is_older_than_the_retention_is_gone
    }
    registers {
        an_endpoint_is_replaced_by_its_name_and_disabled_with_the_first_reason
        what_an_operator_does_about_an_endpoint_makes_due_what_waits_for_it
        an_address_is_suppressed_whatever_the_case_of_its_letters
    }
    schema {
        eight_that_migrate_at_once_migrate_once
        a_schema_that_is_too_old_is_named_with_what_is_wanted
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_of_the_store_holds_on_azure_sql() {
    let Some(database) = TestDatabase::create().await else {
        println!("ORDERS_TEST_SQL names no server: asked of SQLite alone");
        return;
    };
    let mut broken = Vec::new();
    for (name, promise) in PROMISES {
        database.clear().await;
        let backend = Backend::of(Database::AzureSql(Box::new(database.server.clone())));
        let kept = tokio::spawn(promise(backend)).await.is_ok();
        println!("{} on Azure SQL: {name}", if kept { "kept" } else { "BROKEN" });
        broken.extend((!kept).then_some(*name));
    }
    database.drop().await;
    assert!(broken.is_empty(), "{} of {} broken: {broken:?}", broken.len(), PROMISES.len());
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

fn addition(service: &Service) -> Addition {
    addition_of(service, &order())
}

fn addition_of(service: &Service, body: &Value) -> Addition {
    let text = body.to_string();
    let new = NewOrder::parse(&Node::parse(&text).unwrap(), &["recorder"]).unwrap();
    let order = Order::place(new, service.app.order_id());
    let event = Event::created(&order, service.app.event_id(), None);
    Addition { order, event, lease_until: None, record: None }
}

/// The same, under an idempotency key that expires a minute after the start.
fn keyed(service: &Service, key: &str) -> Addition {
    let fingerprint = Fingerprint([7; 32]);
    let record = NewRecord { key: IdempotencyKey::parse(key).unwrap(), fingerprint, expires_at: at(60) };
    Addition { record: Some(record), ..addition(service) }
}
