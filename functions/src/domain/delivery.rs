//! Telling a customer: which events are told, and over which channels.

use super::{
    attempt::Doubt,
    currency,
    event::{EventKind, Received},
    id::{DeliveryId, EventId, OrderId},
    order::Order,
    status::Status,
    timestamp::Timestamp,
    trace::Trace,
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// What an event tells: some of it to the customer, all of it to endpoints that ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum News {
    Created,
    Confirmed,
    Shipped,
    Delivered,
    Cancelled,
}

impl News {
    pub const ALL: [Self; 5] = [Self::Created, Self::Confirmed, Self::Shipped, Self::Delivered, Self::Cancelled];

    /// `None` for a status that no order changes to.
    pub fn of(kind: EventKind, order: &Order) -> Option<Self> {
        match (kind, order.status) {
            (EventKind::Created, _) => Some(Self::Created),
            (EventKind::StatusChanged, Status::Confirmed) => Some(Self::Confirmed),
            (EventKind::StatusChanged, Status::Shipped) => Some(Self::Shipped),
            (EventKind::StatusChanged, Status::Delivered) => Some(Self::Delivered),
            (EventKind::Cancelled, _) => Some(Self::Cancelled),
            (EventKind::StatusChanged, Status::Placed | Status::Cancelled) => None,
        }
    }

    /// Whether the customer is told of it.
    pub fn notifies(self) -> bool {
        matches!(self, Self::Created | Self::Shipped | Self::Cancelled)
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        })
    }
}

/// The channels that an order's news goes over: its own choice, else the configured default. A channel that was
/// configured when the order was placed and is not any more stays in the list, and fails with that reason.
pub fn channels_for<'a>(order: &'a Order, defaults: &'a [String]) -> &'a [String] {
    order.notify.channels.as_deref().unwrap_or(defaults)
}

/// A notification to make: one event, one channel, one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub channel: String,
    pub recipient: String,
    /// Whose being down pauses the attempts, and before each of which is written that it begins. `None`: nothing can be
    /// down, and the lease alone says that somebody may be at it.
    pub endpoint: Option<String>,
}

/// One leased delivery with all that an attempt needs.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: DeliveryId,
    pub channel: String,
    pub recipient: String,
    /// As in [`NewDelivery`].
    pub endpoint: Option<String>,
    /// Counts from 1; the attempt that is about to be made.
    pub attempt: u32,
    /// An earlier attempt whose outcome is unknown.
    pub doubt: Option<Doubt>,
    /// When an operator last had it tried again.
    pub reopened_at: Option<Timestamp>,
    /// How often it had failed for good when an operator had it tried again.
    pub failures: u32,
    /// For how long its attempts were paused, since then or since the event.
    pub extended_by: Duration,
    /// Whether an earlier attempt was given up because its lease ended.
    pub is_taken_over: bool,
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
    /// As in [`Delivery`]: a provider that repeats what it said of a delivery must take this for another one.
    pub failures: u32,
    pub trace: Option<Trace>,
    pub order: &'a Order,
}

impl Delivery {
    /// Whether the last attempt may have been sent, and its lease ended without a word of it.
    pub fn was_lost(&self) -> bool {
        self.is_taken_over && self.doubt.as_ref().is_some_and(|doubt| doubt.attempt + 1 == self.attempt)
    }

    /// `None` when the event is no news; such a delivery is never made.
    pub fn notification(&self) -> Option<Notification<'_>> {
        let Received { event, order } = &self.received;
        Some(Notification {
            delivery_id: self.id,
            event_id: event.id,
            order_id: order.id,
            news: News::of(event.kind, order)?,
            recipient: &self.recipient,
            attempt: self.attempt,
            failures: self.failures,
            trace: event.trace,
            order,
        })
    }
}

impl Notification<'_> {
    /// One sentence without the customer's name or address.
    pub fn sentence(&self) -> String {
        let order = self.order_id;
        match self.news {
            News::Created => format!("Your order {order} over {} was placed.", currency::readable(self.order.total, &self.order.currency)),
            News::Confirmed | News::Shipped | News::Delivered | News::Cancelled => format!("Your order {order} was {}.", self.news),
        }
    }
}
