use super::{arrangement::Running, client::JSON};
use reqwest::Method;
use serde_json::json;

pub async fn an_order_takes_its_steps_against_its_version(running: &Running) {
    let id = running.place().await;
    for (version, status) in [(1, "confirmed"), (2, "shipped"), (3, "delivered")] {
        let answer = running.patch(&id, version, &json!({ "status": status })).await;
        assert_eq!((answer.status.as_u16(), answer.json()["status"].as_str()), (200, Some(status)));
        assert_eq!(answer.header("etag"), format!("\"{}\"", version + 1));
    }
    let patched = running.patch(&id, 4, &json!({ "metadata": { "gift": "yes" }, "customer": { "email": null } })).await;
    assert_eq!((&patched.json()["metadata"], &patched.json()["customer"]), (&json!({ "gift": "yes" }), &json!({ "name": "Ada Lovelace" })));
    let kinds = running.steps(&id).await;
    assert_eq!(kinds, ["order.created", "order.statusChanged", "order.statusChanged", "order.statusChanged"]);
}

pub async fn a_change_without_or_against_a_stale_version_is_refused(running: &Running) {
    let id = running.place().await;
    let path = format!("/api/orders/{id}");
    let body = json!({ "status": "confirmed" }).to_string();
    let without = running.call(Method::PATCH, &path, &[JSON], body.clone()).await;
    assert_eq!((without.status.as_u16(), without.problem().as_str()), (428, "precondition-required"));
    let stale = running.call(Method::PATCH, &path, &[JSON, ("if-match", "\"7\"")], body.clone()).await;
    assert_eq!((stale.status.as_u16(), stale.problem().as_str()), (412, "stale"));
    let listed = running.call(Method::PATCH, &path, &[JSON, ("if-match", "\"7\""), ("if-match", "\"1\"")], body).await;
    assert_eq!(listed.status, 200, "two lines are one list: {}", listed.text);
}

pub async fn a_cancelled_order_takes_no_step(running: &Running) {
    let id = running.place().await;
    let refused = running.cancel(&id, 1, &json!({ "reason": "weather" })).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "validation"));
    let cancelled = running.cancel(&id, 1, &json!({ "reason": "customer", "note": "changed her mind" })).await;
    assert_eq!((cancelled.status.as_u16(), cancelled.json()["status"].as_str()), (200, Some("cancelled")));
    let refused = running.patch(&id, 2, &json!({ "status": "confirmed" })).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (409, "transition"));
    assert_eq!(running.steps(&id).await, ["order.created", "order.cancelled"]);
}
