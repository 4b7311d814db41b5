//! Identifiers. All are UUIDv7 (RFC 9562 §5.7), so they sort by the time they were made.

use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! identifier {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

identifier!(OrderId, "Names an order; its first 48 bits are the order's `createdAt`.");
identifier!(EventId, "Names an event: the outbox row, the message and the CloudEvents `id` alike.");
identifier!(
    DeliveryId,
    "Names one notification to one recipient over one channel: the token a channel's provider may use to recognise a repeat."
);

impl OrderId {
    /// The moment in the id (RFC 9562 §5.7: Unix milliseconds). An order's `createdAt` is this moment, so that
    /// newest first and a range of creation times are both answered by the order of the ids.
    pub fn created_at(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.0.as_u128() >> 80).unwrap_or(i64::MAX))
    }

    /// The smallest id that an order made at `moment` can have.
    pub fn lowest_at(moment: Timestamp) -> Self {
        let millis = u128::try_from(moment.millis()).unwrap_or(0);
        Self(Uuid::from_u128(millis << 80))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_carries_the_moment_it_was_made() {
        let id = OrderId(Uuid::parse_str("01958f6e-7c1b-7a3e-9d52-5b0c6a2f4e11").unwrap());
        assert_eq!(id.created_at().millis(), 0x0195_8f6e_7c1b);
        assert!(OrderId::lowest_at(id.created_at()) <= id);
        assert!(OrderId::lowest_at(Timestamp::from_millis(id.created_at().millis() + 1)) > id);
    }
}
