//! What the emulator says, frame by frame.

use servicebus_emulator::amqp::{Attach, Begin, Detach, Disposition, Error, Flow, Message, Open, Performative, Properties, Value, lookup};
use uuid::Uuid;

/// A frame that arrived, with nothing borrowed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arrived {
    Attach(Attach),
    Detach(Detach),
    Flow(Flow),
    Transfer { handle: u32, delivery: Delivery, more: bool, has_id: bool },
    Disposition(Disposition),
    End(Option<Error>),
    Close(Option<Error>),
    Open(Open),
    Begin(Begin),
    Heartbeat,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) id: u32,
    pub(crate) tag: Vec<u8>,
    pub(crate) settled: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Delivery {
    pub(crate) fn message(&self) -> Message {
        Message::decode(&self.bytes).unwrap()
    }

    pub(crate) fn token(&self) -> Uuid {
        Uuid::from_bytes_le(self.tag.clone().try_into().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        body(&self.message())
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<Value> {
        lookup(&self.message().annotations, name).cloned()
    }

    pub(crate) fn sequence(&self) -> i64 {
        self.annotation("x-opt-sequence-number").unwrap().as_i64().unwrap()
    }

    pub(crate) fn property(&self, name: &str) -> Option<String> {
        lookup(&self.message().application_properties().unwrap(), name).and_then(Value::as_text).map(Into::into)
    }
}

pub(crate) fn body(message: &Message) -> String {
    String::from_utf8(message.data().unwrap().concat()).unwrap()
}

pub(crate) fn message(text: &str) -> Message {
    Message::of_data(Properties { message_id: Some(text.into()), ..Properties::default() }, &[], text.as_bytes())
}

pub(super) fn arrived(body: &[u8]) -> Arrived {
    if body.is_empty() {
        return Arrived::Heartbeat;
    }
    let (performative, payload) = Performative::decode(body).unwrap();
    match performative {
        Performative::Open(open) => Arrived::Open(open),
        Performative::Begin(begin) => Arrived::Begin(begin),
        Performative::Attach(attach) => Arrived::Attach(*attach),
        Performative::Detach(detach) => Arrived::Detach(detach),
        Performative::Flow(flow) => Arrived::Flow(flow),
        Performative::Disposition(disposition) => Arrived::Disposition(disposition),
        Performative::End(end) => Arrived::End(end.error),
        Performative::Close(close) => Arrived::Close(close.error),
        Performative::Transfer(transfer) => {
            let id = transfer.delivery_id;
            let tag = transfer.delivery_tag.unwrap_or_default().to_vec();
            let settled = transfer.settled.unwrap_or(false);
            let delivery = Delivery { id: id.unwrap_or_default(), tag, settled, bytes: payload.to_vec() };
            Arrived::Transfer { handle: transfer.handle, delivery, more: transfer.more, has_id: id.is_some() }
        }
    }
}
