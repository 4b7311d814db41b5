//! Telling a customer: which events are told, over which channels, and what may become of an attempt.

use super::{
    currency,
    event::{EventKind, Received},
    id::{DeliveryId, EventId, OrderId},
    order::Order,
    retry,
    status::Status,
    timestamp::Timestamp,
    trace::Trace,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the customer is told; the other events are nobody's news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum News {
    Created,
    Shipped,
    Cancelled,
}

impl News {
    pub fn of(kind: EventKind, order: &Order) -> Option<Self> {
        match (kind, order.status) {
            (EventKind::Created, _) => Some(Self::Created),
            (EventKind::StatusChanged, Status::Shipped) => Some(Self::Shipped),
            (EventKind::Cancelled, _) => Some(Self::Cancelled),
            (EventKind::StatusChanged, _) => None,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
        })
    }
}

/// The channels that an order's news goes over: its own choice, else the configured default. A channel that was
/// configured when the order was placed and is not any more stays in the list, and fails with that reason.
pub fn channels_for<'a>(received: &'a Received, defaults: &'a [String]) -> &'a [String] {
    if News::of(received.event.kind, &received.order).is_none() {
        return &[];
    }
    received.order.notify.channels.as_deref().unwrap_or(defaults)
}

/// A notification to make: one event, one channel, one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub channel: String,
    pub recipient: String,
}

/// One leased delivery with all that an attempt needs.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: DeliveryId,
    pub channel: String,
    pub recipient: String,
    /// Counts from 1; the attempt that is about to be made.
    pub attempt: u32,
    pub received: Received,
}

/// What a channel is handed.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// The token by which a provider may recognise a repeat: the same on each attempt.
    pub delivery_id: DeliveryId,
    pub event_id: EventId,
    pub order_id: OrderId,
    pub news: News,
    pub recipient: &'a str,
    pub attempt: u32,
    pub trace: Option<Trace>,
    pub order: &'a Order,
}

impl Delivery {
    /// `None` when the event is not news; such a delivery is never made.
    pub fn notification(&self) -> Option<Notification<'_>> {
        let Received { event, order } = &self.received;
        Some(Notification {
            delivery_id: self.id,
            event_id: event.id,
            order_id: order.id,
            news: News::of(event.kind, order)?,
            recipient: &self.recipient,
            attempt: self.attempt,
            trace: event.trace,
            order,
        })
    }

    /// What becomes of the delivery when the attempt ended so. `draw` is a random number from 0 to 1.
    pub fn settle(&self, attempt: Attempt, now: Timestamp, draw: f64) -> Outcome {
        match attempt {
            Attempt::Delivered { provider_id } => Outcome::Succeeded { provider_id },
            Attempt::Permanent { reason } => Outcome::Failed { reason },
            Attempt::Transient { reason } => {
                let next_attempt_at = retry::DELIVER.next(now, self.attempt, draw);
                if next_attempt_at > self.received.event.occurred_at.plus(retry::HORIZON) {
                    return Outcome::Failed { reason: format!("{reason} (given up after {} attempts)", self.attempt) };
                }
                Outcome::Retrying { reason, next_attempt_at }
            }
        }
    }
}

impl Notification<'_> {
    /// One sentence without the customer's name or address.
    pub fn sentence(&self) -> String {
        let order = self.order_id;
        match self.news {
            News::Created => format!("Your order {order} over {} was placed.", currency::readable(self.order.total, &self.order.currency)),
            News::Shipped => format!("Your order {order} was shipped."),
            News::Cancelled => format!("Your order {order} was cancelled."),
        }
    }
}

/// How one attempt ended, as the channel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    Delivered {
        provider_id: Option<String>,
    },
    /// Trying again later may help.
    Transient {
        reason: String,
    },
    /// Trying again cannot help.
    Permanent {
        reason: String,
    },
}

/// What is recorded of an attempt, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded { provider_id: Option<String> },
    Retrying { reason: String, next_attempt_at: Timestamp },
    Failed { reason: String },
}
