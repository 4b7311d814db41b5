//! Keys that rows of the database name: found when they are needed.

use super::{KEY_VAULT, WEBHOOK_KEY, environment};
use crate::{
    channels::Keyring,
    domain::webhook::{KEY_PREFIX, VAULT_PREFIX},
    key_vault::KeyVault,
};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Settings, of the family that is made for it, and secrets of the vault; no other setting can be read through it.
#[derive(Debug)]
struct Keys {
    vault: Option<KeyVault>,
}

pub fn keyring(vault: Option<KeyVault>) -> Arc<dyn Keyring> {
    Arc::new(Keys { vault })
}

#[async_trait::async_trait]
impl Keyring for Keys {
    async fn key(&self, name: &str) -> Result<SecretString, String> {
        let text = if name.starts_with(VAULT_PREFIX) {
            name.to_owned()
        } else if name.starts_with(KEY_PREFIX) {
            environment(name).ok_or_else(|| format!("{name} is not set"))?
        } else {
            return Err(format!("{name} is not one of the settings {WEBHOOK_KEY}"));
        };
        let Some(secret) = text.strip_prefix(VAULT_PREFIX) else { return Ok(text.into()) };
        let Some(vault) = &self.vault else {
            return Err(format!("{name} names a secret of a key vault, and {KEY_VAULT} is not set"));
        };
        let value = vault.named("a webhook endpoint", secret).await.map_err(|error| error.to_string())?;
        Ok(value.expose_secret().into())
    }
}
