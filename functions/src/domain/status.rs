//! The states of an order and the one table of the steps between them.

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Placed,
    Confirmed,
    Shipped,
    Delivered,
    Cancelled,
}

/// Every step an order may take; what is not here is refused.
pub const TRANSITIONS: [(Status, Status); 5] = [
    (Status::Placed, Status::Confirmed),
    (Status::Confirmed, Status::Shipped),
    (Status::Shipped, Status::Delivered),
    (Status::Placed, Status::Cancelled),
    (Status::Confirmed, Status::Cancelled),
];

impl Status {
    pub const ALL: [Self; 5] = [Self::Placed, Self::Confirmed, Self::Shipped, Self::Delivered, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub fn may_become(self, next: Self) -> bool {
        TRANSITIONS.contains(&(self, next))
    }

    /// The names of all states, for a sentence such as "must be one of …".
    pub fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
