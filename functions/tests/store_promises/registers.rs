//! Webhook endpoints, and addresses that must not be told.

use super::{LEASE, at, ledger};
use crate::support::backend::Backend;
use ::orders::{
    domain::{
        attempt::Outcome,
        delivery::News,
        settle::Verdict,
        suppression::Suppression,
        timestamp::Timestamp,
        webhook::{Disabled, Endpoint},
    },
    store::{
        AttemptRecord,
        ledger::{Begun, Decision, Purpose},
    },
};

fn endpoint(name: &str, url: &str, created_at: Timestamp) -> Endpoint {
    Endpoint {
        name: name.into(),
        url: url.into(),
        events: vec![News::Created, News::Delivered],
        key_name: "WEBHOOK_KEY_ERP".into(),
        created_at,
        disabled: None,
    }
}

pub async fn an_endpoint_is_replaced_by_its_name_and_disabled_with_the_first_reason(backend: Backend) {
    let store = backend.service().await.app.store.clone();
    let endpoint = |name: &str, url: &str| endpoint(name, url, at(0));
    store.put_webhook_endpoint(endpoint("erp", "https://a.example")).await.unwrap();
    store.put_webhook_endpoint(endpoint("crm", "https://b.example")).await.unwrap();
    store.put_webhook_endpoint(endpoint("erp", "https://c.example")).await.unwrap();
    let expected = [endpoint("crm", "https://b.example"), endpoint("erp", "https://c.example")];
    assert_eq!(store.webhook_endpoints().await.unwrap(), expected);
    store.disable_webhook_endpoint("erp".into(), at(0), "gone".into(), at(1)).await.unwrap();
    store.disable_webhook_endpoint("erp".into(), at(0), "gone again".into(), at(2)).await.unwrap();
    let disabled = Some(Disabled { at: at(1), reason: "gone".into() });
    assert_eq!(store.webhook_endpoints().await.unwrap()[1].disabled, disabled);
    store.put_webhook_endpoint(endpoint("erp", "https://c.example")).await.unwrap();
    assert_eq!(store.webhook_endpoints().await.unwrap(), expected, "registered anew, it is enabled");
    store.disable_webhook_endpoint("erp".into(), at(-1), "late".into(), at(3)).await.unwrap();
    assert_eq!(store.webhook_endpoints().await.unwrap(), expected, "that was said of one that it replaced");
    assert!(store.remove_webhook_endpoint("erp".into(), at(3)).await.unwrap());
    assert!(!store.remove_webhook_endpoint("erp".into(), at(3)).await.unwrap());
    assert_eq!(store.webhook_endpoints().await.unwrap().len(), 1);
}

pub async fn what_an_operator_does_about_an_endpoint_makes_due_what_waits_for_it(backend: Backend) {
    let service = backend.service().await;
    let store = &service.app.store;
    let (_, ids) = ledger::deliveries(&service, 1).await;
    let (mut attempt, mut now) = (1, 1);
    for (deed, is_forgotten) in [("a test that succeeded", false), ("a retry", false), ("registered anew", true), ("removed", true)] {
        let Begun::Go(found) = ledger::begin(&service, ids[0], attempt, at(now), Purpose::Send).await else { panic!("before {deed}") };
        let until = at(now + 12 * 3600);
        let verdict = Some(Verdict::Down { found, until, reason: "503".into() });
        let outcome = Outcome::Retrying { reason: "503".into(), next_attempt_at: until };
        ledger::end(&service, AttemptRecord { delivery: ids[0], attempt, at: at(now), outcome }, verdict).await;
        now += 100;
        assert_eq!(store.claim_deliveries(10, at(now), LEASE).await.unwrap().len(), 0, "it waits for half a day, before {deed}");
        match deed {
            "a test that succeeded" => store.webhook_endpoint_answered("erp".into(), at(now)).await.unwrap(),
            "a retry" => assert_eq!(store.decide(ids.clone(), Decision::Reopened, "try".into(), at(now)).await.unwrap(), ids),
            "registered anew" => store.put_webhook_endpoint(endpoint("erp", "https://a.example", at(now))).await.unwrap(),
            _ => assert!(store.remove_webhook_endpoint("erp".into(), at(now)).await.unwrap()),
        }
        let outages = store.outages().await.unwrap();
        assert_eq!(outages.is_empty(), is_forgotten, "after {deed}");
        assert!(outages.iter().all(|outage| outage.open_until == at(now)), "after {deed}: {outages:?}");
        attempt = store.claim_deliveries(10, at(now), LEASE).await.unwrap().remove(0).attempt;
    }
}

pub async fn an_address_is_suppressed_whatever_the_case_of_its_letters(backend: Backend) {
    let store = backend.service().await.app.store.clone();
    let new =
        |address: &str, reason: &str| Suppression { channel: "email".into(), address: address.into(), reason: reason.into(), at: at(0) };
    assert!(store.add_suppression(new("Ada@Example.com ", "bounced")).await.unwrap());
    assert!(!store.add_suppression(new("ada@example.COM", "complained")).await.unwrap(), "it is there");
    let found = store.suppression("email", "ADA@example.com").await.unwrap();
    assert_eq!(found, Some(new("ada@example.com", "bounced")));
    assert_eq!(store.suppression("sms", "ada@example.com").await.unwrap(), None);
    assert_eq!(store.suppressions(None).await.unwrap().len(), 1);
    assert_eq!(store.suppressions(Some("sms".into())).await.unwrap(), []);
    assert!(store.remove_suppression("email".into(), "aDa@example.com".into()).await.unwrap());
    assert!(!store.remove_suppression("email".into(), "ada@example.com".into()).await.unwrap());
    assert_eq!(store.suppressions(Some("email".into())).await.unwrap(), []);
}
