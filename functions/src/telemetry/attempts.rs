//! What becomes of an event: published, taken in, told. Each is an operation of the trace that the event was made in.

use super::{instruments, operation::Operation};
use crate::domain::{attempt::Outcome, delivery::Delivery, event::Event, trace::Trace};
use opentelemetry::{KeyValue, trace::SpanKind};

/// An event on its way to the bus.
pub fn publish(event: &Event) -> Operation {
    Operation::begin(SpanKind::Producer, event.trace, || "send event".into(), || attributes(event, "send"))
}

/// An event that is taken in.
pub fn process(event: &Event) -> Operation {
    Operation::begin(SpanKind::Consumer, event.trace, || "process event".into(), || attributes(event, "process"))
}

/// Messaging and CloudEvents attributes of the semantic conventions.
fn attributes(event: &Event, operation: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "servicebus"),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.message.id", event.id.to_string()),
        KeyValue::new("cloudevents.event_type", event.kind.as_str()),
        KeyValue::new("order.id", event.order_id.to_string()),
    ]
}

impl Operation {
    /// The bus has it, or why it does not.
    pub fn published(mut self, outcome: Result<(), &str>) {
        if let Err(reason) = outcome {
            self.fail("bus", reason);
        }
    }
}

/// Deliveries that were claimed: an attempt that was lost is one whose outcome is unknown.
pub fn claimed(deliveries: &[Delivery]) {
    deliveries.iter().filter(|delivery| delivery.was_lost()).for_each(|delivery| count(delivery, "unknown"));
}

fn count(delivery: &Delivery, outcome: &'static str) {
    if let Some(instruments) = instruments() {
        let attributes = [KeyValue::new("orders.channel", delivery.channel.clone()), KeyValue::new("orders.outcome", outcome)];
        instruments.attempts.add(1, &attributes);
    }
}

/// An attempt to tell a customer.
#[derive(Debug)]
pub struct Attempted(Operation);

pub fn attempt(delivery: &Delivery) -> Attempted {
    let event = &delivery.received.event;
    let attributes = || {
        vec![
            KeyValue::new("orders.channel", delivery.channel.clone()),
            KeyValue::new("orders.attempt", i64::from(delivery.attempt)),
            KeyValue::new("order.id", event.order_id.to_string()),
        ]
    };
    Attempted(Operation::begin(SpanKind::Client, event.trace, || format!("tell {}", delivery.channel).into(), attributes))
}

impl Attempted {
    /// Where those stand in the trace whom this attempt causes.
    pub fn trace(&self) -> Option<Trace> {
        self.0.trace()
    }

    pub fn ended(&mut self, delivery: &Delivery, outcome: &Outcome) {
        let (word, reason) = match outcome {
            Outcome::Succeeded { .. } => ("succeeded", None),
            Outcome::Retrying { reason, .. } => ("retrying", Some(reason.as_str())),
            Outcome::Unknown { reason, .. } => ("unknown", Some(reason.as_str())),
            Outcome::Failed { reason } => ("failed", Some(reason.as_str())),
        };
        self.count(delivery, word, reason);
    }

    /// It was not made, since its endpoint is down.
    pub fn paused(&mut self, delivery: &Delivery) {
        self.count(delivery, "paused", None);
    }

    /// It was not made, and no further one will be.
    pub fn given_up(&mut self, delivery: &Delivery, reason: &str) {
        let word = if delivery.doubt.is_some() { "unknown" } else { "failed" };
        self.count(delivery, word, Some(reason));
    }

    fn count(&mut self, delivery: &Delivery, outcome: &'static str, reason: Option<&str>) {
        count(delivery, outcome);
        self.0.set("orders.outcome", outcome);
        if let Some(reason) = reason {
            self.0.fail(outcome, reason);
        }
    }
}
