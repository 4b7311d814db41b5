//! Knows how the Functions host calls for what is not HTTP, and what it wants back. Knows nothing of orders.

use crate::{domain::trace::Trace, error::Problem, handlers::request};
use axum::{
    Json,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// What the host POSTs: `{"Data":{…},"Metadata":{…}}`.
#[derive(Debug, Default)]
pub struct Invocation {
    /// As the host logs it.
    pub id: Option<String>,
    /// Of the host's call.
    pub trace: Option<Trace>,
    data: Value,
    metadata: Value,
}

/// A message out of an invocation.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub body: Vec<u8>,
    /// What the host says of it. In string mode the body can overwrite this, so nothing is decided by it.
    pub id: Option<String>,
    pub delivery_count: u32,
    /// Of whoever sent it; for the log alone.
    pub trace: Option<Trace>,
}

impl Invocation {
    /// The binding of that name. The host encodes it once, twice, as base64 or not at all, depending on the binding's
    /// `dataType` and on the body; whatever it is, what comes out is the body.
    pub fn message(&self, binding: &str) -> Message {
        let metadata = |name: &str| self.metadata.get(name).map(plain);
        let property = |name: &str| self.metadata.get("ApplicationProperties")?.get(name)?.as_str();
        Message {
            body: body(self.data.get(binding).unwrap_or(&Value::Null)),
            id: metadata("MessageId"),
            delivery_count: metadata("DeliveryCount").and_then(|count| count.parse().ok()).unwrap_or(1),
            trace: ["traceparent", "Diagnostic-Id"].iter().find_map(|name| Trace::parse(property(name)?).ok()),
        }
    }
}

fn body(value: &Value) -> Vec<u8> {
    let mut text = match value {
        Value::String(text) => text.clone(),
        other => return other.to_string().into_bytes(),
    };
    while let Ok(Value::String(inner)) = serde_json::from_str(&text) {
        text = inner;
    }
    if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
        return text.into_bytes();
    }
    BASE64_STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes())
}

/// A scalar of the metadata: a string is JSON once more.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::String(inner)) => inner,
            _ => text.clone(),
        },
        other => other.to_string(),
    }
}

/// The only success the host understands: an empty 2xx would leave the invocation without an answer until it times out.
pub fn done() -> Response {
    (StatusCode::OK, Json(json!({}))).into_response()
}

impl<S: Send + Sync> FromRequest<S> for Invocation {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let trace = request.extensions().get().copied();
        // A client may send the header too; the host's own value comes last.
        let id = request.headers().get_all("x-azure-functions-invocationid").iter().next_back();
        let id = id.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = request::read(request.into_body(), ENVELOPE_LIMIT).await?;
        let mut envelope: Value =
            serde_json::from_slice(&bytes).map_err(|fault| Problem::syntax(format!("the invocation is not JSON: {fault}")))?;
        let mut part = |name: &str| envelope.get_mut(name).map(Value::take).unwrap_or_default();
        Ok(Self { id, trace, data: part("Data"), metadata: part("Metadata") })
    }
}

/// A Premium message of 1 MiB, as base64 or with each byte escaped, and its metadata with the same in it.
const ENVELOPE_LIMIT: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(data: &Value) -> String {
        let invocation = Invocation { data: json!({ "message": data }), ..Invocation::default() };
        String::from_utf8(invocation.message("message").body).unwrap()
    }

    #[test]
    fn a_body_is_found_in_every_encoding_of_the_host() {
        let event = r#"{"id":"1","total":12}"#;
        let once = json!(event).to_string();
        for data in [
            json!({ "id": "1", "total": 12 }),
            json!(event),
            json!(once),
            json!(BASE64_STANDARD.encode(event)),
            json!(json!(once).to_string()),
        ] {
            assert_eq!(decoded(&data), event, "{data}");
        }
        assert_eq!(decoded(&json!("not json, not base64!")), "not json, not base64!");
        assert_eq!(decoded(&json!("\"plain words\"")), "plain words");
    }

    #[test]
    fn metadata_is_read_through_its_second_encoding() {
        let of = |metadata: Value| Invocation { metadata, ..Invocation::default() };
        let invocation = of(json!({ "MessageId": "\"m-1\"", "DeliveryCount": "3" }));
        let message = invocation.message("message");
        assert_eq!((message.id.as_deref(), message.delivery_count), (Some("m-1"), 3));
        assert_eq!(of(json!({ "MessageId": "m-1", "DeliveryCount": 3 })).message("message"), message);
    }

    #[test]
    fn a_messages_trace_is_that_of_its_sender() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (properties, found) in [
            (json!({ "traceparent": trace, "Diagnostic-Id": "00-1" }), true),
            (json!({ "traceparent": 7, "Diagnostic-Id": trace }), true),
            (json!({ "traceparent": "none" }), false),
            (json!("forged"), false),
        ] {
            let invocation = Invocation { metadata: json!({ "ApplicationProperties": properties }), ..Invocation::default() };
            assert_eq!(invocation.message("message").trace, Trace::parse(trace).ok().filter(|_| found), "{properties}");
        }
    }
}
