//! `<entity>/$management`: requests with an operation's name, answers with a status.

mod messages;
mod rules;
mod sessions;

use crate::{
    amqp::{Message, Properties, Value, lookup},
    broker::{Address, Broker, Node, Queue, Refusal, Subscription},
};
use std::sync::Arc;

/// Status and body.
type Answer = Result<(i32, Value), Refusal>;

pub(super) fn answer(broker: &Broker, node: &Node, address: &Address, request: &Message) -> Message {
    let application = request.application_properties().unwrap_or_default();
    let operation = lookup(&application, "operation").and_then(Value::as_text).unwrap_or_default();
    let body = request.value().unwrap_or(Value::Null);
    let (code, condition, description, body) = match dispatch(broker, node, address, operation, &body) {
        Ok((code, body)) => (code, None, if code == 204 { "No Content" } else { "OK" }.to_owned(), body),
        Err(refusal) => (refusal.status(), Some(refusal.condition()), refusal.to_string(), Value::Null),
    };
    let mut application = vec![("statusCode".into(), Value::Int(code)), ("statusDescription".into(), description.into())];
    if let Some(condition) = condition {
        application.push(("errorCondition".into(), Value::symbol(condition)));
    }
    Message::of_value(Properties::default(), &application, &body)
}

fn dispatch(broker: &Broker, node: &Node, address: &Address, operation: &str, body: &Value) -> Answer {
    match operation.strip_prefix("com.microsoft:").unwrap_or(operation) {
        "renew-lock" => messages::renew_locks(broker, queue(node)?, body),
        "peek-message" => messages::peek(broker, queue(node)?, body),
        "schedule-message" => messages::schedule(broker, node, body),
        "cancel-scheduled-message" => messages::cancel(broker, node, body),
        "receive-by-sequence-number" => messages::receive_deferred(broker, queue(node)?, body),
        "update-disposition" => messages::update_disposition(broker, queue(node)?, body),
        "batch-delete-messages" => messages::delete(broker, queue(node)?, body),
        "renew-session-lock" => sessions::renew(broker, queue(node)?, body),
        "get-session-state" => sessions::state(broker, queue(node)?, body),
        "set-session-state" => sessions::set_state(broker, queue(node)?, body),
        "get-message-sessions" => sessions::list(broker, queue(node)?, body),
        "add-rule" => rules::add(subscription(broker, address)?.as_ref(), body),
        "remove-rule" => rules::remove(subscription(broker, address)?.as_ref(), body),
        "enumerate-rules" => rules::list(broker, subscription(broker, address)?.as_ref(), body),
        other => Err(Refusal::NotImplemented(format!("The operation '{other}' is not supported."))),
    }
}

/// Most operations are about messages, which topics don't keep.
fn queue(node: &Node) -> Result<&Arc<Queue>, Refusal> {
    match node {
        Node::Queue(queue) => Ok(queue),
        Node::Topic(topic) => Err(Refusal::NotAllowed(format!("The topic '{}' has no messages of its own.", topic.name))),
    }
}

fn subscription(broker: &Broker, address: &Address) -> Result<Arc<Subscription>, Refusal> {
    let not_allowed = || Refusal::NotAllowed(format!("'{}' is not a subscription, so that it has no rules.", address.path));
    broker.subscription(address).ok_or_else(not_allowed)
}

fn missing(field: &str) -> Refusal {
    Refusal::Argument(format!("The request's '{field}' is missing or has the wrong type."))
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Refusal> {
    body.get(field).and_then(Value::as_text).ok_or_else(|| missing(field))
}

fn integer(body: &Value, field: &str) -> Result<i64, Refusal> {
    body.get(field).and_then(Value::as_i64).ok_or_else(|| missing(field))
}

fn count(body: &Value, field: &str) -> Result<usize, Refusal> {
    usize::try_from(integer(body, field)?).map_err(|_| missing(field))
}

fn items<'a>(body: &'a Value, field: &str) -> Result<&'a [Value], Refusal> {
    body.get(field).and_then(Value::as_items).ok_or_else(|| missing(field))
}

fn integers(body: &Value, field: &str) -> Result<Vec<i64>, Refusal> {
    items(body, field)?.iter().map(|item| item.as_i64().ok_or_else(|| missing(field))).collect()
}

fn map(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}
