//! Settings whose values are secrets: as they stand, or as `keyvault:NAME`, out of the key vault that is named.

use super::{CLIENT_ID, ConfigError, KEY_VAULT, REFRESH, duration, identity::Azure, wrong};
use crate::{
    domain::rotating::{Rotating, Secret},
    key_vault::{KeyVault, Wanted},
};
use std::time::Duration;

/// Collects what is wanted of the vault while the settings are read.
#[derive(Default)]
pub(super) struct Secrets {
    has_vault: bool,
    wanted: Vec<Wanted>,
}

impl Secrets {
    pub(super) fn new(get: &impl Fn(&str) -> Option<String>) -> Self {
        Self { has_vault: get(KEY_VAULT).is_some(), wanted: Vec::new() }
    }

    /// A password or a key, from the setting's text.
    pub(super) fn secret(&mut self, variable: &'static str, text: &str) -> Result<Secret, ConfigError> {
        self.read(variable, text, |text| Ok(text.into()))
    }

    /// The same for a secret that is understood as something. `parse` complains in a sentence without a subject, and
    /// quotes nothing.
    pub(super) fn read<T: Send + Sync + 'static>(
        &mut self,
        variable: &'static str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Rotating<T>, ConfigError> {
        let Some(name) = text.strip_prefix("keyvault:") else {
            return parse(text).map(Rotating::of).map_err(|fault| wrong(variable, fault));
        };
        if !(1..=127).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(wrong(variable, "must be keyvault:NAME with a secret's name of 1 to 127 letters, digits and hyphens"));
        }
        if !self.has_vault {
            return Err(wrong(variable, format!("names a secret of a key vault, and {KEY_VAULT} is not set")));
        }
        let (wanted, value) = Wanted::new(variable, name.to_owned(), parse);
        self.wanted.push(wanted);
        Ok(value)
    }

    /// The vault, where one is named. Rows may name more of its secrets later.
    pub(super) fn vault<G: Fn(&str) -> Option<String>>(self, get: &G, azure: &Azure<&G>) -> Result<Option<KeyVault>, ConfigError> {
        let every = duration(get, REFRESH, Duration::from_mins(5), 1, 86_400)?;
        let Some(url) = get(KEY_VAULT) else { return Ok(None) };
        if !url.starts_with("https://") {
            return Err(wrong(KEY_VAULT, "must be a key vault's URL, as in https://contoso.vault.azure.net"));
        }
        let client_id = get("AZURE_CLIENT_ID").or_else(|| get(CLIENT_ID));
        let credential = azure.credential(KEY_VAULT, azure.offered(), client_id)?;
        let vault = KeyVault::new(&url, credential, azure.https()?, every, self.wanted);
        vault.map(Some).map_err(|error| wrong(KEY_VAULT, format!("must be a key vault's URL: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, pairs: &[(&str, &str)]) -> Result<Option<KeyVault>, String> {
        let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let mut secrets = Secrets::new(&get);
        let value = secrets.read("SOME_PASSWORD", text, |text| Ok::<_, String>(text.len()));
        let vault = value.and_then(|_| secrets.vault(&&get, &Azure::new(&&get)));
        vault.map_err(|error| error.to_string())
    }

    #[test]
    fn a_plain_value_needs_no_vault_and_a_secrets_name_needs_one() {
        let vault = ("ORDERS_KEY_VAULT", "https://contoso.vault.azure.net");
        assert!(read("plain", &[]).unwrap().is_none());
        assert!(read("plain", &[vault]).unwrap().is_some(), "rows may name its secrets");
        assert!(read("keyvault:some-password", &[vault]).unwrap().is_some());
        for (text, pairs, sentence) in [
            ("keyvault:a", &[][..], "SOME_PASSWORD names a secret of a key vault, and ORDERS_KEY_VAULT is not set"),
            ("keyvault:", &[vault], "SOME_PASSWORD must be keyvault:NAME"),
            ("keyvault:a/b", &[vault], "SOME_PASSWORD must be keyvault:NAME"),
            ("keyvault:a", &[("ORDERS_KEY_VAULT", "contoso")], "ORDERS_KEY_VAULT must be a key vault's URL"),
            ("keyvault:a", &[vault, ("ORDERS_KEY_VAULT_REFRESH", "0s")], "ORDERS_KEY_VAULT_REFRESH must be a duration"),
        ] {
            let said = read(text, pairs).unwrap_err();
            assert!(said.starts_with(sentence), "{said}");
        }
    }
}
