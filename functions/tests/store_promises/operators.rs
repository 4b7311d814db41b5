//! What operators see and decide of deliveries.

use super::{LEASE, at, ledger};
use crate::support::backend::Backend;
use ::orders::{
    domain::{
        attempt::Outcome,
        event::EventKind,
        id::{DeliveryId, OrderId},
        settle::{Found, Verdict},
        status::Status,
    },
    store::{
        AttemptRecord,
        ledger::{Decision, Purpose, State, Wanted},
    },
};
use std::time::Duration;
use uuid::Uuid;

fn failed(delivery: DeliveryId, attempt: u32, reason: &str) -> AttemptRecord {
    AttemptRecord { delivery, attempt, at: at(2), outcome: Outcome::Failed { reason: reason.into() } }
}

pub async fn deliveries_are_found_by_all_that_an_operator_knows_of_them(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = ledger::deliveries(&service, 3).await;
    ledger::end(&service, failed(ids[0], 1, "No Such mailbox"), Some(Verdict::Up)).await;
    let outcome = Outcome::Succeeded { provider_id: Some("p-1".into()) };
    ledger::end(&service, AttemptRecord { delivery: ids[1], attempt: 1, at: at(2), outcome }, Some(Verdict::Up)).await;
    let found = async |wanted: Wanted| {
        let entries = service.app.store.deliveries(&Wanted { limit: 10, ..wanted }).await.unwrap();
        entries.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Wanted::default()).await, [ids[2], ids[1], ids[0]], "newest first");
    assert_eq!(found(Wanted { order: Some(order), ..Wanted::default() }).await.len(), 3);
    assert_eq!(found(Wanted { order: Some(OrderId(Uuid::nil())), ..Wanted::default() }).await, []);
    assert_eq!(found(Wanted { channel: Some("mail".into()), ..Wanted::default() }).await, []);
    assert_eq!(found(Wanted { ids: vec![ids[1], ids[0]], ..Wanted::default() }).await, [ids[1], ids[0]]);
    assert_eq!(found(Wanted { states: vec![State::Failed, State::Sending], ..Wanted::default() }).await, [ids[2], ids[0]]);
    assert_eq!(found(Wanted { reason: Some("such MAIL".into()), ..Wanted::default() }).await, [ids[0]]);
    assert_eq!(found(Wanted { channel: Some("recorder".into()), recipient: Some("erp2".into()), ..Wanted::default() }).await, [ids[1]]);
    assert_eq!(found(Wanted { in_doubt: true, ..Wanted::default() }).await, []);
    let one = service.app.store.deliveries(&Wanted { ids: vec![ids[1]], limit: 1, ..Wanted::default() }).await.unwrap().remove(0);
    assert_eq!((one.state, one.attempts, one.provider_id.as_deref(), one.version), (State::Succeeded, 1, Some("p-1"), 1));
    assert_eq!((one.recipient.as_str(), one.endpoint.as_deref()), ("erp2", Some(ledger::ENDPOINT)));
    service.app.store.decide(vec![ids[0]], Decision::Reopened, "They Mended It".into(), at(3)).await.unwrap();
    assert_eq!(found(Wanted { reason: Some("mended".into()), ..Wanted::default() }).await, [ids[0]], "what was decided last is why");
    assert_eq!(found(Wanted { reason: Some("such mail".into()), ..Wanted::default() }).await, []);
    assert_eq!(service.app.store.claim_deliveries(10, at(3), LEASE).await.unwrap().len(), 1);
    ledger::begin(&service, ids[0], 2, at(4), Purpose::Send).await;
    assert_eq!(service.app.store.claim_deliveries(10, at(40), LEASE).await.unwrap().len(), 2);
    assert_eq!(found(Wanted { in_doubt: true, ..Wanted::default() }).await, [ids[0]]);
}

pub async fn what_is_reopened_is_due_at_once_with_a_whole_horizon(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = ledger::deliveries(&service, 1).await;
    let store = &service.app.store;
    ledger::end(&service, failed(ids[0], 1, "no such mailbox"), Some(Verdict::Up)).await;
    let now = at(1_000_000);
    let decided = store.decide(ids.clone(), Decision::Reopened, "mended".into(), now).await.unwrap();
    assert_eq!(decided, ids);
    let claimed = store.claim_deliveries(10, now, LEASE).await.unwrap().remove(0);
    assert_eq!((claimed.attempt, claimed.horizon()), (2, now.plus(Duration::from_hours(24))));
    assert_eq!((claimed.failures, claimed.reopened_at), (1, Some(now)));
    let kinds = service.timeline(&order.to_string()).await;
    assert_eq!(kinds[kinds.len() - 2..], ["delivery.failed", "delivery.reopened"]);
    let steps = store.steps(ids[0]).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.what.as_str()).collect::<Vec<_>>(), ["failed", "reopened"]);
    assert_eq!((steps[1].reason.as_deref(), steps[1].attempt, steps[0].attempt), (Some("mended"), None, Some(1)));
}

pub async fn what_is_abandoned_is_tried_no_more(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = ledger::deliveries(&service, 1).await;
    let store = &service.app.store;
    let outcome = Outcome::Retrying { reason: "busy".into(), next_attempt_at: at(60) };
    ledger::end(&service, AttemptRecord { delivery: ids[0], attempt: 1, at: at(2), outcome }, Some(Verdict::Up)).await;
    assert_eq!(store.decide(ids.clone(), Decision::Abandoned, "called them".into(), at(2)).await.unwrap(), ids);
    let steps = store.steps(ids[0]).await.unwrap();
    let shown: Vec<_> = steps.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(shown, ["retrying", "abandoned"], "of one moment, the decision comes last");
    assert_eq!(store.claim_deliveries(10, at(1000), LEASE).await.unwrap().len(), 0);
    assert_eq!(service.timeline(&order.to_string()).await.last().unwrap(), "delivery.abandoned");
    assert_eq!(store.decide(ids.clone(), Decision::Abandoned, "again".into(), at(4)).await.unwrap(), [], "once");
    assert_eq!(store.decide(ids.clone(), Decision::Reopened, "after all".into(), at(5)).await.unwrap(), ids);
}

pub async fn what_is_under_way_or_told_cannot_be_decided(backend: Backend) {
    let service = backend.service().await;
    let (_, ids) = ledger::deliveries(&service, 2).await;
    let store = &service.app.store;
    let outcome = Outcome::Succeeded { provider_id: None };
    ledger::end(&service, AttemptRecord { delivery: ids[0], attempt: 1, at: at(2), outcome }, Some(Verdict::Up)).await;
    for decision in [Decision::Reopened, Decision::Abandoned] {
        assert_eq!(store.decide(ids.clone(), decision, "try".into(), at(3)).await.unwrap(), []);
    }
}

pub async fn what_is_given_up_in_doubt_is_called_unknown(backend: Backend) {
    let service = backend.service().await;
    let (order, ids) = ledger::deliveries(&service, 1).await;
    let store = &service.app.store;
    ledger::begin(&service, ids[0], 1, at(1), Purpose::Send).await;
    assert_eq!(store.claim_deliveries(10, at(30), LEASE).await.unwrap().len(), 1);
    assert_eq!(store.decide(ids.clone(), Decision::GivenUp, "told at most once".into(), at(31)).await.unwrap(), ids);
    let entry = store.deliveries(&Wanted { limit: 1, ..Wanted::default() }).await.unwrap().remove(0);
    assert_eq!((entry.state, entry.doubt), (State::Unknown, Some(1)));
    assert_eq!(store.claim_deliveries(10, at(1000), LEASE).await.unwrap().len(), 0);
    let kinds = service.timeline(&order.to_string()).await;
    assert_eq!(kinds[kinds.len() - 2..], ["delivery.unknown", "delivery.unknown"], "the attempt, and the decision");
    assert_eq!((entry.attempts, entry.reason.as_deref()), (1, Some("told at most once")), "the second was never made");
}

pub async fn a_decision_changes_the_states_that_it_takes_and_no_others(backend: Backend) {
    for decision in [Decision::Reopened, Decision::Abandoned, Decision::GivenUp] {
        let service = backend.service().await;
        let (order, ids) = ledger::deliveries(&service, 7).await;
        let store = &service.app.store;
        let retrying = || Outcome::Retrying { reason: "busy".into(), next_attempt_at: at(60) };
        let outcomes = [
            Outcome::Succeeded { provider_id: None },
            Outcome::Failed { reason: "no such address".into() },
            Outcome::Unknown { reason: "no answer".into(), provider_ref: None, next_attempt_at: None },
            retrying(),
            retrying(),
            retrying(),
        ];
        for (delivery, outcome) in ids.iter().zip(outcomes) {
            let verdict = (*delivery == ids[5]).then(|| Verdict::Down { found: Found::Closed, until: at(60), reason: "down".into() });
            ledger::end(&service, AttemptRecord { delivery: *delivery, attempt: 1, at: at(2), outcome }, verdict).await;
        }
        store.decide(vec![ids[4]], Decision::Abandoned, "no".into(), at(3)).await.unwrap();
        let before = store.deliveries(&Wanted { order: Some(order), limit: 10, ..Wanted::default() }).await.unwrap();
        let states: std::collections::HashSet<_> = before.iter().map(|entry| entry.state.as_str()).collect();
        assert_eq!(states.len(), State::ALL.len(), "each state is there: {states:?}");
        let mut decided = store.decide(ids, decision, "try".into(), at(4)).await.unwrap();
        decided.sort_by_key(|id| id.0);
        let mut wanted: Vec<_> = before.iter().filter(|entry| decision.takes(entry.state)).map(|entry| entry.id).collect();
        wanted.sort_by_key(|id| id.0);
        assert_eq!(decided, wanted, "{decision:?}");
    }
}

pub async fn what_is_not_done_is_found_among_what_is(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    let (order, ids) = ledger::deliveries(&service, 4).await;
    let ended = [Outcome::Succeeded { provider_id: None }, Outcome::Failed { reason: "no such address".into() }];
    for (delivery, outcome) in ids.iter().zip(ended) {
        ledger::end(&service, AttemptRecord { delivery: *delivery, attempt: 1, at: at(1), outcome }, None).await;
    }
    store.decide(vec![ids[2]], Decision::GivenUp, "told at most once".into(), at(2)).await.unwrap();
    let unfinished = store.unfinished(10).await.unwrap();
    let shown: Vec<_> = unfinished.iter().map(|entry| (entry.id, entry.state, entry.reason.as_deref())).collect();
    let wanted = [
        (ids[3], State::Sending, None),
        (ids[2], State::Failed, Some("told at most once")),
        (ids[1], State::Failed, Some("no such address")),
    ];
    assert_eq!(shown, wanted, "newest first");
    assert!(unfinished.iter().all(|entry| entry.order_id == order));
    let of_each = store.unfinished(1).await.unwrap();
    assert_eq!(of_each.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[3], ids[2]]);
}

pub async fn events_wait_until_they_are_published_and_stay_with_the_order_as_it_was(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    let id = service.place().await;
    service.patch(&id, 1, &serde_json::json!({ "status": "confirmed" })).await;
    let order = OrderId(Uuid::parse_str(&id).unwrap());
    store.postpone_event((order, 1), "away".into(), at(7)).await.unwrap();
    let waiting = store.waiting_events(10).await.unwrap();
    let shown: Vec<_> = waiting.iter().map(|event| (event.order_id, event.sequence, event.last_error.as_deref())).collect();
    assert_eq!(shown, [(order, 2, None), (order, 1, Some("away"))], "soonest due first");
    assert_eq!((waiting[1].kind, waiting[1].next_attempt_at, waiting[1].occurred_at), (EventKind::Created, at(7), at(0)));
    store.mark_published(vec![(order, 1), (order, 2)], at(8)).await.unwrap();
    assert!(store.waiting_events(10).await.unwrap().is_empty());
    let events = store.events(order).await.unwrap();
    let kept: Vec<_> = events.iter().map(|received| (received.event.sequence, received.order.status)).collect();
    assert_eq!(kept, [(1, Status::Placed), (2, Status::Confirmed)]);
}
