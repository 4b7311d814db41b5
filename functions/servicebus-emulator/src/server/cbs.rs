//! `$cbs`: claims-based security. Every token is taken, unless a fault says otherwise: there is nothing to protect.

use super::Server;
use crate::amqp::{Message, Properties, Value, lookup};

pub(super) fn answer(server: &Server, request: &Message) -> Message {
    let application = request.application_properties().unwrap_or_default();
    let operation = lookup(&application, "operation").and_then(Value::as_text).unwrap_or_default();
    let (code, description) = match operation {
        "put-token" if server.faults.refuses_token() => (401, "InvalidSignature: The token has an invalid signature."),
        // All clients take 202; some take nothing else for success.
        "put-token" => (202, "Accepted"),
        _ => (400, "The operation is not put-token."),
    };
    let application = [("status-code".into(), Value::Int(code)), ("status-description".into(), description.into())];
    Message::of_value(Properties::default(), &application, &Value::Null)
}
