//! A message as it lies in the subscription, and what the host knows of one delivery of it.

use super::guid;
use orders::clock::{Clock, SystemClock};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// `None` is a property that was not set, and so has no metadata.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "the properties have these names")]
pub struct Message {
    pub body: Vec<u8>,
    pub message_id: Option<String>,
    pub content_type: Option<String>,
    pub reply_to: Option<String>,
    pub to: Option<String>,
    pub subject: Option<String>,
    pub correlation_id: Option<String>,
    pub session_id: Option<String>,
    pub reply_to_session_id: Option<String>,
    pub partition_key: Option<String>,
    pub transaction_partition_key: Option<String>,
    pub dead_letter_source: Option<String>,
    /// Typed: numbers and booleans stay what they are.
    pub application_properties: Map<String, Value>,
    pub enqueued_at: OffsetDateTime,
    pub time_to_live: Duration,
}

impl Message {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            message_id: None,
            content_type: None,
            reply_to: None,
            to: None,
            subject: None,
            correlation_id: None,
            session_id: None,
            reply_to_session_id: None,
            partition_key: None,
            transaction_partition_key: None,
            dead_letter_source: None,
            application_properties: Map::new(),
            enqueued_at: utc_now(),
            time_to_live: Duration::days(14),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Delivery {
    /// 1 on the first.
    pub count: u32,
    pub lock_token: Uuid,
    pub sequence_number: u64,
}

impl Delivery {
    pub fn new(count: u32, sequence_number: u64) -> Self {
        Self { count, lock_token: guid(), sequence_number }
    }
}

/// To the millisecond, which is all that [`SystemClock`] knows.
pub fn utc_now() -> OffsetDateTime {
    let nanos = i128::from(SystemClock.now().millis()) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("the present is in range")
}
