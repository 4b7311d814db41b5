use super::account;
use crate::behaviour::{arrangement::Running, bus::with_body};
use serde_json::{Value, json};
use std::time::Duration;

pub async fn what_nobody_can_read_is_kept_with_its_reason_at_its_first_delivery(running: &Running) -> Vec<String> {
    let (id, message) = running.lose(Duration::ZERO).await;
    let with = |name: &str, value: &str| {
        let mut event: Value = serde_json::from_slice(&message.body).unwrap();
        event[name] = json!(value);
        event.to_string()
    };
    let unreadable = ["no JSON".to_owned(), with("type", "com.ordermanagement.order.lost.v1"), with("specversion", "2.0")];
    for body in unreadable {
        running.send(&with_body(&message, body.as_str())).await;
        running.rejected(body.as_bytes()).await;
    }
    account::of(running, &id).await
}

pub async fn a_message_that_fails_ten_times_is_a_dead_letter_until_it_is_replayed(running: &Running) -> Vec<String> {
    let (id, message) = running.lose(Duration::ZERO).await;
    let mut database = running.database().await;
    // A database that is not what it should be is no outage to wait for: every delivery fails at once.
    sqlx::query("ALTER TABLE deliveries RENAME TO mislaid").execute(&mut database).await.unwrap();
    running.send(&message).await;
    let letter = running.dead_letter(&message.body).await;
    sqlx::query("ALTER TABLE mislaid RENAME TO deliveries").execute(&mut database).await.unwrap();
    assert_eq!(letter.delivery_count, 11, "the next one would be the eleventh");
    let replayed = running.run(&["dlq", "replay", "--reason", "MaxDeliveryCountExceeded"]).await;
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(replayed.status.success() && said.ends_with("1 of 1 done\n"), "{replayed:?}");
    running.until(&id, "delivery.succeeded", 1).await;
    account::of(running, &id).await
}
