//! Operations on sessions.

use super::{Answer, count, map, missing, text};
use crate::{
    amqp::Value,
    broker::{Broker, Queue},
};
use std::sync::Arc;

pub(super) fn renew(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let until = queue.renew_session(broker, text(body, "session-id")?)?;
    Ok((200, map([("expiration", Value::Timestamp(until))])))
}

pub(super) fn state(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let state = queue.session_state(broker, text(body, "session-id")?);
    Ok((200, map([("session-state", state.map_or(Value::Null, Value::Binary))])))
}

pub(super) fn set_state(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let state = match body.get("session-state") {
        Some(Value::Binary(bytes)) => Some(bytes.clone()),
        Some(Value::Null) | None => None,
        Some(_) => return Err(missing("session-state")),
    };
    queue.set_session_state(broker, text(body, "session-id")?, state)?;
    Ok((200, Value::Null))
}

pub(super) fn list(broker: &Broker, queue: &Arc<Queue>, body: &Value) -> Answer {
    let (skip, top) = (count(body, "skip")?, count(body, "top")?);
    let names: Vec<Value> = queue.session_names(broker).into_iter().skip(skip).take(top).map(Value::from).collect();
    if names.is_empty() {
        return Ok((204, Value::Null));
    }
    let next = i32::try_from(skip + names.len()).unwrap_or(i32::MAX);
    Ok((200, map([("skip", Value::Int(next)), ("sessions-ids", Value::Array(names))])))
}
