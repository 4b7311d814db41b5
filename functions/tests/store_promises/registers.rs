//! Webhook endpoints, and addresses that must not be told.

use super::at;
use crate::support::backend::Backend;
use ::orders::domain::{
    delivery::News,
    suppression::Suppression,
    webhook::{Disabled, Endpoint},
};

pub async fn an_endpoint_is_replaced_by_its_name_and_disabled_with_the_first_reason(backend: Backend) {
    let store = backend.service().await.app.store.clone();
    let endpoint = |name: &str, url: &str| Endpoint {
        name: name.into(),
        url: url.into(),
        events: vec![News::Created, News::Delivered],
        key_name: "WEBHOOK_KEY_ERP".into(),
        created_at: at(0),
        disabled: None,
    };
    store.put_webhook_endpoint(endpoint("erp", "https://a.example")).await.unwrap();
    store.put_webhook_endpoint(endpoint("crm", "https://b.example")).await.unwrap();
    store.put_webhook_endpoint(endpoint("erp", "https://c.example")).await.unwrap();
    let expected = [endpoint("crm", "https://b.example"), endpoint("erp", "https://c.example")];
    assert_eq!(store.webhook_endpoints().await.unwrap(), expected);
    store.disable_webhook_endpoint("erp".into(), "gone".into(), at(1)).await.unwrap();
    store.disable_webhook_endpoint("erp".into(), "gone again".into(), at(2)).await.unwrap();
    let disabled = Some(Disabled { at: at(1), reason: "gone".into() });
    assert_eq!(store.webhook_endpoints().await.unwrap()[1].disabled, disabled);
    store.put_webhook_endpoint(endpoint("erp", "https://c.example")).await.unwrap();
    assert_eq!(store.webhook_endpoints().await.unwrap(), expected, "registered anew, it is enabled");
    assert!(store.remove_webhook_endpoint("erp".into()).await.unwrap());
    assert!(!store.remove_webhook_endpoint("erp".into()).await.unwrap());
    assert_eq!(store.webhook_endpoints().await.unwrap().len(), 1);
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
