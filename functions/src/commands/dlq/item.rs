//! One message that was put aside, wherever it lies.

use crate::{bus::service_bus::ReceivedMessage, domain::timestamp::Timestamp, store::Rejected};
use serde::Serialize;
use std::borrow::Cow;

/// Where it lies, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the subscription's dead-letter queue: `d` and the sequence number.
    Letter(i64),
    /// In the table `rejected_messages`: `r` and the row's number.
    Row(i64),
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) place: Place,
    /// Rows that hold the same message: what Notify rejected before the broker put it aside.
    pub(super) rows: Vec<i64>,
    pub(super) message_id: Option<String>,
    pub(super) reason: String,
    pub(super) description: Option<String>,
    pub(super) delivery_count: u32,
    pub(super) at: Option<Timestamp>,
    /// How long its body is. The body itself is read when it is needed: there may be many.
    pub(super) bytes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: String,
    at: Option<Timestamp>,
    message_id: Option<&'a str>,
    reason: &'a str,
    description: Option<&'a str>,
    delivery_count: u32,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
}

impl Place {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = text.get(1..)?.parse().ok()?;
        match text.as_bytes()[0] {
            b'd' => Some(Self::Letter(number)),
            b'r' => Some(Self::Row(number)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Letter(number) => write!(f, "d{number}"),
            Self::Row(number) => write!(f, "r{number}"),
        }
    }
}

impl Item {
    /// `rows` hold the same message.
    pub(super) fn letter(message: &ReceivedMessage, rows: Vec<i64>) -> Self {
        Self {
            place: Place::Letter(message.sequence_number.unwrap_or_default()),
            rows,
            message_id: message.message_id.clone(),
            reason: message.dead_letter_reason.clone().unwrap_or_else(|| "no reason was given".into()),
            description: message.dead_letter_description.clone().filter(|text| !text.is_empty()),
            delivery_count: message.delivery_count,
            at: message.enqueued_at,
            bytes: message.body.len(),
        }
    }

    pub(super) fn row(row: Rejected) -> Self {
        let Rejected { id, message } = row;
        Self {
            place: Place::Row(id),
            rows: vec![id],
            message_id: message.message_id,
            reason: message.reason,
            description: None,
            delivery_count: message.delivery_count,
            at: Some(message.at),
            bytes: message.body.len(),
        }
    }

    /// One line of a table; a message id and a reason come from outside, and may hold anything.
    pub(super) fn line(&self) -> String {
        let at = self.at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let id = self.message_id.as_deref().unwrap_or("-").escape_debug().to_string();
        format!("{:<10} {at:<24} {:>5}  {id:<36}  {}", self.place.to_string(), self.delivery_count, self.reason.escape_debug())
    }

    pub(super) fn json(&self, body: Option<&[u8]>) -> serde_json::Result<String> {
        serde_json::to_string(&Shown {
            id: self.place.to_string(),
            at: self.at,
            message_id: self.message_id.as_deref(),
            reason: &self.reason,
            description: self.description.as_deref(),
            delivery_count: self.delivery_count,
            bytes: self.bytes,
            body: body.map(String::from_utf8_lossy),
        })
    }
}
