//! Changing and cancelling: against a version, along the table of steps, with one event a step.

use crate::support::{Service, client::Answer};
use axum::http::Method;
use orders::domain::status::Status;
use serde_json::{Value, json};
use std::sync::Arc;

async fn status(service: &Service, id: &str, version: u32, to: &str) -> Answer {
    service.patch(id, version, &json!({ "status": to })).await
}

/// An order brought to that status, with its version.
async fn order_at(service: &Service, wanted: Status) -> (String, u32) {
    let id = service.place().await;
    let path: &[Status] = match wanted {
        Status::Placed | Status::Cancelled => &[],
        Status::Confirmed => &[Status::Confirmed],
        Status::Shipped => &[Status::Confirmed, Status::Shipped],
        Status::Delivered => &[Status::Confirmed, Status::Shipped, Status::Delivered],
    };
    let mut version = 1;
    for step in path {
        assert_eq!(status(service, &id, version, step.as_str()).await.status, 200);
        version += 1;
    }
    if wanted == Status::Cancelled {
        assert_eq!(service.cancel(&id, 1, &json!({ "reason": "staff" })).await.status, 200);
        version = 2;
    }
    (id, version)
}

#[tokio::test]
async fn every_step_of_the_table_is_taken_and_every_other_refused() {
    let service = Service::start().await;
    for from in Status::ALL {
        for to in Status::ALL {
            let (id, version) = order_at(&service, from).await;
            service.relay().await;
            let answer = match to {
                Status::Cancelled => service.cancel(&id, version, &json!({ "reason": "customer" })).await,
                _ => status(&service, &id, version, to.as_str()).await,
            };
            let events = service.relay().await;
            if from == to {
                assert_eq!(
                    (answer.status.as_u16(), answer.json()["version"].as_u64(), events),
                    (200, Some(version.into()), 0),
                    "{from} again"
                );
            } else if from.may_become(to) {
                assert_eq!(
                    (answer.status.as_u16(), answer.json()["status"].as_str(), events),
                    (200, Some(to.as_str()), 1),
                    "{from} to {to}"
                );
                assert_eq!(answer.header("etag"), format!("\"{}\"", version + 1));
            } else {
                assert_eq!((answer.status.as_u16(), answer.problem().as_str(), events), (409, "transition", 0), "{from} to {to}");
            }
        }
    }
}

#[tokio::test]
async fn a_change_says_which_version_it_is_made_against() {
    let service = Service::start().await;
    let (id, _) = order_at(&service, Status::Delivered).await;
    let path = format!("/api/orders/{id}");
    let body = json!({ "status": "placed" }).to_string();
    for (tag, status, problem) in [
        (None, 428, "precondition-required"),
        // Stale is judged before the step, which is not allowed either.
        (Some("\"1\""), 412, "stale"),
        (Some("W/\"4\""), 412, "stale"),
        (Some("4"), 412, "stale"),
        (Some("\"4\""), 409, "transition"),
        (Some("\"1\", \"4\""), 409, "transition"),
        (Some("*"), 409, "transition"),
    ] {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(tag.map(|tag| ("if-match", tag)));
        let answer = service.call(Method::PATCH, &path, &headers, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem), "{tag:?}");
    }
    let answer = service.post(&format!("{path}/cancel"), &[], &json!({ "reason": "staff" })).await;
    assert_eq!(answer.problem(), "precondition-required");
}

#[tokio::test]
async fn a_merge_patch_sets_replaces_and_takes_away_without_an_event() {
    let service = Service::start().await;
    let id = service.place().await;
    service.relay().await;
    let mut version = 1;
    for (patch, pointer, expected) in [
        (json!({ "metadata": { "a": "1", "b": "2" } }), "/metadata", json!({ "a": "1", "b": "2" })),
        (json!({ "metadata": { "a": null, "c": "3" } }), "/metadata", json!({ "b": "2", "c": "3" })),
        (json!({ "metadata": null }), "/metadata", Value::Null),
        (json!({ "customer": { "name": "Ada King" } }), "/customer", json!({ "name": "Ada King", "email": "ada@example.com" })),
        (json!({ "customer": { "email": null } }), "/customer", json!({ "name": "Ada King" })),
    ] {
        let answer = service.patch(&id, version, &patch).await;
        version += 1;
        let body = answer.json();
        assert_eq!(body.pointer(pointer).unwrap_or(&Value::Null), &expected, "{patch}");
        assert_eq!(body["version"], version);
    }
    let same = service.patch(&id, version, &json!({ "customer": { "name": "Ada King" } })).await;
    assert_eq!((same.status.as_u16(), same.json()["version"].as_u64()), (200, Some(version.into())));
    assert_eq!(service.relay().await, 0);
    assert_eq!(service.get("/api/orders?customer=Ada+King").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(service.get("/api/orders?customer=ada@example.com").await.json()["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn what_a_patch_may_not_say_is_refused() {
    let service = Service::start().await;
    let id = service.place().await;
    let many: Value = (0..21).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    for (patch, pointer) in [
        (json!({ "status": "cancelled" }), "/status"),
        (json!({ "status": null }), "/status"),
        (json!({ "total": 1 }), "/total"),
        (json!({ "customer": null }), "/customer"),
        (json!({ "customer": { "name": null } }), "/customer/name"),
        (json!({ "metadata": { "a": 1 } }), "/metadata/a"),
        (json!({ "metadata": many }), "/metadata"),
        (json!([]), ""),
    ] {
        let answer = service.patch(&id, 1, &patch).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "validation"), "{patch}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{patch}");
    }
    for (cancel, pointer) in [
        (json!({}), "/reason"),
        (json!({ "reason": "weather" }), "/reason"),
        (json!({ "reason": "other", "note": "" }), "/note"),
        (json!({ "reason": "other", "note": "n".repeat(501) }), "/note"),
    ] {
        let answer = service.cancel(&id, 1, &cancel).await;
        assert_eq!((answer.problem().as_str(), answer.json()["errors"][0]["pointer"].as_str()), ("validation", Some(pointer)), "{cancel}");
    }
}

#[tokio::test]
async fn a_cancelled_order_keeps_its_first_reason() {
    let service = Service::start().await;
    let id = service.place().await;
    let first = service.cancel(&id, 1, &json!({ "reason": "fraud", "note": "n".repeat(500) })).await;
    assert_eq!(first.json()["cancellation"]["reason"], "fraud");
    let again = service.cancel(&id, 2, &json!({ "reason": "customer" })).await;
    assert_eq!((again.status.as_u16(), again.text), (200, first.text));
    let timeline = service.get(&format!("/api/orders/{id}/timeline")).await.json();
    assert_eq!(
        (timeline["entries"][1]["kind"].as_str(), timeline["entries"][1]["reason"].as_str()),
        (Some("order.cancelled"), Some("fraud"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_changes_to_one_version_one_wins() {
    let service = Arc::new(Service::start().await);
    let id = service.place().await;
    let patches = (0..20).map(|n| {
        let (service, id) = (Arc::clone(&service), id.clone());
        tokio::spawn(async move { service.patch(&id, 1, &json!({ "metadata": { "winner": n.to_string() } })).await })
    });
    let answers: Vec<Answer> = futures_util::future::join_all(patches).await.into_iter().map(Result::unwrap).collect();
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.problem() == "stale"));
    assert_eq!(service.get(&format!("/api/orders/{id}")).await.text, won[0].text);
}
