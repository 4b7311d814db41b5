//! API keys, checked here where no Functions host stands in front to check them.
//!
//! Several keys may be valid at once, each with a name: a key is replaced by adding the next one, moving the clients
//! over, and taking the old one away.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The shortest key that is taken, in characters: 128 bits in hexadecimal.
pub const MIN_LENGTH: usize = 32;

/// The keys that are valid. What is kept of each is its SHA-256, so that no copy of this can give a key away.
#[derive(Clone, Default)]
pub struct Keys(Vec<(String, [u8; 32])>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    #[error("must be a list of NAME=KEY, separated by commas; entry {0} has no name or no key")]
    Shape(usize),
    #[error("names {0:?}; a name has 1 to 64 letters, digits, hyphens and underscores")]
    Name(String),
    #[error("has two keys named {0:?}")]
    Twice(String),
    #[error("has a key named {0:?} of fewer than {MIN_LENGTH} characters; make one with `orders keys new`")]
    Short(String),
    #[error("has a key named {0:?} with characters other than letters, digits and -._~+/=")]
    Characters(String),
}

impl Keys {
    /// Reads `NAME=KEY,NAME=KEY`. No error quotes a key.
    pub fn parse(list: &str) -> Result<Self, KeysError> {
        let mut keys: Vec<(String, [u8; 32])> = Vec::new();
        for (index, entry) in list.split(',').map(str::trim).enumerate() {
            let (name, key) =
                entry.split_once('=').filter(|(name, key)| !name.is_empty() && !key.is_empty()).ok_or(KeysError::Shape(index + 1))?;
            let named = |error: fn(String) -> KeysError| Err(error(name.to_owned()));
            if name.len() > 64 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
                return named(KeysError::Name);
            }
            if keys.iter().any(|(known, _)| known == name) {
                return named(KeysError::Twice);
            }
            if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
                return named(KeysError::Characters);
            }
            if key.len() < MIN_LENGTH {
                return named(KeysError::Short);
            }
            keys.push((name.to_owned(), Sha256::digest(key).into()));
        }
        Ok(Self(keys))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the keys is one of the other's.
    pub fn shares_with(&self, other: &Self) -> bool {
        self.0.iter().any(|(_, key)| other.0.iter().any(|(_, others)| key == others))
    }

    /// The name of the key that this is. Takes as long for a wrong key as for a right one, whichever it is.
    pub fn name_of(&self, candidate: &[u8]) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(candidate).into();
        let (mut found, mut place) = (Choice::from(0), 0_u32);
        for (index, (_, known)) in (0_u32..).zip(&self.0) {
            let same = known.ct_eq(&digest);
            place.conditional_assign(&index, same);
            found |= same;
        }
        if bool::from(found) { self.0.get(place as usize).map(|(name, _)| name.as_str()) } else { None }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A key of 256 random bits, in base64url.
///
/// # Errors
/// When the system has no randomness to give.
pub fn generate() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn every_valid_key_is_known_by_its_name_and_no_other_is() {
        let next = generate().unwrap();
        let keys = Keys::parse(&format!("old={OLD}, next={next}")).unwrap();
        assert_eq!(keys.name_of(OLD.as_bytes()), Some("old"));
        assert_eq!(keys.name_of(next.as_bytes()), Some("next"));
        for wrong in ["", "old", &OLD[..31], "0123456789abcdef0123456789abcdeF"] {
            assert_eq!(keys.name_of(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Keys::default().name_of(b""), None);
        let others = Keys::parse(&format!("same={OLD}")).unwrap();
        assert!(others.shares_with(&keys) && !others.shares_with(&Keys::parse(&format!("next={next}")).unwrap()));
    }

    #[test]
    fn a_wrong_list_is_refused_without_quoting_a_key() {
        for (list, sentence) in [
            (OLD.to_owned(), "entry 1 has no name"),
            (format!("a={OLD},"), "entry 2 has no name"),
            (format!("a b={OLD}"), "names \"a b\""),
            (format!("a={OLD},a={OLD}"), "two keys named \"a\""),
            ("a=0123456789abcdef".to_owned(), "fewer than 32"),
            (format!("a={OLD} x"), "characters other than"),
        ] {
            let said = Keys::parse(&list).unwrap_err().to_string();
            assert!(said.contains(sentence) && !said.contains("0123456789abcdef"), "{list}: {said}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        assert_eq!(format!("{:?}", Keys::parse(&format!("a={OLD}")).unwrap()), "{\"a\"}");
        assert_ne!(generate().unwrap(), generate().unwrap());
        assert_eq!(generate().unwrap().len(), 43);
    }
}
