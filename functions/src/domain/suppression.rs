//! Addresses that a channel must not tell.

use super::timestamp::Timestamp;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suppression {
    pub channel: String,
    /// As [`folded`].
    pub address: String,
    pub reason: String,
    pub at: Timestamp,
}

/// An address as it is compared: without the case of its letters and without space around it.
pub fn folded(address: &str) -> String {
    address.trim().to_lowercase()
}
