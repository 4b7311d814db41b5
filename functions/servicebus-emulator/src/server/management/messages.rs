//! Operations on messages.

use super::{Answer, count, integer, integers, items, map, missing, text};
use crate::{
    amqp::{Message, Value, lookup},
    broker::{Broker, Delivery, Mode, Node, Queue, Refusal, Settlement},
};
use std::sync::Arc;
use uuid::Uuid;

/// Messages that one answer may hold.
const MOST: usize = 4500;
/// Bytes that one answer may hold: clients don't read messages of any length.
const BYTES: usize = 1 << 20;

pub(super) fn renew_locks(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let renewed = tokens(body)?.into_iter().map(|token| queue.renew(broker, token).map(Value::Timestamp));
    let expirations = renewed.collect::<Result<_, _>>()?;
    Ok((200, map([("expirations", Value::Array(expirations))])))
}

pub(super) fn peek(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let from = integer(body, "from-sequence-number")?;
    let count = count(body, "message-count")?.min(MOST);
    let session = body.get("session-id").and_then(Value::as_text);
    let mut bytes = 0;
    let found = queue.peek(broker, from, count, session).into_iter().map(|delivery| delivery.encode());
    let fitting = found.take_while(|message| {
        let is_first = bytes == 0;
        bytes += message.len();
        is_first || bytes <= BYTES
    });
    let messages: Vec<_> = fitting.map(|message| map([("message", Value::Binary(message))])).collect();
    let code = if messages.is_empty() { 204 } else { 200 };
    Ok((code, map([("messages", Value::List(messages))])))
}

pub(super) fn schedule(broker: &Broker, node: &Node, body: &Value) -> Answer {
    let mut due = Vec::new();
    for item in items(body, "messages")? {
        let Some(Value::Binary(bytes)) = item.get("message") else { return Err(missing("message")) };
        let message = Message::decode(bytes).map_err(|error| Refusal::Argument(format!("A message can't be read: {error}.")))?;
        let at = lookup(&message.annotations, "x-opt-scheduled-enqueue-time").and_then(Value::as_i64);
        due.push((at.ok_or_else(|| missing("x-opt-scheduled-enqueue-time"))?, message));
    }
    let scheduled = due.into_iter().map(|(at, message)| broker.schedule(node, message, at).map(Value::Long));
    let sequences = scheduled.collect::<Result<_, _>>()?;
    Ok((200, map([("sequence-numbers", Value::Array(sequences))])))
}

pub(super) fn cancel(broker: &Broker, node: &Node, body: &Value) -> Answer {
    broker.cancel(node, &integers(body, "sequence-numbers")?)?;
    Ok((200, Value::Null))
}

pub(super) fn receive_deferred(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let mode = match body.get("receiver-settle-mode").and_then(Value::as_i64) {
        Some(0) => Mode::ReceiveAndDelete,
        _ => Mode::PeekLock,
    };
    let deliveries = queue.receive_deferred(broker, &integers(body, "sequence-numbers")?, mode)?;
    let entry = |delivery: Delivery| {
        let token = Value::Uuid(delivery.token.unwrap_or_default());
        map([("message", Value::Binary(delivery.encode())), ("lock-token", token)])
    };
    Ok((200, map([("messages", Value::List(deliveries.into_iter().map(entry).collect()))])))
}

pub(super) fn update_disposition(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let properties = body.get("properties-to-modify").and_then(Value::as_map).unwrap_or_default().to_vec();
    let optional = |field: &str| body.get(field).and_then(Value::as_text).unwrap_or_default().to_owned();
    let settlement = match text(body, "disposition-status")? {
        "completed" => Settlement::Complete,
        "abandoned" => Settlement::Abandon(properties),
        // The protocol's spelling.
        "defered" => Settlement::Defer(properties),
        "suspended" => {
            Settlement::DeadLetter { reason: optional("deadletter-reason"), description: optional("deadletter-description"), properties }
        }
        "unlocked" => Settlement::Release,
        other => return Err(Refusal::Argument(format!("The disposition-status '{other}' is unknown."))),
    };
    for token in tokens(body)? {
        queue.settle(broker, token, settlement.clone())?;
    }
    Ok((200, Value::Null))
}

pub(super) fn delete(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let before = body.get("enqueued-time-utc").and_then(Value::as_i64).unwrap_or(i64::MAX);
    let deleted = queue.delete_before(broker, count(body, "message-count")?.min(MOST), before);
    let code = if deleted == 0 { 204 } else { 200 };
    Ok((code, map([("message-count", Value::Int(i32::try_from(deleted).unwrap_or(i32::MAX)))])))
}

fn tokens(body: &Value) -> Result<Vec<Uuid>, Refusal> {
    let token = |item: &Value| match item {
        Value::Uuid(token) => Ok(*token),
        _ => Err(missing("lock-tokens")),
    };
    items(body, "lock-tokens")?.iter().map(token).collect()
}
