use super::arrangement::{Arrangement, Running, Taken};
use orders::bus::Message;
use serde_json::{Value, json};
use sqlx::Row;

/// The messages that an order made; others are published along with them, and left.
async fn messages(running: &Running, order: &str) -> Vec<Message> {
    running.publish().await.into_iter().filter(|message| message.subject == order).collect()
}

pub async fn a_customer_is_told_of_each_event_once(running: &Running) {
    let id = running.place().await;
    assert_eq!(running.patch(&id, 1, &json!({ "status": "confirmed" })).await.status, 200);
    assert_eq!(running.cancel(&id, 2, &json!({ "reason": "customer" })).await.status, 200);
    let messages = messages(running, &id).await;
    assert_eq!(messages.len(), 3);
    for message in messages {
        assert_eq!(running.deliver(message).await, Taken::Completed);
    }
    // A confirmation is no news to the customer.
    let timeline = running.until(&id, "delivery.succeeded", 2).await;
    for kind in ["event.published", "event.received"] {
        assert_eq!(timeline.iter().filter(|entry| *entry == kind).count(), 3, "{timeline:?}");
    }
    let mut told = running.told(&id);
    told.sort_unstable();
    assert_eq!(told, ["cancelled", "created"]);
}

pub async fn an_event_that_comes_twice_is_told_once(running: &Running) {
    let id = running.place().await;
    let message = messages(running, &id).await.remove(0);
    assert_eq!(running.deliver(message.clone()).await, Taken::Completed);
    running.until(&id, "delivery.succeeded", 1).await;
    assert_eq!(running.deliver(message).await, Taken::Completed);
    assert_eq!(running.timeline(&id).await, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
    assert_eq!(running.told(&id), ["created"]);
}

pub async fn what_nobody_can_read_is_kept_and_not_tried_again(running: &Running) {
    let id = running.place().await;
    let good = messages(running, &id).await.remove(0);
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
        (b"{\"hello\":\"world\"}".to_vec(), "missing field"),
        (with("type", json!("com.ordermanagement.order.lost.v1")), "a type that is not known"),
        (stranger.to_string().into_bytes(), "never written here"),
    ] {
        let mut database = running.database().await;
        let last: i64 = sqlx::query("SELECT coalesce(max(id), 0) FROM rejected_messages").fetch_one(&mut database).await.unwrap().get(0);
        let taken = running.deliver(Message { body: body.clone(), ..good.clone() }).await;
        let sql = "SELECT body, reason, message_id, delivery_count FROM rejected_messages WHERE id > ?";
        let rows = sqlx::query(sql).bind(last).fetch_all(&mut database).await.unwrap();
        assert_eq!(rows.len(), 1, "{reason}");
        let (kept, why): (Vec<u8>, String) = (rows[0].get(0), rows[0].get(1));
        assert_eq!((kept, why.contains(reason)), (body, true), "{why}");
        assert_eq!((rows[0].get::<Option<String>, _>(2), rows[0].get::<i64, _>(3)), (Some(good.id.to_string()), 1));
        // A custom handler cannot dead-letter: the row is all there is then.
        let expected = if running.arrangement == Arrangement::Standalone { Taken::DeadLettered(why) } else { Taken::Completed };
        assert_eq!(taken, expected);
    }
    assert_eq!(running.deliver(good).await, Taken::Completed);
    running.until(&id, "delivery.succeeded", 1).await;
}

pub async fn what_metadata_says_of_an_event_changes_nothing(running: &Running) {
    let id = running.place().await;
    let message = messages(running, &id).await.remove(0);
    let mut event: Value = serde_json::from_slice(&message.body).unwrap();
    // In string mode these overwrite what the transport says.
    for (name, value) in [("messageId", json!("forged")), ("deliveryCount", json!("many")), ("contentType", json!(7)), ("sys", json!({}))] {
        event[name] = value;
    }
    assert_eq!(running.deliver(Message { body: event.to_string().into_bytes(), ..message }).await, Taken::Completed);
    running.until(&id, "delivery.succeeded", 1).await;
    assert_eq!(running.told(&id), ["created"]);
}

pub async fn an_order_and_its_event_survive_the_death_of_the_handler(running: &Running) {
    let id = running.place().await;
    let was_killed = running.kill().await;
    assert_eq!(was_killed, running.arrangement != Arrangement::Standalone);
    assert_eq!(running.get(&format!("/api/orders/{id}")).await.status, 200);
    let message = messages(running, &id).await.remove(0);
    assert_eq!(running.deliver(message).await, Taken::Completed);
    running.until(&id, "delivery.succeeded", 1).await;
}
