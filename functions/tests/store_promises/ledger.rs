//! Attempts with an endpoint: begun, sent, ended, and kept back while the endpoint is down.

use super::{LEASE, addition, at};
use crate::support::{Service, backend::Backend};
use ::orders::{
    domain::{
        attempt::{Doubt, Outcome},
        delivery::NewDelivery,
        id::{DeliveryId, OrderId},
        retry,
        settle::{Found, Verdict},
        timestamp::Timestamp,
    },
    store::{
        Accepted, AttemptRecord, Expiry, Receipt,
        ledger::{Begin, Begun, Decision, Ending, Purpose},
    },
};
use std::time::Duration;
use uuid::Uuid;

pub(super) const ENDPOINT: &str = "webhook:erp";
/// Why the endpoint is down, which is not all that is said of the attempt.
const NOT_REACHED: &str = "no connection";

/// An order whose event is received, with `count` deliveries to one endpoint, leased until 30 seconds after the start.
pub(super) async fn deliveries(service: &Service, count: u128) -> (OrderId, Vec<DeliveryId>) {
    let added = addition(service);
    let (order, event) = (added.order.id, added.event.sequence);
    let store = &service.app.store;
    store.add_order(added, at(0)).await.unwrap();
    store.mark_published(vec![(order, event)], at(0)).await.unwrap();
    let new = |n| NewDelivery {
        id: DeliveryId(Uuid::from_u128(order.0.as_u128().wrapping_add(n))),
        channel: "recorder".into(),
        recipient: format!("erp{n}"),
        endpoint: Some(ENDPOINT.into()),
    };
    let deliveries: Vec<_> = (1..=count).map(new).collect();
    let ids: Vec<_> = deliveries.iter().map(|new| new.id).collect();
    let receipt = Receipt { event: (order, event), deliveries, at: at(0), lease_until: at(30) };
    assert_eq!(store.receive(receipt).await.unwrap(), Accepted::Deliveries(ids.clone()));
    (order, ids)
}

/// Leased until the next full half minute after the start.
pub(super) async fn begin(service: &Service, delivery: DeliveryId, attempt: u32, now: Timestamp, purpose: Purpose) -> Begun {
    let lease_until = at((now.since(at(0)).as_secs() / 30 + 1).cast_signed() * 30);
    let begin = Begin { delivery, attempt, endpoint: ENDPOINT.into(), at: now, lease_until, purpose };
    service.app.store.begin(begin).await.unwrap()
}

async fn send(service: &Service, delivery: DeliveryId, attempt: u32, now: Timestamp) -> Begun {
    begin(service, delivery, attempt, now, Purpose::Send).await
}

pub(super) async fn end(service: &Service, record: AttemptRecord, verdict: Option<Verdict>) {
    let paused = matches!(verdict, Some(Verdict::Down { .. }));
    let ending = Ending { record, endpoint: ENDPOINT.into(), verdict, paused, ends_doubt: false };
    service.app.store.end(ending).await.unwrap();
}

/// The same for a delivery that is told when it will be tried again, whatever its endpoint.
pub(super) async fn end_unpaused(service: &Service, record: AttemptRecord, verdict: Option<Verdict>) {
    let ending = Ending { record, endpoint: ENDPOINT.into(), verdict, paused: false, ends_doubt: false };
    service.app.store.end(ending).await.unwrap();
}

/// The endpoint did not answer at that moment, and is probed at the other.
async fn down(service: &Service, delivery: DeliveryId, attempt: u32, now: i64, found: Found, until: i64) {
    let (now, until) = (at(now), at(until));
    let outcome = Outcome::Retrying { reason: format!("{NOT_REACHED} (again)"), next_attempt_at: until };
    let verdict = Verdict::Down { found, until, reason: NOT_REACHED.into() };
    end(service, AttemptRecord { delivery, attempt, at: now, outcome }, Some(verdict)).await;
}

async fn succeed(service: &Service, delivery: DeliveryId, attempt: u32, now: i64) {
    let outcome = Outcome::Succeeded { provider_id: Some("p".into()) };
    end(service, AttemptRecord { delivery, attempt, at: at(now), outcome }, Some(Verdict::Up)).await;
}

pub async fn an_attempt_that_never_began_is_not_in_doubt(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 1).await;
    let claimed = service.app.store.claim_deliveries(10, at(30), LEASE).await.unwrap().remove(0);
    assert_eq!((claimed.id, claimed.attempt, claimed.doubt), (ids[0], 2, None));
    assert_eq!(claimed.endpoint.as_deref(), Some(ENDPOINT));
    let kinds = service.timeline(&order.to_string()).await;
    assert!(!kinds.contains(&"delivery.unknown".to_owned()), "{kinds:?}");
}

pub async fn an_attempt_that_began_and_did_not_end_is_in_doubt_under_the_providers_name_for_it(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    assert_eq!(send(&service, ids[0], 1, at(1)).await, Begun::Go(Found::Closed));
    store.sent(ids[0], 1, "operation-7".into()).await.unwrap();
    let claimed = store.claim_deliveries(10, at(30), LEASE).await.unwrap().remove(0);
    let doubt = Some(Doubt { attempt: 1, provider_ref: Some("operation-7".into()) });
    assert_eq!((claimed.attempt, &claimed.doubt, claimed.was_lost()), (2, &doubt, true));
    assert_eq!(service.timeline(&order.to_string()).await.last().unwrap(), "delivery.unknown");
    // The process dies again before it asked: the doubt stays that of the first attempt.
    let claimed = store.claim_deliveries(10, at(60), LEASE).await.unwrap().remove(0);
    assert_eq!((claimed.attempt, &claimed.doubt, claimed.was_lost()), (3, &doubt, false));
    // Sending again settles it.
    assert_eq!(send(&service, ids[0], 3, at(61)).await, Begun::Go(Found::Closed));
    let outcome = Outcome::Retrying { reason: "busy".into(), next_attempt_at: at(70) };
    end(&service, AttemptRecord { delivery: ids[0], attempt: 3, at: at(62), outcome }, Some(Verdict::Up)).await;
    assert_eq!(store.claim_deliveries(10, at(70), LEASE).await.unwrap().remove(0).doubt, None);
}

pub async fn nothing_begins_once_its_lease_is_lost(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 1).await;
    assert_eq!(send(&service, ids[0], 1, at(30)).await, Begun::Lost, "the lease has ended");
    let claimed = service.app.store.claim_deliveries(10, at(30), LEASE).await.unwrap().remove(0);
    assert!(claimed.is_taken_over && claimed.doubt.is_none(), "its process died before it began: {claimed:?}");
    assert_eq!(send(&service, ids[0], 1, at(31)).await, Begun::Lost, "it is another's");
    assert_eq!(send(&service, ids[0], 2, at(31)).await, Begun::Go(Found::Closed));
    succeed(&service, ids[0], 2, 32).await;
    assert_eq!(send(&service, ids[0], 2, at(33)).await, Begun::Lost, "it is decided");
}

pub async fn an_attempt_that_begins_has_a_whole_lease_however_long_it_waited(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    for (attempt, purpose, now) in [(1, Purpose::Send, 29), (2, Purpose::Ask, 88)] {
        let begin = Begin { delivery: ids[0], attempt, endpoint: ENDPOINT.into(), at: at(now), lease_until: at(now).plus(LEASE), purpose };
        assert_eq!(store.begin(begin).await.unwrap(), Begun::Go(Found::Closed));
        assert_eq!(store.claim_deliveries(10, at(now + 29), LEASE).await.unwrap().len(), 0);
        let claimed = store.claim_deliveries(10, at(now + 30), LEASE).await.unwrap().remove(0);
        assert_eq!(
            (claimed.attempt, claimed.doubt.map(|doubt| doubt.attempt)),
            (attempt + 1, Some(1)),
            "asking leaves the doubt as it was"
        );
    }
}

pub async fn a_late_success_stands_and_ends_the_doubt(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    send(&service, ids[0], 1, at(1)).await;
    assert_eq!(store.claim_deliveries(10, at(30), LEASE).await.unwrap().len(), 1);
    let outcome = Outcome::Failed { reason: "late".into() };
    end(&service, AttemptRecord { delivery: ids[0], attempt: 1, at: at(31), outcome }, None).await;
    assert_eq!(send(&service, ids[0], 2, at(32)).await, Begun::Go(Found::Closed), "a late failure says nothing of the next attempt");
    succeed(&service, ids[0], 1, 33).await;
    assert_eq!(store.next_due().await.unwrap().next_due(), None);
    assert_eq!(service.timeline(&order.to_string()).await.last().unwrap(), "delivery.succeeded");
}

pub async fn while_an_endpoint_is_down_its_attempts_wait_and_one_probe_lets_all_go(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = deliveries(&service, 3).await;
    let store = &service.app.store;
    send(&service, ids[0], 1, at(1)).await;
    down(&service, ids[0], 1, 2, Found::Closed, 10).await;
    let outage = store.outages().await.unwrap().remove(0);
    assert_eq!((outage.endpoint.as_str(), outage.failures, outage.open_until), (ENDPOINT, 1, at(10)));
    assert_eq!(outage.reason, NOT_REACHED);
    // One that had not begun is given back, as if it had not been tried.
    assert_eq!(send(&service, ids[1], 1, at(3)).await, Begun::Paused { until: at(10) });
    assert_eq!(store.claim_deliveries(10, at(9), LEASE).await.unwrap().len(), 0);
    let claimed = store.claim_deliveries(2, at(10), LEASE).await.unwrap();
    let tries: Vec<_> = claimed.iter().map(|delivery| (delivery.id, delivery.attempt, delivery.extended_by)).collect();
    let (waited, since) = (Duration::from_secs(8), Duration::from_secs(7));
    assert!(tries.contains(&(ids[0], 2, waited)) && tries.contains(&(ids[1], 1, since)), "{tries:?}");
    let first = send(&service, ids[0], 2, at(10)).await;
    assert_eq!(first, Begun::Go(Found::Probed { failures: 1, opened_at: at(2) }));
    let until = at(10).plus(retry::PROBE_LOST);
    assert_eq!(send(&service, ids[1], 1, at(10)).await, Begun::Paused { until }, "one probe at a time");
    // The third's lease ends meanwhile; it waits without being claimed.
    succeed(&service, ids[0], 2, 31).await;
    assert_eq!(store.outages().await.unwrap(), []);
    assert_eq!(store.claim_deliveries(10, at(31), LEASE).await.unwrap().len(), 2, "both are due as soon as the endpoint is back");
    let kinds = service.timeline(&order.to_string()).await;
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("delivery.")).count(), 2, "what waits leaves no trace: {kinds:?}");
}

pub async fn attempts_that_fail_together_open_a_circuit_once_and_a_probe_that_fails_widens_the_pause(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 3).await;
    let store = &service.app.store;
    for id in &ids {
        send(&service, *id, 1, at(1)).await;
    }
    for (id, until) in ids.iter().zip([10, 12, 14]) {
        down(&service, *id, 1, 2, Found::Closed, until).await;
    }
    let outage = store.outages().await.unwrap().remove(0);
    assert_eq!((outage.failures, outage.opened_at, outage.open_until), (1, at(2), at(10)));
    let claimed = store.claim_deliveries(1, at(10), LEASE).await.unwrap().remove(0);
    let Begun::Go(found) = send(&service, claimed.id, 2, at(10)).await else { panic!("no probe") };
    down(&service, claimed.id, 2, 11, found, 40).await;
    let outage = store.outages().await.unwrap().remove(0);
    assert_eq!((outage.failures, outage.opened_at, outage.open_until), (2, at(2), at(40)));
    assert_eq!(outage.reason, NOT_REACHED);
    assert_eq!(store.next_due().await.unwrap().endpoints_down, 1);
    // What was due earlier waits for the next probe too, without being claimed.
    assert_eq!(store.claim_deliveries(10, at(20), LEASE).await.unwrap().len(), 0);
    assert_eq!(store.next_due().await.unwrap().next_due(), Some(at(40)));
}

pub async fn a_probe_that_is_never_heard_of_is_followed_by_another(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 2).await;
    send(&service, ids[0], 1, at(1)).await;
    down(&service, ids[0], 1, 2, Found::Closed, 10).await;
    assert!(matches!(send(&service, ids[1], 1, at(10)).await, Begun::Go(Found::Probed { .. })));
    // Its process dies.
    let next = 10 + i64::try_from(retry::PROBE_LOST.as_secs()).unwrap();
    for delivery in service.app.store.claim_deliveries(10, at(next), LEASE).await.unwrap() {
        let begun = send(&service, delivery.id, delivery.attempt, at(next)).await;
        assert!(matches!(begun, Begun::Go(Found::Probed { failures: 1, .. }) | Begun::Paused { .. }), "{begun:?}");
    }
    assert!(service.app.store.outages().await.unwrap()[0].open_until > at(next), "one of them is the next probe");
}

pub async fn after_three_days_of_outage_what_waits_is_claimed_again(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    let days = |days: i64| days * 86_400;
    send(&service, ids[0], 1, at(1)).await;
    down(&service, ids[0], 1, 2, Found::Closed, days(10)).await;
    let outcome = Outcome::Retrying { reason: "no connection".into(), next_attempt_at: at(days(2)) };
    let record = AttemptRecord { delivery: ids[0], attempt: 1, at: at(3), outcome };
    end(&service, record, None).await;
    assert_eq!(store.claim_deliveries(10, at(days(2)), LEASE).await.unwrap().len(), 0, "it waits");
    store.decide(ids.clone(), Decision::Reopened, "now".into(), at(days(4))).await.unwrap();
    assert_eq!(store.claim_deliveries(10, at(days(4)), LEASE).await.unwrap().len(), 1, "it can be given up");
}

pub async fn asking_keeps_the_doubt_and_sending_after_it_heeds_no_circuit(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 2).await;
    let store = &service.app.store;
    send(&service, ids[0], 1, at(1)).await;
    let claimed = store.claim_deliveries(1, at(30), LEASE).await.unwrap().remove(0);
    assert_eq!((claimed.id, claimed.doubt.map(|doubt| doubt.attempt)), (ids[0], Some(1)));
    assert_eq!(begin(&service, ids[0], 2, at(31), Purpose::Ask).await, Begun::Go(Found::Closed));
    let outcome = Outcome::Retrying { reason: "not finished".into(), next_attempt_at: at(40) };
    end(&service, AttemptRecord { delivery: ids[0], attempt: 2, at: at(32), outcome }, Some(Verdict::Up)).await;
    let claimed = store.claim_deliveries(1, at(40), LEASE).await.unwrap();
    let again = claimed.into_iter().find(|delivery| delivery.id == ids[0]);
    let again = match again {
        Some(again) => again,
        None => store.claim_deliveries(1, at(40), LEASE).await.unwrap().remove(0),
    };
    assert_eq!((again.attempt, again.doubt.map(|doubt| doubt.attempt)), (3, Some(1)));
    assert_eq!(begin(&service, ids[0], 3, at(41), Purpose::SendAfterAsking).await, Begun::Go(Found::Closed));
}

pub async fn a_circuit_goes_when_nothing_is_left_that_would_probe(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = deliveries(&service, 1).await;
    let store = &service.app.store;
    send(&service, ids[0], 1, at(1)).await;
    down(&service, ids[0], 1, 2, Found::Closed, 10).await;
    let expire = async |now| {
        store.expire(Expiry { now: at(now), events_before: at(0), limit: 10 }).await.unwrap();
        store.outages().await.unwrap().len()
    };
    assert_eq!(expire(11).await, 1, "its delivery will probe");
    store.decide(ids.clone(), Decision::Abandoned, "called them".into(), at(12)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap().endpoints_down, 1);
    assert_eq!(expire(12).await, 0);
}
