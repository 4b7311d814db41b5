//! What a test does to a running service through its bus, and what became of it.

use super::{arrangement::Running, elsewhere};
use crate::{
    service_bus::publish_all,
    support::process::{PATIENCE, until},
};
use orders::bus::{Message, service_bus::ReceivedMessage};
use serde_json::Value;
use sqlx::{ConnectOptions, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{fs, time::Duration};

/// A message that was put aside in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub reason: String,
    pub message_id: Option<String>,
    pub delivery_count: i64,
}

/// A message with another body, under the same id.
pub fn with_body(message: &Message, body: impl Into<Vec<u8>>) -> Message {
    Message { body: body.into(), ..message.clone() }
}

impl Running {
    /// An order that somebody else has taken so long ago, and the message of its event, which nobody has sent.
    pub async fn lose(&self, ago: Duration) -> (String, Message) {
        elsewhere::lost(&self.store, ago).await
    }

    /// Publishes a message on the topic as somebody else.
    pub async fn send(&self, message: &Message) {
        publish_all(&self.sender, vec![message.clone()]).await;
    }

    /// Waits until Notify is at work at so many messages with this id, those before included.
    pub async fn takes_in(&self, message: &Message, count: usize) {
        let id = message.id.to_string();
        let wanted = |line: &&String| line.contains("takes a message in") && line.contains(&id);
        let what = format!("{count} times: takes in {id}");
        until(&what, || async { (self.log().await.iter().filter(wanted).count() >= count).then_some(()) }).await;
    }

    /// Waits until the subscription holds no message, where that can be seen from outside.
    pub async fn all_settled(&self) {
        if let Some(broker) = &self.broker {
            until("all messages are settled", || async { (broker.waiting() == 0).then_some(()) }).await;
        }
    }

    /// Waits until this body is among the rejected messages, once.
    pub async fn rejected(&self, body: &[u8]) -> Rejected {
        let mut database = self.database().await;
        let sql = "SELECT reason, message_id, delivery_count FROM rejected_messages WHERE body = ?";
        let mut rhythm = tokio::time::interval(Duration::from_millis(20));
        let find = async {
            loop {
                rhythm.tick().await;
                let rows = sqlx::query(sql).bind(body).fetch_all(&mut database).await.unwrap();
                if let [row] = &rows[..] {
                    return Rejected { reason: row.get(0), message_id: row.get(1), delivery_count: row.get(2) };
                }
                assert!(rows.is_empty(), "it was rejected {} times", rows.len());
            }
        };
        tokio::time::timeout(PATIENCE, find).await.expect("it is rejected in time")
    }

    /// Waits until this body is a dead letter.
    pub async fn dead_letter(&self, body: &[u8]) -> ReceivedMessage {
        until("it is a dead letter", || async { self.dead_letters().await.into_iter().find(|letter| letter.body == body) }).await
    }

    pub async fn dead_letters(&self) -> Vec<ReceivedMessage> {
        let queue = self.client.dead_letter_queue();
        let letters = queue.peek(0, 100).await.unwrap();
        queue.close().await;
        letters
    }

    /// What the channel `file` told about an order.
    pub fn told(&self, order: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("told/told.jsonl")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["orderId"] == order).collect()
    }

    /// The kinds of news that the customer was told, in order of their names.
    pub fn news(&self, order: &str) -> Vec<String> {
        let mut news: Vec<_> = self.told(order).iter().map(|line| line["news"].as_str().unwrap().to_owned()).collect();
        news.sort_unstable();
        news
    }

    pub async fn database(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path("orders.sqlite")).connect().await.unwrap()
    }
}
