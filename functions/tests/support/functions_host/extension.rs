//! The Service Bus extension on a real subscription: it receives under peek-lock, calls the function, and settles as the
//! call ended (contract §4.3).

use super::{
    FunctionsHost,
    message::{Delivery, Message},
    subscription::attempt,
};
use orders::bus::service_bus::{ReceivedMessage, Receiver};
use serde_json::{Map, json};
use std::sync::Arc;
use time::OffsetDateTime;
use uuid::Uuid;

impl FunctionsHost {
    /// Hands each message that the receiver brings to that function, `maxConcurrentCalls` at a time: completed after a
    /// success, abandoned at once after a failure. Until the host stops.
    ///
    /// The receiver renews a lock until its message is settled. The extension does so for `maxAutoLockRenewalDuration`,
    /// which no test waits for.
    pub fn receive(&self, function: &'static str, receiver: Arc<Receiver>) {
        let (shared, places, identifier) = (Arc::clone(&self.shared), Arc::clone(&self.listener.places), self.listener.identifier);
        tokio::spawn(async move {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let arrived = tokio::select! {
                    biased;
                    () = shared.stopping.cancelled() => return,
                    arrived = receiver.receive_message() => arrived,
                };
                let Some((receipt, arrived)) = arrived else { return };
                let (shared, receiver, script) = (Arc::clone(&shared), Arc::clone(&receiver), shared.script());
                if script.is_stopped() {
                    return;
                }
                tokio::spawn(async move {
                    let (message, delivery) = of_the_bus(arrived);
                    let attempt = attempt(&shared, &script, function, &message, delivery, identifier).await;
                    let settled = if attempt.result.is_ok() { receiver.complete(receipt).await } else { receiver.abandon(receipt).await };
                    if let Err(error) = settled {
                        let id = message.message_id.unwrap_or_default();
                        shared.records.info(format!("Message processing error (Action=Complete, MessageId={id}): {error}"));
                    }
                    drop(place);
                });
            }
        });
    }
}

/// As the extension's client has it. Of the application properties those are known that our receiver reads.
fn of_the_bus(received: ReceivedMessage) -> (Message, Delivery) {
    let mut properties = Map::new();
    if let Some(trace) = received.trace {
        properties.insert("traceparent".into(), json!(trace.to_string()));
        properties.insert("Diagnostic-Id".into(), json!(trace.to_string()));
    }
    let mut message = Message::new(received.body);
    if let Some(at) = received.enqueued_at {
        let nanos = i128::from(at.millis()) * 1_000_000;
        message.enqueued_at = OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("a moment in range");
    }
    let delivery = Delivery {
        count: received.delivery_count,
        lock_token: received.lock_token.unwrap_or(Uuid::nil()),
        sequence_number: received.sequence_number.and_then(|number| u64::try_from(number).ok()).unwrap_or_default(),
    };
    let message = Message {
        message_id: received.message_id,
        content_type: received.content_type,
        subject: received.subject,
        correlation_id: received.correlation_id,
        application_properties: properties,
        ..message
    };
    (message, delivery)
}
