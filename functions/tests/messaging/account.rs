//! What became of an order's messages and of the attempts to tell its customer, without what differs from run to run.

use crate::{behaviour::arrangement::Running, support::process::until};
use orders::domain::timestamp::Timestamp;
use serde_json::Value;
use servicebus_emulator::{
    amqp::{Message, lookup},
    journal::{self, Entry, Record},
};
use sqlx::Row;
use std::collections::BTreeMap;

const QUEUE: &str = "orders/subscriptions/notify";
const DEAD_LETTERS: &str = "orders/subscriptions/notify/$deadletterqueue";

/// Every message that the subscription got for this order, in order.
pub fn messages(running: &Running, order: &str) -> Vec<Message> {
    let records = journal::history(&running.path("bus")).unwrap().into_iter();
    let stored = records.filter_map(|record| if let Record::Stored(entry) = record { Some(entry) } else { None });
    let messages = stored.filter(|entry| entry.entity == QUEUE).map(|entry| Message::decode(&entry.message).unwrap());
    messages.filter(|message| message.properties().subject.as_deref() == Some(order)).collect()
}

/// How often a message came back, as the broker has counted.
pub fn failures(running: &Running, order: &str) -> u32 {
    copies(running, order).values().map(|copy| copy.failures).sum()
}

/// The whole account, once the broker has nothing left for Notify.
pub async fn of(running: &Running, order: &str) -> Vec<String> {
    running.all_settled().await;
    // What the broker counts, it has yet to write.
    until("the end of every copy is written", || async { copies(running, order).values().all(|copy| copy.is_gone).then_some(()) }).await;
    let rejected = rejected(running, order).await;
    let mut account = Vec::new();
    for (number, copy) in (1..).zip(copies(running, order).into_values()) {
        account.extend((1..=copy.failures).map(|delivery| format!("copy {number}, delivery {delivery}: came back")));
        // A worker dead-letters what it has rejected. A custom handler cannot; the row is the same.
        let reason = copy.dead.filter(|reason| !rejected.iter().any(|(_, known)| known == reason));
        let end = match (copy.is_gone, reason) {
            (true, Some(reason)) => format!("dead letter: {reason}"),
            (true, None) => "done with".to_owned(),
            (false, _) => "still there".to_owned(),
        };
        account.push(format!("copy {number}, delivery {}: {end}", copy.failures + 1));
    }
    account.extend(rejected.into_iter().map(|(delivery, reason)| format!("rejected at delivery {delivery}: {reason}")));
    account.extend(attempts(running, order).await);
    let told = running.told(order).into_iter();
    account.extend(told.map(|line| format!("told of {} at attempt {}", line["news"].as_str().unwrap(), line["attempt"])));
    account
}

struct Copy {
    enqueued_sequence: i64,
    failures: u32,
    is_gone: bool,
    dead: Option<String>,
}

/// By sequence number.
fn copies(running: &Running, order: &str) -> BTreeMap<i64, Copy> {
    let mut copies = BTreeMap::new();
    for record in journal::history(&running.path("bus")).unwrap() {
        match record {
            Record::Stored(Entry { entity, sequence, enqueued_sequence, delivery_count, message, .. }) if entity == QUEUE => {
                let message = Message::decode(&message).unwrap();
                if message.properties().subject.as_deref() == Some(order) {
                    copies.insert(sequence, Copy { enqueued_sequence, failures: delivery_count, is_gone: false, dead: None });
                }
            }
            Record::Stored(entry) if entry.entity == DEAD_LETTERS => {
                let properties = Message::decode(&entry.message).unwrap().application_properties().unwrap();
                let reason = lookup(&properties, "DeadLetterReason").and_then(|value| value.as_text()).unwrap_or_default().to_owned();
                if let Some(copy) = copies.values_mut().find(|copy| copy.enqueued_sequence == entry.enqueued_sequence) {
                    copy.dead = Some(reason);
                }
            }
            Record::Changed { entity, sequence, delivery_count, .. } if entity == QUEUE => {
                if let Some(copy) = copies.get_mut(&sequence) {
                    copy.failures = delivery_count;
                }
            }
            Record::Removed { entity, sequence } if entity == QUEUE => {
                if let Some(copy) = copies.get_mut(&sequence) {
                    copy.is_gone = true;
                }
            }
            _ => {}
        }
    }
    copies
}

/// Delivery count and reason.
async fn rejected(running: &Running, order: &str) -> Vec<(i64, String)> {
    let ids: Vec<_> = messages(running, order).iter().filter_map(|message| message.properties().message_id.clone()).collect();
    let sql = "SELECT message_id, delivery_count, reason FROM rejected_messages ORDER BY id";
    let rows = sqlx::query(sql).fetch_all(&mut running.database().await).await.unwrap();
    let of_this = rows.iter().filter(|row| ids.iter().any(|id| id.as_text() == row.get::<Option<&str>, _>(0)));
    of_this.map(|row| (row.get(1), row.get(2))).collect()
}

async fn attempts(running: &Running, order: &str) -> Vec<String> {
    let timeline = running.get(&format!("/api/orders/{order}/timeline")).await.json();
    let entries = timeline["entries"].as_array().unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let moment = |entry: &Value, name: &str| serde_json::from_value::<Timestamp>(entry[name].clone()).unwrap();
    let mut account: Vec<String> =
        entries.iter().filter(|entry| entry["kind"] == "event.received").map(|_| "received".to_owned()).collect();
    for entry in entries {
        let kind = text(entry, "kind");
        let Some(outcome) = kind.strip_prefix("delivery.") else { continue };
        let wait = if outcome == "retrying" {
            let wait = moment(entry, "nextAttemptAt").since(moment(entry, "at")).as_millis();
            // At least half of what is doubled each time (domain::retry).
            let most = (1..=12).map(|step| 2_u128.pow(step)).find(|most| wait <= most * 1000).unwrap();
            format!(" after {} to {most} s", most / 2)
        } else {
            String::new()
        };
        let reason = entry["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        let (attempt, channel) = (&entry["attempt"], text(entry, "channel"));
        account.push(format!("attempt {attempt} by {channel}: {outcome}{wait}{reason}"));
    }
    account
}
