//! The order as it stands: what the API shows, what an event carries, what the store keeps.

use super::{id::OrderId, new_order::NewOrder, status::Status, timestamp::Timestamp, unreadable, unreadable::Unreadable};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// The largest integer that every JSON reader keeps whole: 2⁵³−1 (RFC 8259 §6).
pub const MAX_AMOUNT: i64 = 9_007_199_254_740_991;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// A UUIDv7 (RFC 9562).
    #[schema(value_type = uuid::Uuid)]
    pub id: OrderId,
    pub customer: Customer,
    /// ISO 4217, upper case.
    #[schema(example = "EUR")]
    pub currency: String,
    pub lines: Vec<Line>,
    /// The sum of all `lineTotal`, in minor units of the currency.
    #[schema(example = 2500)]
    pub total: i64,
    pub status: Status,
    /// Only on a cancelled order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cancellation: Option<Cancellation>,
    #[serde(default, skip_serializing_if = "Preferences::is_empty")]
    pub notify: Preferences,
    /// Up to 20 pairs that mean something to the client and nothing to us.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[schema(value_type = String, format = DateTime, example = "2026-03-02T10:15:30.123Z")]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime, example = "2026-03-02T10:15:30.123Z")]
    pub updated_at: Timestamp,
    /// Counts the changes, from 1; also the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub version: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Customer {
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 254, example = "ada@example.com")]
    pub email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    #[schema(example = "TEA-1")]
    pub sku: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[schema(example = 2)]
    pub quantity: i64,
    /// Minor units of the currency.
    #[schema(example = 1250)]
    pub unit_price: i64,
    /// `quantity` × `unitPrice`.
    #[schema(example = 2500)]
    pub line_total: i64,
}

/// How this customer wants to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Preferences {
    /// Names of configured channels; absent: the service's default ones; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channels: Option<Vec<String>>,
    /// A BCP 47 language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "en-GB")]
    pub locale: Option<String>,
}

impl Preferences {
    pub fn is_empty(&self) -> bool {
        self.channels.is_none() && self.locale.is_none()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cancellation {
    pub reason: CancelReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CancelReason {
    Customer,
    Inventory,
    Fraud,
    Declined,
    Staff,
    Other,
}

impl CancelReason {
    pub const ALL: [Self; 6] = [Self::Customer, Self::Inventory, Self::Fraud, Self::Declined, Self::Staff, Self::Other];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Inventory => "inventory",
            Self::Fraud => "fraud",
            Self::Declined => "declined",
            Self::Staff => "staff",
            Self::Other => "other",
        }
    }
}

/// An order written as JSON once and shared: the answer, the stored row and the event's `data` are this one text.
pub type Document = Arc<str>;

/// An order as the store gives it back: its text, which is also the answer, and what is needed without reading the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub id: OrderId,
    pub version: u32,
    pub document: Document,
}

impl Stored {
    /// # Errors
    /// When the text is not an order: the row was written by something else.
    pub fn order(&self) -> Result<Order, Unreadable> {
        unreadable::parse(&self.document)
    }
}

impl Order {
    /// A placed order at version 1. `createdAt` is the moment that the id carries.
    pub fn place(new: NewOrder, id: OrderId) -> Self {
        let created_at = id.created_at();
        Self {
            id,
            total: new.lines.iter().map(|line| line.line_total).sum(),
            customer: new.customer,
            currency: new.currency,
            lines: new.lines,
            status: Status::Placed,
            cancellation: None,
            notify: new.notify,
            metadata: new.metadata,
            created_at,
            updated_at: created_at,
            version: 1,
        }
    }

    /// # Panics
    /// Never: no member of an order can fail to serialize (all map keys are strings).
    pub fn document(&self) -> Document {
        #[expect(clippy::expect_used, reason = "an order holds only strings, integers and string-keyed maps")]
        let json = serde_json::to_string(self).expect("an order is always JSON");
        json.into()
    }
}
