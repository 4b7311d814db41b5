//! What happened to an order, as other systems read it: CloudEvents 1.0 in JSON.

use super::{
    change::Changed,
    id::{EventId, OrderId},
    order::{Document, Order},
    timestamp::Timestamp,
    trace::Trace,
    unreadable,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The media type of one event as a message body (CloudEvents JSON format §3).
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// CloudEvents `source`: the collection that the order in `subject` belongs to.
pub const SOURCE: &str = "/api/orders";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    #[serde(rename = "com.ordermanagement.order.created.v1")]
    Created,
    #[serde(rename = "com.ordermanagement.order.statuschanged.v1")]
    StatusChanged,
    #[serde(rename = "com.ordermanagement.order.cancelled.v1")]
    Cancelled,
}

impl EventKind {
    pub const ALL: [Self; 3] = [Self::Created, Self::StatusChanged, Self::Cancelled];

    /// The CloudEvents type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "com.ordermanagement.order.created.v1",
            Self::StatusChanged => "com.ordermanagement.order.statuschanged.v1",
            Self::Cancelled => "com.ordermanagement.order.cancelled.v1",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One event. `(order_id, sequence)` names it as well as `id` does: an order has one event a version at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub kind: EventKind,
    pub order_id: OrderId,
    /// The order's version that the event tells of; the events of one order leave in this order.
    pub sequence: u32,
    pub occurred_at: Timestamp,
    pub trace: Option<Trace>,
    /// The whole order at that version, as JSON.
    pub data: Document,
}

impl Event {
    pub fn created(order: &Order, id: EventId, trace: Option<Trace>) -> Self {
        Self::of(order, EventKind::Created, id, trace)
    }

    /// The event that tells of a change; `None` for a change that is nobody else's business.
    pub fn changed(changed: &Changed, id: EventId, trace: Option<Trace>) -> Option<Self> {
        changed.event.map(|kind| Self::of(&changed.order, kind, id, trace))
    }

    fn of(order: &Order, kind: EventKind, id: EventId, trace: Option<Trace>) -> Self {
        Self { id, kind, order_id: order.id, sequence: order.version, occurred_at: order.updated_at, trace, data: order.document() }
    }

    /// The message body.
    ///
    /// # Errors
    /// Only when `data` is not JSON, which no event made here has.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&CloudEvent {
            specversion: Cow::Borrowed("1.0"),
            id: self.id,
            source: Cow::Borrowed(SOURCE),
            kind: Cow::Borrowed(self.kind.as_str()),
            subject: self.order_id,
            time: self.occurred_at,
            datacontenttype: Cow::Borrowed("application/json"),
            sequence: Cow::Owned(format!("{:010}", self.sequence)),
            traceparent: self.trace,
            data: serde_json::from_str(&self.data)?,
        })
    }

    /// Reads a message body. Members it does not know are ignored: a later minor version may have added them.
    pub fn parse(body: &[u8]) -> Result<Received, NotAnEvent> {
        let text = std::str::from_utf8(body).map_err(|fault| NotAnEvent(format!("is not UTF-8 at byte {}", fault.valid_up_to())))?;
        let cloud: CloudEvent<'_> = unreadable::parse(text).map_err(|fault| NotAnEvent(format!("is not an event: {fault}")))?;
        if cloud.specversion != "1.0" {
            return Err(NotAnEvent("has a specversion other than 1.0".into()));
        }
        let kind = EventKind::parse(&cloud.kind).ok_or_else(|| NotAnEvent("has a type that is not known here".into()))?;
        let sequence: u32 = cloud.sequence.parse().map_err(|_| NotAnEvent("has a sequence that is not a number".into()))?;
        let order = order_in(cloud.data.get())?;
        if order.id != cloud.subject || order.version != sequence {
            return Err(NotAnEvent("names another order or version in its data than in subject and sequence".into()));
        }
        let event = Self {
            id: cloud.id,
            kind,
            order_id: order.id,
            sequence,
            occurred_at: cloud.time,
            trace: cloud.traceparent,
            data: cloud.data.get().into(),
        };
        Ok(Received { event, order })
    }

    /// The event with its order read back from `data`.
    pub fn with_order(self) -> Result<Received, NotAnEvent> {
        let order = order_in(&self.data)?;
        Ok(Received { event: self, order })
    }
}

fn order_in(data: &str) -> Result<Order, NotAnEvent> {
    unreadable::parse(data).map_err(|fault| NotAnEvent(format!("has data that is not an order: {fault}")))
}

/// An event as its receiver has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub event: Event,
    pub order: Order,
}

impl Received {
    /// The same, as what is caused from here on sees it.
    #[must_use]
    pub fn traced(&self, trace: Trace) -> Self {
        let mut received = self.clone();
        received.event.trace = Some(trace);
        received
    }
}

/// A message that no later attempt would understand either. The text says what is wrong and quotes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message {0}")]
pub struct NotAnEvent(String);

#[derive(Serialize, Deserialize)]
struct CloudEvent<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    id: EventId,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    subject: OrderId,
    time: Timestamp,
    #[serde(default = "json", borrow)]
    datacontenttype: Cow<'a, str>,
    /// CloudEvents extension `sequence`: text that sorts as the number does, hence the leading zeros.
    #[serde(borrow)]
    sequence: Cow<'a, str>,
    /// CloudEvents extension for distributed tracing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<Trace>,
    #[serde(borrow)]
    data: &'a RawValue,
}

fn json() -> Cow<'static, str> {
    Cow::Borrowed("application/json")
}
