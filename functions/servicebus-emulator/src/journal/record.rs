//! What a journal is made of. The order of variants and fields is the file's format: a change of it is a new version.

use serde::{Deserialize, Serialize};

/// Entities are named by their path, always written the same way: `queue`, `topic`, `topic/subscriptions/name`, and each with
/// `/$deadletterqueue` after it. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A message came, or it is another than before: the same sequence number in the same entity takes its place.
    Stored(Entry),
    /// A message left: completed, received and deleted, expired, cancelled, or on its way to another entity.
    Removed { entity: String, sequence: i64 },
    /// A message was deferred, is active again, or an attempt to deliver it failed.
    Changed { entity: String, sequence: i64, state: State, delivery_count: u32 },
    /// A session has another state, or none.
    Session { entity: String, session: String, state: Option<serde_bytes::ByteBuf> },
    /// The last sequence number that was given. Written by the journal itself, since the message may have left.
    Counter { entity: String, last: i64 },
    /// The entity was deleted with all that it had.
    Dropped { entity: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub entity: String,
    pub sequence: i64,
    /// The number that the message got where it was sent to.
    pub enqueued_sequence: i64,
    pub enqueued_at: i64,
    pub expires_at: i64,
    /// Attempts that failed.
    pub delivery_count: u32,
    pub state: State,
    /// In a dead-letter queue: where the message came from.
    pub source: Option<String>,
    pub message_id: String,
    /// The message as it is encoded on the wire.
    #[serde(with = "serde_bytes")]
    pub message: Vec<u8>,
}

/// A lock doesn't outlive the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Active,
    Deferred,
    Scheduled { due: i64 },
}
