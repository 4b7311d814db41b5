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
    /// With `delivery.…` to one of several: which of them, by the name that an operator gave it. Never an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub endpoint: Option<String>,
    /// With `delivery.…`: which attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attempt: Option<u32>,
    /// With `order.…`: the status, or why it was cancelled. With `delivery.…`: why it was not told, in words that clients
    /// may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// With `delivery.…`: when the next attempt is due; with `delivery.sending`, when it ends at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
}

/// The closed list of what a timeline can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub enum Kind {
    #[serde(rename = "order.created")]
    OrderCreated,
    /// What followed is older than the retention, and only what stands here is still known: neither whether the customer was
    /// told nor that nobody was.
    #[serde(rename = "history.trimmed")]
    HistoryTrimmed,
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
    /// Still open, and at the end: it waits for an attempt, since `at`.
    #[serde(rename = "delivery.waiting")]
    DeliveryWaiting,
    /// Still open, and at the end: an attempt is under way, or its process died in it.
    #[serde(rename = "delivery.sending")]
    DeliverySending,
    /// Still open, and at the end: it waits for its receiver to be back, since `at`.
    #[serde(rename = "delivery.paused")]
    DeliveryPaused,
}

/// What clients are told of a delivery's fate, beside its kind; the whole reason is for operators, since it may quote a
/// receiver, a setting or an operator.
const REFUSED: &str = "the receiver refused it";
const NOT_REACHED: &str = "the receiver could not be reached";
const NOBODY_KNOWS: &str = "nobody knows whether it arrived";
const HELD_BACK: &str = "held back by the operator";
const DECIDED: &str = "decided by an operator";
const NOT_TOLD: &str = "it could not be told";

/// How the reasons begin that channels give, and what clients are told instead. Anything else is [`NOT_TOLD`].
const KNOWN_REASONS: [(&str, &str); 8] = [
    ("the receiver answered ", REFUSED),
    ("the mail server refused ", REFUSED),
    ("the mail server takes no ", REFUSED),
    ("no connection", NOT_REACHED),
    ("the mail server cannot be used", NOT_REACHED),
    ("the address is suppressed", HELD_BACK),
    ("the webhook endpoint ", HELD_BACK),
    ("there is no webhook endpoint ", HELD_BACK),
];

impl Timeline {
    /// With what clients may know of it.
    #[must_use]
    pub fn for_clients(mut self) -> Self {
        for entry in &mut self.entries {
            entry.reason = entry.public_reason();
        }
        self
    }
}

impl Entry {
    pub fn at(at: Timestamp, kind: Kind) -> Self {
        Self { at, kind, channel: None, endpoint: None, attempt: None, reason: None, next_attempt_at: None }
    }

    /// Of a delivery. `circuit` is whose being down pauses it: where that is one recipient's own, the recipient has a name
    /// and no address.
    pub fn of_delivery(at: Timestamp, kind: Kind, channel: &str, recipient: &str, circuit: Option<&str>) -> Self {
        let is_named = circuit.and_then(|circuit| circuit.strip_prefix(channel)?.strip_prefix(':')) == Some(recipient);
        Self { channel: Some(channel.to_owned()), endpoint: is_named.then(|| recipient.to_owned()), ..Self::at(at, kind) }
    }

    fn public_reason(&self) -> Option<String> {
        let reason = self.reason.as_deref();
        let public = match self.kind {
            Kind::OrderCreated
            | Kind::HistoryTrimmed
            | Kind::OrderStatusChanged
            | Kind::OrderCancelled
            | Kind::EventPublished
            | Kind::EventReceived => return self.reason.clone(),
            Kind::DeliverySucceeded | Kind::DeliveryWaiting | Kind::DeliverySending => return None,
            Kind::DeliveryUnknown => NOBODY_KNOWS,
            Kind::DeliveryAbandoned | Kind::DeliveryReopened => DECIDED,
            Kind::DeliveryPaused => NOT_REACHED,
            Kind::DeliveryRetrying | Kind::DeliveryFailed => {
                let known = KNOWN_REASONS.iter().find(|(start, _)| reason.is_some_and(|reason| reason.starts_with(start)));
                known.map_or(NOT_TOLD, |(_, public)| *public)
            }
        };
        Some(public.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(kind: Kind, reason: &str) -> Option<String> {
        let entry = Entry { reason: Some(reason.into()), ..Entry::at(Timestamp::from_millis(0), kind) };
        let order_id = OrderId(uuid::Uuid::nil());
        Timeline { order_id, entries: vec![entry] }.for_clients().entries.remove(0).reason
    }

    #[test]
    fn clients_are_told_one_of_a_few_reasons_and_never_the_text_itself() {
        for (kind, reason, told) in [
            (Kind::DeliveryRetrying, "the receiver answered 500 Internal Server Error", Some(REFUSED)),
            (Kind::DeliveryFailed, "the mail server refused the recipient: 550 5.1.1 who?", Some(REFUSED)),
            (Kind::DeliveryRetrying, "no connection: refused", Some(NOT_REACHED)),
            (Kind::DeliveryFailed, "the address is suppressed: complained", Some(HELD_BACK)),
            (Kind::DeliveryRetrying, "WEBHOOK_KEY_NOPE is not set", Some(NOT_TOLD)),
            (Kind::DeliveryFailed, "the host has an address that webhooks are not sent to: 127.0.0.1", Some(NOT_TOLD)),
            (Kind::DeliveryUnknown, "the connection broke: reset", Some(NOBODY_KNOWS)),
            (Kind::DeliveryAbandoned, "called them", Some(DECIDED)),
            (Kind::DeliveryReopened, "mended", Some(DECIDED)),
            (Kind::DeliveryPaused, "no connection: refused", Some(NOT_REACHED)),
            (Kind::DeliverySucceeded, "anything", None),
            (Kind::OrderCancelled, "outOfStock", Some("outOfStock")),
        ] {
            assert_eq!(public(kind, reason).as_deref(), told, "{kind:?}: {reason}");
        }
    }

    #[test]
    fn a_recipient_is_named_where_its_name_is_its_endpoints() {
        let at = Timestamp::from_millis(0);
        let endpoint = |channel, recipient, circuit| Entry::of_delivery(at, Kind::DeliverySucceeded, channel, recipient, circuit).endpoint;
        assert_eq!(endpoint("webhook", "erp", Some("webhook:erp")).as_deref(), Some("erp"));
        assert_eq!(endpoint("email", "ada@example.com", Some("email mail.example.com:587")), None);
        assert_eq!(endpoint("log", "operator", None), None);
    }
}
