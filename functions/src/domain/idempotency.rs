//! Repeating a request without repeating its effect (IETF draft-ietf-httpapi-idempotency-key-header-07).

use super::{new_order::NewOrder, order::Document, timestamp::Timestamp};
use sha2::{Digest, Sha256};

pub const MAX_KEY: usize = 255;

/// The client's key, without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

#[derive(Debug, thiserror::Error)]
#[error("Idempotency-Key must have 1 to {MAX_KEY} visible ASCII characters or spaces, with or without double quotes around them")]
pub struct NotAKey;

impl IdempotencyKey {
    /// The draft's form is a quoted string (RFC 8941 §3.3.3); most clients send it bare. Both mean the same key.
    pub fn parse(header: &str) -> Result<Self, NotAKey> {
        let bare = header.trim();
        let key = match bare.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => unescape(quoted)?,
            None if bare.contains('"') => return Err(NotAKey),
            None => bare.to_owned(),
        };
        let fits = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if fits { Ok(Self(key)) } else { Err(NotAKey) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn unescape(quoted: &str) -> Result<String, NotAKey> {
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next().filter(|next| matches!(next, '"' | '\\')).ok_or(NotAKey)?),
            '"' => return Err(NotAKey),
            other => key.push(other),
        }
    }
    Ok(key)
}

/// SHA-256 over what the request means: white space and member order of its JSON do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// # Panics
    /// Never: no member of a new order can fail to serialize.
    pub fn of(order: &NewOrder) -> Self {
        #[expect(clippy::expect_used, reason = "a new order holds only strings, integers and string-keyed maps")]
        let meaning = serde_json::to_vec(order).expect("a new order is always JSON");
        Self(Sha256::digest(meaning).into())
    }
}

/// What is kept, with the order and its event, of a request that had a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    pub key: IdempotencyKey,
    pub fingerprint: Fingerprint,
    pub expires_at: Timestamp,
}

/// What an earlier request with the same key left behind: the body it was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub fingerprint: Fingerprint,
    pub answer: Document,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_quoted_or_bare() {
        assert_eq!(IdempotencyKey::parse("\"8e03978e\"").unwrap(), IdempotencyKey::parse(" 8e03978e ").unwrap());
        assert_eq!(IdempotencyKey::parse(r#""a\"b\\c""#).unwrap().as_str(), r#"a"b\c"#);
    }

    #[test]
    fn a_key_that_is_empty_too_long_or_broken_is_refused() {
        let long = "k".repeat(MAX_KEY + 1);
        for header in ["", "\"\"", "\"open", "in\"side", r#""trailing\""#, "tab\there", "zoë", &long] {
            assert!(IdempotencyKey::parse(header).is_err(), "{header}");
        }
    }
}
