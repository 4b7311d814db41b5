//! Messages as AMQP carries them (AMQP 1.0 §3.2), and what Service Bus adds.

use super::{
    super as bus,
    error::{Error, ErrorKind},
};
use crate::domain::{event::CONTENT_TYPE, timestamp::Timestamp, trace::Trace};
use fe2o3_amqp_types::{
    messaging::{
        ApplicationProperties, Body, Data, Message as Amqp, MessageId, Properties,
        annotations::AnnotationKey,
        message::__private::{Deserializable, Serializable},
    },
    primitives::{SimpleValue, Symbol, Value},
};
use uuid::Uuid;

pub use bus::Message;

/// The message as it is sent. The trace goes along under both names: W3C's, and the one that Azure's SDKs read.
pub(super) fn to_amqp(message: &Message) -> Amqp<Data> {
    let properties = Properties::builder()
        .message_id(message.id.to_string())
        .subject(message.subject.clone())
        .correlation_id(message.subject.clone())
        .content_type(Symbol::from(CONTENT_TYPE))
        .build();
    let mut application_properties = ApplicationProperties::builder().insert("type", message.kind.as_str());
    if let Some(trace) = message.trace {
        let trace = trace.to_string();
        application_properties = application_properties.insert("traceparent", trace.clone()).insert("Diagnostic-Id", trace);
    }
    Amqp::builder().properties(properties).application_properties(application_properties.build()).data(message.body.clone()).build()
}

pub(super) fn encode(message: &Amqp<Data>) -> Result<Vec<u8>, Error> {
    serde_amqp::to_vec(&Serializable(message)).map_err(|error| Error::new(ErrorKind::Refused, format!("cannot be encoded: {error}")))
}

/// A message out of a subscription or a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    pub message_id: Option<String>,
    pub subject: Option<String>,
    pub correlation_id: Option<String>,
    pub content_type: Option<String>,
    /// From `traceparent`, else from `Diagnostic-Id`; `None` when neither is one.
    pub trace: Option<Trace>,
    pub body: Vec<u8>,
    /// 1 on the first delivery.
    pub delivery_count: u32,
    pub sequence_number: Option<i64>,
    pub enqueued_at: Option<Timestamp>,
    /// `None` for a message that was only looked at.
    pub lock_token: Option<Uuid>,
    pub locked_until: Option<Timestamp>,
    pub dead_letter_reason: Option<String>,
    pub dead_letter_description: Option<String>,
}

impl ReceivedMessage {
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, Error> {
        let Deserializable(message) = serde_amqp::from_slice::<Deserializable<Amqp<Body<Value>>>>(encoded)
            .map_err(|error| Error::new(ErrorKind::Refused, format!("a message cannot be decoded: {error}")))?;
        Ok(Self::from_amqp(message, None))
    }

    /// `delivery_tag` is the lock token as a .NET GUID: its first three groups are little-endian.
    pub(super) fn from_amqp(message: Amqp<Body<Value>>, delivery_tag: Option<&[u8]>) -> Self {
        let annotation = |name: &str| message.message_annotations.as_ref()?.0.get(&name as &dyn AnnotationKey);
        let moment = |name: &str| match annotation(name)? {
            Value::Timestamp(timestamp) => Some(Timestamp::from_millis(timestamp.milliseconds())),
            _ => None,
        };
        let property = |name: &str| match message.application_properties.as_ref()?.0.get(name)? {
            SimpleValue::String(text) => Some(text.clone()),
            _ => None,
        };
        let sequence_number = match annotation("x-opt-sequence-number") {
            Some(Value::Long(number)) => Some(*number),
            _ => None,
        };
        let trace = ["traceparent", "Diagnostic-Id"].iter().find_map(|name| Trace::parse(&property(name)?).ok());
        let (enqueued_at, locked_until) = (moment("x-opt-enqueued-time"), moment("x-opt-locked-until"));
        let (dead_letter_reason, dead_letter_description) = (property("DeadLetterReason"), property("DeadLetterErrorDescription"));
        let properties = message.properties.unwrap_or_default();
        Self {
            message_id: properties.message_id.map(text),
            subject: properties.subject,
            correlation_id: properties.correlation_id.map(text),
            content_type: properties.content_type.map(Symbol::into_inner),
            trace,
            body: bytes(message.body),
            delivery_count: message.header.map_or(0, |header| header.delivery_count).saturating_add(1),
            sequence_number,
            enqueued_at,
            lock_token: delivery_tag.and_then(|tag| tag.try_into().ok()).map(Uuid::from_bytes_le),
            locked_until,
            dead_letter_reason,
            dead_letter_description,
        }
    }
}

fn text(id: MessageId) -> String {
    match id {
        MessageId::String(text) => text,
        MessageId::Uuid(uuid) => Uuid::from(uuid).to_string(),
        MessageId::Ulong(number) => number.to_string(),
        MessageId::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The body's bytes. A text or binary value stands for its bytes; of what is neither, a description remains.
fn bytes(body: Body<Value>) -> Vec<u8> {
    match body {
        Body::Data(sections) => sections.into_iter().flat_map(|Data(bytes)| bytes.into_vec()).collect(),
        Body::Value(value) => match value.0 {
            Value::String(text) => text.into_bytes(),
            Value::Binary(bytes) => bytes.into_vec(),
            other => format!("{other:?}").into_bytes(),
        },
        Body::Sequence(sections) => format!("{sections:?}").into_bytes(),
        Body::Empty => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{event::EventKind, id::EventId};

    #[test]
    fn what_is_sent_is_what_is_received() {
        let trace = Trace::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        let sent = Message {
            id: EventId(Uuid::from_u128(7)),
            kind: EventKind::Created,
            subject: "order-1".into(),
            trace: Some(trace),
            body: br#"{"id":"7"}"#.to_vec(),
        };
        let received = ReceivedMessage::decode(&encode(&to_amqp(&sent)).unwrap()).unwrap();
        assert_eq!(received.message_id, Some(sent.id.to_string()));
        assert_eq!((received.subject.as_deref(), received.content_type.as_deref()), (Some("order-1"), Some(CONTENT_TYPE)));
        assert_eq!((received.trace, received.body, received.delivery_count), (sent.trace, sent.body, 1));
    }

    #[test]
    fn a_lock_token_is_the_delivery_tag_read_as_a_net_guid() {
        let tag = [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        let message = Amqp::builder().body(Body::<Value>::Empty).build();
        let token = ReceivedMessage::from_amqp(message, Some(&tag)).lock_token.unwrap();
        assert_eq!(token.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
