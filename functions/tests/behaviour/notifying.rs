use super::{
    arrangement::Running,
    bus::{Rejected, with_body},
};
use orders::bus::Message;
use serde_json::{Value, json};
use std::time::Duration;

const JUST_NOW: Duration = Duration::ZERO;

/// Waits until a message that nobody can read, sent after the others, has been handled as well.
async fn all_handled(running: &Running, like: &Message) {
    let mark = format!("a mark after {}", like.subject);
    running.send(&with_body(like, mark.as_bytes())).await;
    running.rejected(mark.as_bytes()).await;
    running.all_settled().await;
}

pub async fn a_customer_is_told_of_each_event_once(running: &Running) {
    let id = running.place().await;
    assert_eq!(running.patch(&id, 1, &json!({ "status": "confirmed" })).await.status, 200);
    assert_eq!(running.cancel(&id, 2, &json!({ "reason": "customer" })).await.status, 200);
    for kind in ["event.published", "event.received"] {
        running.until(&id, kind, 3).await;
    }
    // A confirmation is no news to the customer.
    running.until(&id, "delivery.succeeded", 2).await;
    assert_eq!(running.news(&id), ["cancelled", "created"]);
}

pub async fn an_event_that_comes_twice_is_told_once(running: &Running) {
    let (id, message) = running.lose(JUST_NOW).await;
    running.send(&message).await;
    running.until(&id, "delivery.succeeded", 1).await;
    running.send(&message).await;
    running.takes_in(&message, 2).await;
    all_handled(running, &message).await;
    assert_eq!(running.timeline(&id).await, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
    assert_eq!(running.news(&id), ["created"]);
}

pub async fn what_nobody_can_read_is_kept_and_not_tried_again(running: &Running) {
    let (id, good) = running.lose(JUST_NOW).await;
    let event: Value = serde_json::from_slice(&good.body).unwrap();
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event[name] = value;
        event.to_string().into_bytes()
    };
    let unknown = "01a20e84-231a-7311-b976-c30bdc517d87";
    let mut stranger = event.clone();
    stranger["subject"] = json!(unknown);
    stranger["data"]["id"] = json!(unknown);
    for (body, reason) in [
        (b"no JSON at all".to_vec(), "is not an event"),
        (b"{\"hello\":\"world\"}".to_vec(), "does not hold what it should"),
        (with("type", json!("com.ordermanagement.order.lost.v1")), "a type that is not known"),
        (stranger.to_string().into_bytes(), "never written here"),
    ] {
        running.send(&with_body(&good, body.as_slice())).await;
        let Rejected { reason: why, message_id, delivery_count } = running.rejected(&body).await;
        assert!(why.contains(reason), "{why}");
        assert_eq!((message_id, delivery_count), (Some(good.id.to_string()), 1));
        running.all_settled().await;
        if running.is_hosted() {
            // A custom handler cannot dead-letter: the row is all there is then.
            assert!(running.dead_letters().await.iter().all(|letter| letter.body != body));
        } else {
            assert_eq!(running.dead_letter(&body).await.dead_letter_reason, Some(why));
        }
    }
    running.send(&good).await;
    running.until(&id, "delivery.succeeded", 1).await;
}

pub async fn what_metadata_says_of_an_event_changes_nothing(running: &Running) {
    let (id, message) = running.lose(JUST_NOW).await;
    let mut event: Value = serde_json::from_slice(&message.body).unwrap();
    // In string mode these overwrite what the transport says.
    for (name, value) in [("messageId", json!("forged")), ("deliveryCount", json!("many")), ("contentType", json!(7)), ("sys", json!({}))] {
        event[name] = value;
    }
    running.send(&with_body(&message, event.to_string())).await;
    running.until(&id, "delivery.succeeded", 1).await;
    running.all_settled().await;
    assert_eq!(running.news(&id), ["created"]);
}

pub async fn an_order_and_its_event_survive_the_death_of_whoever_handles_messages(running: &Running) {
    let id = running.place().await;
    running.kill().await;
    assert_eq!(running.get(&format!("/api/orders/{id}")).await.status, 200);
    // What the dead process had begun to publish or to tell is due when its leases end.
    running.until_swept(&id, "delivery.succeeded", 1).await;
}
