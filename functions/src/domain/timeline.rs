//! What happened to an order, step by step, as the tables know it.

use super::{id::OrderId, timestamp::Timestamp};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    #[schema(value_type = uuid::Uuid)]
    pub order_id: OrderId,
    /// Oldest first.
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[schema(value_type = String, format = DateTime, example = "2026-03-02T10:15:30.123Z")]
    pub at: Timestamp,
    pub kind: Kind,
    /// With `delivery.…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<String>,
    /// With `delivery.…`: which attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// With `delivery.retrying`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
}

/// The closed list of what a timeline can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub enum Kind {
    #[serde(rename = "order.created")]
    OrderCreated,
    #[serde(rename = "order.statusChanged")]
    OrderStatusChanged,
    #[serde(rename = "order.cancelled")]
    OrderCancelled,
    #[serde(rename = "event.published")]
    EventPublished,
    #[serde(rename = "event.received")]
    EventReceived,
    #[serde(rename = "delivery.succeeded")]
    DeliverySucceeded,
    #[serde(rename = "delivery.retrying")]
    DeliveryRetrying,
    #[serde(rename = "delivery.failed")]
    DeliveryFailed,
    /// Nobody saw how the attempt ended: the customer may have been told.
    #[serde(rename = "delivery.unknown")]
    DeliveryUnknown,
    /// An operator wants no further attempts.
    #[serde(rename = "delivery.abandoned")]
    DeliveryAbandoned,
    /// An operator wants further attempts.
    #[serde(rename = "delivery.reopened")]
    DeliveryReopened,
}

impl Entry {
    pub fn at(at: Timestamp, kind: Kind) -> Self {
        Self { at, kind, channel: None, attempt: None, reason: None, next_attempt_at: None }
    }
}
