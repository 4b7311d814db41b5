//! What `<entity>/$management` does for a receiver: locks, outcomes that are certain, and looking without taking.

use super::{
    calls::{Ask, Calls},
    error::{Error, ErrorKind},
    message::ReceivedMessage,
};
use crate::domain::timestamp::Timestamp;
use fe2o3_amqp_types::{
    messaging::Body,
    primitives::{Array, OrderedMap, Value},
};
use uuid::Uuid;

/// How a delivery ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Disposition {
    Completed,
    Abandoned,
    /// Given back as if it had never been delivered; only a link can say this.
    Released,
    DeadLettered {
        reason: String,
        description: String,
    },
}

/// Renews locks; gives their new ends in the same order.
pub(super) async fn renew_locks(calls: &Calls, tokens: &[Uuid]) -> Result<Vec<Timestamp>, Error> {
    let body = map([("lock-tokens", uuids(tokens))]);
    let answer = calls.call(Ask { operation: "com.microsoft:renew-lock", properties: vec![], body }).await?;
    let expirations = match member(answer, "expirations") {
        Some(Value::Array(Array(values)) | Value::List(values)) => values,
        _ => vec![],
    };
    let ends: Vec<Timestamp> = expirations
        .iter()
        .filter_map(|value| match value {
            Value::Timestamp(timestamp) => Some(Timestamp::from_millis(timestamp.milliseconds())),
            _ => None,
        })
        .collect();
    if ends.len() == tokens.len() { Ok(ends) } else { Err(not_understood("renew-lock")) }
}

/// Settles one delivery; `LockLost` when it was not ours any more.
pub(super) async fn update_disposition(calls: &Calls, token: Uuid, disposition: Disposition) -> Result<(), Error> {
    let status = match disposition {
        Disposition::Completed => "completed",
        Disposition::Abandoned | Disposition::Released => "abandoned",
        Disposition::DeadLettered { .. } => "suspended",
    };
    let mut members = vec![("disposition-status", Value::String(status.into())), ("lock-tokens", uuids(&[token]))];
    if let Disposition::DeadLettered { reason, description } = disposition {
        members.push(("deadletter-reason", Value::String(reason)));
        members.push(("deadletter-description", Value::String(description)));
    }
    calls.call(Ask { operation: "com.microsoft:update-disposition", properties: vec![], body: map(members) }).await.map(drop)
}

/// Up to `count` messages from a sequence number on, without taking them.
pub(super) async fn peek(calls: &Calls, from_sequence_number: i64, count: i32) -> Result<Vec<ReceivedMessage>, Error> {
    let body = map([("from-sequence-number", Value::Long(from_sequence_number)), ("message-count", Value::Int(count))]);
    let answer = calls.call(Ask { operation: "com.microsoft:peek-message", properties: vec![], body }).await?;
    // 204, no more messages, has no body.
    let Some(Value::List(messages) | Value::Array(Array(messages))) = member(answer, "messages") else { return Ok(vec![]) };
    let message = |value: Value| match value {
        Value::Map(mut members) => match members.swap_remove(&Value::String("message".into())) {
            Some(Value::Binary(encoded)) => ReceivedMessage::decode(&encoded),
            _ => Err(not_understood("peek-message")),
        },
        _ => Err(not_understood("peek-message")),
    };
    messages.into_iter().map(message).collect()
}

fn not_understood(operation: &str) -> Error {
    Error::new(ErrorKind::Link, format!("the answer to {operation} is not understood"))
}

fn map(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut map = OrderedMap::new();
    for (name, value) in members {
        map.insert(Value::String(name.into()), value);
    }
    Value::Map(map)
}

/// An array of AMQP uuids (RFC 4122 order).
fn uuids(tokens: &[Uuid]) -> Value {
    Value::Array(Array(tokens.iter().map(|token| Value::Uuid((*token).into())).collect()))
}

fn member(body: Body<Value>, name: &str) -> Option<Value> {
    match body.try_into_value() {
        Ok(Value::Map(mut members)) => members.swap_remove(&Value::String(name.into())),
        _ => None,
    }
}
