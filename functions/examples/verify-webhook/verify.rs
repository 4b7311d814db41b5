//! Verifies a webhook of this service (Standard Webhooks 1.0.0). `body` is the request's body as it came; `now` is Unix
//! time in seconds. Needs the crates base64, hmac and sha2.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const TOLERANCE: u64 = 5 * 60;

pub fn verify(secret: &str, id: &str, timestamp: &str, signatures: &str, body: &[u8], now: u64) -> bool {
    let fresh = timestamp.parse().is_ok_and(|at: u64| now.abs_diff(at) <= TOLERANCE);
    let Ok(key) = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")) else { return false };
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
    let mac = mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body);
    let given = signatures.split(' ').filter_map(|text| BASE64_STANDARD.decode(text.strip_prefix("v1,")?).ok());
    fresh && given.into_iter().any(|signature| mac.clone().verify_slice(&signature).is_ok())
}
