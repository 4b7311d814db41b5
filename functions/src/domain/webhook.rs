//! Endpoints that an operator has told by webhook.

use super::{delivery::News, timestamp::Timestamp};

/// Before the name of each setting that may hold an endpoint's key.
pub const KEY_PREFIX: &str = "WEBHOOK_KEY_";
/// Before the name of a Key Vault secret.
pub const VAULT_PREFIX: &str = "keyvault:";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub name: String,
    pub url: String,
    /// What it is told of.
    pub events: Vec<News>,
    /// The setting, or the Key Vault secret, that holds its key; never the key.
    pub key_name: String,
    pub created_at: Timestamp,
    /// Since when, and why, it is told nothing.
    pub disabled: Option<Disabled>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    pub at: Timestamp,
    pub reason: String,
}

/// What the circuit of the endpoint of that name is called.
pub fn circuit(name: &str) -> String {
    format!("webhook:{name}")
}

impl Endpoint {
    pub fn wants(&self, news: News) -> bool {
        self.disabled.is_none() && self.events.contains(&news)
    }
}

impl News {
    /// The event type of a webhook (Standard Webhooks, "Event types").
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Created => "order.created",
            Self::Confirmed => "order.confirmed",
            Self::Shipped => "order.shipped",
            Self::Delivered => "order.delivered",
            Self::Cancelled => "order.cancelled",
        }
    }

    pub fn from_event_type(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|news| news.event_type() == text)
    }
}

/// A name as it stands in rows, commands and logs: 1 to 64 of `a-z`, `0-9`, `-` and `_`.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// Whether this may name a key: a setting of the family made for it, so that no other secret can be signed with, or a
/// secret in Key Vault (1 to 127 of letters, digits and `-`).
pub fn is_key_name(text: &str) -> bool {
    let setting = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let secret = |name: &str| (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.strip_prefix(KEY_PREFIX).is_some_and(setting) || text.strip_prefix(VAULT_PREFIX).is_some_and(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_its_own_family_of_settings_or_in_the_vault() {
        assert!(is_key_name("WEBHOOK_KEY_ERP") && is_key_name("keyvault:webhook-erp"));
        for wrong in
            ["ORDERS_KEYS", "WEBHOOK_KEY_", "WEBHOOK_KEY_erp", "keyvault:", "keyvault:a/b", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
        {
            assert!(!is_key_name(wrong), "{wrong}");
        }
        assert!(is_name("erp-1") && !is_name("ERP") && !is_name(""));
    }

    #[test]
    fn event_types_are_read_as_they_are_written() {
        for news in News::ALL {
            assert_eq!(News::from_event_type(news.event_type()), Some(news));
        }
    }
}
