//! One message in one queue.

use crate::amqp::{Value, encode, lookup, message, message::Header};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) use crate::amqp::message::Message;

/// Annotations that only the broker sets; a sender's are dropped, also when a received message is sent again.
const OWNED: [&str; 7] = [
    "x-opt-sequence-number",
    "x-opt-enqueued-time",
    "x-opt-locked-until",
    "x-opt-enqueue-sequence-number",
    "x-opt-message-state",
    SOURCE,
    "x-opt-lock-token",
];
const SOURCE: &str = "x-opt-deadletter-source";
pub(crate) const SCHEDULED_TIME: &str = "x-opt-scheduled-enqueue-time";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Ready,
    Locked { token: Uuid, until: i64, deferred: bool },
    Deferred,
    Scheduled { due: i64 },
}

/// Times in milliseconds since the Unix epoch.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) message: Arc<Message>,
    /// The number that the message got where it was sent to: the topic's, or that of the queue it was forwarded from.
    pub(super) enqueued_sequence: i64,
    pub(super) enqueued: i64,
    pub(super) expires: i64,
    /// Attempts that failed.
    pub(super) delivery_count: u32,
    pub(super) place: Place,
    /// In a dead-letter queue: where the message came from.
    pub(super) source: Option<Arc<str>>,
}

impl Entry {
    pub(super) fn new(message: Arc<Message>, enqueued_sequence: i64, enqueued: i64, expires: i64) -> Self {
        Self { message, enqueued_sequence, enqueued, expires, delivery_count: 0, place: Place::Ready, source: None }
    }

    pub(super) fn session(&self) -> Option<&str> {
        self.message.properties().group_id.as_deref()
    }

    pub(super) fn size(&self) -> u64 {
        self.message.bare().len() as u64
    }

    pub(super) fn view(&self, sequence: i64) -> Delivery {
        let (token, locked_until) = match self.place {
            Place::Locked { token, until, .. } => (Some(token), Some(until)),
            _ => (None, None),
        };
        let state = match self.place {
            Place::Deferred | Place::Locked { deferred: true, .. } => 1,
            Place::Scheduled { .. } => 2,
            _ => 0,
        };
        Delivery {
            message: self.message.clone(),
            sequence,
            enqueued_sequence: self.enqueued_sequence,
            enqueued: self.enqueued,
            failures: self.delivery_count,
            ttl: u32::try_from(self.expires.saturating_sub(self.enqueued)).ok(),
            token,
            locked_until,
            state,
            source: self.source.clone(),
        }
    }
}

/// What a receiver gets.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) message: Arc<Message>,
    pub(crate) sequence: i64,
    enqueued_sequence: i64,
    enqueued: i64,
    failures: u32,
    /// Milliseconds from enqueuing on: the sender's, or the entity's where that is less.
    ttl: Option<u32>,
    /// None where nothing is locked: receive-and-delete, peek.
    pub(crate) token: Option<Uuid>,
    pub(super) locked_until: Option<i64>,
    state: i32,
    source: Option<Arc<str>>,
}

impl Delivery {
    /// Seen without being received: a lock that somebody else has is not shown.
    pub(super) fn peeked(self) -> Self {
        Self { token: None, locked_until: None, ..self }
    }

    /// The sections before the bare message.
    pub(crate) fn encode_prefix(&self, out: &mut Vec<u8>) {
        let first_acquirer = self.failures == 0;
        let ttl = self.ttl.or(self.message.header.ttl);
        Header { delivery_count: self.failures, first_acquirer, ttl, ..self.message.header }.encode(out);
        if let Some(token) = self.token {
            message::put_lock_token(out, token);
        }
        let opened = message::open_annotations(out);
        let mut count = 0;
        for (key, value) in &self.message.annotations {
            encode::value(out, key);
            encode::value(out, value);
            count += 2;
        }
        let mut put = |key: &str, write: &dyn Fn(&mut Vec<u8>)| {
            encode::symbol(out, key);
            write(out);
            count += 2;
        };
        put("x-opt-sequence-number", &|out| encode::long(out, self.sequence));
        put("x-opt-enqueue-sequence-number", &|out| encode::long(out, self.enqueued_sequence));
        put("x-opt-enqueued-time", &|out| encode::timestamp(out, self.enqueued));
        put("x-opt-message-state", &|out| encode::value(out, &Value::Int(self.state)));
        if let Some(until) = self.locked_until {
            put("x-opt-locked-until", &|out| encode::timestamp(out, until));
        }
        // What was dead-lettered more than once names its first home.
        if let Some(source) = self.source.as_ref().filter(|_| lookup(&self.message.annotations, SOURCE).is_none()) {
            put(SOURCE, &|out| encode::string(out, source));
        }
        encode::close(out, opened, count);
    }

    /// The whole message, as `$management` answers it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.message.bare().len() + 256);
        self.encode_prefix(&mut out);
        out.extend_from_slice(self.message.bare());
        out
    }
}

/// Drops annotations that are the broker's to set.
pub(super) fn disown(message: &mut Message) {
    message.annotations.retain(|(key, _)| key.as_text().is_none_or(|key| !OWNED.contains(&key)));
}

/// A dead letter that goes to another entity.
pub(super) fn with_source(message: &Arc<Message>, source: &str) -> Arc<Message> {
    let mut marked = Message::clone(message);
    marked.annotations.retain(|(key, _)| key.as_text() != Some(SOURCE));
    marked.annotations.push((Value::symbol(SOURCE), source.into()));
    Arc::new(marked)
}

/// A message with application properties added or replaced.
pub(super) fn with_properties(message: &Arc<Message>, added: &[(Value, Value)]) -> Arc<Message> {
    if added.is_empty() {
        return message.clone();
    }
    let mut changed = Message::clone(message);
    let mut all = changed.application_properties().unwrap_or_default();
    for (key, value) in added {
        let Some(key) = key.as_text() else { continue };
        all.retain(|(known, _)| known.as_text() != Some(key));
        all.push((key.into(), value.clone()));
    }
    changed.rewrite(&all);
    Arc::new(changed)
}
