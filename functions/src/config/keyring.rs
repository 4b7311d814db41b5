//! Keys that rows of the database name: found when they are needed.

use super::{ConfigError, KEY_VAULT, WEBHOOK_KEY, environment, wrong};
use crate::{
    channels::{Keyring, webhook::SigningKeys},
    domain::webhook::{KEY_PREFIX, VAULT_PREFIX, is_key_name},
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

/// Whether the settings of that family can be used: rows name them later. `names` are the environment's.
pub(super) fn are_keys(names: impl Iterator<Item = String>, has_vault: bool) -> Result<(), ConfigError> {
    for name in names.filter(|name| name.starts_with(KEY_PREFIX) && is_key_name(name)) {
        let Some(text) = environment(&name) else { continue };
        if !text.starts_with(VAULT_PREFIX) {
            usable(&text).map_err(|fault| wrong(name, fault))?;
        } else if !is_key_name(&text) {
            return Err(wrong(name, "must be keyvault:NAME with a secret's name of 1 to 127 letters, digits and hyphens"));
        } else if !has_vault {
            return Err(wrong(name, format!("names a secret of a key vault, and {KEY_VAULT} is not set")));
        }
    }
    Ok(())
}

fn usable(text: &str) -> Result<(), String> {
    SigningKeys::parse(&text.into()).map(drop).map_err(|fault| fault.to_string())
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
        let value = vault.named("a webhook endpoint", secret, usable).await.map_err(|error| error.to_string())?;
        Ok(value.expose_secret().into())
    }
}
