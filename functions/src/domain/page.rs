//! Which orders to list, and where the last page ended.

use super::{id::OrderId, order::Stored, status::Status, timestamp::Timestamp};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::fmt;
use uuid::Uuid;

pub const DEFAULT_LIMIT: u32 = 50;
pub const MAX_LIMIT: u32 = 200;

/// A page of orders, newest first. Filters are joined by "and".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub status: Option<Status>,
    /// The exact name or the exact e-mail address.
    pub customer: Option<String>,
    /// Inclusive.
    pub created_from: Option<Timestamp>,
    /// Exclusive.
    pub created_to: Option<Timestamp>,
    pub limit: u32,
    pub after: Option<Cursor>,
}

impl Query {
    /// The ids a page may show: from the first, inclusive, up to the second, exclusive.
    pub fn id_range(&self) -> (OrderId, OrderId) {
        let lowest = self.created_from.map_or(OrderId(Uuid::nil()), OrderId::lowest_at);
        let end = self.created_to.map_or(OrderId(Uuid::max()), OrderId::lowest_at);
        let highest = self.after.map_or(end, |cursor| cursor.0.min(end));
        (lowest, highest)
    }
}

/// The last order of a page: the next page begins with the one made before it, whatever was added meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub OrderId);

/// The first byte of a cursor: a later form is told apart by another.
const FORM: u8 = 1;

#[derive(Debug, thiserror::Error)]
#[error("must be a nextCursor that this service gave")]
pub struct NotACursor;

impl Cursor {
    pub fn parse(text: &str) -> Result<Self, NotACursor> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACursor)?;
        match bytes.split_first() {
            Some((&FORM, id)) => Uuid::from_slice(id).map(|id| Self(OrderId(id))).map_err(|_| NotACursor),
            _ => Err(NotACursor),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [FORM; 17];
        bytes[1..].copy_from_slice(self.0.0.as_bytes());
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// Bytes of orders after which a page ends, however many were asked for; one order it always has.
pub const PAGE_BYTES: usize = 1024 * 1024;

/// What a page can still take.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    orders: u32,
    bytes: usize,
    is_empty: bool,
}

impl Room {
    pub fn on_page(query: &Query) -> Self {
        Self { orders: query.limit, bytes: PAGE_BYTES, is_empty: true }
    }

    /// Whether the page takes an order whose document has so many bytes. Where it does not, the page ends before it.
    pub fn takes(&mut self, bytes: usize) -> bool {
        if self.orders == 0 || (bytes > self.bytes && !self.is_empty) {
            return false;
        }
        *self = Self { orders: self.orders - 1, bytes: self.bytes.saturating_sub(bytes), is_empty: false };
        true
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub items: Vec<Stored>,
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_anything_else_is_refused() {
        let cursor = Cursor(OrderId(Uuid::from_u128(7)));
        assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
        for text in ["", "AQ", "not a cursor", "AgAAAAAAAAAAAAAAAAAAAAc"] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }
}
