//! Keys that rows of the database name: found when they are needed.

use super::{WEBHOOK_KEY, environment};
use crate::{
    channels::Keyring,
    domain::webhook::{KEY_PREFIX, VAULT_PREFIX},
};
use secrecy::SecretString;
use std::sync::Arc;

/// Settings, of the family that is made for it; no other can be read through it.
#[derive(Debug)]
struct Settings;

pub fn keyring() -> Arc<dyn Keyring> {
    Arc::new(Settings)
}

#[async_trait::async_trait]
impl Keyring for Settings {
    async fn key(&self, name: &str) -> Result<SecretString, String> {
        if name.starts_with(VAULT_PREFIX) {
            return Err(format!("{name} is in a key vault, and this process has none"));
        }
        if !name.starts_with(KEY_PREFIX) {
            return Err(format!("{name} is not one of the settings {WEBHOOK_KEY}"));
        }
        environment(name).map(SecretString::from).ok_or_else(|| format!("{name} is not set"))
    }
}
