//! Signing (Standard Webhooks, "Signature scheme"): HMAC-SHA256 over id, timestamp and body.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::fmt;

/// The lengths of a key, in bytes, that the specification allows.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Before a key that is written down.
const PREFIX: &str = "whsec_";

/// One key, or two while it is being replaced: everything is signed with both, and receivers take either.
pub struct SigningKeys(Vec<Vec<u8>>);

/// A sentence without a subject; quotes nothing of the key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one key, or two with a space between, each whsec_ and then 24 to 64 bytes in base64")]
pub struct Malformed;

impl SigningKeys {
    pub fn parse(text: &SecretString) -> Result<Self, Malformed> {
        let key = |word: &str| {
            let bytes = BASE64_STANDARD.decode(word.strip_prefix(PREFIX)?).ok()?;
            LENGTHS.contains(&bytes.len()).then_some(bytes)
        };
        let keys: Option<Vec<_>> = text.expose_secret().split_whitespace().map(key).collect();
        keys.filter(|keys| (1..=2).contains(&keys.len())).map(Self).ok_or(Malformed)
    }

    /// The value of `webhook-signature`: a signature by each key, the first key's first. `seconds` is Unix time.
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let signatures: Vec<_> = self.0.iter().map(|key| signature(key, id, seconds, body)).collect();
        signatures.join(" ")
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<SigningKeys, Malformed> {
        SigningKeys::parse(&SecretString::from(text))
    }

    #[test]
    fn a_key_has_its_prefix_and_its_length_and_at_most_one_companion() {
        let good = format!("{PREFIX}{}", BASE64_STANDARD.encode([7; 24]));
        assert!(keys(&good).is_ok() && keys(&format!("{good} {good}\n")).is_ok());
        let wrong = [String::new(), "whsec_".into(), good[6..].to_owned(), format!("{good} {good} {good}"), format!("{good}!")];
        for text in wrong.iter().chain([&format!("{PREFIX}{}", BASE64_STANDARD.encode([7; 65]))]) {
            assert_eq!(keys(text).unwrap_err(), Malformed, "{text}");
        }
        assert_eq!(format!("{:?}", keys(&good).unwrap()), "SigningKeys(1)");
    }
}
